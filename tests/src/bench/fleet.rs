//! Many cameras on one agent, and a camera before which nothing happens, over the real daemons.
//!
//! A camera is an RTSP server that plays a generated 1080p25 clip as it is, so that it costs next to
//! nothing; it shares the machine with agent and coordinator all the same. Costs are processor time
//! as the kernel counts it, in cores. The limit is a process that decodes the same camera with
//! GStreamer and does nothing else.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, bail, ensure};
use serde_json::json;

use super::{Better, Row, agent, median};
use crate::{
    process::Daemon,
    stack::{Camera, Scene},
    watch::{Counters, Processor},
};

/// Frames a second in which faces are looked for where many cameras are.
const DETECT_FPS: f64 = 5.0;
/// A camera kept up with has so much of that.
const ENOUGH: f64 = 0.98;
/// No machine that this is run on has more.
const MOST_STREAMS: usize = 64;
/// Streams settle so long before they are measured.
const SETTLE: Duration = Duration::from_secs(8);
/// How long a number of streams is measured.
const WINDOW: Duration = Duration::from_secs(20);
/// How often the idle camera is measured, and for how long each time.
const IDLE_RUNS: usize = 5;
const IDLE_WINDOW: Duration = Duration::from_secs(10);
/// How long a stream may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the benchmark; `home` has models and portraits.
pub fn run(home: &Path) -> anyhow::Result<Vec<Row>> {
    let runtime = tokio::runtime::Runtime::new()?;
    let busy = agent::clip(home, "1080p25", &[])?;
    let empty = agent::clip(home, "1080p25-empty", &["--empty"])?;
    let mut rows = runtime.block_on(density(&busy))?;
    rows.extend(runtime.block_on(idle(&empty))?);
    Ok(rows)
}

/// A coordinator and an agent with streams of one clip.
struct Fleet {
    scene: Scene,
    local: String,
    cameras: Vec<Camera>,
    streams: Vec<String>,
}

/// What a fleet did in a window, a second.
struct Load {
    /// Cores that the agent kept busy.
    cores: f64,
    /// Frames of each stream that were the detector's turn and that it looked at or was spared.
    decided: Vec<f64>,
    /// Frames of all streams that came out of the decoder.
    decoded: f64,
}

impl Load {
    fn keeps_up(&self) -> bool {
        self.decided.iter().all(|rate| *rate >= ENOUGH * DETECT_FPS)
    }
}

impl Fleet {
    async fn start(agent: &[&str]) -> anyhow::Result<Self> {
        let scene = Scene::start_with(agent).await?;
        let mut scene = scene.context("set-up is not complete")?;
        let local = scene.agent.local()?;
        Ok(Self {
            scene,
            local,
            cameras: Vec::new(),
            streams: Vec::new(),
        })
    }

    /// Adds a camera that plays `clip`, and waits for its first picture.
    async fn add(&mut self, clip: &Path) -> anyhow::Result<()> {
        let camera = Camera::start(self.scene.dir.path(), clip, &[])?;
        let data = json!({
            "type": "tcp",
            "reference": camera.url,
            "analytics": [{"mode": 1, "event_handler": self.scene.event_handler()}],
        });
        let name = format!("camera {}", self.streams.len());
        let id = self.scene.stream(&name, data).await?;
        let began = std::time::Instant::now();
        while Counters::read(&self.local).await?.decoded(&id) == 0 {
            ensure!(began.elapsed() < PATIENCE, "stream {id} does not run");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.cameras.push(camera);
        self.streams.push(id);
        Ok(())
    }

    async fn measure(&mut self, window: Duration) -> anyhow::Result<Load> {
        let pid = self.scene.agent.daemon().pid();
        let (before, processor) = (Counters::read(&self.local).await?, Processor::of(pid)?);
        tokio::time::sleep(window).await;
        let (after, seconds) = (Counters::read(&self.local).await?, processor.wall());
        let cores = processor.cores()?;
        let streams = self.streams.iter();
        let rate = |of: fn(&Counters, &str) -> u64, stream: &String| {
            of(&after, stream).saturating_sub(of(&before, stream)) as f64 / seconds
        };
        let decoded = streams.clone().map(|id| rate(Counters::decoded, id));
        Ok(Load {
            cores,
            decoded: decoded.sum(),
            decided: streams.map(|id| rate(Counters::decided, id)).collect(),
        })
    }
}

/// How many cameras are kept up with, and what each costs.
async fn density(clip: &Path) -> anyhow::Result<Vec<Row>> {
    let rate = DETECT_FPS.to_string();
    let mut fleet = Fleet::start(&["--detect.fps", &rate]).await?;
    let mut loads: Vec<Load> = Vec::new();
    let mut limit = None;
    while loads.len() < MOST_STREAMS {
        fleet.add(clip).await?;
        tokio::time::sleep(SETTLE).await;
        let load = fleet.measure(WINDOW).await?;
        let slowest = load.decided.iter().copied().fold(f64::MAX, f64::min);
        eprintln!(
            "fleet: {} streams: {:.2} cores, {:.0} frames/s, the slowest looked at {slowest:.2}/s",
            fleet.streams.len(),
            load.cores,
            load.decoded,
        );
        if !load.keeps_up() {
            break;
        }
        loads.push(load);
        if limit.is_none() {
            limit = Some(decode_only(&fleet.cameras[0]).await?);
        }
    }
    let Some(limit) = limit else {
        bail!("not even one stream is kept up with");
    };
    let cores = std::thread::available_parallelism()?.get() as f64;
    let sustained = loads.len() as f64;
    let further = slope(&loads.iter().map(|load| load.cores).collect::<Vec<_>>());
    let peer = "GStreamer, decoding only";
    let name = "agent.streams_5fps";
    let most = cores / limit;
    Ok(vec![
        Row::compared(name, "1080p25 streams", Better::Higher, &[sustained], &[most], peer, true)
            .noted(format!(
                "{DETECT_FPS} looks a second each, {cores} cores shared with coordinator and cameras; {:.2} cores for the agent at the most",
                loads.last().map_or(0.0, |load| load.cores),
            )),
        Row::compared("agent.stream_cost", "cores", Better::Lower, &[further], &[limit], peer, true)
            .noted("each further 1080p25 stream, 5 looks a second"),
    ])
}

/// The straight line through values at 1, 2, 3…; of one value itself.
fn slope(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    if values.len() < 2 {
        return values.first().copied().unwrap_or(f64::NAN);
    }
    let (x, y) = ((count + 1.0) / 2.0, values.iter().sum::<f64>() / count);
    let places = values.iter().zip(1u32..);
    let shared: f64 = places
        .map(|(value, n)| (f64::from(n) - x) * (value - y))
        .sum();
    12.0 * shared / (count * (count * count - 1.0))
}

/// Cores that decoding a camera takes, and nothing else.
async fn decode_only(camera: &Camera) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("decode.log");
    let url = camera.url.clone();
    let daemon = Daemon::spawn("goshawk-camera", &log, |command: &mut Command| {
        command.arg("decode").arg(url);
    })?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let processor = Processor::of(daemon.pid())?;
    tokio::time::sleep(WINDOW).await;
    let cores = processor.cores()?;
    ensure!(cores > 0.0, "nothing is decoded: {}", daemon.log_text());
    Ok(cores)
}

/// A camera before which nothing happens: decoded in full and by its key frames alone, at the same
/// time.
async fn idle(clip: &Path) -> anyhow::Result<Vec<Row>> {
    let mut full = Fleet::start(&[]).await?;
    let mut spared = Fleet::start(&["--detect.idle_keyframes", "2s"]).await?;
    let base = full.measure(IDLE_WINDOW).await?.cores;
    full.add(clip).await?;
    spared.add(clip).await?;
    tokio::time::sleep(2 * SETTLE).await;
    let (mut ours, mut theirs, mut frames) = (Vec::new(), Vec::new(), Vec::new());
    for run in 1..=IDLE_RUNS {
        let (a, b) = tokio::try_join!(spared.measure(IDLE_WINDOW), full.measure(IDLE_WINDOW))?;
        eprintln!(
            "fleet: idle {run} of {IDLE_RUNS}: {:.3} cores for {:.1} frames/s, {:.3} for {:.1}",
            a.cores, a.decoded, b.cores, b.decoded
        );
        ours.push(a.cores);
        theirs.push(b.cores);
        frames.push(a.decoded);
    }
    let row = Row::compared(
        "agent.idle_cost",
        "cores",
        Better::Lower,
        &ours,
        &theirs,
        "the same camera decoded in full",
        false,
    );
    Ok(vec![row.noted(format!(
        "1080p25, a key frame a second, {:.1} frames/s decoded; an agent without streams: {base:.3}",
        median(&frames)
    ))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_what_each_further_one_costs() {
        assert!((slope(&[1.0, 1.25, 1.5]) - 0.25).abs() < 1e-9);
        assert!((slope(&[0.4]) - 0.4).abs() < 1e-9);
    }
}
