//! The parallax witness: a flat picture moves as a plane, a head does not.
//!
//! Between two views of a plane there is a homography, exactly; between two views of a head
//! turned there is none, because the nose stands out by half the distance of the eyes. A mesh
//! network sees the two cases differently, and the witness uses both signs:
//!
//! * a head that turns: the mesh's pose changes, and the best homography from the more turned to
//!   the more frontal view leaves an error. `depth = error / (eye distance · sin turn)`, median
//!   over pairs turned by 15 degrees or more. From [`DEEP`] on it is no plane;
//! * a picture that turns: it is squeezed, but shows the same side of the face, so the mesh's pose
//!   stays. `flatness = error / eye distance`, median over pairs squeezed by [`SQUEEZE`] or more
//!   against each other while the pose stays within 12 degrees and the face near its place (a
//!   wide-angle lens squeezes real heads at the edge). Up to [`FLAT`] it is a plane.
//!
//! Either needs three pairs without a view in common, since a single bad mesh (a face half hidden,
//! or leaving the frame) makes as many turned pairs as there are other views. When both or neither
//! speak the witness is silent. Only x and y of the
//! mesh are used; z is a network's guess and would make every picture a head.
//!
//! The bounds come from measurements with the default pack: a real head in an interview had depth
//! 0.22 to 0.31 and, where squeezed without turning, an error of 0.036 and more in 95 of 100
//! pairs (median 0.056); fourteen photographs, turned by up to 40 degrees before a simulated
//! camera with blur and compression, had a median error of 0.014 to 0.033 and hardly a pair
//! turned by 12 degrees. One head is few, so there is a gap between the bounds. Faces half hidden
//! or cut by the picture's edge must be kept away from the witness: the network completes them,
//! with depth. A recording of a turning head, replayed, has true depth and is beyond this witness.

use goshawk_proto::{
    detection::{HeadPose, LivenessVerdict, LivenessWitness},
    geometry::Point,
};

use super::{
    homography::{misfit, squeeze},
    mesh, witness,
};

/// Most views kept of a track.
const MAX_VIEWS: usize = 12;
/// Views closer than this in pose (degrees) and in squeeze (logarithm) say the same.
const POSE_STEP: f32 = 4.0;
const SQUEEZE_STEP: f32 = 0.05;
/// Pairs turned by so many degrees show depth.
const MIN_TURN: f32 = 15.0;
/// Pairs turned by so many degrees at most show flatness.
const MAX_STILL: f32 = 12.0;
/// Pairs squeezed by so much show flatness: as if a plane had turned by 33 degrees.
pub const SQUEEZE: f32 = 1.2;
/// Most eye distances between the places of two faces that show flatness.
const MAX_WAY: f32 = 4.0;
/// Pairs needed that have no view in common.
const MIN_PAIRS: usize = 3;
/// Up to this flatness it is a plane.
pub const FLAT: f64 = 0.028;
/// From this depth on it is not, and with the second one there is no doubt left.
pub const DEEP: f64 = 0.17;
const SURE: f64 = 0.23;

#[derive(Clone, Debug)]
struct View {
    pose: HeadPose,
    eye_distance: f32,
    points: Vec<Point>,
}

/// Views of one track, at most `MAX_VIEWS`, as different as they come.
#[derive(Clone, Debug, Default)]
pub struct Views {
    kept: Vec<View>,
}

impl Views {
    /// Takes one view in: a whole mesh and where the head looks.
    pub fn observe(&mut self, points: &[Point], pose: HeadPose) {
        if !pose.yaw.is_finite() || !pose.pitch.is_finite() {
            return;
        }
        let view = View {
            pose,
            eye_distance: mesh::eye_distance(points),
            points: mesh::RIGID.iter().map(|i| points[*i]).collect(),
        };
        let twin = self.kept.iter_mut().find(|k| apart(k, &view) < 1.0);
        match twin {
            // The larger face is the better measured one.
            Some(twin) if view.eye_distance > 1.1 * twin.eye_distance => *twin = view,
            Some(_) => {}
            None => self.kept.push(view),
        }
        if self.kept.len() > MAX_VIEWS {
            self.drop_most_alike();
        }
    }

    /// How many views there are.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Median depth over the pairs that show it; `None` where they are too few.
    pub fn depth(&self) -> Option<f64> {
        self.median(pair_depth)
    }

    /// Median flatness over the pairs that show it; `None` where they are too few.
    pub fn flatness(&self) -> Option<f64> {
        self.median(pair_flatness)
    }

    fn median(&self, measure: fn(&View, &View) -> Option<f64>) -> Option<f64> {
        let mut values = Vec::new();
        let mut used = vec![false; self.kept.len()];
        let mut disjoint = 0;
        for (a, b) in pairs(self.kept.len()) {
            let Some(value) = measure(&self.kept[a], &self.kept[b]) else {
                continue;
            };
            values.push(value);
            // Greedy: finds at least half as many disjoint pairs as there are.
            if !used[a] && !used[b] {
                (used[a], used[b]) = (true, true);
                disjoint += 1;
            }
        }
        values.sort_by(f64::total_cmp);
        (disjoint >= MIN_PAIRS).then(|| values[values.len() / 2])
    }

    /// The later one of the two views that are most alike goes.
    fn drop_most_alike(&mut self) {
        let mut closest = (f32::INFINITY, self.kept.len() - 1);
        for (a, b) in pairs(self.kept.len()) {
            let between = apart(&self.kept[a], &self.kept[b]);
            if between < closest.0 {
                closest = (between, b);
            }
        }
        self.kept.remove(closest.1);
    }
}

/// What the views say. Strength rises from one half at each bound to 1 without doubt.
pub fn testify(views: &Views) -> LivenessWitness {
    let deep = views.depth().filter(|depth| *depth >= DEEP);
    let flat = views.flatness().filter(|flatness| *flatness <= FLAT);
    let (verdict, strength) = match (deep, flat) {
        (Some(depth), None) => {
            let share = ((depth - DEEP) / (SURE - DEEP)).min(1.0);
            (LivenessVerdict::Real, 0.5 + 0.5 * share)
        }
        (None, Some(flatness)) => (LivenessVerdict::Spoof, 1.0 - 0.5 * flatness / FLAT),
        _ => (LivenessVerdict::Unknown, 0.0),
    };
    witness("parallax", verdict, strength as f32)
}

fn pair_depth(a: &View, b: &View) -> Option<f64> {
    let angle = turn(a.pose, b.pose);
    if angle < MIN_TURN {
        return None;
    }
    let away = |v: &View| v.pose.yaw.hypot(v.pose.pitch);
    let (turned, frontal) = if away(a) > away(b) { (a, b) } else { (b, a) };
    let error = misfit(&turned.points, &frontal.points)?;
    let sine = f64::from(angle.min(90.0).to_radians().sin());
    Some(error / (f64::from(frontal.eye_distance) * sine))
}

/// Measured in the view with the wider eyes, the less squeezed one most likely.
fn pair_flatness(a: &View, b: &View) -> Option<f64> {
    let (narrow, wide) = if a.eye_distance < b.eye_distance {
        (a, b)
    } else {
        (b, a)
    };
    let way = middle(&narrow.points).distance(middle(&wide.points));
    if turn(a.pose, b.pose) > MAX_STILL || way > MAX_WAY * wide.eye_distance {
        return None;
    }
    if squeeze(&narrow.points, &wide.points)? < f64::from(SQUEEZE) {
        return None;
    }
    Some(misfit(&narrow.points, &wide.points)? / f64::from(wide.eye_distance))
}

/// How different two views are; below 1 they say the same.
fn apart(a: &View, b: &View) -> f32 {
    let squeezed = squeeze(&a.points, &b.points).map_or(0.0, |s| s.ln() as f32);
    (turn(a.pose, b.pose) / POSE_STEP).max(squeezed / SQUEEZE_STEP)
}

/// Angle in degrees between two poses, roll aside: a plane may roll without showing anything.
fn turn(a: HeadPose, b: HeadPose) -> f32 {
    (a.yaw - b.yaw).hypot(a.pitch - b.pitch)
}

fn middle(points: &[Point]) -> Point {
    let count = points.len().max(1) as f32;
    let sum = points
        .iter()
        .fold((0.0, 0.0), |(x, y), p| (x + p.x, y + p.y));
    Point::new(sum.0 / count, sum.1 / count)
}

fn pairs(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).flat_map(move |a| (a + 1..count).map(move |b| (a, b)))
}

#[cfg(test)]
mod tests;
