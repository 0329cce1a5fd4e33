//! Aligning a face: the five points to a fixed layout, the layout to a square sample ("warp").

use goshawk_proto::{
    detection::Landmarks5,
    geometry::{Point, Size},
    picture::{Pixels, Rgb},
};

use super::{
    affine::{Affine, fit_similarity},
    crop::{CropScratch, crop},
};

/// Sides of a face sample in pixels.
pub const WARP_SIDE: u32 = 250;

/// Where the five points of a face lie in a sample of side 112: the layout that ArcFace (Deng et
/// al., 2019) and its successors align to.
const TEMPLATE_112: [(f32, f32); 5] = [
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
];

/// The layout in a sample of `side` pixels.
pub fn template(side: u32) -> Landmarks5 {
    let by = side as f32 / 112.0;
    TEMPLATE_112.map(|(x, y)| Point::new(x * by, y * by))
}

/// From the pixels of a sample of `side` to the picture's; `None` when the points are no face
/// (coinciding or not finite).
pub fn alignment(landmarks: &Landmarks5, side: u32) -> Option<Affine> {
    fit_similarity(landmarks, &template(side))?.inverse()
}

/// The aligned face, [`WARP_SIDE`] squared: scaled, turned and moved (never sheared) so that its
/// five points come nearest to the layout. Beyond the picture its edge pixels repeat. Points that
/// are no face give a black sample.
pub fn warp_face(picture: &dyn Pixels, landmarks: &Landmarks5) -> Rgb {
    let size = Size::new(WARP_SIDE, WARP_SIDE);
    let Some(map) = alignment(landmarks, WARP_SIDE) else {
        return Rgb::black(size);
    };
    let (mut scratch, mut out) = (CropScratch::default(), Rgb::default());
    crop(picture, &map, size, &mut scratch, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Picture;
    use proptest::prelude::*;

    #[test]
    fn the_layout_is_the_descriptors() {
        let points = template(224);
        assert!(points[0].distance(Point::new(76.59, 103.39)) < 0.01);
        assert!(points[4].distance(Point::new(141.46, 184.41)) < 0.01);
    }

    #[test]
    fn points_that_are_no_face_give_black() {
        let picture = Picture::from_rgb(Rgb::from_data(Size::new(4, 4), vec![200; 48]).unwrap());
        let warp = warp_face(&picture, &[Point::new(1.0, 1.0); 5]);
        assert_eq!(warp, Rgb::black(Size::new(250, 250)));
        let warp = warp_face(&picture, &[Point::new(f32::NAN, 1.0); 5]);
        assert_eq!(warp, Rgb::black(Size::new(250, 250)));
    }

    proptest! {
        #[test]
        fn the_points_land_on_the_layout(scale in 0.2f32..4.0, angle in -3.1f32..3.1, x in 0.0f32..900.0, y in 0.0f32..900.0) {
            let there = Affine::similarity(scale, angle, Point::new(x, y));
            let landmarks = template(112).map(|p| there.apply(p));
            let map = alignment(&landmarks, WARP_SIDE).unwrap();
            for (seen, want) in template(WARP_SIDE).iter().zip(landmarks) {
                prop_assert!(map.apply(*seen).distance(want) < 0.1);
            }
        }
    }
}
