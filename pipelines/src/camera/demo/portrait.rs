//! The two people, cut out of their photographs.
//!
//! Both pictures are in the public domain: NASA's portrait of Eileen Collins (`astronaut.png` of
//! scikit-image) and the US Navy's of Grace Hopper (`grace_hopper.jpg` of matplotlib). A hand-made
//! outline of head and body, softened at its edge, is the mask. Below the photograph's edge the
//! clothes go on, so that nobody ends in the air.

use std::path::Path;

use goshawk_proto::{
    geometry::{BBox, Size},
    stream::FailureKind,
};

use crate::error::SourceError;

/// Half the width of the soft edge in pixels of the photograph.
const SOFT: f32 = 4.0;
/// Rows that the clothes go on for.
const MORE_ROWS: usize = 520;

/// A cut-out at full size and at halves of it.
pub(super) struct Portrait {
    /// Name in the ground truth.
    pub name: &'static str,
    /// The face from brow to chin and cheek to cheek, in pixels of the photograph.
    pub face: BBox,
    /// Each level half the size of the one before.
    levels: Vec<Level>,
}

struct Level {
    width: usize,
    height: usize,
    /// Red, green, blue and coverage, colours multiplied by coverage, 0 to 255.
    pixels: Vec<[f32; 4]>,
}

struct Recipe {
    file: &'static str,
    name: &'static str,
    size: Size,
    face: BBox,
    /// Outline of the person; the first and the last point lie on the lower edge.
    outline: &'static [(f32, f32)],
}

const ASTRONAUT: Recipe = Recipe {
    file: "astronaut.png",
    name: "astronaut",
    size: Size::new(512, 512),
    face: BBox::new(180.0, 72.0, 90.0, 115.0),
    outline: &[
        (24.0, 512.0),
        (26.0, 440.0),
        (24.0, 400.0),
        (36.0, 320.0),
        (52.0, 262.0),
        (88.0, 226.0),
        (116.0, 206.0),
        (118.0, 184.0),
        (132.0, 164.0),
        (154.0, 153.0),
        (180.0, 151.0),
        (186.0, 138.0),
        (176.0, 124.0),
        (162.0, 106.0),
        (155.0, 84.0),
        (160.0, 60.0),
        (174.0, 38.0),
        (196.0, 23.0),
        (226.0, 17.0),
        (258.0, 21.0),
        (282.0, 36.0),
        (296.0, 58.0),
        (300.0, 84.0),
        (292.0, 108.0),
        (278.0, 124.0),
        (268.0, 130.0),
        (264.0, 150.0),
        (262.0, 172.0),
        (284.0, 188.0),
        (300.0, 212.0),
        (306.0, 238.0),
        (328.0, 252.0),
        (346.0, 274.0),
        (356.0, 304.0),
        (360.0, 346.0),
        (392.0, 344.0),
        (434.0, 348.0),
        (468.0, 366.0),
        (488.0, 398.0),
        (496.0, 436.0),
        (498.0, 512.0),
    ],
};

const HOPPER: Recipe = Recipe {
    file: "grace_hopper.jpg",
    name: "grace_hopper",
    size: Size::new(512, 600),
    face: BBox::new(172.0, 135.0, 188.0, 198.0),
    outline: &[
        (14.0, 600.0),
        (18.0, 520.0),
        (26.0, 450.0),
        (40.0, 412.0),
        (60.0, 386.0),
        (110.0, 360.0),
        (160.0, 340.0),
        (192.0, 322.0),
        (200.0, 306.0),
        (190.0, 294.0),
        (174.0, 276.0),
        (166.0, 252.0),
        (158.0, 226.0),
        (154.0, 200.0),
        (156.0, 182.0),
        (148.0, 172.0),
        (146.0, 140.0),
        (150.0, 108.0),
        (164.0, 88.0),
        (174.0, 82.0),
        (180.0, 60.0),
        (204.0, 38.0),
        (236.0, 26.0),
        (262.0, 24.0),
        (292.0, 30.0),
        (322.0, 44.0),
        (344.0, 62.0),
        (352.0, 84.0),
        (366.0, 94.0),
        (371.0, 112.0),
        (370.0, 150.0),
        (366.0, 176.0),
        (375.0, 190.0),
        (374.0, 216.0),
        (366.0, 246.0),
        (360.0, 276.0),
        (348.0, 300.0),
        (334.0, 312.0),
        (340.0, 326.0),
        (380.0, 344.0),
        (436.0, 366.0),
        (474.0, 386.0),
        (494.0, 406.0),
        (504.0, 450.0),
        (508.0, 520.0),
        (508.0, 600.0),
    ],
};

/// Reads and cuts both portraits.
pub(super) fn load(folder: &Path) -> Result<[Portrait; 2], SourceError> {
    Ok([ASTRONAUT.cut(folder)?, HOPPER.cut(folder)?])
}

/// Writes a picture of the first person from another crop and at another size than in the clip:
/// what somebody would hand in to be recognised by.
///
/// # Errors
/// When the portrait is missing or the file cannot be written.
pub fn enrol_photo(portraits: &Path, out: &Path) -> Result<(), SourceError> {
    let photo = ASTRONAUT.read(portraits)?;
    let head = image::imageops::crop_imm(&photo, 104, 2, 242, 268).to_image();
    let filter = image::imageops::FilterType::CatmullRom;
    let head = image::imageops::resize(&head, 420, 465, filter);
    head.save_with_format(out, image::ImageFormat::Jpeg)
        .map_err(|error| SourceError::other(format!("{}: {error}", out.display())))
}

impl Recipe {
    fn read(&self, folder: &Path) -> Result<image::RgbImage, SourceError> {
        let path = folder.join(self.file);
        let failed = |what: String| {
            SourceError::new(FailureKind::NotFound, format!("{}: {what}", path.display()))
        };
        let photo = image::open(&path)
            .map_err(|error| failed(error.to_string()))?
            .into_rgb8();
        let Size { width, height } = self.size;
        if (photo.width(), photo.height()) != (width, height) {
            return Err(failed(format!(
                "not the expected portrait of {width}x{height} pixels"
            )));
        }
        Ok(photo)
    }

    fn cut(&self, folder: &Path) -> Result<Portrait, SourceError> {
        let photo = self.read(folder)?;
        let mut levels = vec![self.full_size(&photo)];
        while let Some(last) = levels.last().filter(|level| level.width > 8) {
            levels.push(last.half());
        }
        Ok(Portrait {
            name: self.name,
            face: self.face,
            levels,
        })
    }

    fn full_size(&self, photo: &image::RgbImage) -> Level {
        let (width, rows) = (self.size.width as usize, self.size.height as usize);
        let height = rows + MORE_ROWS;
        let mut colours: Vec<[f32; 3]> =
            photo.pixels().map(|pixel| pixel.0.map(f32::from)).collect();
        for row in rows..height {
            // The row above, a little smoother and darker.
            for x in 0..width {
                let above = |x: usize| colours[(row - 1) * width + x.min(width - 1)];
                let (a, b, c) = (above(x.saturating_sub(1)), above(x), above(x + 1));
                let mixed = |i: usize| (a[i] + 2.0 * b[i] + c[i]) / 4.0 * 0.9992;
                colours.push([mixed(0), mixed(1), mixed(2)]);
            }
        }
        let pixels = colours
            .iter()
            .enumerate()
            .map(|(i, &[r, g, b])| {
                let place = (i % width, i / width);
                let cover = coverage(self.outline, place.0 as f32 + 0.5, place.1 as f32 + 0.5);
                [r * cover, g * cover, b * cover, 255.0 * cover]
            })
            .collect();
        Level {
            width,
            height,
            pixels,
        }
    }
}

/// How much of a pixel belongs to the person, 0 to 1. The outline goes on straight down.
fn coverage(outline: &[(f32, f32)], x: f32, y: f32) -> f32 {
    let bottom = outline.first().map_or(0.0, |point| point.1);
    let y = y.min(bottom - 2.0 * SOFT);
    let mut inside = false;
    let mut nearest = f32::MAX;
    for pair in outline.windows(2) {
        let ((ax, ay), (bx, by)) = (pair[0], pair[1]);
        if (ay > y) != (by > y) && x < ax + (y - ay) / (by - ay) * (bx - ax) {
            inside = !inside;
        }
        let (dx, dy) = (bx - ax, by - ay);
        let t = (((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
        nearest = nearest.min((x - ax - t * dx).hypot(y - ay - t * dy));
    }
    let signed = if inside { nearest } else { -nearest };
    // Wholly covered only inside: the photograph's background must not shine through the edge.
    super::noise::ease((signed + SOFT * 0.4) / (SOFT * 1.6))
}

impl Level {
    fn half(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let at = |dx: usize, dy: usize| self.pixels[(y * 2 + dy) * self.width + x * 2 + dx];
                let (a, b, c, d) = (at(0, 0), at(1, 0), at(0, 1), at(1, 1));
                pixels.push([0, 1, 2, 3].map(|i| (a[i] + b[i] + c[i] + d[i]) / 4.0));
            }
        }
        Self {
            width,
            height,
            pixels,
        }
    }

    /// Bilinear; nothing outside, except that the lowest row goes on.
    fn sample(&self, x: f32, y: f32) -> [f32; 4] {
        let (x, y) = (x - 0.5, (y - 0.5).min(self.height as f32 - 1.01));
        let (left, top) = (x.floor(), y.floor());
        let (u, v) = (x - left, y - top);
        let at = |dx: i32, dy: i32| {
            let (x, y) = (left as i32 + dx, top as i32 + dy);
            let within =
                (0..self.width as i32).contains(&x) && (0..self.height as i32).contains(&y);
            if within {
                self.pixels[y as usize * self.width + x as usize]
            } else {
                [0.0; 4]
            }
        };
        let (a, b, c, d) = (at(0, 0), at(1, 0), at(0, 1), at(1, 1));
        [0, 1, 2, 3]
            .map(|i| (a[i] * (1.0 - u) + b[i] * u) * (1.0 - v) + (c[i] * (1.0 - u) + d[i] * u) * v)
    }
}

impl Portrait {
    /// Width of the photograph in pixels.
    pub fn width(&self) -> f32 {
        self.levels[0].width as f32
    }

    /// Height of the cut-out in pixels.
    pub fn height(&self) -> f32 {
        self.levels[0].height as f32
    }

    /// Colour and coverage around a point of the photograph, averaged over about `2^blur` pixels.
    pub fn sample(&self, x: f32, y: f32, blur: f32) -> [f32; 4] {
        let blur = blur.clamp(0.0, self.levels.len() as f32 - 1.001);
        let (level, rest) = (blur as usize, blur.fract());
        let scale = 1.0 / (1u32 << level) as f32;
        let fine = self.levels[level].sample(x * scale, y * scale);
        if rest < 0.02 {
            return fine;
        }
        let coarse = self.levels[level + 1].sample(x * scale / 2.0, y * scale / 2.0);
        [0, 1, 2, 3].map(|i| fine[i] * (1.0 - rest) + coarse[i] * rest)
    }
}
