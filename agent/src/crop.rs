//! What is cut out of frames: the region of interest, aligned faces and whole pictures.

use std::sync::Arc;

use goshawk_models::{DetectOptions, Face, Tiling, encode_jpeg, warp_face};
use goshawk_pipelines::Frame;
use goshawk_proto::{
    detection::Landmarks5,
    event::Jpeg,
    geometry::{BBox, Point, Rect, Size},
    picture::{Pixels, Rgb},
    stream::FrameProcessingMode,
};

/// Share of the network's window that a face must fill to be found: about 11 of 256 pixels,
/// measured on the default detector.
const FACE_SHARE: f32 = 0.045;
/// Smallest tile in pixels; smaller ones find textures rather than faces.
const MIN_TILE: f32 = 256.0;
/// Frames of best shots that one stream keeps for their events; each is one decoder buffer.
const MAX_HELD_FRAMES: usize = 32;

/// A best shot until its event is sent.
#[derive(Clone, Debug)]
pub struct Crop {
    /// The aligned face.
    pub warp: Rgb,
    /// The frame it was seen in, where the event wants it.
    pub frame: Option<HeldFrame>,
}

/// A frame that is kept; there are few of these at once.
#[derive(Clone)]
pub struct HeldFrame {
    frame: Frame,
    _permit: Arc<()>,
}

impl std::fmt::Debug for HeldFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HeldFrame({})", self.frame.number())
    }
}

/// Gives out [`HeldFrame`]s and keeps their number bounded.
#[derive(Debug, Default)]
pub struct FrameHolder {
    permits: Vec<std::sync::Weak<()>>,
}

impl FrameHolder {
    /// Keeps `frame`, unless too many are kept already.
    pub fn hold(&mut self, frame: &Frame) -> Option<HeldFrame> {
        self.permits.retain(|permit| permit.strong_count() > 0);
        if self.permits.len() >= MAX_HELD_FRAMES {
            return None;
        }
        let permit = Arc::new(());
        self.permits.push(Arc::downgrade(&permit));
        Some(HeldFrame {
            frame: frame.clone(),
            _permit: permit,
        })
    }
}

impl HeldFrame {
    /// The whole frame as JPEG, reduced so that no side is longer than `side`.
    pub fn jpeg(&self, side: u32, quality: u8) -> Result<Jpeg, goshawk_models::JpegError> {
        let size = self.frame.size();
        let mut rgb = Rgb::default();
        self.frame.region(size.into(), fit(size, side), &mut rgb);
        encode_jpeg(&rgb, quality)
    }
}

/// `size` reduced to sides of at most `side`, at least one pixel each.
pub(crate) fn fit(size: Size, side: u32) -> Size {
    let longest = size.width.max(size.height);
    if longest <= side {
        return size;
    }
    let scaled = |value: u32| {
        let scaled = u64::from(value) * u64::from(side) / u64::from(longest);
        u32::try_from(scaled).unwrap_or(side).max(1)
    };
    Size::new(scaled(size.width), scaled(size.height))
}

/// The aligned face of `landmarks`.
pub fn face(frame: &dyn Pixels, landmarks: &Landmarks5) -> Rgb {
    warp_face(frame, landmarks)
}

/// The part of a frame that is looked at.
#[derive(Clone)]
pub struct Window {
    frame: Frame,
    area: Rect,
}

impl Window {
    /// The part of `frame` inside `roi`; all of it without one.
    pub fn new(frame: Frame, roi: Option<BBox>) -> Self {
        let size = frame.size();
        let area = roi
            .map(|roi| roi.to_rect(size))
            .filter(|area| area.width > 0 && area.height > 0);
        Self {
            area: area.unwrap_or_else(|| size.into()),
            frame,
        }
    }

    /// Moves what was found in the window to the coordinates of the frame.
    pub fn to_frame(&self, face: &mut Face) {
        let (dx, dy) = (self.area.x as f32, self.area.y as f32);
        face.detection.bbox.x += dx;
        face.detection.bbox.y += dy;
        for point in &mut face.detection.landmarks {
            point.x += dx;
            point.y += dy;
        }
    }

    /// The mesh of a face found in the window, in the coordinates of the frame.
    pub fn mesh(&self, face: &Face) -> Vec<Point> {
        let (dx, dy) = (self.area.x as f32, self.area.y as f32);
        face.mesh
            .points()
            .iter()
            .map(|point| Point::new(point.x + dx, point.y + dy))
            .collect()
    }
}

impl Pixels for Window {
    fn size(&self) -> Size {
        Size::new(self.area.width, self.area.height)
    }

    fn region(&self, region: Rect, target: Size, out: &mut Rgb) {
        let left = region.x.min(self.area.width);
        let top = region.y.min(self.area.height);
        let inside = Rect {
            x: self.area.x + left,
            y: self.area.y + top,
            width: region.width.min(self.area.width - left),
            height: region.height.min(self.area.height - top),
        };
        self.frame.region(inside, target, out);
    }
}

/// How the detector looks at a picture of `size` so that it finds faces of `min_face` pixels.
pub fn tiling(size: Size, min_face: f32, mode: FrameProcessingMode) -> Tiling {
    let tile = (min_face / FACE_SHARE).max(MIN_TILE);
    let longest = size.width.max(size.height) as f32;
    let shortest = size.width.min(size.height) as f32;
    match mode {
        FrameProcessingMode::Scale => Tiling::Whole,
        FrameProcessingMode::Auto if longest <= tile => Tiling::Whole,
        // A tile wider than the picture is high would mostly see nothing.
        FrameProcessingMode::Auto => Tiling::Tiles {
            size: tile.min(shortest.max(MIN_TILE)) as u32,
        },
        FrameProcessingMode::Full => Tiling::Tiles {
            size: MIN_TILE as u32,
        },
    }
}

/// `options` for a picture of `size`.
pub fn detect_options(
    base: &DetectOptions,
    size: Size,
    mode: FrameProcessingMode,
) -> DetectOptions {
    DetectOptions {
        tiles: tiling(size, base.min_face, mode),
        ..*base
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use goshawk_proto::time::Timestamp;
    use std::time::Duration;

    fn gradient(width: u32, height: u32) -> Frame {
        let mut data = Vec::new();
        for y in 0..height {
            for x in 0..width {
                data.extend([x as u8, y as u8, 0]);
            }
        }
        let rgb = Rgb::from_data(Size::new(width, height), data).unwrap();
        Frame::from_rgb(rgb, 0, Duration::ZERO, Timestamp::from_unix_micros(0))
    }

    #[test]
    fn a_window_shows_its_part_of_the_frame() {
        let window = Window::new(gradient(100, 80), Some(BBox::new(20.0, 10.0, 40.0, 30.0)));
        assert_eq!(Pixels::size(&window), Size::new(40, 30));
        let mut out = Rgb::default();
        let region = Rect {
            x: 5,
            y: 5,
            width: 10,
            height: 10,
        };
        window.region(region, Size::new(10, 10), &mut out);
        assert_eq!(out.pixel(0, 0), [25, 15, 0]);
    }

    #[test]
    fn small_faces_need_tiles_and_large_ones_none() {
        let auto = FrameProcessingMode::Auto;
        let hd = Size::new(1280, 720);
        assert_eq!(tiling(hd, 40.0, auto), Tiling::Tiles { size: 720 });
        assert_eq!(tiling(hd, 80.0, auto), Tiling::Whole);
        assert_eq!(tiling(Size::new(640, 480), 40.0, auto), Tiling::Whole);
        assert_eq!(tiling(hd, 24.0, auto), Tiling::Tiles { size: 533 });
        assert_eq!(tiling(hd, 24.0, FrameProcessingMode::Scale), Tiling::Whole);
    }

    #[test]
    fn frames_held_are_bounded() {
        let frame = gradient(4, 4);
        let mut holder = FrameHolder::default();
        let held: Vec<_> = std::iter::repeat_with(|| holder.hold(&frame))
            .take(MAX_HELD_FRAMES + 2)
            .collect();
        assert_eq!(held.iter().flatten().count(), MAX_HELD_FRAMES);
        drop(held);
        assert!(holder.hold(&frame).is_some());
    }

    #[test]
    fn a_whole_frame_is_reduced_in_proportion() {
        assert_eq!(fit(Size::new(1920, 1080), 1280), Size::new(1280, 720));
        assert_eq!(fit(Size::new(640, 480), 1280), Size::new(640, 480));
        let held = FrameHolder::default().hold(&gradient(200, 100)).unwrap();
        assert_eq!(held.jpeg(100, 80).unwrap().size, Size::new(100, 50));
    }
}
