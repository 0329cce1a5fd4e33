//! The agent's whole path on a generated 1080p25 clip: decode, convert, detect, track, pick, describe.
//!
//! The peer is the Python script that a user would write instead, with the same models, the same
//! detection cadence and one thread; see `tests/peers/agent_peer.py`. Where our own scheduling is
//! measured, the peer looks at every frame, and so do we to tell what the scheduling loses.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};
use serde_json::Value;

use super::{Better, Row, peer};
use crate::process::binary;

/// Interleaved runs of ours and the peer.
const RUNS: usize = 5;
/// Frames a second in which faces are looked for; both sides.
const DETECT_FPS: &str = "8";

/// Side of the smallest face that one detector run over a whole 1080p frame finds, in pixels. With
/// it the agent looks as the peer does; its default looks for faces of 40 pixels, tile by tile.
const WHOLE_FRAME_FACE: &str = "90";

/// As [`DETECT_FPS`], more than any clip has: every frame.
const EVERY_FRAME: &str = "1000";
/// Settings of ours with which every frame is looked at.
const LOOK_ALWAYS: [&str; 6] = [
    "--detect.fps",
    "0",
    "--detect.budget",
    "0",
    "--detect.still",
    "0s",
];

/// Runs the benchmark; `home` has models and portraits.
pub fn run(home: &Path) -> anyhow::Result<Vec<Row>> {
    let clip = clip(home, "1080p25", &[])?;
    let python = peer::python(home)?;
    let (mut ours, mut small, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    let mut every = Vec::new();
    for run in 1..=RUNS {
        eprintln!("agent: run {run} of {RUNS}");
        ours.push(analyze(
            home,
            &clip,
            &["--detect.min_face", WHOLE_FRAME_FACE],
        )?);
        theirs.push(python_peer(home, &python, &clip, DETECT_FPS)?);
        every.push(python_peer(home, &python, &clip, EVERY_FRAME)?);
        small.push(analyze(home, &clip, &[])?);
    }
    let figures = |runs: &[Value], of: fn(&Value) -> Option<f64>| -> anyhow::Result<Vec<f64>> {
        runs.iter()
            .map(|run| of(run).with_context(|| format!("a figure is missing in {run}")))
            .collect()
    };
    let rate = |run: &Value| Some(run["frames"].as_f64()? / run["cpu_seconds"].as_f64()?);
    let rss = |run: &Value| run["rss_mib"].as_f64();
    let peer_name = "OpenCV, onnxruntime, ByteTrack (Python)";
    let lost = scheduling(home, &python, &clip)?;
    let rows = vec![
        Row::compared(
            "agent.frames_per_cpu_second_scheduled",
            "1080p frames/CPU-s",
            Better::Higher,
            &figures(&ours, rate)?,
            &figures(&every, rate)?,
            "OpenCV, onnxruntime, ByteTrack (Python) on every frame",
            false,
        )
        .noted(lost),
        Row::compared(
            "agent.frames_per_cpu_second",
            "1080p frames/CPU-s",
            Better::Higher,
            &figures(&ours, rate)?,
            &figures(&theirs, rate)?,
            peer_name,
            false,
        )
        .noted(format!(
            "whole frame, detection at {DETECT_FPS}/s of media time on both sides; {}",
            split(&ours[0])
        )),
        Row::compared(
            "agent.frames_per_cpu_second_40px",
            "1080p frames/CPU-s",
            Better::Higher,
            &figures(&small, rate)?,
            &figures(&theirs, rate)?,
            peer_name,
            false,
        )
        .noted(format!(
            "our default: faces from 40 pixels, in tiles; the peer still looks at whole frames; {}",
            split(&small[0])
        )),
        Row::compared(
            "agent.rss_mib",
            "MiB",
            Better::Lower,
            &figures(&ours, rss)?,
            &figures(&theirs, rss)?,
            peer_name,
            false,
        ),
    ];
    Ok(rows)
}

/// Share of CPU time by stage, as the agent's own clocks see it.
fn split(run: &Value) -> String {
    let Some(stages) = run["stages"].as_object() else {
        return "no stage split".to_owned();
    };
    let parts: Vec<String> = stages
        .iter()
        .filter_map(|(name, seconds)| Some(format!("{name} {:.2} s", seconds.as_f64()?)))
        .collect();
    format!("stages: {}", parts.join(", "))
}

fn analyze(home: &Path, clip: &Path, more: &[&str]) -> anyhow::Result<Value> {
    let mut command = Command::new(binary("goshawk-agent")?);
    command
        .arg("analyze")
        .arg(clip)
        .arg("--models.home")
        .arg(home);
    if !more.contains(&"--detect.fps") {
        command.args(["--detect.fps", DETECT_FPS]);
    }
    command.args(more);
    last_json_line(command)
}

/// What looking at some frames only loses against looking at all of them: HOTA of the faces on
/// record of the clip, in words.
fn scheduling(home: &Path, python: &Path, clip: &Path) -> anyhow::Result<String> {
    let folder = home.join("bench/agent");
    let mut scores = Vec::new();
    for (name, settings) in [("scheduled", &[][..]), ("every", &LOOK_ALWAYS[..])] {
        let scene = folder.join(name).join("clip");
        std::fs::create_dir_all(&scene)?;
        truth(&clip.with_extension("truth.jsonl"), &scene)?;
        let rows = scene.join("goshawk.txt");
        let rows = rows.to_str().context("a folder whose name is no text")?;
        let mut more = vec!["--detect.min_face", WHOLE_FRAME_FACE, "--tracks", rows];
        more.extend(settings);
        let told = analyze(home, clip, &more)?;
        let mut score = Command::new(python);
        score
            .arg("-B")
            .arg(peer::script("tracking_peer.py"))
            .arg("score")
            .arg(folder.join(name))
            .arg("--ours");
        let hota = last_json_line(score)?["goshawk"]["clip"]["hota"].as_f64();
        scores.push((hota.context("no HOTA")?, told["detected_frames"].clone()));
    }
    let [(ours, looked), (all, frames)] = &scores[..] else {
        bail!("two scores were wanted");
    };
    Ok(format!(
        "HOTA {ours:.3} with {looked} looks, {all:.3} with {frames}: {:+.3}",
        ours - all
    ))
}

/// The clip's own truth as the scores want it: faces of which at least half can be seen.
fn truth(lines: &Path, scene: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(lines)?;
    let (mut rows, mut frames) = (String::new(), 0);
    let mut numbers = std::collections::BTreeMap::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line)?;
        frames += 1;
        for person in line["people"].as_array().into_iter().flatten() {
            if person["visible"].as_f64().unwrap_or(0.0) < 0.5 {
                continue;
            }
            let next = numbers.len() + 1;
            let key = (person["person"].to_string(), person["visit"].to_string());
            let number = numbers.entry(key).or_insert(next);
            let side = |name: &str| person["box"][name].as_f64().unwrap_or(0.0);
            let (x, y, width, height) = (side("x"), side("y"), side("width"), side("height"));
            rows.push_str(&format!(
                "{frames},{number},{x:.2},{y:.2},{width:.2},{height:.2},1\n"
            ));
        }
    }
    std::fs::write(scene.join("gt.txt"), rows)?;
    std::fs::write(scene.join("facts.txt"), format!("25 {frames}\n"))?;
    Ok(())
}

fn python_peer(home: &Path, python: &Path, clip: &Path, detect_fps: &str) -> anyhow::Result<Value> {
    let mut command = Command::new(python);
    command
        .arg("-B")
        .arg(peer::script("agent_peer.py"))
        .arg(clip)
        .arg(home.join("models"))
        .arg(detect_fps);
    last_json_line(command)
}

/// Runs a command and reads the last line that it prints.
pub(super) fn last_json_line(mut command: Command) -> anyhow::Result<Value> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!(
            "{command:?} failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().last().context("nothing was printed")?;
    serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))
}

/// A clip of 20 s of 1920x1080 with its truth beside it, made when it is missing.
pub(super) fn clip(home: &Path, name: &str, more: &[&str]) -> anyhow::Result<PathBuf> {
    let clip = home.join(format!("bench/{name}.mp4"));
    let truth = clip.with_extension("truth.jsonl");
    if !(clip.exists() && truth.exists()) {
        eprintln!("generating the clip {name}");
        std::fs::create_dir_all(home.join("bench"))?;
        let status = Command::new(binary("goshawk-camera")?)
            .arg("make-clip")
            .arg("--portraits")
            .arg(home.join("clip/portraits"))
            .args(["--size", "1920x1080", "--seconds", "20", "--out"])
            .arg(&clip)
            .arg("--truth")
            .arg(&truth)
            .args(more)
            .status()?;
        if !status.success() {
            bail!("the clip could not be generated");
        }
    }
    Ok(clip)
}
