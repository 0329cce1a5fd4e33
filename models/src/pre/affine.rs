//! Affine maps of the plane and the least-squares similarity between two point sets.

use goshawk_proto::geometry::Point;

/// `x' = a·x + b·y + tx`, `y' = c·x + d·y + ty`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// Share of `x` in `x'`.
    pub a: f32,
    /// Share of `y` in `x'`.
    pub b: f32,
    /// Added to `x'`.
    pub tx: f32,
    /// Share of `x` in `y'`.
    pub c: f32,
    /// Share of `y` in `y'`.
    pub d: f32,
    /// Added to `y'`.
    pub ty: f32,
}

impl Affine {
    /// Nothing moves.
    pub const IDENTITY: Self = Self {
        a: 1.0,
        b: 0.0,
        tx: 0.0,
        c: 0.0,
        d: 1.0,
        ty: 0.0,
    };

    /// Scales by `scale`, turns by `angle` radians (clockwise as seen, y being down) about the
    /// origin, then moves the origin to `to`.
    pub fn similarity(scale: f32, angle: f32, to: Point) -> Self {
        let (sin, cos) = (scale * angle.sin(), scale * angle.cos());
        Self {
            a: cos,
            b: -sin,
            tx: to.x,
            c: sin,
            d: cos,
            ty: to.y,
        }
    }

    /// From a square of `side` output pixels to the square of the same centre `center`, with
    /// sides of `length` picture pixels, turned by `angle` radians clockwise.
    pub fn from_square(side: f32, center: Point, length: f32, angle: f32) -> Self {
        let turned = Self::similarity(length / side, angle, Point::default());
        let middle = turned.apply(Point::new(side / 2.0, side / 2.0));
        Self {
            tx: center.x - middle.x,
            ty: center.y - middle.y,
            ..turned
        }
    }

    /// Where a point goes.
    pub fn apply(&self, p: Point) -> Point {
        Point::new(
            self.a * p.x + self.b * p.y + self.tx,
            self.c * p.x + self.d * p.y + self.ty,
        )
    }

    /// The way back; `None` when the map flattens the plane.
    pub fn inverse(&self) -> Option<Self> {
        let det = self.a * self.d - self.b * self.c;
        if !det.is_finite() || det.abs() < 1e-12 {
            return None;
        }
        let (a, b, c, d) = (self.d / det, -self.b / det, -self.c / det, self.a / det);
        Some(Self {
            a,
            b,
            tx: -(a * self.tx + b * self.ty),
            c,
            d,
            ty: -(c * self.tx + d * self.ty),
        })
    }

    /// How many output pixels' lengths one input pixel's becomes: the square root of the area's
    /// factor.
    pub fn scale(&self) -> f32 {
        (self.a * self.d - self.b * self.c).abs().sqrt()
    }
}

/// The similarity (scale, turn, shift; no mirroring) that takes `from` nearest to `to` in the
/// least-squares sense. `None` for fewer than two points, sets of different length, or points
/// that all coincide.
///
/// In the plane the solution of Umeyama (1991), "Least-squares estimation of transformation
/// parameters between two point patterns", has a closed form over the complex numbers: with both
/// sets centred, `w = Σ conj(p)·q / Σ |p|²`.
pub fn fit_similarity(from: &[Point], to: &[Point]) -> Option<Affine> {
    if from.len() != to.len() || from.len() < 2 {
        return None;
    }
    let (from_mid, to_mid) = (mean(from), mean(to));
    let (mut re, mut im, mut norm) = (0.0f64, 0.0f64, 0.0f64);
    for (p, q) in from.iter().zip(to) {
        let (px, py) = (f64::from(p.x - from_mid.x), f64::from(p.y - from_mid.y));
        let (qx, qy) = (f64::from(q.x - to_mid.x), f64::from(q.y - to_mid.y));
        re += px * qx + py * qy;
        im += px * qy - py * qx;
        norm += px * px + py * py;
    }
    let (re, im) = (re / norm, im / norm);
    if !re.is_finite() || !im.is_finite() || re.hypot(im) < 1e-9 {
        return None;
    }
    let (re, im) = (re as f32, im as f32);
    let turned = Affine {
        a: re,
        b: -im,
        tx: 0.0,
        c: im,
        d: re,
        ty: 0.0,
    };
    let moved = turned.apply(from_mid);
    Some(Affine {
        tx: to_mid.x - moved.x,
        ty: to_mid.y - moved.y,
        ..turned
    })
}

fn mean(points: &[Point]) -> Point {
    let count = points.len().max(1) as f32;
    let sum = points
        .iter()
        .fold(Point::default(), |s, p| Point::new(s.x + p.x, s.y + p.y));
    Point::new(sum.x / count, sum.y / count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_point() -> impl Strategy<Value = Point> {
        (-100.0f32..100.0, -100.0f32..100.0).prop_map(|(x, y)| Point::new(x, y))
    }

    proptest! {
        #[test]
        fn a_known_similarity_is_found(
            points in prop::collection::vec(any_point(), 3..8),
            scale in 0.1f32..5.0, angle in -3.1f32..3.1, to in any_point(),
        ) {
            prop_assume!(points.iter().any(|p| p.distance(points[0]) > 10.0));
            let map = Affine::similarity(scale, angle, to);
            let moved: Vec<Point> = points.iter().map(|p| map.apply(*p)).collect();
            let found = fit_similarity(&points, &moved).unwrap();
            for p in &points {
                prop_assert!(found.apply(*p).distance(map.apply(*p)) < 0.05);
            }
            prop_assert!((found.scale() - scale).abs() < 0.01);
        }

        #[test]
        fn there_and_back(p in any_point(), scale in 0.1f32..5.0, angle in -3.1f32..3.1, to in any_point()) {
            let map = Affine::similarity(scale, angle, to);
            prop_assert!(map.inverse().unwrap().apply(map.apply(p)).distance(p) < 0.05);
        }

        #[test]
        fn noise_is_shared_out(points in prop::collection::vec(any_point(), 5), at in 0usize..5, by in any_point()) {
            // The residual of the fit is never worse than that of leaving everything in place.
            prop_assume!(points.iter().any(|p| p.distance(points[0]) > 10.0));
            let mut moved = points.clone();
            moved[at] = Point::new(moved[at].x + by.x / 10.0, moved[at].y + by.y / 10.0);
            if let Some(found) = fit_similarity(&points, &moved) {
                let error = |f: &dyn Fn(Point) -> Point| -> f32 {
                    points.iter().zip(&moved).map(|(p, q)| f(*p).distance(*q).powi(2)).sum()
                };
                prop_assert!(error(&|p| found.apply(p)) <= error(&|p| p) + 0.01);
            }
        }
    }

    #[test]
    fn a_square_keeps_its_centre_and_turns_clockwise() {
        let map = Affine::from_square(
            10.0,
            Point::new(50.0, 60.0),
            20.0,
            std::f32::consts::FRAC_PI_2,
        );
        assert!(
            map.apply(Point::new(5.0, 5.0))
                .distance(Point::new(50.0, 60.0))
                < 1e-3
        );
        // The output's right middle lies below the centre of the picture's square.
        assert!(
            map.apply(Point::new(10.0, 5.0))
                .distance(Point::new(50.0, 70.0))
                < 1e-3
        );
    }

    #[test]
    fn points_that_coincide_have_no_similarity() {
        let one = [Point::new(3.0, 4.0); 5];
        let other = [
            Point::new(0.0, 0.0),
            Point::new(1.0, 0.0),
            Point::new(0.0, 1.0),
            Point::new(1.0, 1.0),
            Point::new(2.0, 2.0),
        ];
        assert_eq!(fit_similarity(&one, &other), None);
        assert_eq!(fit_similarity(&other, &one), None);
        assert_eq!(fit_similarity(&other[..1], &one[..1]), None);
    }
}
