//! `rtsp://` sources: rtspsrc with our times, and a software decoder for the codec it announces.
//!
//! rtspsrc's own defaults (2 s of latency, 20 s until a connection attempt counts as failed) are
//! for players. Decoding happens in the thread that hands packets out, so a decoder that is too
//! slow would let packets pile up: a gate in front of it drops whole groups of pictures once it is
//! [`MOST_BEHIND`], and counts them.

use std::{sync::Arc, time::Duration};

use goshawk_proto::stream::{FailureKind, SourceKind};
use gstreamer::{self as gst, prelude::*};

use crate::{
    clock::FrameClock,
    decode::Hardware,
    error::SourceError,
    hardware,
    mailbox::Mailbox,
    plugins,
    request::SourceRequest,
    session::{self, Session},
};

/// How long packets are held to put them in order.
const LATENCY_MS: u32 = 200;
/// A decoder further behind the camera than this skips to the next key frame.
const MOST_BEHIND: Duration = Duration::from_secs(2);

/// Elements that take a codec from RTP packets to pictures, by the name in the SDP.
const CODECS: [(&str, &[&str]); 6] = [
    ("H264", &["rtph264depay", "h264parse", "avdec_h264"]),
    ("H265", &["rtph265depay", "h265parse", "avdec_h265"]),
    ("JPEG", &["rtpjpegdepay", "jpegdec"]),
    (
        "MP4V-ES",
        &["rtpmp4vdepay", "mpeg4videoparse", "avdec_mpeg4"],
    ),
    ("VP8", &["rtpvp8depay", "vp8dec"]),
    ("VP9", &["rtpvp9depay", "vp9dec"]),
];

/// What the decoder is to be.
#[derive(Clone, Copy)]
struct Wish {
    threads: u32,
    hardware: Hardware,
}

/// Builds the pipeline into an empty session.
pub(crate) fn build(session: &Session, request: &SourceRequest) -> Result<(), SourceError> {
    let bin: &gst::Bin = session.pipeline.upcast_ref();
    let mailbox = &session.mailbox;
    let end = session::end_in_mailbox(bin, mailbox, request, FrameClock::live(), false)?;
    let source = rtsp_source(request)?;
    bin.add(&source)
        .map_err(|_| SourceError::other("the pipeline refuses rtspsrc"))?;

    // Only video is asked for.
    let answered = Arc::clone(mailbox);
    source.connect("select-stream", false, move |values| {
        answered.contact();
        let caps = values
            .get(2)
            .and_then(|value| value.get::<gst::Caps>().ok());
        Some(is_video(caps.as_ref()).to_value())
    });
    let wish = Wish {
        threads: request.decoder_threads.max(1),
        hardware: request.decode.hardware,
    };
    let address = request.reference.clone();
    let (bin, mailbox) = (bin.downgrade(), Arc::clone(mailbox));
    source.connect_pad_added(move |_, pad| {
        let Some(bin) = bin.upgrade() else { return };
        if let Err(error) = attach(&bin, pad, &end, wish, &mailbox) {
            let message = format!("{address}: {error}");
            mailbox.fail(SourceError::new(error.kind(), message));
        }
    });
    Ok(())
}

fn rtsp_source(request: &SourceRequest) -> Result<gst::Element, SourceError> {
    let source = plugins::make("rtspsrc")?;
    let micros = u64::try_from(request.timeout.as_micros()).unwrap_or(u64::MAX);
    source.set_property("location", request.reference.without_userinfo());
    if let Some(credentials) = request.reference.credentials() {
        source.set_property("user-id", credentials.user);
        source.set_property("user-pw", credentials.password);
    }
    let protocols = if request.kind == SourceKind::Udp {
        "udp+udp-mcast"
    } else {
        "tcp"
    };
    source.set_property_from_str("protocols", protocols);
    source.set_property("latency", LATENCY_MS);
    source.set_property("tcp-timeout", micros);
    source.set_property("timeout", micros);
    source.set_property("do-rtsp-keep-alive", true);
    source.set_property("add-reference-timestamp-meta", true);
    source.set_property("do-retransmission", request.kind == SourceKind::Udp);
    source.set_property(
        "teardown-timeout",
        Duration::from_millis(100).as_nanos() as u64,
    );
    Ok(source)
}

fn is_video(caps: Option<&gst::Caps>) -> bool {
    caps.and_then(|caps| caps.structure(0))
        .and_then(|s| s.get::<&str>("media").ok())
        == Some("video")
}

/// Puts a depayloader and a decoder between a new pad and the end of the pipeline.
fn attach(
    bin: &gst::Bin,
    pad: &gst::Pad,
    end: &gst::Element,
    wish: Wish,
    mailbox: &Arc<Mailbox>,
) -> Result<(), SourceError> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let taken = end.static_pad("sink").is_none_or(|sink| sink.is_linked());
    if taken || !is_video(Some(&caps)) {
        return Ok(());
    }
    let name = caps
        .structure(0)
        .and_then(|s| s.get::<&str>("encoding-name").ok())
        .unwrap_or("?");
    let (_, names) = CODECS
        .iter()
        .find(|(codec, _)| *codec == name)
        .ok_or_else(|| {
            SourceError::new(
                FailureKind::NotMedia,
                format!("codec {name} is not supported"),
            )
        })?;
    let mut elements: Vec<gst::Element> = names
        .iter()
        .map(|name| plugins::make(name))
        .collect::<Result<_, _>>()?;
    if let Some(better) = hardware::decoder_like(names[names.len() - 1], wish.hardware)
        && let Some(decoder) = elements.last_mut()
    {
        *decoder = better;
    }
    let mut row: Vec<&gst::Element> = elements.iter().collect();
    session::add_row(bin, &row)?;
    for element in &elements {
        session::set_threads(element, wish.threads);
        if element.has_property("wait-for-keyframe") {
            element.set_property("wait-for-keyframe", true);
        }
    }
    if let Some(decoder) = row.last().and_then(|decoder| decoder.static_pad("sink")) {
        session::watch(&decoder, mailbox, Some(MOST_BEHIND));
    }
    let unlinked = |_| SourceError::other("the decoder does not link");
    row[row.len() - 1]
        .link(end)
        .map_err(|_| SourceError::other("the decoder does not link"))?;
    // Downstream first, so that nothing flows into an element that is not awake.
    row.reverse();
    for element in row {
        element.sync_state_with_parent().map_err(unlinked)?;
    }
    let depay = elements.first().and_then(|depay| depay.static_pad("sink"));
    let depay = depay.ok_or_else(|| SourceError::other("a depayloader without an input"))?;
    pad.link(&depay)
        .map_err(|_| SourceError::other("the stream does not link"))?;
    Ok(())
}
