//! Reading CenterNet's decoded detections: corners in input pixels, score, COCO class.

use goshawk_proto::{
    geometry::{BBox, Size},
    score::Score,
};

use crate::role::Thing;

/// Sides of the network's input in pixels; pictures are stretched to it.
pub const SIDE: u32 = 512;
/// Detections that the network gives.
pub const DETECTIONS: usize = 100;
/// Numbers of a detection.
pub const VALUES: usize = 6;

/// Appends the people and backpacks of at least `min_score` in a picture of `size`, clipped to
/// it, in the network's order.
pub fn things(values: &[f32], size: Size, min_score: f32, out: &mut Vec<Thing>) {
    let (sx, sy) = (
        size.width as f32 / SIDE as f32,
        size.height as f32 / SIDE as f32,
    );
    let thing = |v: &[f32; VALUES]| {
        let [left, top, right, bottom, score, class] = *v;
        let finite = v.iter().all(|v| v.is_finite());
        // A negative class would become that of people.
        let known = finite && class >= 0.0;
        let class = class.round() as u16;
        let counts = known && score >= min_score && Thing::matters(class);
        let bbox = BBox::from_edges(left * sx, top * sy, right * sx, bottom * sy).clipped(size);
        (counts && bbox.area() > 0.0).then_some(Thing {
            bbox,
            score: Score::saturating(score),
            class,
        })
    };
    out.extend(values.as_chunks::<VALUES>().0.iter().filter_map(thing));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_bags_are_stretched_back_and_the_rest_is_left_out() {
        let size = Size::new(1024, 256);
        let mut values = vec![0.0; DETECTIONS * VALUES];
        values[..6].copy_from_slice(&[128.0, 128.0, 256.0, 512.0, 0.6, 0.0]);
        values[6..12].copy_from_slice(&[0.0, 0.0, 50.0, 50.0, 0.9, 2.0]);
        values[12..18].copy_from_slice(&[0.0, 0.0, 50.0, 50.0, 0.2, 0.0]);
        values[18..24].copy_from_slice(&[0.0, f32::NAN, 50.0, 50.0, 0.9, 0.0]);
        values[24..30].copy_from_slice(&[-40.0, 0.0, -20.0, 50.0, 0.9, 0.0]);
        values[30..36].copy_from_slice(&[0.0, 0.0, 50.0, 50.0, 0.5, 24.0]);
        values[36..42].copy_from_slice(&[0.0, 0.0, 50.0, 50.0, 0.9, -1.0]);
        let mut found = Vec::new();
        things(&values, size, 0.3, &mut found);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].bbox, BBox::new(256.0, 64.0, 256.0, 192.0));
        assert_eq!(
            (found[0].class, found[1].class),
            (Thing::PERSON, Thing::BACKPACK)
        );
    }
}
