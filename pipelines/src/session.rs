//! One GStreamer pipeline, from its first element to its complete end.
//!
//! A session is started once. Dropping it stops its mailbox (so that no decoder thread waits),
//! takes the pipeline to NULL, which joins its threads and closes its sockets, and detaches the
//! bus. Nothing inside a pipeline keeps the pipeline alive.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use gstreamer::{self as gst, prelude::*};
use gstreamer_app::{AppSink, AppSinkCallbacks};
use gstreamer_video::{VideoCapsBuilder, VideoInfo, VideoMeta};

use crate::{
    classify::{self, Trouble},
    clock::{FrameClock, Stamp},
    engine::Running,
    error::SourceError,
    frame::{Frame, planes},
    gate::{Gate, Passage},
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

impl Running for Session {
    fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    fn duration(&self) -> Option<Duration> {
        let length = self.pipeline.query_duration::<gst::ClockTime>()?;
        Some(length.into())
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
        let times = clock.stamp(stamp(&sample, sink.current_running_time()));
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

/// What a sample says of its time; `running` is the pipeline's running time now.
fn stamp(sample: &gst::Sample, running: Option<gst::ClockTime>) -> Stamp {
    let Some(buffer) = sample.buffer() else {
        return Stamp::default();
    };
    let pts = buffer.pts();
    let segment = sample
        .segment()
        .and_then(|segment| segment.downcast_ref::<gst::ClockTime>());
    let placed = segment.zip(pts);
    let place = placed.and_then(|(segment, pts)| segment.to_stream_time(pts));
    let arrival = placed.and_then(|(segment, pts)| segment.to_running_time(pts));
    let ntp = buffer
        .iter_meta::<gst::ReferenceTimestampMeta>()
        .find(|meta| {
            let clock = meta.reference().structure(0);
            clock.is_some_and(|clock| clock.name() == "timestamp/x-ntp")
        })
        .map(|meta| meta.timestamp());
    Stamp {
        place: place.or(pts).map(Duration::from),
        arrival: arrival.map(Duration::from),
        running: running.map(Duration::from),
        ntp: ntp.map(Duration::from),
    }
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

/// What passes into a decoder is measured, and held back when the caller wants less of it or the
/// decoder is further than `most_behind` behind the source.
pub(crate) fn watch(decoder: &gst::Pad, mailbox: &Arc<Mailbox>, most_behind: Option<Duration>) {
    let gate = Mutex::new(Gate::new(most_behind));
    let mailbox = Arc::clone(mailbox);
    decoder.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let Some(buffer) = info.buffer() else {
            return gst::PadProbeReturn::Ok;
        };
        let key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        let at = buffer.dts_or_pts().map(Duration::from);
        mailbox.gauge().packet(buffer.size(), key, at);
        let behind = most_behind.and_then(|_| behind(pad, buffer));
        let behind = behind.map_or(Duration::ZERO, Duration::from);
        let mut gate = gate.lock().unwrap_or_else(PoisonError::into_inner);
        match gate.handle_picture(key, behind, mailbox.wanted()) {
            Passage::Decode => return gst::PadProbeReturn::Ok,
            Passage::Late => mailbox.count_late(),
            Passage::Spared => {}
        }
        gst::PadProbeReturn::Drop
    });
}

/// How long ago a packet arrived.
fn behind(pad: &gst::Pad, buffer: &gst::BufferRef) -> Option<gst::ClockTime> {
    let segment = pad.sticky_event::<gst::event::Segment>(0)?;
    let arrived = segment
        .segment()
        .downcast_ref::<gst::ClockTime>()?
        .to_running_time(buffer.pts().or_else(|| buffer.dts())?)?;
    let now = pad.parent_element()?.current_running_time()?;
    Some(now.saturating_sub(arrived))
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
