//! Sources whose container and codec GStreamer finds out by itself: files, HTTP and devices.

use std::sync::Arc;

use gstreamer::{self as gst, prelude::*};

use crate::{
    clock::FrameClock,
    decode::Hardware,
    error::SourceError,
    hardware, hls,
    mailbox::Mailbox,
    plugins,
    request::SourceRequest,
    session::{self, Session},
};

/// Builds a pipeline that reads an address over HTTP.
pub(crate) fn build_http(
    session: &Session,
    request: &SourceRequest,
    clock: FrameClock,
    paced_by_clock: bool,
) -> Result<(), SourceError> {
    let source = plugins::make("uridecodebin")?;
    source.set_property("uri", request.reference.expose());
    decode(session, request, &source, (clock, paced_by_clock))?;
    session
        .pipeline
        .add(&source)
        .map_err(|_| SourceError::other("the pipeline refuses its source"))
}

/// Connects an automatic decoder to the end of the pipeline, which is stamped by a clock and, if
/// so wished, paced by the pipeline's.
pub(crate) fn decode(
    session: &Session,
    request: &SourceRequest,
    decoder: &gst::Element,
    (clock, paced_by_clock): (FrameClock, bool),
) -> Result<(), SourceError> {
    let bin = session.pipeline.upcast_ref();
    let mailbox = &session.mailbox;
    let end = session::end_in_mailbox(bin, mailbox, request, clock, paced_by_clock)?;
    match request.decode.hardware {
        Hardware::Off => decoder.set_property("force-sw-decoders", true),
        wanted => hardware::prefer(decoder, wanted),
    }
    leave_sound_alone(decoder);
    prepare_parts(decoder, request, mailbox);
    let mailbox = Arc::clone(mailbox);
    decoder.connect_pad_added(move |_, pad| {
        mailbox.contact();
        session::link_first_video(pad, &end);
    });
    Ok(())
}

/// Sound and subtitles are left undecoded.
fn leave_sound_alone(decoder: &gst::Element) {
    decoder.connect("autoplug-continue", false, |values| {
        let caps = values
            .get(2)
            .and_then(|value| value.get::<gst::Caps>().ok());
        let name = caps.and_then(|caps| caps.structure(0).map(|s| s.name().to_string()));
        let other = name.is_some_and(|n| n.starts_with("audio/") || n.starts_with("text/"));
        Some((!other).to_value())
    });
}

/// Sets up what the automatic decoder chooses, as it chooses it.
fn prepare_parts(decoder: &gst::Element, request: &SourceRequest, mailbox: &Arc<Mailbox>) {
    let Some(bin) = decoder.downcast_ref::<gst::Bin>() else {
        return;
    };
    let (width, live) = (request.rendition_width, request.is_live());
    let threads = match request.decoder_threads {
        0 if live => 1,
        wanted => wanted,
    };
    let mailbox = Arc::downgrade(mailbox);
    bin.connect_deep_element_added(move |_, _, element| {
        let Some(factory) = element.factory() else {
            return;
        };
        session::set_threads(element, threads);
        if factory.name().starts_with("hlsdemux") {
            hls::choose_rendition(element, width);
        }
        // JPEG's decoder calls itself one of images.
        let pictures = [
            gst::ElementFactoryType::MEDIA_VIDEO,
            gst::ElementFactoryType::MEDIA_IMAGE,
        ];
        let decodes = factory.has_type(gst::ElementFactoryType::DECODER)
            && pictures.into_iter().any(|kind| factory.has_type(kind));
        if decodes
            && let (Some(pad), Some(mailbox)) = (element.static_pad("sink"), mailbox.upgrade())
        {
            session::watch(&pad, &mailbox, None);
        }
    });
}
