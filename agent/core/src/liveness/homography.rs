//! The plane-to-plane map that fits point pairs best: how badly it fits, and how much it squeezes.
//!
//! Direct linear transform with normalised coordinates (Hartley 1997, "In defense of the
//! eight-point algorithm"; Hartley and Zisserman, "Multiple View Geometry", 4.4), with the last
//! entry fixed to 1: the maps here lie near the identity, so it cannot vanish.

use goshawk_proto::geometry::Point;

/// Root mean square distance in pixels between `to` and the image of `from` under the best
/// homography; `None` where none can be fitted (fewer than eight pairs, or all on a line).
pub(super) fn misfit(from: &[Point], to: &[Point]) -> Option<f64> {
    if from.len() != to.len() || from.len() < 8 {
        return None;
    }
    let (source, target) = (Frame::of(from)?, Frame::of(to)?);
    let pairs: Vec<[f64; 4]> = from
        .iter()
        .zip(to)
        .map(|(a, b)| {
            let ((x, y), (u, v)) = (source.enter(*a), target.enter(*b));
            [x, y, u, v]
        })
        .collect();
    let h = fit(&pairs)?;
    let mut sum = 0.0;
    for [x, y, u, v] in &pairs {
        let w = h[6] * x + h[7] * y + 1.0;
        if w.abs() < 1e-3 {
            return None;
        }
        let (px, py) = (
            (h[0] * x + h[1] * y + h[2]) / w,
            (h[3] * x + h[4] * y + h[5]) / w,
        );
        sum += (px - u).powi(2) + (py - v).powi(2);
    }
    let rms = (sum / pairs.len() as f64).sqrt() * target.scale;
    rms.is_finite().then_some(rms)
}

/// How much the best affine map from `from` to `to` stretches one direction more than the other:
/// the ratio of its singular values, 1 for turning and scaling alone, `1 / cos a` for a plane that
/// turned away by `a`. `None` for points on a line.
pub(super) fn squeeze(from: &[Point], to: &[Point]) -> Option<f64> {
    if from.len() != to.len() || from.len() < 3 {
        return None;
    }
    let (source, target) = (Frame::of(from)?, Frame::of(to)?);
    let (mut spread, mut cross) = ([0.0; 3], [0.0; 4]);
    for (a, b) in from.iter().zip(to) {
        let ((x, y), (u, v)) = (source.enter(*a), target.enter(*b));
        spread = [spread[0] + x * x, spread[1] + x * y, spread[2] + y * y];
        cross = [
            cross[0] + u * x,
            cross[1] + u * y,
            cross[2] + v * x,
            cross[3] + v * y,
        ];
    }
    let [xx, xy, yy] = spread;
    let determinant = xx * yy - xy * xy;
    if determinant < 1e-6 * (xx + yy).powi(2) {
        return None;
    }
    let [ux, uy, vx, vy] = cross;
    let (a, b) = (
        (ux * yy - uy * xy) / determinant,
        (uy * xx - ux * xy) / determinant,
    );
    let (c, d) = (
        (vx * yy - vy * xy) / determinant,
        (vy * xx - vx * xy) / determinant,
    );
    // Singular values of a 2 x 2 matrix are the sum and the difference of these two.
    let (one, two) = ((a + d).hypot(c - b) / 2.0, (a - d).hypot(c + b) / 2.0);
    let (large, small) = (one + two, (one - two).abs());
    (small > 1e-6 * large).then(|| large / small)
}

/// Coordinates centred on a point set and scaled to its spread.
struct Frame {
    x: f64,
    y: f64,
    scale: f64,
}

impl Frame {
    fn of(points: &[Point]) -> Option<Self> {
        let count = points.len() as f64;
        let x = points.iter().map(|p| f64::from(p.x)).sum::<f64>() / count;
        let y = points.iter().map(|p| f64::from(p.y)).sum::<f64>() / count;
        let square = |p: &Point| (f64::from(p.x) - x).powi(2) + (f64::from(p.y) - y).powi(2);
        let scale = (points.iter().map(square).sum::<f64>() / (2.0 * count)).sqrt();
        (scale.is_finite() && scale > 1e-6).then_some(Self { x, y, scale })
    }

    fn enter(&self, p: Point) -> (f64, f64) {
        (
            (f64::from(p.x) - self.x) / self.scale,
            (f64::from(p.y) - self.y) / self.scale,
        )
    }
}

/// Least squares over the eight free entries, by the normal equations.
fn fit(pairs: &[[f64; 4]]) -> Option<[f64; 8]> {
    let mut matrix = [[0.0; 9]; 8];
    let mut add = |row: [f64; 8], value: f64| {
        for i in 0..8 {
            for j in 0..8 {
                matrix[i][j] += row[i] * row[j];
            }
            matrix[i][8] += row[i] * value;
        }
    };
    for &[x, y, u, v] in pairs {
        add([x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y], u);
        add([0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y], v);
    }
    solve(matrix)
}

/// Gaussian elimination with partial pivoting of an 8 × 8 system with its right side as last column.
fn solve(mut m: [[f64; 9]; 8]) -> Option<[f64; 8]> {
    for col in 0..8 {
        let pivot = (col..8).max_by(|a, b| m[*a][col].abs().total_cmp(&m[*b][col].abs()))?;
        if m[pivot][col].abs() < 1e-9 {
            return None;
        }
        m.swap(col, pivot);
        let lead = m[col];
        for row in m.iter_mut().skip(col + 1) {
            let factor = row[col] / lead[col];
            for (cell, above) in row.iter_mut().zip(lead).skip(col) {
                *cell -= factor * above;
            }
        }
    }
    let mut solution = [0.0; 8];
    for row in (0..8).rev() {
        let known: f64 = (row + 1..8).map(|j| m[row][j] * solution[j]).sum();
        solution[row] = (m[row][8] - known) / m[row][row];
    }
    Some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn grid() -> Vec<Point> {
        (0..36)
            .map(|i| Point::new((i % 6) as f32 * 20.0, (i / 6) as f32 * 25.0))
            .collect()
    }

    proptest! {
        #[test]
        fn a_plane_seen_anew_fits_exactly(
            a in 0.7f64..1.3, b in -0.3f64..0.3, c in -500.0f64..500.0,
            d in -0.3f64..0.3, e in 0.7f64..1.3, f in -500.0f64..500.0,
            g in -0.001f64..0.001, h in -0.001f64..0.001,
        ) {
            let from = grid();
            let to: Vec<Point> = from.iter().map(|p| {
                let (x, y) = (f64::from(p.x), f64::from(p.y));
                let w = g * x + h * y + 1.0;
                Point::new(((a * x + b * y + c) / w) as f32, ((d * x + e * y + f) / w) as f32)
            }).collect();
            let off = misfit(&from, &to).unwrap();
            prop_assert!(off < 0.05, "{off} px");
        }
    }

    #[test]
    fn a_point_out_of_the_plane_does_not_fit() {
        let from = grid();
        let mut to = from.clone();
        to[14].x += 12.0;
        let off = misfit(&from, &to).unwrap();
        assert!(
            (1.0..=2.0).contains(&off),
            "{off}, of 12 / sqrt(36) = 2 at most"
        );
    }

    #[test]
    fn the_squeeze_is_that_of_the_map_whatever_its_turn() {
        for turn in [0.0f64, 0.4, 2.0] {
            let (s, c) = turn.sin_cos();
            let squeezed = |p: &Point| {
                let (x, y) = (0.8 * f64::from(p.x), f64::from(p.y));
                Point::new(
                    (3.0 * (c * x - s * y)) as f32,
                    (3.0 * (s * x + c * y)) as f32,
                )
            };
            let to: Vec<Point> = grid().iter().map(squeezed).collect();
            let found = squeeze(&grid(), &to).unwrap();
            assert!((found - 1.25).abs() < 1e-4, "{found}");
        }
    }

    #[test]
    fn degenerate_points_have_no_answer() {
        let line: Vec<Point> = (0..20)
            .map(|i| Point::new(i as f32, 2.0 * i as f32))
            .collect();
        assert_eq!(misfit(&line, &line), None);
        assert_eq!(squeeze(&line, &line), None);
        assert_eq!(
            misfit(&[Point::default(); 20], &[Point::default(); 20]),
            None
        );
        assert_eq!(misfit(&grid()[..4], &grid()[..4]), None);
    }
}
