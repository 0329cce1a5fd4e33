//! One GStreamer pipeline, from its first element to its complete end.
//!
//! A session is started once. Dropping it stops its mailbox (so that no decoder thread waits),
//! takes the pipeline to NULL, which joins its threads and closes its sockets, and detaches the
//! bus. Nothing inside a pipeline keeps the pipeline alive.

use std::sync::Arc;

use gstreamer::{self as gst, prelude::*};
use gstreamer_app::{AppSink, AppSinkCallbacks};
use gstreamer_video::{VideoCapsBuilder, VideoInfo, VideoMeta};

use crate::{
    classify::{self, Trouble},
    clock::FrameClock,
    error::SourceError,
    frame::{Frame, planes},
    mailbox::Mailbox,
    plugins,
    request::{Rotation, SourceRequest},
};

/// See the module.
pub(crate) struct Session {
    pub pipeline: gst::Pipeline,
    pub mailbox: Arc<Mailbox>,
}

impl Session {
    /// An empty pipeline whose troubles, once `explain`ed, and whose end go into the mailbox.
    pub fn new(
        mailbox: Arc<Mailbox>,
        explain: impl Fn(Trouble<'_>) -> SourceError + Send + Sync + 'static,
    ) -> Result<Self, SourceError> {
        plugins::start()?;
        let pipeline = gst::Pipeline::new();
        let bus = pipeline
            .bus()
            .ok_or_else(|| SourceError::other("a pipeline without a bus"))?;
        let reports = Arc::clone(&mailbox);
        // Messages are handled where they arise and never queue up.
        bus.set_sync_handler(move |_, message| {
            match message.view() {
                gst::MessageView::Error(error) => reports.fail(explain(Trouble::Error(error))),
                // What follows is an end of stream like any other.
                gst::MessageView::Warning(warning) if classify::is_broken_connection(warning) => {
                    reports.fail(explain(Trouble::Broken));
                }
                gst::MessageView::Eos(_) => reports.end(),
                _ => {}
            }
            gst::BusSyncReply::Drop
        });
        Ok(Self { pipeline, mailbox })
    }

    /// Adds elements and links them in a row.
    pub fn add_row(&self, elements: &[&gst::Element]) -> Result<(), SourceError> {
        add_row(self.pipeline.upcast_ref(), elements)
    }

    /// Starts everything.
    pub fn start(&self) -> Result<(), SourceError> {
        match self.pipeline.set_state(gst::State::Playing) {
            Ok(_) => Ok(()),
            // The reason has gone through the bus into the mailbox, and is told from there.
            Err(_) => {
                self.mailbox
                    .fail(SourceError::other("the pipeline does not start"));
                Ok(())
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.mailbox.stop();
        if self.pipeline.set_state(gst::State::Null).is_err() {
            tracing::error!("a pipeline could not be taken down");
        }
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
        }
    }
}

/// Adds elements to a bin and links them in a row.
pub(crate) fn add_row(bin: &gst::Bin, elements: &[&gst::Element]) -> Result<(), SourceError> {
    let failed = |_| SourceError::other("pipeline elements do not fit together");
    bin.add_many(elements).map_err(failed)?;
    gst::Element::link_many(elements).map_err(failed)
}

/// What every pipeline ends in: whatever the decoder makes becomes one of our formats (mostly by
/// doing nothing) and lands in the mailbox. Gives the element to link a decoder to.
pub(crate) fn end_in_mailbox(
    bin: &gst::Bin,
    mailbox: &Arc<Mailbox>,
    request: &SourceRequest,
    clock: FrameClock,
    paced_by_clock: bool,
) -> Result<gst::Element, SourceError> {
    let convert = plugins::make("videoconvert")?;
    let sink = AppSink::builder()
        .caps(&VideoCapsBuilder::new().format_list(planes::FORMATS).build())
        .sync(paced_by_clock)
        .enable_last_sample(false)
        .max_buffers(1)
        .qos(false)
        .build();
    sink.set_callbacks(callbacks(Arc::clone(mailbox), request.rotation, clock));
    accept_padded_pictures(sink.upcast_ref());
    add_row(bin, &[&convert, sink.upcast_ref()])?;
    Ok(convert)
}

fn callbacks(mailbox: Arc<Mailbox>, rotation: Rotation, mut clock: FrameClock) -> AppSinkCallbacks {
    let mut known: Option<(gst::Caps, VideoInfo)> = None;
    let mut frame = move |sink: &AppSink, number| {
        let sample = sink.pull_sample().map_err(|_| None)?;
        let times = clock.stamp(&sample, sink.current_running_time());
        let info = info_of(&sample, &mut known).map_err(Some)?;
        let buffer = sample.buffer_owned().ok_or(None)?;
        Frame::from_buffer(buffer, info, number, times, rotation).map_err(Some)
    };
    AppSinkCallbacks::builder()
        .new_sample(move |sink| {
            match frame(sink, mailbox.next_number()).map(|frame| mailbox.put(frame)) {
                Ok(true) => Ok(gst::FlowSuccess::Ok),
                Ok(false) => Err(gst::FlowError::Flushing),
                // No sample: the pipeline is going down.
                Err(None) => Err(gst::FlowError::Eos),
                Err(Some(error)) => {
                    mailbox.fail(error);
                    Err(gst::FlowError::Error)
                }
            }
        })
        .build()
}

/// The format of a sample, remembered while it does not change.
fn info_of<'a>(
    sample: &gst::Sample,
    known: &'a mut Option<(gst::Caps, VideoInfo)>,
) -> Result<&'a VideoInfo, SourceError> {
    let bad = || SourceError::other("a decoded picture without a usable format");
    let caps = sample.caps_owned().ok_or_else(bad)?;
    if known.as_ref().is_none_or(|(old, _)| *old != caps) {
        let info = VideoInfo::from_caps(&caps).map_err(|_| bad())?;
        *known = Some((caps, info));
    }
    known.as_ref().map(|(_, info)| info).ok_or_else(bad)
}

/// Tells decoders that rows may be padded. Without it they copy every frame into tight rows.
fn accept_padded_pictures(sink: &gst::Element) {
    let Some(pad) = sink.static_pad("sink") else {
        return;
    };
    pad.add_probe(gst::PadProbeType::QUERY_DOWNSTREAM, |_, info| {
        let Some(query) = info.query_mut() else {
            return gst::PadProbeReturn::Ok;
        };
        match query.view_mut() {
            gst::QueryViewMut::Allocation(allocation) => {
                allocation.add_allocation_meta::<VideoMeta>(None);
                gst::PadProbeReturn::Handled
            }
            _ => gst::PadProbeReturn::Ok,
        }
    });
}

/// Links a decoder's pad to `to`, unless something is linked there already (a second video
/// stream) or the pad has no raw video.
pub(crate) fn link_first_video(pad: &gst::Pad, to: &gst::Element) {
    let video = pad
        .current_caps()
        .or_else(|| Some(pad.query_caps(None)))
        .and_then(|caps| caps.structure(0).map(|s| s.name() == "video/x-raw"))
        .unwrap_or(false);
    let Some(target) = to.static_pad("sink") else {
        return;
    };
    if video && !target.is_linked() && pad.link(&target).is_err() {
        tracing::debug!("a decoder's pad does not link");
    }
}

/// Sets the number of decoder threads where the element has such a property.
pub(crate) fn set_threads(decoder: &gst::Element, threads: u32) {
    if threads > 0 && decoder.has_property("max-threads") {
        decoder.set_property("max-threads", i32::try_from(threads).unwrap_or(i32::MAX));
    }
}
