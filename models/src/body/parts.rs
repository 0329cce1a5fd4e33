//! Parts of a body that its joints mark: trunk, thighs, forearms.

use goshawk_proto::geometry::{BBox, Point};

use crate::role::{Joint, Joints};

/// Score from which a joint is sure.
pub const SURE: f32 = 0.3;

/// Where joints stand in [`Joints`]; `LEFT` is the person's left.
pub mod joint {
    /// Left and right shoulder.
    pub const SHOULDERS: [usize; 2] = [5, 6];
    /// Left and right elbow.
    pub const ELBOWS: [usize; 2] = [7, 8];
    /// Left and right wrist.
    pub const WRISTS: [usize; 2] = [9, 10];
    /// Left and right hip.
    pub const HIPS: [usize; 2] = [11, 12];
    /// Left and right knee.
    pub const KNEES: [usize; 2] = [13, 14];
}

/// Half the thickness of a thigh that is surely inside it, in lengths of the trunk.
const THIGH: f32 = 0.12;
/// Half the thickness of a forearm, likewise.
const FOREARM: f32 = 0.05;
/// How much the trunk's outline is drawn in towards its middle, so that arms and background stay
/// outside.
const INSET: f32 = 0.2;
/// Height of the chest that is surely clothed, in distances of the shoulders.
const CHEST: f32 = 0.7;
/// Length of a trunk in distances of its shoulders, where the hips are not seen.
const TRUNK: f32 = 1.3;
/// The part of the forearm, from the elbow, that tells sleeves apart: not the elbow, not the hand.
const FOREARM_SPAN: (f32, f32) = (0.35, 0.9);

/// A thick line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limb {
    from: Point,
    to: Point,
    radius: f32,
}

impl Limb {
    /// Whether a point is in it; its ends are cut off square.
    pub fn holds(&self, at: Point) -> bool {
        let (dx, dy) = (self.to.x - self.from.x, self.to.y - self.from.y);
        let length = dx * dx + dy * dy;
        let (px, py) = (at.x - self.from.x, at.y - self.from.y);
        let along = (px * dx + py * dy) / length;
        let across = (px * dy - py * dx).abs() / length.sqrt();
        (0.0..=1.0).contains(&along) && across <= self.radius
    }

    /// The upright box round it.
    pub fn bbox(&self) -> BBox {
        let r = self.radius;
        BBox::from_edges(
            self.from.x.min(self.to.x) - r,
            self.from.y.min(self.to.y) - r,
            self.from.x.max(self.to.x) + r,
            self.from.y.max(self.to.y) + r,
        )
    }
}

/// The trunk: a quadrilateral of shoulders and hips, drawn in; or the chest alone, where the hips
/// are not seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trunk {
    /// In turn: left shoulder, right shoulder, right hip, left hip.
    corners: [Point; 4],
    length: f32,
}

impl Trunk {
    /// `None` unless the shoulders are sure, and the shoulders or the hips are apart from them.
    pub fn of(joints: &Joints) -> Option<Self> {
        let shoulders = sure(joints, joint::SHOULDERS)?;
        match sure(joints, joint::HIPS) {
            Some(hips) => Self::whole(shoulders, hips),
            None => Self::chest(shoulders),
        }
    }

    fn whole([ls, rs]: [Point; 2], [lh, rh]: [Point; 2]) -> Option<Self> {
        let length = middle(ls, rs).distance(middle(lh, rh));
        Self::drawn_in([ls, rs, rh, lh], length)
    }

    /// Below the line of the shoulders, as far down as [`CHEST`] of its length.
    fn chest([ls, rs]: [Point; 2]) -> Option<Self> {
        let down = if ls.x >= rs.x { 1.0 } else { -1.0 };
        let (dx, dy) = ((ls.x - rs.x) * down, (ls.y - rs.y) * down);
        let below = |p: Point| Point::new(p.x - dy * CHEST, p.y + dx * CHEST);
        let length = ls.distance(rs) * TRUNK;
        Self::drawn_in([ls, rs, below(rs), below(ls)], length)
    }

    fn drawn_in(corners: [Point; 4], length: f32) -> Option<Self> {
        let centre = middle(
            middle(corners[0], corners[2]),
            middle(corners[1], corners[3]),
        );
        let inset = |p: Point| between(p, centre, INSET);
        (length > 4.0).then(|| Self {
            corners: corners.map(inset),
            length,
        })
    }

    /// Shoulders to hips, in pixels.
    pub fn length(&self) -> f32 {
        self.length
    }

    /// Whether a point is in it: on the same side of all four edges.
    pub fn holds(&self, at: Point) -> bool {
        let side = |i: usize| {
            let (a, b) = (self.corners[i], self.corners[(i + 1) % 4]);
            (b.x - a.x) * (at.y - a.y) - (b.y - a.y) * (at.x - a.x)
        };
        let sides = [0, 1, 2, 3].map(side);
        sides.iter().all(|s| *s >= 0.0) || sides.iter().all(|s| *s <= 0.0)
    }
}

/// Both thighs, as far as their ends are sure.
pub fn thighs(joints: &Joints, trunk: &Trunk) -> Vec<Limb> {
    limbs(joints, joint::HIPS, joint::KNEES)
        .map(|(from, to)| Limb {
            from: between(from, to, 0.15),
            to: between(from, to, 0.9),
            radius: trunk.length * THIGH,
        })
        .collect()
}

/// Both forearms without elbow and hand, as far as their ends are sure.
pub fn forearms(joints: &Joints, trunk: &Trunk) -> Vec<Limb> {
    limbs(joints, joint::ELBOWS, joint::WRISTS)
        .map(|(from, to)| Limb {
            from: between(from, to, FOREARM_SPAN.0),
            to: between(from, to, FOREARM_SPAN.1),
            radius: trunk.length * FOREARM,
        })
        .collect()
}

fn limbs(
    joints: &Joints,
    from: [usize; 2],
    to: [usize; 2],
) -> impl Iterator<Item = (Point, Point)> + '_ {
    from.into_iter()
        .zip(to)
        .filter_map(|(a, b)| Some((at(&joints[a])?, at(&joints[b])?)))
        .filter(|(a, b)| a.distance(*b) > 2.0)
}

/// Both of a pair of joints, if both are sure.
pub fn sure(joints: &Joints, pair: [usize; 2]) -> Option<[Point; 2]> {
    Some([at(&joints[pair[0]])?, at(&joints[pair[1]])?])
}

fn at(joint: &Joint) -> Option<Point> {
    let sure = joint.score.get() >= SURE && joint.at.x.is_finite() && joint.at.y.is_finite();
    sure.then_some(joint.at)
}

fn middle(a: Point, b: Point) -> Point {
    between(a, b, 0.5)
}

fn between(a: Point, b: Point, share: f32) -> Point {
    Point::new(a.x + (b.x - a.x) * share, a.y + (b.y - a.y) * share)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use goshawk_proto::score::Score;

    /// Somebody who stands upright and faces the camera: trunk 60 × 80, arms hanging beside it.
    pub(crate) fn standing() -> Joints {
        let mut joints = Joints::default();
        let places = [
            (100.0, 20.0),
            (105.0, 16.0),
            (95.0, 16.0),
            (112.0, 20.0),
            (88.0, 20.0), //
            (130.0, 50.0),
            (70.0, 50.0),
            (140.0, 90.0),
            (60.0, 90.0),
            (142.0, 128.0),
            (58.0, 128.0), //
            (120.0, 130.0),
            (80.0, 130.0),
            (122.0, 190.0),
            (78.0, 190.0),
            (122.0, 250.0),
            (78.0, 250.0),
        ];
        for (joint, (x, y)) in joints.iter_mut().zip(places) {
            *joint = Joint {
                at: Point::new(x, y),
                score: Score::saturating(0.8),
            };
        }
        joints
    }

    #[test]
    fn parts_lie_where_they_should() {
        let joints = standing();
        let trunk = Trunk::of(&joints).unwrap();
        assert!((trunk.length() - 80.0).abs() < 1e-3);
        assert!(trunk.holds(Point::new(100.0, 90.0)) && !trunk.holds(Point::new(140.0, 90.0)));
        let thighs = thighs(&joints, &trunk);
        assert_eq!(thighs.len(), 2);
        assert!(thighs.iter().any(|t| t.holds(Point::new(121.0, 160.0))));
        assert!(
            !thighs.iter().any(|t| t.holds(Point::new(100.0, 160.0))),
            "between the legs"
        );
        let forearms = forearms(&joints, &trunk);
        assert!(forearms[0].holds(Point::new(141.2, 115.0)));
        assert!(!forearms[0].holds(Point::new(140.0, 91.0)), "the elbow");
        assert!(forearms[0].bbox().y > 98.0);
    }

    #[test]
    fn without_hips_there_is_a_chest() {
        let mut joints = standing();
        joints[joint::HIPS[0]].score = Score::saturating(0.2);
        let chest = Trunk::of(&joints).unwrap();
        assert!(chest.holds(Point::new(100.0, 71.0)) && !chest.holds(Point::new(100.0, 30.0)));
        assert!(
            !chest.holds(Point::new(100.0, 110.0)),
            "no further than is known"
        );
        assert!((chest.length() - 78.0).abs() < 1e-3);
        assert!(thighs(&joints, &chest).len() == 1);
        // Seen from behind the left shoulder is on the left: the chest is still below.
        joints.swap(joint::SHOULDERS[0], joint::SHOULDERS[1]);
        assert!(Trunk::of(&joints).unwrap().holds(Point::new(100.0, 71.0)));
    }

    #[test]
    fn unsure_joints_mark_nothing() {
        let mut joints = standing();
        joints[joint::SHOULDERS[0]].score = Score::saturating(0.2);
        assert_eq!(Trunk::of(&joints), None);
        let mut joints = standing();
        joints[joint::WRISTS[1]].score = Score::ZERO;
        joints[joint::KNEES[0]].at.x = f32::NAN;
        let trunk = Trunk::of(&joints).unwrap();
        assert_eq!(forearms(&joints, &trunk).len(), 1);
        assert_eq!(thighs(&joints, &trunk).len(), 1);
        assert_eq!(Trunk::of(&Joints::default()), None);
    }
}
