//! Parts of a face whose pixels are measured.

use goshawk_proto::{
    geometry::{BBox, Point},
    picture::{Pixels, Rgb},
    score::Score,
};

use crate::{body::View, post::eyes::rim, pre::align::template, role::EyeMesh};

/// Sides of a cheek's square, in distances of the eyes (ISO/IEC 29794-5's zones).
const CHEEK: f32 = 0.3;
/// Redness (Gaubatz and Ulichney, 2002) from which a pixel is red.
const RED: f32 = 3.0;
/// Red value below which a pixel is too dark to have a colour.
const LEAST_RED: u8 = 60;
/// Most pixels a side of an iris that are looked at.
const IRIS_VIEW: u32 = 48;

/// The pixels of the left and the right cheek of an aligned sample: squares under the eyes'
/// middles, half way to the mouth's corners.
pub fn cheeks(warp: &Rgb) -> [Vec<[u8; 3]>; 2] {
    let side = warp.size().width.min(warp.size().height);
    let points = template(side);
    let half = points[0].distance(points[1]) * CHEEK / 2.0;
    [(0, 3), (1, 4)].map(|(eye, mouth)| {
        let middle = Point::new(points[eye].x, (points[eye].y + points[mouth].y) / 2.0);
        square(warp, middle, half)
    })
}

fn square(warp: &Rgb, middle: Point, half: f32) -> Vec<[u8; 3]> {
    let range = |at: f32| (at - half).round() as i64..(at + half).round() as i64;
    if warp.data().is_empty() {
        return Vec::new();
    }
    range(middle.y)
        .flat_map(|y| range(middle.x).map(move |x| (x, y)))
        .map(|(x, y)| warp.pixel(x, y))
        .collect()
}

/// The pixels of an aligned sample's face: an ellipse that holds brow to chin.
pub fn face(warp: &Rgb) -> impl Iterator<Item = [u8; 3]> + '_ {
    let (width, height) = (warp.size().width as usize, warp.size().height as usize);
    let pixels = warp.data().as_chunks::<3>().0.iter().enumerate();
    pixels
        .filter(move |(index, _)| {
            let dx = ((index % width) as f32 + 0.5) / width as f32 - 0.5;
            let dy = ((index / width) as f32 + 0.5) / height as f32 - 0.58;
            (dx / 0.30).powi(2) + (dy / 0.40).powi(2) <= 1.0
        })
        .map(|(_, rgb)| *rgb)
}

/// Share of an iris' pixels that are red.
pub fn red_share(picture: &dyn Pixels, eye: &EyeMesh) -> Score {
    let rim = rim(eye);
    let (mut low, mut high) = (rim[0], rim[0]);
    for p in rim {
        low = Point::new(low.x.min(p.x), low.y.min(p.y));
        high = Point::new(high.x.max(p.x), high.y.max(p.y));
    }
    let bbox = BBox::from_edges(low.x, low.y, high.x, high.y);
    let Some(view) = View::of(picture, &bbox, IRIS_VIEW) else {
        return Score::ZERO;
    };
    let middle = bbox.center();
    let inside = |p: &Point| {
        let x = (p.x - middle.x) / (bbox.width / 2.0);
        let y = (p.y - middle.y) / (bbox.height / 2.0);
        x * x + y * y <= 1.0
    };
    let (mut red, mut all) = (0u32, 0u32);
    for (_, rgb) in view.pixels().filter(|(at, _)| inside(at)) {
        all += 1;
        red += u32::from(is_red(rgb));
    }
    Score::saturating(red as f32 / all.max(1) as f32)
}

fn is_red([r, g, b]: [u8; 3]) -> bool {
    let [red, green, blue] = [r, g, b].map(f32::from);
    r >= LEAST_RED && red * red / (green * green + blue * blue + 14.0) >= RED
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{picture::Picture, post::eyes::tests::drawn};
    use goshawk_proto::geometry::Size;

    fn filled(colour: [u8; 3], size: Size) -> Rgb {
        let count = (size.width * size.height) as usize;
        Rgb::from_data(size, colour.repeat(count)).unwrap()
    }

    #[test]
    fn cheeks_are_where_cheeks_are() {
        let mut warp = filled([10, 10, 10], Size::new(250, 250));
        for y in 130..190 {
            for x in 60..110 {
                let at = (y * 250 + x) * 3;
                warp.data_mut()[at..at + 3].copy_from_slice(&[200, 150, 120]);
            }
        }
        let [left, right] = cheeks(&warp);
        assert!(left.len() > 400 && left.iter().all(|p| p[0] == 200));
        assert!(right.len() > 400 && right.iter().all(|p| p[0] == 10));
        assert!(cheeks(&Rgb::default()).iter().all(Vec::is_empty));
    }

    #[test]
    fn the_face_is_about_four_tenths_of_the_sample() {
        let count = face(&filled([1, 2, 3], Size::new(250, 250))).count();
        assert!((0.34..0.40).contains(&(count as f32 / 62_500.0)), "{count}");
        assert_eq!(face(&Rgb::default()).count(), 0);
    }

    #[test]
    fn flash_lit_eyes_are_red_and_brown_ones_are_not() {
        let size = Size::new(120, 100);
        let eye = drawn(Point::new(60.0, 50.0), 9.0, (0.0, 0.0));
        let share = |colour| red_share(&Picture::from_rgb(filled(colour, size)), &eye).get();
        assert!(share([200, 50, 60]) > 0.99);
        for colour in [
            [95, 60, 40],
            [40, 90, 120],
            [30, 30, 30],
            [50, 10, 10],
            [205, 150, 120],
        ] {
            assert_eq!(share(colour), 0.0, "{colour:?}");
        }
    }
}
