//! Updates a second of the tracker alone, one thread, beside the fastest peer.

use std::time::Duration;

use anyhow::Context;
use goshawk_agent_core::track::{Observation, Tracker};
use serde_json::Value;

use super::{
    Bench, play,
    scenes::{self, Scene},
};
use crate::bench::{Better, Row, agent::last_json_line};

/// Interleaved runs of ours and the peers.
const RUNS: usize = 5;

/// Rows for a hundred and for five hundred objects.
pub(super) fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for people in [100, 500] {
        let scene = scenes::square(people).play();
        let folder = bench.fresh("speed")?;
        play::write(&scene, &[], &folder.join("square"))?;
        let (mut ours, mut theirs, mut fastest) = (Vec::new(), Vec::new(), String::new());
        for run in 1..=RUNS {
            eprintln!("tracking: {people} objects, run {run} of {RUNS}");
            ours.push(rate(&scene)?);
            let answer = last_json_line(bench.peer(&["speed", "square"], &folder))?;
            let (name, rate) = best(&answer).context("no peer's speed")?;
            theirs.push(rate);
            fastest = name;
        }
        let name = format!("track.{people}");
        let row = Row::compared(
            &name,
            "updates/s",
            Better::Higher,
            &ours,
            &theirs,
            &fastest,
            false,
        );
        let seen: usize = scene.frames.iter().map(|frame| frame.seen.len()).sum();
        let each = seen as f64 / scene.frames.len() as f64;
        rows.push(row.noted(format!("{each:.0} detections an update, one thread")));
    }
    Ok(rows)
}

/// Our updates a second on a scene, by the processor time of this thread: peers are timed likewise.
fn rate(scene: &Scene) -> anyhow::Result<f64> {
    let frames: Vec<Vec<Observation<'_>>> = scene.frames.iter().map(play::observations).collect();
    let mut tracker = Tracker::new(play::settings(scene.kind));
    let begin = processor_time()?;
    for (number, seen) in frames.iter().enumerate() {
        let now = Duration::from_secs_f64(number as f64 / scene.fps);
        std::hint::black_box(tracker.handle_detections(now, seen));
    }
    let took = processor_time()?.saturating_sub(begin);
    Ok(frames.len() as f64 / took.as_secs_f64())
}

/// How long this thread has been on a processor.
fn processor_time() -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = text
        .split_whitespace()
        .next()
        .context("an empty schedstat")?;
    Ok(Duration::from_nanos(first.parse()?))
}

fn best(answer: &Value) -> Option<(String, f64)> {
    let rates = answer.as_object()?.iter();
    rates
        .filter_map(|(name, rate)| Some((name.clone(), rate.as_f64()?)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
}
