//! The face mesh: 468 points in space, and what can be measured on them.
//!
//! Point numbers are those of MediaPipe's face mesh. "Left" is the left side of the image.

use goshawk_proto::{
    detection::Landmarks5,
    geometry::{BBox, Point},
};

use crate::pre::affine::Affine;

/// Points of a mesh.
pub const POINTS: usize = 468;
/// Sides of the network's input in pixels.
pub const SIDE: u32 = 192;

/// A point in space, in the picture's pixels. `z` grows away from the camera, has the scale of
/// `x` and `y`, and is zero somewhere inside the head.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point3 {
    /// Right of the picture's left edge.
    pub x: f32,
    /// Below its top edge.
    pub y: f32,
    /// Away from the camera.
    pub z: f32,
}

impl Point3 {
    /// The point in the picture's plane.
    pub fn flat(self) -> Point {
        Point::new(self.x, self.y)
    }
}

/// The points of one face.
#[derive(Clone, Debug, PartialEq)]
pub struct Mesh {
    points: Box<[Point3]>,
}

/// Eye contours as (outer corner, inner corner, upper lid, lower lid) with two lid pairs.
const LEFT_EYE: [usize; 6] = [33, 160, 158, 133, 153, 144];
const RIGHT_EYE: [usize; 6] = [263, 387, 385, 362, 380, 373];

impl Mesh {
    /// From the network's numbers (x, y, z in pixels of its input, 468 times) and the map from
    /// its input to the picture. `None` for another number of values or some not finite.
    pub fn from_raw(values: &[f32], to_picture: &Affine) -> Option<Self> {
        if values.len() != POINTS * 3 || !values.iter().all(|v| v.is_finite()) {
            return None;
        }
        let scale = to_picture.scale();
        let point = |v: &[f32; 3]| {
            let flat = to_picture.apply(Point::new(v[0], v[1]));
            Point3 {
                x: flat.x,
                y: flat.y,
                z: v[2] * scale,
            }
        };
        Some(Self {
            points: values.as_chunks::<3>().0.iter().map(point).collect(),
        })
    }

    /// All 468 points.
    pub fn points(&self) -> &[Point3] {
        &self.points
    }

    /// Point `index`; there are 468.
    pub(crate) fn point(&self, index: usize) -> Point3 {
        self.points[index]
    }

    /// Eyes (middle between their corners), nose tip and mouth corners.
    pub fn landmarks(&self) -> Landmarks5 {
        let at = |index: usize| self.point(index).flat();
        let middle = |a: Point, b: Point| Point::new((a.x + b.x) / 2.0, (a.y + b.y) / 2.0);
        [
            middle(at(33), at(133)),
            middle(at(362), at(263)),
            at(1),
            at(61),
            at(291),
        ]
    }

    /// The upright box round all points: from the hairline to the chin.
    pub fn bbox(&self) -> BBox {
        let first = self.point(0);
        let mut edges = [first.x, first.y, first.x, first.y];
        for p in &self.points {
            edges = [
                edges[0].min(p.x),
                edges[1].min(p.y),
                edges[2].max(p.x),
                edges[3].max(p.y),
            ];
        }
        BBox::from_edges(edges[0], edges[1], edges[2], edges[3])
    }

    /// How far the left and the right eye of the image are open: the eye aspect ratio of
    /// Soukupová and Čech (2016), the mean of two lid distances over the distance of the corners,
    /// in space. 0.2 to 0.35 when open (measured on eleven portraits), less when closed; the mesh alone follows
    /// lids loosely, so compare within one track rather than with a fixed limit.
    pub fn eye_openness(&self) -> [f32; 2] {
        [LEFT_EYE, RIGHT_EYE].map(|eye| {
            let [outer, upper1, upper2, inner, lower2, lower1] = eye.map(|i| self.point(i));
            let width = distance(outer, inner);
            if width <= f32::EPSILON {
                return 0.0;
            }
            (distance(upper1, lower1) + distance(upper2, lower2)) / (2.0 * width)
        })
    }
}

fn distance(a: Point3, b: Point3) -> f32 {
    ((a.x - b.x).powi(2) + (a.y - b.y).powi(2) + (a.z - b.z).powi(2)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(set: &[(usize, [f32; 3])]) -> Vec<f32> {
        let mut values = vec![96.0; POINTS * 3];
        for (index, at) in set {
            values[index * 3..][..3].copy_from_slice(at);
        }
        values
    }

    #[test]
    fn points_go_to_the_picture_with_their_depth() {
        let map = Affine::from_square(192.0, Point::new(300.0, 200.0), 384.0, 0.0);
        let values = raw(&[
            (1, [96.0, 106.0, -20.0]),
            (33, [60.0, 80.0, 0.0]),
            (133, [80.0, 80.0, 0.0]),
        ]);
        let mesh = Mesh::from_raw(&values, &map).unwrap();
        let five = mesh.landmarks();
        assert!(five[2].distance(Point::new(300.0, 220.0)) < 1e-3);
        assert!(five[0].distance(Point::new(248.0, 168.0)) < 1e-3);
        assert!((mesh.points()[1].z + 40.0).abs() < 1e-3);
        assert!((mesh.bbox().x - 228.0).abs() < 1e-3);
    }

    #[test]
    fn an_eye_opens_and_closes() {
        let lids = |gap: f32| {
            raw(&[
                (33, [50.0, 80.0, 0.0]),
                (133, [80.0, 80.0, 0.0]),
                (160, [60.0, 80.0 - gap, 0.0]),
                (144, [60.0, 80.0 + gap, 0.0]),
                (158, [70.0, 80.0 - gap, 0.0]),
                (153, [70.0, 80.0 + gap, 0.0]),
            ])
        };
        let open = Mesh::from_raw(&lids(5.0), &Affine::IDENTITY)
            .unwrap()
            .eye_openness();
        let shut = Mesh::from_raw(&lids(0.5), &Affine::IDENTITY)
            .unwrap()
            .eye_openness();
        assert!((open[0] - 1.0 / 3.0).abs() < 1e-4);
        assert!(shut[0] < 0.05);
        assert_eq!(open[1], 0.0);
    }

    #[test]
    fn wrong_numbers_are_no_mesh() {
        assert!(Mesh::from_raw(&[0.0; 12], &Affine::IDENTITY).is_none());
        assert!(Mesh::from_raw(&[f32::NAN; POINTS * 3], &Affine::IDENTITY).is_none());
    }
}
