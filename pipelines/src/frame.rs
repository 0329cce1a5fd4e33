//! One decoded picture with its times.
//!
//! A frame keeps the decoder's own buffer, mapped and uncopied, and turns only the pixels that
//! somebody asks for into RGB: the planes of the region are scaled first, which is why models ask
//! for a region at a resolution rather than for a picture.

pub(crate) mod picture;
pub(crate) mod planes;
pub(crate) mod resample;
mod turn;

use std::{fmt, sync::Arc, time::Duration};

use goshawk_proto::{
    geometry::{Rect, Size},
    picture::{Pixels, Rgb},
    time::Timestamp,
};
use gstreamer_video::{VideoFrame, video_frame::Readable};

use crate::{error::SourceError, request::Rotation};
use planes::Layout;

/// A decoded picture. Cloning shares the pixels.
#[derive(Clone)]
pub struct Frame {
    inner: Arc<Inner>,
}

struct Inner {
    number: u64,
    times: FrameTimes,
    rotation: Rotation,
    source_size: Size,
    store: Store,
}

/// Where the pixels are.
enum Store {
    /// In a GStreamer decoder's buffer; the layout tells how to read it.
    Mapped(Box<VideoFrame<Readable>>, Layout),
    /// In a picture of FFmpeg's.
    Decoded(ffmpeg_next::frame::Video, Layout),
    /// In a picture of our own.
    Rgb(Rgb),
}

/// When a frame was taken, on both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameTimes {
    pub media_time: Duration,
    pub captured_at: Timestamp,
    pub source_time: Option<Timestamp>,
}

impl Frame {
    /// A frame of a decoder's buffer.
    pub(crate) fn from_buffer(
        buffer: gstreamer::Buffer,
        info: &gstreamer_video::VideoInfo,
        number: u64,
        times: FrameTimes,
        rotation: Rotation,
    ) -> Result<Self, SourceError> {
        let layout = Layout::of(info)?;
        let mapped = VideoFrame::from_buffer_readable(buffer, info)
            .map_err(|_| SourceError::other("a decoded picture cannot be mapped"))?;
        let source_size = Size::new(info.width(), info.height());
        let store = Store::Mapped(Box::new(mapped), layout);
        Ok(Self::new(number, times, rotation, source_size, store))
    }

    /// A frame of an FFmpeg picture in one of the formats that [`planes`] reads.
    pub(crate) fn from_picture(
        picture: ffmpeg_next::frame::Video,
        number: u64,
        times: FrameTimes,
        rotation: Rotation,
    ) -> Result<Self, SourceError> {
        let layout = Layout::of_picture(&picture)?;
        let source_size = Size::new(picture.width(), picture.height());
        let store = Store::Decoded(picture, layout);
        Ok(Self::new(number, times, rotation, source_size, store))
    }

    /// A frame of an RGB picture: image folders, and callers' tests.
    pub fn from_rgb(rgb: Rgb, number: u64, media_time: Duration, captured_at: Timestamp) -> Self {
        let times = FrameTimes {
            media_time,
            captured_at,
            source_time: None,
        };
        Self::from_turned_rgb(rgb, number, times, Rotation::None)
    }

    pub(crate) fn from_turned_rgb(
        rgb: Rgb,
        number: u64,
        times: FrameTimes,
        rotation: Rotation,
    ) -> Self {
        Self::new(number, times, rotation, rgb.size(), Store::Rgb(rgb))
    }

    fn new(
        number: u64,
        times: FrameTimes,
        rotation: Rotation,
        source_size: Size,
        store: Store,
    ) -> Self {
        let inner = Inner {
            number,
            times,
            rotation,
            source_size,
            store,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Position in this source, from 0, counting frames that were dropped after decoding.
    pub fn number(&self) -> u64 {
        self.inner.number
    }

    /// Position in the media; never falls within one source.
    pub fn media_time(&self) -> Duration {
        self.inner.times.media_time
    }

    /// When the picture was taken. Live sources: when it arrived, by a monotonic clock anchored
    /// to the wall clock. Files: when the file was opened, plus the media time.
    pub fn captured_at(&self) -> Timestamp {
        self.inner.times.captured_at
    }

    /// When the picture was taken by the camera's own clock, where a camera tells it (RTCP sender
    /// reports). That clock may be wrong by years; nothing is computed with it.
    pub fn source_time(&self) -> Option<Timestamp> {
        self.inner.times.source_time
    }

    /// Size after rotation: the coordinates of [`Pixels::region`] and of every box found.
    pub fn size(&self) -> Size {
        turn::turned(self.inner.source_size, self.inner.rotation)
    }

    /// Size as decoded.
    pub fn source_size(&self) -> Size {
        self.inner.source_size
    }
}

impl Pixels for Frame {
    fn size(&self) -> Size {
        Frame::size(self)
    }

    fn region(&self, region: Rect, target: Size, out: &mut Rgb) {
        let Some(region) = clip(region, self.size()) else {
            out.reshape(target);
            out.data_mut().fill(0);
            return;
        };
        let rotation = self.inner.rotation;
        let source = turn::back(region, self.inner.source_size, rotation);
        if rotation == Rotation::None {
            return self.read(source, target, out);
        }
        let mut unturned = Rgb::default();
        self.read(source, turn::turned(target, rotation), &mut unturned);
        turn::turn(&unturned, rotation, out);
    }
}

impl Frame {
    /// Reads a region in source coordinates that lies inside the picture.
    fn read(&self, region: Rect, target: Size, out: &mut Rgb) {
        out.reshape(target);
        let done = match &self.inner.store {
            Store::Mapped(mapped, layout) => layout
                .planes(mapped)
                .is_some_and(|planes| planes::region(&planes, region, target, out.data_mut())),
            Store::Decoded(picture, layout) => layout
                .picture_planes(picture)
                .is_some_and(|planes| planes::region(&planes, region, target, out.data_mut())),
            Store::Rgb(rgb) => resample::rgb(rgb, region, target, out.data_mut()),
        };
        if !done {
            out.data_mut().fill(0);
        }
    }
}

/// The part of `region` inside a picture of `size`; `None` when there is none.
fn clip(region: Rect, size: Size) -> Option<Rect> {
    let width = region.width.min(size.width.saturating_sub(region.x));
    let height = region.height.min(size.height.saturating_sub(region.y));
    (width > 0 && height > 0).then_some(Rect {
        width,
        height,
        ..region
    })
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("number", &self.inner.number)
            .field("media_time", &self.inner.times.media_time)
            .field("captured_at", &self.inner.times.captured_at)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
