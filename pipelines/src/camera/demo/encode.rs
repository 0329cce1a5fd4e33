//! Pictures into a file: H.264 at a camera's bit rate, with a key frame a second.

use std::path::Path;

use goshawk_proto::{geometry::Size, picture::Rgb};
use gstreamer::{self as gst, prelude::*};
use gstreamer_app::AppSrc;
use gstreamer_video::{VideoCapsBuilder, VideoFormat};

use crate::{error::SourceError, plugins, session};

/// Bits a second and pixel of a frame: about 1.8 Mbit/s at 1280x720, which shows as in a camera.
const BITS_PER_PIXEL: f32 = 2.0;
/// Writing the last frames takes no longer.
const LONGEST_END: gst::ClockTime = gst::ClockTime::from_seconds(60);
/// With more than one thread x264 makes other bits of the same pictures every time.
const THREADS: u32 = 1;

/// A running encoder.
pub(super) struct Encoder {
    pipeline: gst::Pipeline,
    source: AppSrc,
    fps: u32,
    pushed: u64,
}

impl Encoder {
    pub fn start(path: &Path, size: Size, fps: u32) -> Result<Self, SourceError> {
        plugins::start()?;
        let muxer = match path.extension().and_then(|ending| ending.to_str()) {
            Some("mp4") => "mp4mux",
            Some("mkv") => "matroskamux",
            _ => return Err(SourceError::other("a clip is written to .mp4 or .mkv")),
        };
        let rgb = VideoCapsBuilder::new()
            .format(VideoFormat::Rgb)
            .width(i32::try_from(size.width).unwrap_or(i32::MAX))
            .height(i32::try_from(size.height).unwrap_or(i32::MAX))
            .framerate(gst::Fraction::new(i32::try_from(fps).unwrap_or(25), 1))
            .build();
        let frame = u64::from(size.width) * u64::from(size.height) * 3;
        let source = AppSrc::builder()
            .caps(&rgb)
            .format(gst::Format::Time)
            .block(true)
            .max_bytes(4 * frame)
            .build();
        let planar = plugins::make("capsfilter")?;
        planar.set_property(
            "caps",
            VideoCapsBuilder::new().format(VideoFormat::I420).build(),
        );
        let encoder = plugins::make("x264enc")?;
        let kbits = frame as f32 / 3.0 * BITS_PER_PIXEL / 1000.0;
        encoder.set_property("bitrate", (kbits as u32).max(100));
        encoder.set_property_from_str("speed-preset", "veryfast");
        encoder.set_property("key-int-max", fps);
        encoder.set_property("bframes", 0u32);
        encoder.set_property("threads", THREADS);
        let file = plugins::make("filesink")?;
        file.set_property("location", path);
        let pipeline = gst::Pipeline::new();
        let (convert, parse) = (plugins::make("videoconvert")?, plugins::make("h264parse")?);
        let muxer = plugins::make(muxer)?;
        session::add_row(
            pipeline.upcast_ref(),
            &[
                source.upcast_ref(),
                &convert,
                &planar,
                &encoder,
                &parse,
                &muxer,
                &file,
            ],
        )?;
        let encoder = Self {
            pipeline,
            source,
            fps,
            pushed: 0,
        };
        match encoder.pipeline.set_state(gst::State::Playing) {
            Ok(_) => Ok(encoder),
            Err(_) => Err(encoder.failure()),
        }
    }

    /// Encodes a picture; waits while the encoder is busy.
    pub fn push(&mut self, picture: &Rgb) -> Result<(), SourceError> {
        let mut buffer = gst::Buffer::from_slice(padded(picture));
        let second = gst::ClockTime::SECOND;
        let time = |frame: u64| second.mul_div_floor(frame, u64::from(self.fps));
        let (from, to) = (time(self.pushed), time(self.pushed + 1));
        let fields = buffer.make_mut();
        fields.set_pts(from);
        fields.set_duration(from.zip(to).map(|(from, to)| to - from));
        self.pushed += 1;
        self.source
            .push_buffer(buffer)
            .map(|_| ())
            .map_err(|_| self.failure())
    }

    /// Writes what is left and closes the file.
    pub fn finish(self) -> Result<(), SourceError> {
        if self.source.end_of_stream().is_err() {
            return Err(self.failure());
        }
        let end = self.pipeline.bus().and_then(|bus| {
            let ends = [gst::MessageType::Eos, gst::MessageType::Error];
            bus.timed_pop_filtered(LONGEST_END, &ends)
        });
        match end.map(|message| message.type_()) {
            Some(gst::MessageType::Eos) => Ok(()),
            _ => Err(SourceError::other("the clip could not be finished")),
        }
    }

    fn failure(&self) -> SourceError {
        let errors = [gst::MessageType::Error];
        let said = self
            .pipeline
            .bus()
            .and_then(|bus| bus.pop_filtered(&errors));
        let what = said.and_then(|message| match message.view() {
            gst::MessageView::Error(error) => Some(error.error().to_string()),
            _ => None,
        });
        SourceError::other(format!(
            "the clip cannot be encoded: {}",
            what.unwrap_or_default()
        ))
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        if self.pipeline.set_state(gst::State::Null).is_err() {
            tracing::error!("the encoder could not be taken down");
        }
    }
}

/// The pixels with rows of a multiple of four bytes, as GStreamer lays RGB out.
fn padded(picture: &Rgb) -> Vec<u8> {
    let row = picture.size().width as usize * 3;
    let stride = row.next_multiple_of(4);
    if stride == row {
        return picture.data().to_vec();
    }
    let mut out = Vec::with_capacity(stride * picture.size().height as usize);
    for line in picture.data().chunks_exact(row) {
        out.extend_from_slice(line);
        out.resize(out.len().next_multiple_of(stride), 0);
    }
    out
}
