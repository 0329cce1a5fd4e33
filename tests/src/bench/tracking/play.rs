//! Our tracker on a scene, and scenes as files of the MOT Challenge's form, which the peers and
//! the metrics read.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
    time::Duration,
};

use goshawk_agent_core::track::{Observation, State, TrackNumber, Tracker, TrackerSettings};
use goshawk_proto::{geometry::BBox, score::Score};

use super::{
    detector::{Detector, Object},
    random::Random,
    scenes::{Frame, Kind, Scene, visible},
};

/// Seconds between two boxes of a track over which its way is taken for straight.
const BRIDGED: f64 = 0.4;

/// One row of a result: frame from 0, identity, box.
pub type Told = (usize, u64, BBox);

/// How a scene is followed: as the agent does, but for the score from which a track may begin. In
/// the agent a stream's specification gives that; here it is SORT's own, for all scores count.
pub fn settings(kind: Kind) -> TrackerSettings {
    let settings = match kind {
        Kind::Bodies => TrackerSettings::bodies(),
        Kind::Faces => TrackerSettings::default(),
    };
    TrackerSettings {
        sure_score: 0.25,
        ..settings
    }
}

/// What the tracker tells as the scene goes by, with the detector on every `every`-th frame; on
/// the others it tells where it expects those whom it saw lately.
pub fn follow(scene: &Scene, settings: &TrackerSettings, every: usize) -> Vec<Told> {
    let mut tracker = Tracker::new(settings.clone());
    let mut told = Vec::new();
    for (number, frame) in scene.frames.iter().enumerate() {
        let now = Duration::from_secs_f64(number as f64 / scene.fps);
        if number % every == 0 {
            let seen = observations(frame);
            let update = tracker.handle_detections(now, &seen);
            for (seen, track) in seen.iter().zip(update.assigned) {
                let track = track.and_then(|number| tracker.track(number));
                if let Some(track) = track.filter(|t| t.is_confirmed()) {
                    told.push((number, track.number().0, seen.bbox));
                }
            }
        } else {
            tracker.handle_timeout(now);
            for track in tracker.tracks().filter(|t| t.state() == State::Confirmed) {
                told.push((number, track.number().0, track.predicted()));
            }
        }
    }
    told
}

/// What is on record of the scene once it is over, as events have it: all boxes of tracks that were
/// confirmed, their first ones too, and between boxes at most [`BRIDGED`] apart the straight way.
pub fn record(scene: &Scene, settings: &TrackerSettings, every: usize) -> Vec<Told> {
    let mut tracker = Tracker::new(settings.clone());
    let mut boxes: BTreeMap<TrackNumber, Vec<(usize, BBox)>> = BTreeMap::new();
    let mut confirmed = BTreeSet::new();
    for (number, frame) in scene.frames.iter().enumerate().step_by(every) {
        let now = Duration::from_secs_f64(number as f64 / scene.fps);
        let seen = observations(frame);
        let update = tracker.handle_detections(now, &seen);
        for (seen, track) in seen.iter().zip(update.assigned) {
            let Some(track) = track else { continue };
            boxes.entry(track).or_default().push((number, seen.bbox));
        }
        confirmed.extend(
            tracker
                .tracks()
                .filter(|t| t.is_confirmed())
                .map(|t| t.number()),
        );
    }
    let bridged = (BRIDGED * scene.fps) as usize;
    let mut told = Vec::new();
    for (track, boxes) in boxes
        .into_iter()
        .filter(|(track, _)| confirmed.contains(track))
    {
        for pair in boxes.windows(2) {
            let ((from, a), (to, b)) = (pair[0], pair[1]);
            told.push((from, track.0, a));
            for frame in (from + 1..to).filter(|_| to - from <= bridged) {
                let share = (frame - from) as f32 / (to - from) as f32;
                told.push((frame, track.0, between(&a, &b, share)));
            }
        }
        told.extend(boxes.last().map(|(frame, bbox)| (*frame, track.0, *bbox)));
    }
    told
}

fn between(a: &BBox, b: &BBox, share: f32) -> BBox {
    let mix = |a: f32, b: f32| a + (b - a) * share;
    BBox::new(
        mix(a.x, b.x),
        mix(a.y, b.y),
        mix(a.width, b.width),
        mix(a.height, b.height),
    )
}

/// A frame's boxes as the tracker takes them.
pub fn observations(frame: &Frame) -> Vec<Observation<'static>> {
    let seen = frame.seen.iter();
    seen.map(|seen| Observation {
        bbox: seen.bbox,
        score: seen.score,
        appearance: None,
    })
    .collect()
}

/// Writes the truth, the detector's boxes and what our tracker told into `folder`.
pub fn write(scene: &Scene, told: &[Told], folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let (mut truth, mut seen, mut ours) = (String::new(), String::new(), String::new());
    for (number, frame) in scene.frames.iter().enumerate() {
        for object in &frame.truth {
            line(&mut truth, number, u64::from(object.id), &object.bbox, 1.0);
        }
        for found in &frame.seen {
            line(&mut seen, number, 0, &found.bbox, found.score.get());
        }
    }
    for (number, id, bbox) in told {
        line(&mut ours, *number, *id, bbox, 1.0);
    }
    let facts = format!("{} {}\n", scene.fps, scene.frames.len());
    std::fs::write(folder.join("facts.txt"), facts)?;
    std::fs::write(folder.join("gt.txt"), truth)?;
    std::fs::write(folder.join("det.txt"), seen)?;
    std::fs::write(folder.join("goshawk.txt"), ours)
}

fn line(text: &mut String, frame: usize, id: u64, b: &BBox, score: f32) {
    let (x, y, w, h) = (b.x, b.y, b.width, b.height);
    // Writing into a String cannot fail.
    let _ = writeln!(
        text,
        "{},{id},{x:.2},{y:.2},{w:.2},{h:.2},{score:.4}",
        frame + 1
    );
}

/// A scene from public ground truth, as our detector of generated scenes would see it, or with
/// the boxes of `seen` where they are given.
pub fn public(name: &str, fps: f64, truth: &str, seen: Option<&str>, seed: u64) -> Option<Scene> {
    let truth = rows(truth)?;
    let seen = match seen {
        Some(text) => Some(rows(text)?),
        None => None,
    };
    let last = truth.iter().map(|row| row.0).max()?;
    let mut frames = vec![Frame::default(); last];
    for (frame, id, bbox) in truth {
        let frame = frames.get_mut(frame.checked_sub(1)?)?;
        frame.truth.push(Object {
            id: u32::try_from(id).ok()?,
            bbox,
            visible: 1.0,
        });
    }
    let mut random = Random::new(seed);
    for frame in &mut frames {
        // Who stands lower in the picture is nearer.
        frame
            .truth
            .sort_by(|a, b| b.bbox.bottom().total_cmp(&a.bbox.bottom()));
        let boxes: Vec<BBox> = frame.truth.iter().map(|o| o.bbox).collect();
        for (place, object) in frame.truth.iter_mut().enumerate() {
            object.visible = visible(&object.bbox, &boxes[..place]);
        }
        if seen.is_none() {
            frame.seen = Detector::default().look(&frame.truth, (640.0, 480.0), &mut random);
        }
    }
    for (frame, _, bbox) in seen.into_iter().flatten() {
        if let Some(frame) = frames.get_mut(frame.checked_sub(1)?) {
            frame.seen.push(super::detector::Seen {
                bbox,
                score: Score::saturating(0.9),
                id: None,
            });
        }
    }
    Some(Scene {
        name: name.to_owned(),
        kind: Kind::Bodies,
        fps,
        frames,
    })
}

fn rows(text: &str) -> Option<Vec<(usize, u64, BBox)>> {
    text.lines()
        .map(|line| {
            let words: Vec<f32> = line
                .split(',')
                .map_while(|w| w.trim().parse().ok())
                .collect();
            let [frame, id, x, y, w, h, ..] = words[..] else {
                return None;
            };
            Some((frame as usize, id as u64, BBox::new(x, y, w, h)))
        })
        .collect()
}
