//! The agent's whole path on a generated 1080p25 clip: decode, convert, detect, track, pick, describe.
//!
//! The peer is the Python script that a user would write instead, with the same models, the same
//! detection cadence and one thread; see `tests/peers/agent_peer.py`.

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

/// Runs the benchmark; `home` has models and portraits.
pub fn run(home: &Path) -> anyhow::Result<Vec<Row>> {
    let clip = clip(home)?;
    let python = peer::python(home)?;
    let (mut ours, mut small, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for run in 1..=RUNS {
        eprintln!("agent: run {run} of {RUNS}");
        ours.push(analyze(
            home,
            &clip,
            &["--detect.min_face", WHOLE_FRAME_FACE],
        )?);
        theirs.push(python_peer(home, &python, &clip)?);
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
    let rows = vec![
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
        .arg(home)
        .args(["--detect.fps", DETECT_FPS])
        .args(more);
    last_json_line(command)
}

fn python_peer(home: &Path, python: &Path, clip: &Path) -> anyhow::Result<Value> {
    let mut command = Command::new(python);
    command
        .arg("-B")
        .arg(peer::script("agent_peer.py"))
        .arg(clip)
        .arg(home.join("models"))
        .arg(DETECT_FPS);
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

fn clip(home: &Path) -> anyhow::Result<PathBuf> {
    let clip = home.join("bench/1080p25.mp4");
    if !clip.exists() {
        eprintln!("agent: generating the 1080p clip");
        std::fs::create_dir_all(home.join("bench"))?;
        let status = Command::new(binary("goshawk-camera")?)
            .arg("make-clip")
            .arg("--portraits")
            .arg(home.join("clip/portraits"))
            .args(["--size", "1920x1080", "--seconds", "20", "--out"])
            .arg(&clip)
            .status()?;
        if !status.success() {
            bail!("the clip could not be generated");
        }
    }
    Ok(clip)
}
