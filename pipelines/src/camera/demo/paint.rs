//! A person into a picture, turned and tilted.
//!
//! Places on the portrait are measured in face widths from the middle of the face. A turn by `yaw`
//! squeezes across by its cosine and, as a lens near by would, enlarges the side that comes nearer:
//! with `d = 1 + a·x`, `a = DEPTH·sin yaw`, a place `(x, y)` comes to `(x·cos yaw / d, y / d)`.

use goshawk_proto::{
    geometry::{BBox, Point, Size},
    picture::Rgb,
};

use super::{portrait::Portrait, script::Pose};

/// How strongly a turn shows in perspective.
const DEPTH: f32 = 0.2;

/// The mapping between a portrait and the picture for one pose.
pub(super) struct Placement {
    /// Middle of the face in the portrait.
    middle: Point,
    /// Portrait pixels in a face width.
    unit: f32,
    pose: Pose,
    squeeze: f32,
    depth: f32,
    tilt: (f32, f32),
}

impl Placement {
    pub fn new(portrait: &Portrait, pose: &Pose) -> Self {
        let yaw = pose.yaw.to_radians();
        Self {
            middle: portrait.face.center(),
            unit: portrait.face.width,
            pose: *pose,
            squeeze: yaw.cos(),
            depth: DEPTH * yaw.sin(),
            tilt: pose.roll.to_radians().sin_cos(),
        }
    }

    /// Where a place of the portrait is in the picture.
    pub fn forward(&self, x: f32, y: f32) -> Point {
        let (x, y) = (
            (x - self.middle.x) / self.unit,
            (y - self.middle.y) / self.unit,
        );
        let d = 1.0 + self.depth * x;
        let (x, y) = (x * self.squeeze / d, y / d);
        let (sin, cos) = self.tilt;
        let width = self.pose.face_width;
        Point::new(
            self.pose.x + (x * cos - y * sin) * width,
            self.pose.y + (x * sin + y * cos) * width,
        )
    }

    /// Where a place of the picture is in the portrait.
    fn backward(&self, x: f32, y: f32) -> Point {
        let width = self.pose.face_width;
        let (x, y) = ((x - self.pose.x) / width, (y - self.pose.y) / width);
        let (sin, cos) = self.tilt;
        let (x, y) = (x * cos + y * sin, y * cos - x * sin);
        let x = x / (self.squeeze - self.depth * x).max(0.05);
        let y = y * (1.0 + self.depth * x);
        Point::new(self.middle.x + x * self.unit, self.middle.y + y * self.unit)
    }

    /// The box around the face as it appears.
    pub fn face(&self, portrait: &Portrait) -> BBox {
        self.around(portrait.face)
    }

    fn around(&self, area: BBox) -> BBox {
        let corners = [
            self.forward(area.x, area.y),
            self.forward(area.right(), area.y),
            self.forward(area.x, area.bottom()),
            self.forward(area.right(), area.bottom()),
        ];
        let fold = |pick: fn(&Point) -> f32, best: fn(f32, f32) -> f32| {
            corners.iter().map(pick).reduce(best).unwrap_or_default()
        };
        BBox::from_edges(
            fold(|p| p.x, f32::min),
            fold(|p| p.y, f32::min),
            fold(|p| p.x, f32::max),
            fold(|p| p.y, f32::max),
        )
    }

    /// Blur that fits the scale, plus the pose's own.
    fn blur(&self) -> f32 {
        (self.unit / self.pose.face_width).log2().max(0.0) + self.pose.blur
    }

    /// How much of a pixel the person covers, 0 to 1.
    pub fn covers(&self, portrait: &Portrait, x: f32, y: f32) -> f32 {
        let place = self.backward(x, y);
        portrait.sample(place.x, place.y, self.blur())[3] / 255.0
    }
}

/// Paints a person over a picture.
pub(super) fn person(picture: &mut Rgb, portrait: &Portrait, pose: &Pose) {
    let placement = Placement::new(portrait, pose);
    let Size { width, height } = picture.size();
    // The lower edge is of no interest: clothes go on to the picture's.
    let area = placement.around(BBox::new(0.0, 0.0, portrait.width(), portrait.height()));
    let left = area.x.floor().max(0.0) as usize;
    let right = area.right().ceil().clamp(0.0, width as f32) as usize;
    let top = area.y.floor().max(0.0) as usize;
    let blur = placement.blur();
    for y in top..height as usize {
        for x in left..right {
            let place = placement.backward(x as f32 + 0.5, y as f32 + 0.5);
            let [r, g, b, cover] = portrait.sample(place.x, place.y, blur);
            if cover < 0.5 {
                continue;
            }
            let at = (y * width as usize + x) * 3;
            let behind = 1.0 - cover / 255.0;
            for (byte, colour) in picture.data_mut()[at..at + 3].iter_mut().zip([r, g, b]) {
                *byte = (f32::from(*byte) * behind + colour + 0.5).min(255.0) as u8;
            }
        }
    }
}
