//! Boxes of faces and bodies that a client gives with its pictures.

use goshawk_coordinator_core::formats::Items;
use goshawk_proto::geometry::BBox;
use serde::Deserialize;

/// Most boxes of one kind in one picture.
pub const MOST_BOXES: usize = 32;

/// A box in whole pixels of the upright picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenBox {
    x: i32,
    y: i32,
    width: i32,
    height: i32,
}

impl From<GivenBox> for BBox {
    fn from(given: GivenBox) -> Self {
        Self {
            x: given.x as f32,
            y: given.y as f32,
            width: given.width as f32,
            height: given.height as f32,
        }
    }
}

/// The boxes of one picture; none is the same as no list.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Boxes(Items<GivenBox, 0, MOST_BOXES>);

impl Boxes {
    /// For the models.
    pub fn into_boxes(self) -> Vec<BBox> {
        self.0.into_inner().into_iter().map(Into::into).collect()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The boxes of one file of a multipart body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoxesOfFile {
    /// The file that they are of.
    pub filename: String,
    #[serde(default)]
    face_bounding_boxes: Boxes,
    #[serde(default)]
    body_bounding_boxes: Boxes,
}

impl BoxesOfFile {
    /// Boxes of faces and of bodies.
    pub fn into_boxes(self) -> (Vec<BBox>, Vec<BBox>) {
        (
            self.face_bounding_boxes.into_boxes(),
            self.body_bounding_boxes.into_boxes(),
        )
    }

    /// Whether it has boxes of the kind of the part that it came in, and of no other.
    pub fn is_of(&self, part: &str) -> bool {
        let (faces, bodies) = (&self.face_bounding_boxes, &self.body_bounding_boxes);
        match part {
            "face_bounding_boxes" => !faces.is_empty() && bodies.is_empty(),
            _ => faces.is_empty() && !bodies.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn boxes_are_whole_and_not_too_many() {
        let one = json!({"x": 1, "y": -2, "width": 3, "height": 4});
        let read = |value| serde_json::from_value::<Boxes>(value);
        let boxes = read(json!([one])).unwrap().into_boxes();
        assert_eq!(boxes, [BBox::new(1.0, -2.0, 3.0, 4.0)]);
        assert!(read(json!([])).unwrap().is_empty());
        assert!(read(json!(vec![one; MOST_BOXES + 1])).is_err());
        for wrong in [
            json!([{"x": 1, "y": 2, "width": 3}]),
            json!([{"x": 1.5, "y": 2, "width": 3, "height": 4}]),
            json!([{"x": 1, "y": 2, "width": 3, "height": 4, "z": 5}]),
            json!([{"x": 1e10, "y": 2, "width": 3, "height": 4}]),
        ] {
            assert!(read(wrong).is_err());
        }
    }
}
