//! Which face belongs to which body, and where the people are.
//!
//! A face belongs to the body whose top it is at. No model: the rule is geometry, ours, and
//! blind to people who stand before each other at the same height.

use goshawk_proto::geometry::{BBox, Point};

/// How far the top of a face may lie below the top of its body, in heights of the face: hair and
/// hats are above a face's box.
const MOST_BELOW: f32 = 1.5;
/// How far above, likewise: boxes of bodies may begin at the chin.
const MOST_ABOVE: f32 = 0.9;
/// Narrowest body for a face, in widths of the face: detectors draw boxes too narrow round people
/// who fill the picture.
const LEAST_WIDTH: f32 = 0.4;
/// How far below a face a box may begin that is only a part of its person, in heights of the face:
/// the neck.
const NECK: f32 = 0.5;
/// What a part costs more than any body: it is taken where there is nothing better.
const PART: f32 = 10.0;
/// Share of a body's height, from its top, in whose middle the head is looked for.
const HEAD_SHARE: f32 = 0.125;

/// For each face the index of its body. No body has two faces. Of all pairs that may be, the best
/// is taken first: the smallest sum of how far the face's top is from the body's (in heights of
/// the face) and how far its middle is from the body's (in widths of the body).
pub fn pair(faces: &[BBox], bodies: &[BBox]) -> Vec<Option<usize>> {
    let mut costs: Vec<(f32, usize, usize)> = Vec::new();
    for (f, face) in faces.iter().enumerate() {
        for (b, body) in bodies.iter().enumerate() {
            costs.extend(cost(face, body).map(|c| (c, f, b)));
        }
    }
    costs.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut taken = vec![false; bodies.len()];
    let mut out = vec![None; faces.len()];
    for (_, face, body) in costs {
        if out[face].is_none() && !taken[body] {
            out[face] = Some(body);
            taken[body] = true;
        }
    }
    out
}

/// Whether the box of a body is only a part of the person whose face this is, such as a tie between
/// lapels. Shoulders are nearly three heads wide, so what hangs below a face and is no wider than
/// it is nobody else at that distance; who is farther away stands behind this person.
pub fn is_part(face: &BBox, body: &BBox) -> bool {
    body.width <= face.width
        && (face.x..=face.right()).contains(&body.center().x)
        && (face.y..=face.bottom() + face.height * NECK).contains(&body.y)
        && body.bottom() > face.bottom()
}

/// How badly a face fits a body; `None` when it cannot be its face.
fn cost(face: &BBox, body: &BBox) -> Option<f32> {
    let middle = face.center();
    if is_part(face, body) {
        return Some(PART + (middle.x - body.center().x).abs() / face.width);
    }
    let inside =
        (body.x..=body.right()).contains(&middle.x) && (body.y..=body.bottom()).contains(&middle.y);
    let below = (face.y - body.y) / face.height;
    let fits = (-MOST_ABOVE..=MOST_BELOW).contains(&below)
        && body.width >= face.width * LEAST_WIDTH
        && face.area() > 0.0;
    (inside && fits).then(|| below.abs() + (middle.x - body.center().x).abs() / body.width)
}

/// Where each person is: the middle of each face, and of the head's part of each body without
/// one, unless that is but a part of somebody's. `pairs` is what [`pair`] said of them.
pub fn people(faces: &[BBox], bodies: &[BBox], pairs: &[Option<usize>]) -> Vec<Point> {
    let alone = bodies
        .iter()
        .enumerate()
        .filter(|(b, _)| !pairs.contains(&Some(*b)))
        .filter(|(_, body)| !faces.iter().any(|face| is_part(face, body)))
        .map(|(_, body)| head(body));
    faces.iter().map(BBox::center).chain(alone).collect()
}

/// The middle of the top eighth.
fn head(body: &BBox) -> Point {
    Point::new(body.center().x, body.y + body.height * HEAD_SHARE / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ADULT: BBox = BBox::new(100.0, 50.0, 80.0, 240.0);

    #[test]
    fn a_face_belongs_to_the_body_whose_top_it_is_at() {
        let face = BBox::new(125.0, 58.0, 30.0, 36.0);
        // A child stands before the adult: its face is at the adult's chest.
        let child = BBox::new(110.0, 150.0, 50.0, 140.0);
        let childs = BBox::new(122.0, 156.0, 24.0, 28.0);
        assert_eq!(pair(&[childs, face], &[ADULT, child]), [Some(1), Some(0)]);
        assert_eq!(pair(&[childs], &[ADULT]), [None]);
    }

    #[test]
    fn beside_below_and_larger_than_a_body_is_no_face_of_it() {
        for face in [
            BBox::new(200.0, 58.0, 30.0, 36.0),
            BBox::new(125.0, 150.0, 30.0, 36.0),
            BBox::new(20.0, 40.0, 240.0, 280.0),
            BBox::new(125.0, 58.0, 0.0, 0.0),
            BBox::new(f32::NAN, 58.0, 30.0, 36.0),
        ] {
            assert_eq!(pair(&[face], &[ADULT]), [None], "{face:?}");
        }
    }

    #[test]
    fn a_portrait_fills_its_body() {
        let face = BBox::new(60.0, 70.0, 120.0, 150.0);
        assert_eq!(
            pair(&[face], &[BBox::new(10.0, 10.0, 230.0, 290.0)]),
            [Some(0)]
        );
    }

    #[test]
    fn a_tie_is_nobody() {
        // As CenterNet boxes a half figure: the tie alone, from the chin or from the collar on.
        let face = BBox::new(215.0, 30.0, 170.0, 200.0);
        for top in [119.0, 240.0] {
            let tie = BBox::new(249.0, top, 78.0, 443.0);
            assert_eq!(pair(&[face], &[tie]), [Some(0)]);
            assert_eq!(people(&[face], &[tie], &[Some(0)]).len(), 1);
            // With the whole figure as well, that is the body, and the tie still nobody.
            let whole = BBox::new(20.0, 10.0, 540.0, 650.0);
            let both = [tie, whole];
            assert_eq!(pair(&[face], &both), [Some(1)]);
            assert_eq!(people(&[face], &both, &[Some(1)]).len(), 1);
        }
        // Somebody as wide as a person, or beside, is somebody else.
        for other in [
            BBox::new(150.0, 240.0, 300.0, 400.0),
            BBox::new(400.0, 100.0, 78.0, 443.0),
        ] {
            assert_eq!(pair(&[face], &[other]), [None], "{other:?}");
            assert_eq!(people(&[face], &[other], &[None]).len(), 2);
        }
    }

    #[test]
    fn everybody_is_counted_once() {
        let faces = [
            BBox::new(125.0, 58.0, 30.0, 36.0),
            BBox::new(400.0, 60.0, 30.0, 36.0),
        ];
        let bodies = [BBox::new(600.0, 40.0, 80.0, 160.0), ADULT];
        let pairs = pair(&faces, &bodies);
        assert_eq!(
            people(&faces, &bodies, &pairs),
            [
                Point::new(140.0, 76.0),
                Point::new(415.0, 78.0),
                Point::new(640.0, 50.0)
            ]
        );
    }

    fn boxes() -> impl Strategy<Value = Vec<BBox>> {
        let one = (0.0f32..500.0, 0.0f32..500.0, 1.0f32..200.0, 1.0f32..400.0);
        prop::collection::vec(one.prop_map(|(x, y, w, h)| BBox::new(x, y, w, h)), 0..12)
    }

    proptest! {
        #[test]
        fn no_body_is_shared_and_no_pair_is_left(faces in boxes(), bodies in boxes()) {
            let pairs = pair(&faces, &bodies);
            let mut used: Vec<usize> = pairs.iter().flatten().copied().collect();
            let count = used.len();
            used.sort_unstable();
            used.dedup();
            prop_assert_eq!(used.len(), count);
            for (f, face) in faces.iter().enumerate().filter(|(f, _)| pairs[*f].is_none()) {
                for (b, body) in bodies.iter().enumerate() {
                    prop_assert!(cost(face, body).is_none() || used.contains(&b), "{f} {b}");
                }
            }
            let somebody = |b: &usize| {
                !used.contains(b) && !faces.iter().any(|face| is_part(face, &bodies[*b]))
            };
            let alone = (0..bodies.len()).filter(somebody).count();
            prop_assert_eq!(people(&faces, &bodies, &pairs).len(), faces.len() + alone);
        }
    }
}
