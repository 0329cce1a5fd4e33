//! Greedy suppression: of boxes that overlap, the one of the highest score stays.

use goshawk_proto::geometry::BBox;

use crate::role::Thing;

/// When two boxes are the same thing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Overlap {
    /// Intersection over union above the number: for boxes of one view.
    Union(f32),
    /// Intersection over the smaller box above the number: for boxes of overlapping tiles, which
    /// may cut the same thing differently.
    Smaller(f32),
}

impl Overlap {
    fn same(self, a: &BBox, b: &BBox) -> bool {
        match self {
            Self::Union(limit) => a.iou(b) > limit,
            Self::Smaller(limit) => a.ios(b) > limit,
        }
    }
}

/// Sorts `found` by falling score (of equal ones the leftmost and highest first) and drops what
/// overlaps something better. No more than `most` stay. Takes no memory.
pub fn suppress<T>(
    found: &mut Vec<T>,
    overlap: Overlap,
    most: usize,
    score: impl Fn(&T) -> f32,
    bbox: impl Fn(&T) -> BBox,
) {
    // Stable sorting would take memory; where boxes lie makes the order as certain.
    found.sort_unstable_by(|a, b| {
        let (at, other) = (bbox(a), bbox(b));
        score(b)
            .total_cmp(&score(a))
            .then(at.x.total_cmp(&other.x))
            .then(at.y.total_cmp(&other.y))
    });
    let mut kept = 0;
    for index in 0..found.len() {
        let own = bbox(&found[index]);
        let covered = |other: &T| overlap.same(&own, &bbox(other));
        if kept < most && !found[..kept].iter().any(covered) {
            found.swap(kept, index);
            kept += 1;
        }
    }
    found.truncate(kept);
}

/// As [`suppress`] by intersection over union, but things of different classes may overlap: a
/// backpack lies on the person who carries it. Afterwards all are in order of falling score.
pub fn suppress_by_class(found: &mut Vec<Thing>, overlap: f32, most: usize) {
    found.sort_by(|a, b| b.score.get().total_cmp(&a.score.get()));
    let mut kept = 0;
    for index in 0..found.len() {
        let own = found[index];
        let covered = found[..kept]
            .iter()
            .any(|other| other.class == own.class && other.bbox.iou(&own.bbox) > overlap);
        if kept < most && !covered {
            found[kept] = own;
            kept += 1;
        }
    }
    found.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::*;
    use goshawk_proto::score::Score;
    use proptest::prelude::*;

    type Scored = (BBox, f32);

    fn run(found: &mut Vec<Scored>, overlap: Overlap, most: usize) {
        suppress(found, overlap, most, |f| f.1, |f| f.0);
    }

    fn any_boxes() -> impl Strategy<Value = Vec<Scored>> {
        let one = (
            0.0f32..100.0,
            0.0f32..100.0,
            1.0f32..50.0,
            1.0f32..50.0,
            0.0f32..1.0,
        )
            .prop_map(|(x, y, w, h, s)| (BBox::new(x, y, w, h), s));
        prop::collection::vec(one, 0..40)
    }

    proptest! {
        #[test]
        fn survivors_are_apart_and_each_loser_had_a_better_neighbour(boxes in any_boxes(), limit in 0.1f32..0.9) {
            let mut kept = boxes.clone();
            run(&mut kept, Overlap::Union(limit), usize::MAX);
            for (i, a) in kept.iter().enumerate() {
                prop_assert!(kept[..i].iter().all(|b| a.0.iou(&b.0) <= limit && b.1 >= a.1));
            }
            for lost in boxes.iter().filter(|b| !kept.contains(b)) {
                prop_assert!(kept.iter().any(|k| k.1 >= lost.1 && k.0.iou(&lost.0) > limit));
            }
            let again = kept.clone();
            run(&mut kept, Overlap::Union(limit), usize::MAX);
            prop_assert_eq!(kept, again);
        }

        #[test]
        fn the_number_is_bounded(mut boxes in any_boxes(), most in 0usize..10) {
            run(&mut boxes, Overlap::Smaller(0.9), most);
            prop_assert!(boxes.len() <= most);
        }
    }

    #[test]
    fn a_part_cut_off_by_a_tile_goes() {
        let whole = (BBox::new(0.0, 0.0, 40.0, 40.0), 0.8);
        let part = (BBox::new(2.0, 2.0, 14.0, 38.0), 0.7);
        let mut found = vec![part, whole];
        run(&mut found, Overlap::Union(0.5), 9);
        assert_eq!(found.len(), 2);
        run(&mut found, Overlap::Smaller(0.45), 9);
        assert_eq!(found, vec![whole]);
    }

    #[test]
    fn a_backpack_stays_on_its_person() {
        let thing = |x, score, class| Thing {
            bbox: BBox::new(x, 0.0, 40.0, 40.0),
            score: Score::saturating(score),
            class,
        };
        let (person, bag) = (thing(0.0, 0.9, 0), thing(2.0, 0.5, 24));
        let mut found = vec![bag, thing(3.0, 0.8, 0), person, thing(1.0, 0.4, 24)];
        suppress_by_class(&mut found, 0.5, 9);
        assert_eq!(found, [person, bag]);
        suppress_by_class(&mut found, 0.5, 1);
        assert_eq!(found, [person]);
    }
}
