//! A person made of a portrait: its pixels, where the face is, and how far each part of it stands
//! out. The relief comes from the mesh that the network sees in the portrait.

use std::path::Path;

use anyhow::Context;
use goshawk_models::{DecodeLimits, DetectOptions, Exif, Face, FaceAnalyzer, Picture};
use goshawk_proto::{
    geometry::{BBox, Point, Size},
    picture::{Pixels, Rgb},
};

/// Cells of the relief across and down; it spans `RELIEF` face widths and heights to each side.
const GRID: (usize, usize) = (72, 72);
const RELIEF: f32 = 0.9;
/// How far one mesh point reaches in the relief, in face heights.
const REACH: f32 = 0.05;
/// Lowest face of a portrait in pixels.
const MIN_FACE: f32 = 70.0;
/// Outer and inner corner of each eye in the mesh, left one first.
const EYES: [[usize; 2]; 2] = [[33, 133], [263, 362]];

/// See the module. Places on the person are in face widths and heights from the face's middle.
pub struct Person {
    /// File name, for messages.
    pub name: String,
    photo: Rgb,
    face: BBox,
    /// Depth of each cell in face heights; smaller is nearer to the camera.
    relief: Vec<f32>,
    eyes: [Eye; 2],
}

/// An eye: its middle, half its width and half its height, in the person's measure.
#[derive(Clone, Copy)]
struct Eye {
    middle: Point,
    half: (f32, f32),
}

/// What a face does at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mimic {
    /// How far the lids are down, 0 to 1.
    pub closed: f32,
    /// How far the irises are to the side, in widths of the eye.
    pub gaze: f32,
    /// Where the heart is in its beat, -1 to 1, times how much of it the skin shows.
    pub pulse: f32,
}

impl Person {
    /// The person of a picture file; `None` where no face in it is large enough.
    pub fn read(path: &Path, analyzer: &FaceAnalyzer) -> anyhow::Result<Option<Self>> {
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        let picture = Picture::decode(&bytes, Exif::Apply, &DecodeLimits::default())
            .with_context(|| path.display().to_string())?;
        // Larger pictures only cost time.
        let size = Pixels::size(&picture);
        let longest = size.width.max(size.height).max(1) as f32;
        let scale = (900.0 / longest).min(1.0);
        let side = |v: u32| ((v as f32 * scale) as u32).max(1);
        let mut photo = Rgb::default();
        picture.region(
            size.into(),
            Size::new(side(size.width), side(size.height)),
            &mut photo,
        );
        let picture = Picture::from_rgb(photo);
        let found = analyzer.detect(&[&picture], &DetectOptions::default())?;
        let largest = found.into_iter().flatten().max_by(|a, b| {
            let height = |face: &Face| face.detection.bbox.height;
            height(a).total_cmp(&height(b))
        });
        let Some(face) = largest.filter(|face| face.detection.bbox.height >= MIN_FACE) else {
            return Ok(None);
        };
        let name = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned());
        Ok(Some(Self {
            name: name.unwrap_or_default(),
            relief: relief(&face),
            eyes: EYES.map(|points| eye(&face, points)),
            face: face.detection.bbox,
            photo: picture.into_rgb(),
        }))
    }

    /// Depth at a place, in face heights.
    pub fn depth(&self, u: f32, v: f32) -> f32 {
        let cell = |value: f32, count: usize| {
            ((value / RELIEF + 1.0) / 2.0 * count as f32 - 0.5).clamp(0.0, count as f32 - 1.001)
        };
        let (x, y) = (cell(u, GRID.0), cell(v, GRID.1));
        let (left, top) = (x as usize, y as usize);
        let (a, b) = (x.fract(), y.fract());
        let at = |dx: usize, dy: usize| self.relief[(top + dy) * GRID.0 + left + dx];
        (at(0, 0) * (1.0 - a) + at(1, 0) * a) * (1.0 - b)
            + (at(0, 1) * (1.0 - a) + at(1, 1) * a) * b
    }

    /// Colour at a place, doing as `mimic` says.
    pub fn colour(&self, u: f32, v: f32, mimic: &Mimic) -> [f32; 3] {
        let (mut u, mut v) = (u, v);
        for eye in &self.eyes {
            (u, v) = eye.moved(u, v, mimic);
        }
        let colour = self.sample(u, v);
        let skin = (u / 0.42).powi(2) + (v / 0.45).powi(2) < 1.0;
        if !skin {
            return colour;
        }
        let wave = |share: f32| 1.0 + share * mimic.pulse;
        [
            colour[0] * wave(0.33),
            colour[1] * wave(0.77),
            colour[2] * wave(0.53),
        ]
    }

    /// Bilinear; the photograph's edge goes on beyond it.
    fn sample(&self, u: f32, v: f32) -> [f32; 3] {
        let center = self.face.center();
        let x = center.x + u * self.face.width - 0.5;
        let y = center.y + v * self.face.height - 0.5;
        let (left, top) = (x.floor(), y.floor());
        let (a, b) = (x - left, y - top);
        let at = |dx: i64, dy: i64| self.photo.pixel(left as i64 + dx, top as i64 + dy);
        let (p, q, r, s) = (at(0, 0), at(1, 0), at(0, 1), at(1, 1));
        [0, 1, 2].map(|c| {
            (f32::from(p[c]) * (1.0 - a) + f32::from(q[c]) * a) * (1.0 - b)
                + (f32::from(r[c]) * (1.0 - a) + f32::from(s[c]) * a) * b
        })
    }
}

impl Eye {
    /// The place that shows at `u`, `v` once lids and iris have moved.
    fn moved(&self, u: f32, v: f32, mimic: &Mimic) -> (f32, f32) {
        let (x, y) = (
            (u - self.middle.x) / self.half.0,
            (v - self.middle.y) / self.half.1,
        );
        if x.abs() >= 1.0 || y.abs() >= 2.2 {
            return (u, v);
        }
        let lid = (1.0 - x * x).max(0.0).sqrt();
        // The upper lid's edge comes down from -lid to +lid; above it is the lid's skin.
        let edge = -lid + 2.0 * lid * mimic.closed;
        if mimic.closed > 0.02 && y < edge && y > -2.2 {
            let share = (y + 2.2) / (edge + 2.2).max(0.05);
            let above = -2.2 + share * (2.2 - 1.35 * lid - 0.15);
            return (u, self.middle.y + above * self.half.1);
        }
        if y.abs() < 1.1 * lid {
            let shift = mimic.gaze * 2.0 * self.half.0 * (1.0 - x * x);
            return (u - shift, v);
        }
        (u, v)
    }
}

fn eye(face: &Face, [outer, inner]: [usize; 2]) -> Eye {
    let bbox = face.detection.bbox;
    let center = bbox.center();
    let at = |index: usize| {
        let point = face.mesh.points()[index].flat();
        Point::new(
            (point.x - center.x) / bbox.width,
            (point.y - center.y) / bbox.height,
        )
    };
    let (a, b) = (at(outer), at(inner));
    let half = (a.x - b.x).abs() / 2.0;
    Eye {
        middle: Point::new((a.x + b.x) / 2.0, (a.y + b.y) / 2.0),
        // Open eyes are about 0.3 as high as they are wide.
        half: (half, half * 0.34 * bbox.width / bbox.height),
    }
}

/// The mesh's depth spread over cells, on an ellipsoid where there is none.
fn relief(face: &Face) -> Vec<f32> {
    let bbox = face.detection.bbox;
    let center = bbox.center();
    let points: Vec<(f32, f32, f32)> = face
        .mesh
        .points()
        .iter()
        .map(|p| {
            (
                (p.x - center.x) / bbox.width,
                (p.y - center.y) / bbox.height,
                p.z / bbox.height,
            )
        })
        .collect();
    let rim = points
        .iter()
        .filter(|(u, v, _)| u.hypot(*v) > 0.42)
        .map(|(_, _, z)| *z)
        .fold((0.0, 0.0), |(sum, count), z| (sum + z, count + 1.0));
    let rim = if rim.1 > 0.0 { rim.0 / rim.1 } else { 0.2 };
    let mut cells = Vec::with_capacity(GRID.0 * GRID.1);
    for row in 0..GRID.1 {
        for column in 0..GRID.0 {
            let place =
                |at: usize, count: usize| ((at as f32 + 0.5) / count as f32 * 2.0 - 1.0) * RELIEF;
            let (u, v) = (place(column, GRID.0), place(row, GRID.1));
            let away = (u / 0.7).powi(2) + (v / 0.8).powi(2);
            let (mut sum, mut weights) = ((rim + 0.25 * (away - 0.5).max(0.0)) * 0.02, 0.02);
            for (x, y, z) in &points {
                let square = ((u - x).powi(2) + (v - y).powi(2)) / (REACH * REACH);
                if square < 9.0 {
                    let weight = (-square).exp();
                    sum += weight * z;
                    weights += weight;
                }
            }
            cells.push(sum / weights);
        }
    }
    cells
}

/// How much of a place belongs to the person, 0 to 1: head, and neck with shoulders where `body`.
pub fn cover(u: f32, v: f32, body: bool) -> f32 {
    let soft = |distance: f32| (0.5 - distance * 12.0).clamp(0.0, 1.0);
    let head = soft((u / 0.64).hypot((v + 0.1) / 0.68) - 1.0);
    let neck_end = if body { 3.0 } else { 0.62 };
    let neck = if (0.2..neck_end).contains(&v) {
        soft(u.abs() - 0.3)
    } else {
        0.0
    };
    let shoulders = if body && v > 0.7 {
        soft(u.abs() - (0.3 + 1.5 * (v - 0.7).sqrt()).min(1.5))
    } else {
        0.0
    };
    head.max(neck).max(shoulders)
}
