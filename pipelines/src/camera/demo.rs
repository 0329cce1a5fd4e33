//! The demo clip: two photographed people walk through an invented room.
//!
//! Everything is a function of the seed and of time, so a clip can be made anywhere and its ground
//! truth is known: each person's face box in each frame, and how much of it can be seen. The people
//! come several times each, cross, turn a little, come near and go away, while the light changes,
//! the camera sways and the picture gets blurred and noisy.

mod encode;
mod noise;
mod paint;
mod portrait;
mod scene;
mod script;
mod truth;

use std::{fs::File, io::BufWriter, num::NonZero, path::PathBuf, thread};

use goshawk_proto::{geometry::Size, picture::Rgb};

use crate::error::SourceError;
pub use portrait::enrol_photo;

use portrait::Portrait;
use scene::Scene;
use script::{Pose, Script};

/// A clip to make.
#[derive(Clone, Debug)]
pub struct DemoClip {
    /// Folder with `astronaut.png` and `grace_hopper.jpg`.
    pub portraits: PathBuf,
    /// File to write: `.mp4` or `.mkv`.
    pub out: PathBuf,
    /// File for the ground truth, one JSON object a frame.
    pub truth: Option<PathBuf>,
    /// Length, 1 to 3600 s.
    pub seconds: u32,
    /// Picture size; even, 320x180 to 3840x2160.
    pub size: Size,
    /// Frames a second, 1 to 60.
    pub fps: u32,
    /// Seed of the room and of small variations.
    pub seed: u64,
    /// Nobody comes, and neither light nor camera move: what most cameras see most of the time.
    pub empty: bool,
}

impl DemoClip {
    /// 50 s of 1280x720 at 25 frames a second.
    pub fn new(portraits: impl Into<PathBuf>, out: impl Into<PathBuf>) -> Self {
        Self {
            portraits: portraits.into(),
            out: out.into(),
            truth: None,
            seconds: 50,
            size: Size::new(1280, 720),
            fps: 25,
            seed: 1,
            empty: false,
        }
    }

    fn check(&self) -> Result<(), SourceError> {
        let Size { width, height } = self.size;
        let even = width.is_multiple_of(2) && height.is_multiple_of(2);
        let sized = (320..=3840).contains(&width) && (180..=2160).contains(&height);
        if !(even && sized && (1..=60).contains(&self.fps) && (1..=3600).contains(&self.seconds)) {
            return Err(SourceError::other(
                "a clip has 1 to 3600 s, 1 to 60 frames a second and an even size from 320x180 to \
                 3840x2160",
            ));
        }
        Ok(())
    }

    /// Makes the clip; `progress` is told how many frames of how many are done.
    ///
    /// # Errors
    /// When a portrait is missing, an option is out of range, or a file cannot be written.
    pub fn make(&self, progress: &mut dyn FnMut(u32, u32)) -> Result<(), SourceError> {
        self.check()?;
        let studio = Studio {
            people: portrait::load(&self.portraits)?,
            scene: Scene::new(self.size, self.seed),
            script: Script::new(self.size, self.seed),
            fps: self.fps,
            empty: self.empty,
        };
        let mut truth = self.truth.as_ref().map(create).transpose()?;
        let mut encoder = encode::Encoder::start(&self.out, self.size, self.fps)?;
        let frames = self.seconds * self.fps;
        let workers = thread::available_parallelism()
            .map_or(1, NonZero::get)
            .min(16) as u32;
        let mut done = 0;
        while done < frames {
            let batch = done..(done + workers).min(frames);
            for shot in studio.shoot(batch) {
                if let Some(file) = &mut truth {
                    truth::write(file, &shot.truth)
                        .map_err(|error| SourceError::other(format!("ground truth: {error}")))?;
                }
                encoder.push(&shot.picture)?;
                done += 1;
            }
            progress(done, frames);
        }
        encoder.finish()
    }
}

fn create(path: &PathBuf) -> Result<BufWriter<File>, SourceError> {
    File::create(path)
        .map(BufWriter::new)
        .map_err(|error| SourceError::other(format!("{}: {error}", path.display())))
}

/// Everything that a frame is made of.
struct Studio {
    people: [Portrait; 2],
    scene: Scene,
    script: Script,
    fps: u32,
    empty: bool,
}

/// One finished frame.
struct Shot {
    picture: Rgb,
    truth: truth::Line,
}

impl Studio {
    /// Frames, made in parallel.
    fn shoot(&self, frames: std::ops::Range<u32>) -> Vec<Shot> {
        thread::scope(|scope| {
            let hands: Vec<_> = frames
                .map(|frame| scope.spawn(move || self.frame(frame)))
                .collect();
            hands
                .into_iter()
                .filter_map(|hand| hand.join().ok())
                .collect()
        })
    }

    fn frame(&self, frame: u32) -> Shot {
        let time = f64::from(frame) / f64::from(self.fps);
        let of_scene = if self.empty { 0.0 } else { time };
        let light = self.scene.light(of_scene);
        let mut picture = self.scene.background(of_scene);
        let mut present: Vec<Pose> = match self.empty {
            true => Vec::new(),
            false => self.script.poses(time),
        };
        // Whoever is nearer is painted later.
        present.sort_by(|a, b| a.face_width.total_cmp(&b.face_width));
        for pose in &present {
            paint::person(&mut picture, &self.people[pose.person], pose);
        }
        let truth = truth::line(frame, time, picture.size(), &present, &self.people);
        self.scene.finish(&mut picture, frame, light);
        Shot { picture, truth }
    }
}

#[cfg(test)]
mod tests;
