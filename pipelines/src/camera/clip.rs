//! A clip in memory, as the access units that its encoder made.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use goshawk_proto::stream::FailureKind;
use gstreamer::{self as gst, prelude::*};
use gstreamer_app::{AppSink, AppSinkCallbacks};

use crate::{error::SourceError, probe, session};

/// A longer clip is refused: it is kept in memory.
const MOST_BYTES: usize = 512 << 20;
/// Reading a clip takes no longer.
const LONGEST_READ: gst::ClockTime = gst::ClockTime::from_seconds(60);

/// How a clip is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    H264,
    H265,
}

impl Codec {
    /// Parser and RTP payloader.
    pub fn elements(self) -> (&'static str, &'static str) {
        match self {
            Self::H264 => ("h264parse", "rtph264pay"),
            Self::H265 => ("h265parse", "rtph265pay"),
        }
    }

    fn caps(self) -> &'static str {
        match self {
            Self::H264 => "video/x-h264,stream-format=byte-stream,alignment=au",
            Self::H265 => "video/x-h265,stream-format=byte-stream,alignment=au",
        }
    }
}

/// One access unit.
pub(super) struct Unit {
    /// Its bytes; times are set when it is sent.
    pub data: gst::Buffer,
    /// When it is to be decoded, from the beginning of the clip.
    pub decode: Duration,
    /// When it is to be shown; not before `decode`.
    pub show: Duration,
    /// Decoding can begin here.
    pub key: bool,
}

/// See the module.
pub(super) struct EncodedClip {
    pub codec: Codec,
    pub caps: gst::Caps,
    pub units: Vec<Unit>,
    /// From the first unit to the first unit of the next round.
    pub length: Duration,
}

#[derive(Default)]
struct Collected {
    caps: Option<gst::Caps>,
    buffers: Vec<gst::Buffer>,
    bytes: usize,
}

/// Reads a clip.
pub(super) fn load(path: &Path) -> Result<EncodedClip, SourceError> {
    let info = probe::probe(path)?;
    let codec = match info.codec.as_str() {
        "h264" => Codec::H264,
        "hevc" => Codec::H265,
        other => {
            let message = format!(
                "{}: the camera serves H.264 and H.265, not {other}",
                path.display()
            );
            return Err(SourceError::new(FailureKind::NotMedia, message));
        }
    };
    let collected = collect(path, codec)?;
    let fps = if info.fps > 0.0 { info.fps } else { 25.0 };
    assemble(codec, collected, Duration::from_secs_f64(1.0 / fps))
        .ok_or_else(|| SourceError::other(format!("{}: no pictures in it", path.display())))
}

fn collect(path: &Path, codec: Codec) -> Result<Collected, SourceError> {
    let failed = |what: &str| SourceError::other(format!("{}: {what}", path.display()));
    let pipeline = gst::Pipeline::new();
    let source = crate::plugins::make("filesrc")?;
    source.set_property("location", path);
    let (demux, parse) = (
        crate::plugins::make("parsebin")?,
        crate::plugins::make(codec.elements().0)?,
    );
    let caps: gst::Caps = codec.caps().parse().map_err(|_| failed("bad caps"))?;
    let sink = AppSink::builder().caps(&caps).sync(false).build();
    let collected = Arc::new(Mutex::new(Collected::default()));
    sink.set_callbacks(collector(Arc::clone(&collected)));
    session::add_row(pipeline.upcast_ref(), &[&source, &demux])?;
    session::add_row(pipeline.upcast_ref(), &[&parse, sink.upcast_ref()])?;
    demux.connect_pad_added(move |_, pad| {
        let target = parse
            .static_pad("sink")
            .filter(|target| !target.is_linked());
        // Sound finds no place here and is left alone.
        if let Some(target) = target
            && pad.query_caps(None).can_intersect(&target.query_caps(None))
            && pad.link(&target).is_err()
        {
            tracing::debug!("a stream of the clip does not link");
        }
    });
    let started = pipeline.set_state(gst::State::Playing).is_ok();
    let end = started.then(|| pipeline.bus()).flatten().and_then(|bus| {
        bus.timed_pop_filtered(
            LONGEST_READ,
            &[gst::MessageType::Eos, gst::MessageType::Error],
        )
    });
    let stopped = pipeline.set_state(gst::State::Null);
    match end {
        Some(message) if message.type_() == gst::MessageType::Eos && stopped.is_ok() => {}
        _ => return Err(failed("the clip cannot be read, or is larger than 512 MiB")),
    }
    let mut collected = collected.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut *collected))
}

fn collector(into: Arc<Mutex<Collected>>) -> AppSinkCallbacks {
    AppSinkCallbacks::builder()
        .new_sample(move |sink| {
            let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            let mut into = into.lock().unwrap_or_else(PoisonError::into_inner);
            let buffer = sample.buffer_owned().ok_or(gst::FlowError::Error)?;
            into.bytes += buffer.size();
            if into.bytes > MOST_BYTES {
                return Err(gst::FlowError::Error);
            }
            into.buffers.push(buffer);
            into.caps = sample.caps_owned();
            Ok(gst::FlowSuccess::Ok)
        })
        .build()
}

/// Puts units on a time line that begins at zero.
fn assemble(codec: Codec, collected: Collected, frame: Duration) -> Option<EncodedClip> {
    let caps = collected.caps?;
    let first = collected.buffers.first()?;
    let start = first.dts_or_pts()?;
    let mut units: Vec<Unit> = Vec::with_capacity(collected.buffers.len());
    for data in collected.buffers {
        let earliest = units.last().map_or(Duration::ZERO, |unit| unit.decode);
        let on_line = |time: gst::ClockTime| Duration::from(time.saturating_sub(start));
        let decode = data
            .dts_or_pts()
            .map_or(earliest + frame, on_line)
            .max(earliest);
        let show = data.pts().map_or(decode, on_line).max(decode);
        let key = !data.flags().contains(gst::BufferFlags::DELTA_UNIT);
        units.push(Unit {
            data,
            decode,
            show,
            key,
        });
    }
    let length = units.last()?.decode + frame;
    Some(EncodedClip {
        codec,
        caps,
        units,
        length,
    })
}
