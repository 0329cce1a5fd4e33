//! What both sides look at: a 1080p frame with one face, what is in it, and its sample.

use std::{fs::File, io::Write, path::Path};

use anyhow::{Context, ensure};
use goshawk_models::{
    DecodeLimits, Exif, Mesh, Picture,
    role::{Candidate, FaceCrop},
    warp_face,
};
use goshawk_proto::{
    geometry::{BBox, Point, Size},
    picture::{Pixels, Rgb},
};
use serde_json::json;

use super::Models;

/// Lowest score of a body.
pub const BODY_SCORE: f32 = 0.4;
/// How high the portrait stands in the frame, in pixels.
const PORTRAIT_HEIGHT: u32 = 640;
const FRAME: Size = Size {
    width: 1920,
    height: 1080,
};
/// Corners of both eyes in the mesh, as the iris model's documentation has them.
const EYE_CORNERS: [[usize; 2]; 2] = [[33, 133], [263, 362]];

/// A frame and where everything in it is, as our own pipeline found it.
pub struct Subject {
    pub frame: Picture,
    pub candidate: Candidate,
    pub mesh: Mesh,
    pub body: BBox,
    pub warp: Rgb,
}

impl Subject {
    /// Makes the frame from a portrait, finds what is in it, and writes all of it into `folder` for
    /// the peer.
    pub fn prepare(home: &Path, models: &Models, folder: &Path) -> anyhow::Result<Self> {
        let frame = frame(&home.join("clip/portraits/grace_hopper.jpg"))?;
        let found = models.faces_in(&frame)?;
        let candidate = *found.first().context("no face in the frame")?;
        let crop = FaceCrop {
            picture: &frame,
            candidate,
        };
        let mesh = models.meshes(&[crop])?.remove(0).mesh;
        let mesh = mesh.context("no mesh on the face")?;
        let body = models.bodies.find(&[&frame], BODY_SCORE)?.remove(0);
        let body = body.first().context("nobody in the frame")?.bbox;
        let warp = warp_face(&frame, &mesh.landmarks());
        let subject = Self {
            frame,
            candidate,
            mesh,
            body,
            warp,
        };
        subject.write(folder)?;
        Ok(subject)
    }

    /// The face, as the mesh network gets it.
    pub fn crop(&self) -> FaceCrop<'_> {
        FaceCrop {
            picture: &self.frame,
            candidate: self.candidate,
        }
    }

    fn write(&self, folder: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder)?;
        ppm(&folder.join("frame.ppm"), self.frame.rgb())?;
        ppm(&folder.join("warp.ppm"), &self.warp)?;
        let point = |p: Point| json!([p.x, p.y]);
        let bbox = |b: BBox| json!([b.x, b.y, b.width, b.height]);
        let corner = |index: usize| point(self.mesh.points()[index].flat());
        let subjects = json!({
            "face": bbox(self.candidate.bbox),
            "eyes": self.candidate.eyes.map(point),
            "mesh_box": bbox(self.mesh.bbox()),
            "eye_corners": EYE_CORNERS.map(|eye| eye.map(corner)),
            "body": bbox(self.body),
            "body_score": BODY_SCORE,
        });
        std::fs::write(folder.join("subjects.json"), subjects.to_string())?;
        Ok(())
    }
}

/// The portrait at the lower edge of the frame, in its middle.
fn frame(portrait: &Path) -> anyhow::Result<Picture> {
    let bytes = std::fs::read(portrait).with_context(|| portrait.display().to_string())?;
    let portrait = Picture::decode(&bytes, Exif::Apply, &DecodeLimits::default())?;
    let Size { width, height } = portrait.size();
    let fitted = Size::new(width * PORTRAIT_HEIGHT / height, PORTRAIT_HEIGHT);
    ensure!(fitted.width <= FRAME.width, "the portrait is too wide");
    let mut part = Rgb::black(fitted);
    portrait.region(portrait.size().into(), fitted, &mut part);
    let mut frame = Rgb::black(FRAME);
    frame.data_mut().fill(110);
    let left = ((FRAME.width - fitted.width) / 2 * 3) as usize;
    let row = FRAME.width as usize * 3;
    let part_row = fitted.width as usize * 3;
    for (to, from) in frame
        .data_mut()
        .chunks_exact_mut(row)
        .skip((FRAME.height - PORTRAIT_HEIGHT) as usize)
        .zip(part.data().chunks_exact(part_row))
    {
        to[left..left + part_row].copy_from_slice(from);
    }
    Ok(Picture::from_rgb(frame))
}

fn ppm(path: &Path, rgb: &Rgb) -> anyhow::Result<()> {
    let mut file = File::create(path)?;
    let Size { width, height } = rgb.size();
    write!(file, "P6\n{width} {height}\n255\n")?;
    file.write_all(rgb.data())?;
    Ok(())
}
