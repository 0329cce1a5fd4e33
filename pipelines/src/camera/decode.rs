//! The least that looking at a camera costs: its stream, decoded, and nothing else.

use gstreamer::{self as gst, prelude::*};

use crate::error::SourceError;

/// Decodes the H.264 of an RTSP camera, over TCP and with one thread, until it ends. Blocks.
///
/// # Errors
/// When the address is none, or the stream fails.
pub fn decode_only(url: &str) -> Result<(), SourceError> {
    gst::init().map_err(|error| SourceError::other(error.to_string()))?;
    let chain = "rtspsrc name=camera protocols=tcp latency=0 ! rtph264depay ! h264parse \
                 ! avdec_h264 max-threads=1 ! fakesink sync=false";
    let failed = |error: gst::glib::Error| SourceError::other(error.to_string());
    let pipeline = gst::parse::launch(chain).map_err(failed)?;
    let bin = pipeline.downcast_ref::<gst::Bin>();
    let camera = bin.and_then(|bin| bin.by_name("camera"));
    camera
        .ok_or_else(|| SourceError::other("no source in the chain"))?
        .set_property("location", url);
    let bus = pipeline.bus().ok_or_else(|| SourceError::other("no bus"))?;
    let stopped = |_| SourceError::other(format!("{url} cannot be played"));
    pipeline.set_state(gst::State::Playing).map_err(stopped)?;
    let mut outcome = Ok(());
    for message in bus.iter_timed(gst::ClockTime::NONE) {
        match message.view() {
            gst::MessageView::Eos(_) => break,
            gst::MessageView::Error(error) => {
                outcome = Err(failed(error.error()));
                break;
            }
            _ => {}
        }
    }
    // It has ended; there is nothing to wait for.
    let _ = pipeline.set_state(gst::State::Null);
    outcome
}
