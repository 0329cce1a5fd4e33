//! The parallax witness: a flat picture moves as a plane, a head does not.
//!
//! Between two views of a plane there is a homography, exactly. A nose stands out of the face by
//! about half the distance of the eyes, so between two views of a head turned against each other
//! by an angle `a` the best homography leaves an error that grows with `sin a`. The witness keeps
//! a few views of different head pose, fits a homography from the more turned to the more frontal
//! one of every pair that differs by 15 degrees or more, and takes the median of
//!
//! `depth = error / (eye distance · sin a)`.
//!
//! Only x and y of the mesh are used; z is a network's guess and would make every picture a head.
//! The network also pulls its points towards an average face, for pictures and people alike, so
//! the bounds leave a gap: below [`FLAT`] it is a plane, above [`DEEP`] it is not, between them
//! and with fewer than three pairs the witness is silent.

use goshawk_proto::{
    detection::{HeadPose, LivenessVerdict, LivenessWitness},
    geometry::Point,
};

use super::{homography::misfit, mesh, witness};

/// Most views kept of a track.
const MAX_VIEWS: usize = 12;
/// Views closer in pose than this, in degrees, say the same.
const MIN_APART: f32 = 4.0;
/// Pairs closer than this, in degrees, show too little.
const MIN_TURN: f32 = 15.0;
/// Pairs needed.
const MIN_PAIRS: usize = 3;
/// Up to this depth it is a plane.
pub const FLAT: f64 = 0.05;
/// From this depth on it is not.
pub const DEEP: f64 = 0.11;
/// Depth of a face that leaves no doubt.
const SURE: f64 = 0.16;

#[derive(Clone, Debug)]
struct View {
    pose: HeadPose,
    eye_distance: f32,
    points: Vec<Point>,
}

/// Views of one track, at most [`MAX_VIEWS`], as different in pose as they come.
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
        let near = self
            .kept
            .iter_mut()
            .find(|k| turn(k.pose, pose) < MIN_APART);
        match near {
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

    /// The later one of the two views that are nearest in pose goes.
    fn drop_most_alike(&mut self) {
        let mut closest = (f32::INFINITY, self.kept.len() - 1);
        for (a, b) in pairs(self.kept.len()) {
            let apart = turn(self.kept[a].pose, self.kept[b].pose);
            if apart < closest.0 {
                closest = (apart, b);
            }
        }
        self.kept.remove(closest.1);
    }

    /// Median depth over the usable pairs of views, and their number.
    pub fn depth(&self) -> Option<(f64, usize)> {
        let mut depths: Vec<f64> = pairs(self.kept.len())
            .filter_map(|(a, b)| pair_depth(&self.kept[a], &self.kept[b]))
            .collect();
        depths.sort_by(f64::total_cmp);
        let middle = depths.get(depths.len() / 2).copied()?;
        Some((middle, depths.len()))
    }
}

/// What the views say.
pub fn testify(views: &Views) -> LivenessWitness {
    let (verdict, strength) = match views.depth() {
        Some((depth, pairs)) if pairs >= MIN_PAIRS => judge(depth),
        _ => (LivenessVerdict::Unknown, 0.0),
    };
    witness("parallax", verdict, strength as f32)
}

/// Strength rises from one half at each bound to 1 at depth 0 and at [`SURE`].
fn judge(depth: f64) -> (LivenessVerdict, f64) {
    if depth <= FLAT {
        (LivenessVerdict::Spoof, 1.0 - 0.5 * depth / FLAT)
    } else if depth >= DEEP {
        let share = ((depth - DEEP) / (SURE - DEEP)).min(1.0);
        (LivenessVerdict::Real, 0.5 + 0.5 * share)
    } else {
        (LivenessVerdict::Unknown, 0.0)
    }
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

/// Angle in degrees between two poses, roll aside: a plane may roll without showing anything.
fn turn(a: HeadPose, b: HeadPose) -> f32 {
    (a.yaw - b.yaw).hypot(a.pitch - b.pitch)
}

fn pairs(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).flat_map(move |a| (a + 1..count).map(move |b| (a, b)))
}

#[cfg(test)]
mod tests;
