//! Rates against counting by hand, and what must hold for any scores.

use goshawk_proto::geometry::BBox;
use proptest::prelude::*;

use super::*;

fn scores(genuine: &[f32], impostor: &[f32]) -> Scores {
    let mut scores = Scores::default();
    genuine.iter().for_each(|s| scores.genuine(*s));
    impostor.iter().for_each(|s| scores.impostor(*s));
    scores
}

/// On the grid of the bins, so that counting them exactly is fair.
fn grid() -> impl Strategy<Value = f32> {
    (0u32..=20_000).prop_map(|k| (f64::from(k) / PER_UNIT - 1.0) as f32)
}

proptest! {
    #[test]
    fn rates_are_what_counting_gives(
        genuine in prop::collection::vec(grid(), 1..40),
        impostor in prop::collection::vec(grid(), 1..40),
        threshold in grid(),
    ) {
        let curve = scores(&genuine, &impostor).curve().unwrap();
        let count = |all: &[f32]| all.iter().filter(|s| **s >= threshold - 2e-5).count();
        let (accepted, wrong) = (count(&genuine), count(&impostor));
        let point = curve.at(threshold);
        prop_assert!((point.tar - accepted as f64 / genuine.len() as f64).abs() < 1e-12);
        prop_assert!((point.far - wrong as f64 / impostor.len() as f64).abs() < 1e-12);
        let right = accepted + impostor.len() - wrong;
        let accuracy = right as f64 / (genuine.len() + impostor.len()) as f64;
        prop_assert!((point.accuracy - accuracy).abs() < 1e-12);
        prop_assert!(curve.best().accuracy >= point.accuracy);
    }

    #[test]
    fn curves_fall_and_their_marks_lie_on_them(
        genuine in prop::collection::vec(grid(), 1..40),
        impostor in prop::collection::vec(grid(), 1..40),
    ) {
        let curve = scores(&genuine, &impostor).curve().unwrap();
        let points: Vec<Point> = curve.points().collect();
        prop_assert!(points.windows(2).all(|w| w[0].far >= w[1].far && w[0].tar >= w[1].tar));
        prop_assert_eq!((points[0].far, points[0].tar), (1.0, 1.0));
        let last = points.last().unwrap();
        prop_assert_eq!((last.far, last.tar), (0.0, 0.0));
        let (eer, at) = curve.equal_error();
        prop_assert!((0.0..=1.0).contains(&eer));
        // Nothing lies strictly better than the meeting point in both errors.
        prop_assert!(points.iter().all(|p| p.far.max(p.frr()) >= eer - 1e-12));
        prop_assert!(at.frr() >= at.far);
        let mut tar = 0.0;
        for far in [0.0, 1e-4, 1e-3, 1e-2, 0.1, 1.0] {
            let within = curve.within(far);
            prop_assert!(within.far <= far && within.tar >= tar);
            prop_assert!(points.iter().all(|p| p.far > far || p.tar <= within.tar));
            tar = within.tar;
        }
        prop_assert_eq!(tar, 1.0);
    }

    #[test]
    fn errors_change_sides_with_the_kinds_of_pairs(
        genuine in prop::collection::vec(grid(), 1..30),
        impostor in prop::collection::vec(grid(), 1..30),
    ) {
        let minus = |all: &[f32]| all.iter().map(|s| -s).collect::<Vec<f32>>();
        let one = scores(&genuine, &impostor).curve().unwrap().equal_error().0;
        let other = scores(&minus(&impostor), &minus(&genuine)).curve().unwrap();
        let other = other.equal_error().0;
        prop_assert!((one - other).abs() < 1e-9, "{} {}", one, other);
    }

    #[test]
    fn every_face_is_found_once_at_most(
        truths in boxes(6),
        found in boxes(8),
    ) {
        let scored: Vec<(BBox, f32)> = found
            .iter()
            .enumerate()
            .map(|(i, b)| (*b, 1.0 / (i + 1) as f32))
            .collect();
        let matched = match_boxes(&truths, &scored);
        let hits = matched.found.iter().flatten().count();
        prop_assert_eq!(hits + matched.extra, found.len());
        prop_assert!(hits <= truths.len());
        prop_assert!(matched.found.iter().flatten().all(|o| *o >= FOUND));
        let mut turned = scored.clone();
        turned.reverse();
        prop_assert_eq!(match_boxes(&truths, &turned), matched);
        let perfect: Vec<(BBox, f32)> = truths.iter().map(|b| (*b, 0.5)).collect();
        prop_assert_eq!(match_boxes(&truths, &perfect).extra, 0);
    }
}

fn boxes(most: usize) -> impl Strategy<Value = Vec<BBox>> {
    let one = (0.0f32..60.0, 0.0f32..60.0, 5.0f32..40.0, 5.0f32..40.0);
    prop::collection::vec(one.prop_map(|(x, y, w, h)| BBox::new(x, y, w, h)), 0..most)
}

#[test]
fn known_answers() {
    let apart = scores(&[0.7, 0.9], &[0.1, 0.3]).curve().unwrap();
    assert_eq!(apart.equal_error().0, 0.0);
    assert_eq!(apart.best().accuracy, 1.0);
    assert!(
        (apart.best().threshold - 0.5).abs() < 1e-3,
        "{:?}",
        apart.best()
    );
    let upside_down = scores(&[0.1, 0.3], &[0.7, 0.9]).curve().unwrap();
    assert_eq!(upside_down.equal_error().0, 1.0);
    // One of four on the wrong side, both ways.
    let mixed = scores(&[0.2, 0.6, 0.7, 0.8], &[0.0, 0.1, 0.3, 0.5]);
    let curve = mixed.curve().unwrap();
    assert!((curve.equal_error().0 - 0.25).abs() < 1e-9);
    assert_eq!(curve.within(0.01).tar, 0.75);
    assert_eq!(mixed.pairs(), (4, 4));
    assert_eq!(curve.at(0.55).balanced(), 0.875);
}

#[test]
fn without_both_kinds_of_pairs_there_is_no_curve() {
    assert!(scores(&[0.5], &[]).curve().is_none());
    assert!(scores(&[], &[0.5]).curve().is_none());
    assert_eq!(rate(0, 0), None);
}

#[test]
fn scores_beyond_the_ends_are_kept_at_the_ends() {
    let curve = scores(&[1.000_1], &[-1.5, f32::NAN]).curve().unwrap();
    assert_eq!(curve.at(1.0).tar, 1.0);
    assert_eq!(curve.at(-0.9).far, 0.0);
}

#[test]
fn rare_errors_need_many_pairs() {
    assert_eq!(
        [1e-2, 1e-3, 1e-4].map(pairs_needed),
        [1000, 10_000, 100_000]
    );
}

#[test]
fn the_surest_box_takes_its_face_first() {
    let truth = [BBox::new(0.0, 0.0, 10.0, 10.0)];
    let near = (BBox::new(1.0, 0.0, 10.0, 10.0), 0.9);
    let exact = (BBox::new(0.0, 0.0, 10.0, 10.0), 0.5);
    let matched = match_boxes(&truth, &[exact, near]);
    assert_eq!(matched.extra, 1);
    assert!(matched.found[0].unwrap() < 0.9);
}
