//! What the witnesses want of the pixels of one face in one frame: a small grey picture of the
//! face with its surroundings, and a few numbers. A driver cuts it while the frame is at hand.
//!
//! The picture is a square of [`SIDE`] pixels over [`SPAN`] face heights, with the face a little
//! above its middle, so that a third of it shows what is under the chin. Its pixels move with the
//! face; where it lies in the frame goes along, so that [`super::follow`] can tell what moves with
//! the face from what stays behind.
//!
//! Cutting costs one reduced region of the frame, one of [`grain::SIDE`] pixels at the frame's own
//! resolution and two strips of the eyes. Memory: about 9 KiB a look; a track keeps one.

use goshawk_proto::{
    geometry::{BBox, Point, Rect, Size},
    picture::{Pixels, Rgb},
};

use super::{eyeball, grain, surroundings};

/// Sides of the grey picture in pixels.
pub const SIDE: usize = 96;
/// Face heights along a side.
pub const SPAN: f32 = 3.0;
/// How far the middle of the picture lies below the face's, in face heights.
const LOWER: f32 = 0.25;
/// Faces lower than this, in pixels of the frame, are too small to look at.
const MIN_FACE: f32 = 32.0;
/// Red, green and blue in brightness: ITU-R BT.601, in 256ths.
const LUMA: [u32; 3] = [77, 150, 29];
/// Part of the face's box that is skin for the most part: left, top, right and bottom as shares.
const SKIN: [f32; 4] = [0.22, 0.15, 0.78, 0.85];

/// The surroundings of a face as a grey square.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    grey: Vec<u8>,
    /// The face in the patch's own pixels.
    pub face: BBox,
    /// What of the patch lies inside the frame, in its own pixels; the rest is black.
    pub seen: BBox,
    /// The frame's pixel at the patch's top-left corner.
    pub origin: Point,
    /// Pixels of the frame to one of the patch.
    pub scale: f32,
}

impl Patch {
    /// A patch of `SIDE * SIDE` grey values; `None` when their number is another one.
    pub fn new(grey: Vec<u8>, face: BBox, seen: BBox, origin: Point, scale: f32) -> Option<Self> {
        let right = grey.len() == SIDE * SIDE && scale.is_finite() && scale > 0.0;
        right.then_some(Self {
            grey,
            face,
            seen,
            origin,
            scale,
        })
    }

    /// Brightness at a pixel, the nearest one where that lies outside the patch.
    pub fn at(&self, x: i32, y: i32) -> f32 {
        let last = SIDE as i32 - 1;
        let index = y.clamp(0, last) as usize * SIDE + x.clamp(0, last) as usize;
        self.grey.get(index).copied().map_or(0.0, f32::from)
    }

    /// Whether a box of the patch lies inside the frame.
    pub fn shows(&self, area: &BBox) -> bool {
        area.x >= self.seen.x
            && area.y >= self.seen.y
            && area.right() <= self.seen.right()
            && area.bottom() <= self.seen.bottom()
    }
}

/// A face in one frame as the witnesses see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// The face and what is round it.
    pub patch: Patch,
    /// Mean red, green and blue of the skin, 0 to 255.
    pub skin: Option<[f32; 3]>,
    /// How far the strongest single frequency stands out, see [`grain`].
    pub peak: Option<f32>,
    /// Where the irises are between the corners of the eyes, see [`eyeball`].
    pub iris: Option<Point>,
    /// What is under and round the face, see [`surroundings`].
    pub surroundings: surroundings::Surroundings,
}

impl Look {
    /// Looks at the face in `bbox` of a frame. `mesh` is its 468 points, where there are any; box
    /// and points in pixels of the frame. `None` for a face that is too small or not in the frame.
    pub fn cut(frame: &dyn Pixels, bbox: &BBox, mesh: Option<&[Point]>) -> Option<Self> {
        let finite = [bbox.x, bbox.y, bbox.width, bbox.height]
            .iter()
            .all(|v| v.is_finite());
        if !finite || bbox.height < MIN_FACE || bbox.width < MIN_FACE / 2.0 {
            return None;
        }
        let (colours, patch) = patch(frame, bbox)?;
        Some(Self {
            skin: skin(&colours, &patch.face),
            peak: grain::peak_of(frame, bbox),
            iris: mesh.and_then(|points| eyeball::irises(frame, points)),
            surroundings: surroundings::measure(&colours, &patch),
            patch,
        })
    }
}

/// The patch in colours and in grey.
fn patch(frame: &dyn Pixels, bbox: &BBox) -> Option<(Rgb, Patch)> {
    let side = bbox.height * SPAN;
    let scale = side / SIDE as f32;
    let center = bbox.center();
    let origin = Point::new(
        center.x - side / 2.0,
        center.y + bbox.height * LOWER - side / 2.0,
    );
    let wanted = BBox::new(origin.x, origin.y, side, side);
    let region = wanted.to_rect(frame.size());
    if region.width < 8 || region.height < 8 {
        return None;
    }
    let to_patch = |x: f32, from: f32| (x - from) / scale;
    let end = |value: f32| value.round().clamp(0.0, SIDE as f32);
    let seen = BBox::from_edges(
        end(to_patch(region.x as f32, origin.x)),
        end(to_patch(region.y as f32, origin.y)),
        end(to_patch((region.x + region.width) as f32, origin.x)),
        end(to_patch((region.y + region.height) as f32, origin.y)),
    );
    let colours = canvas(frame, region, &seen)?;
    let grey = colours.data().as_chunks::<3>().0.iter().map(luma).collect();
    let face = BBox::new(
        to_patch(bbox.x, origin.x),
        to_patch(bbox.y, origin.y),
        bbox.width / scale,
        bbox.height / scale,
    );
    Patch::new(grey, face, seen, origin, scale).map(|patch| (colours, patch))
}

/// `region` of the frame, drawn into the `seen` part of a black square.
fn canvas(frame: &dyn Pixels, region: Rect, seen: &BBox) -> Option<Rgb> {
    let target = Size::new(seen.width as u32, seen.height as u32);
    if target.width == 0 || target.height == 0 {
        return None;
    }
    let mut part = Rgb::default();
    frame.region(region, target, &mut part);
    let side = SIDE as u32;
    if target == Size::new(side, side) {
        return Some(part);
    }
    let mut whole = Rgb::black(Size::new(side, side));
    let (left, top) = (seen.x as usize, seen.y as usize);
    let row = target.width as usize * 3;
    for (y, line) in part.data().chunks_exact(row).enumerate() {
        let at = ((top + y) * SIDE + left) * 3;
        if let Some(to) = whole.data_mut().get_mut(at..at + row) {
            to.copy_from_slice(line);
        }
    }
    Some(whole)
}

/// Brightness of a pixel.
pub(super) fn luma(pixel: &[u8; 3]) -> u8 {
    let sum: u32 = pixel
        .iter()
        .zip(LUMA)
        .map(|(value, weight)| u32::from(*value) * weight)
        .sum();
    (sum >> 8).min(255) as u8
}

fn skin(colours: &Rgb, face: &BBox) -> Option<[f32; 3]> {
    let [left, top, right, bottom] = SKIN;
    let area = BBox::from_edges(
        face.x + left * face.width,
        face.y + top * face.height,
        face.x + right * face.width,
        face.y + bottom * face.height,
    );
    let rect = area.to_rect(colours.size());
    let mut sums = [0u64; 3];
    for y in rect.y..rect.y + rect.height {
        for x in rect.x..rect.x + rect.width {
            let pixel = colours.pixel(i64::from(x), i64::from(y));
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += u64::from(value);
            }
        }
    }
    let count = u64::from(rect.width) * u64::from(rect.height);
    (count >= 64).then(|| sums.map(|sum| sum as f32 / count as f32))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A picture that answers from a function of its own pixels, sampled at the nearest one.
    pub struct Drawn<F>(Size, F);

    impl<F: Fn(f32, f32) -> [u8; 3] + Send + Sync> Drawn<F> {
        pub fn new(size: Size, draw: F) -> Self {
            Self(size, draw)
        }
    }

    impl<F: Fn(f32, f32) -> [u8; 3] + Send + Sync> Pixels for Drawn<F> {
        fn size(&self) -> Size {
            self.0
        }

        fn region(&self, region: Rect, target: Size, out: &mut Rgb) {
            out.reshape(target);
            let step = (
                region.width as f32 / target.width as f32,
                region.height as f32 / target.height as f32,
            );
            let width = target.width as usize;
            for (i, pixel) in out.data_mut().as_chunks_mut::<3>().0.iter_mut().enumerate() {
                let (x, y) = ((i % width) as f32, (i / width) as f32);
                *pixel = (self.1)(
                    region.x as f32 + (x + 0.5) * step.0,
                    region.y as f32 + (y + 0.5) * step.1,
                );
            }
        }
    }

    #[test]
    fn the_face_lies_where_the_patch_says() {
        let bbox = BBox::new(300.0, 200.0, 80.0, 100.0);
        let inside = move |x: f32, y: f32| {
            (bbox.x..bbox.right()).contains(&x) && (bbox.y..bbox.bottom()).contains(&y)
        };
        let frame = Drawn::new(Size::new(640, 480), move |x, y| {
            if inside(x, y) { [200; 3] } else { [20; 3] }
        });
        let look = Look::cut(&frame, &bbox, None).unwrap();
        let face = look.patch.face;
        assert!((face.height - SIDE as f32 / SPAN).abs() < 0.01);
        let center = face.center();
        assert!(look.patch.at(center.x as i32, center.y as i32) > 190.0);
        assert!(look.patch.at(face.x as i32 - 3, center.y as i32) < 30.0);
        assert_eq!(look.skin.map(|skin| skin[1].round()), Some(200.0));
        assert!(look.patch.shows(&face));
    }

    #[test]
    fn what_lies_outside_the_frame_is_told() {
        let frame = Drawn::new(Size::new(640, 480), |_, _| [90; 3]);
        let look = Look::cut(&frame, &BBox::new(0.0, 380.0, 80.0, 100.0), None).unwrap();
        let seen = look.patch.seen;
        assert!(seen.x > 20.0 && seen.bottom() < 60.0, "{seen:?}");
        assert!(!look.patch.shows(&BBox::new(0.0, 0.0, 10.0, 10.0)));
        assert_eq!(look.patch.at(90, 90), 0.0);
    }

    #[test]
    fn faces_too_small_or_nowhere_are_not_looked_at() {
        let frame = Drawn::new(Size::new(64, 48), |_, _| [90; 3]);
        for bbox in [
            BBox::new(0.0, 0.0, 20.0, 20.0),
            BBox::new(f32::NAN, 0.0, 50.0, 50.0),
            BBox::new(5000.0, 0.0, 50.0, 50.0),
        ] {
            assert_eq!(Look::cut(&frame, &bbox, None), None);
        }
    }
}
