//! Ground truth: where each face is, and how much of it can be seen.

use std::io::Write;

use goshawk_proto::geometry::{BBox, Size};
use serde::Serialize;

use super::{paint::Placement, portrait::Portrait, script::Pose};

/// Sample points along each side of a face when its visible share is measured.
const POINTS: u32 = 12;

/// One frame.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    frame: u32,
    /// In seconds.
    time: f64,
    people: Vec<Person>,
}

/// A face that is at least partly inside the picture.
#[derive(Debug, Serialize)]
struct Person {
    person: &'static str,
    visit: u32,
    /// May reach outside the picture.
    #[serde(rename = "box")]
    face: BBox,
    /// Share of the box that is inside the picture and that nobody covers, 0 to 1.
    visible: f32,
    /// In degrees.
    yaw: f32,
    /// In degrees.
    roll: f32,
}

/// The truth of a frame; `present` is in the order of painting.
pub(super) fn line(
    frame: u32,
    time: f64,
    size: Size,
    present: &[Pose],
    portraits: &[Portrait; 2],
) -> Line {
    let placed: Vec<(&Pose, &Portrait, Placement)> = present
        .iter()
        .map(|pose| {
            let portrait = &portraits[pose.person];
            (pose, portrait, Placement::new(portrait, pose))
        })
        .collect();
    let mut people = Vec::new();
    for (i, (pose, portrait, placement)) in placed.iter().enumerate() {
        let face = placement.face(portrait);
        if face.clipped(size).area() < 1.0 {
            continue;
        }
        let seen = |x: f32, y: f32| {
            let inside =
                (0.0..size.width as f32).contains(&x) && (0.0..size.height as f32).contains(&y);
            let hidden: f32 = placed[i + 1..]
                .iter()
                .map(|(_, other, over)| over.covers(other, x, y))
                .sum();
            if inside { (1.0 - hidden).max(0.0) } else { 0.0 }
        };
        let step = |k: u32| (k as f32 + 0.5) / POINTS as f32;
        let sum: f32 = (0..POINTS * POINTS)
            .map(|k| (step(k % POINTS), step(k / POINTS)))
            .map(|(u, v)| seen(face.x + u * face.width, face.y + v * face.height))
            .sum();
        people.push(Person {
            person: portrait.name,
            visit: pose.visit,
            face,
            visible: sum / (POINTS * POINTS) as f32,
            yaw: pose.yaw,
            roll: pose.roll,
        });
    }
    Line {
        frame,
        time,
        people,
    }
}

/// Writes a line.
pub(super) fn write(out: &mut impl Write, line: &Line) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}
