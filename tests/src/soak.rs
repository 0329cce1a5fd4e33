//! An agent over a long time: generated cameras that are lost again and again, with what the
//! process holds, how fast it is back, and whether every event arrives once.
//!
//! The cameras are real RTSP servers that play the demo's clip; a loss is the end of the server's
//! process without warning, and its return on the same port some time after.
//!
//! * `held`: what a process holds, and its slope.

mod held;

use std::{
    collections::BTreeSet,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::json;

use self::held::Watch;
use crate::{
    api::text,
    stack::{Camera, Scene},
    watch::Counters,
};

/// What to go through.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Cameras.
    pub streams: usize,
    /// How long, from when all streams run.
    pub length: Duration,
    /// Cameras lost in all, evenly over that time, each camera in turn.
    pub losses: usize,
}

/// Pause before the next attempt that the streams ask for, in seconds.
pub const RETRY_DELAY: u32 = 1;
/// How long a lost camera stays away: from one retry to some.
const AWAY: [u64; 3] = [500, 1_500, 4_000];
/// How long streams may take to start, and events to arrive in the end.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often counters are read while waiting for a stream to be back.
const LOOK: Duration = Duration::from_millis(50);

/// What came out.
#[derive(Clone, Debug)]
pub struct Report {
    /// How long it took.
    pub length: Duration,
    /// What the agent held over that time.
    pub held: Watch,
    /// From each camera's return to the next frame of its stream.
    pub recoveries: Vec<Duration>,
    /// Events that the agent says it made.
    pub made: u64,
    /// Events stored at the coordinator.
    pub stored: u64,
    /// Events that subscribers got more than once, or that are stored twice.
    pub twice: u64,
    /// Events that the agent says it lost.
    pub given_up: u64,
}

impl Report {
    /// Events made and not stored.
    pub fn lost(&self) -> u64 {
        self.made.saturating_sub(self.stored)
    }

    /// The longest recovery.
    pub fn slowest(&self) -> Duration {
        self.recoveries.iter().max().copied().unwrap_or_default()
    }

    /// What is wrong, one line each; nothing where all is well.
    pub fn faults(&self) -> Vec<String> {
        let limit = Duration::from_secs(u64::from(RETRY_DELAY) + 2);
        let mut faults = Vec::new();
        let mut check = |wrong: bool, what: String| {
            if wrong {
                faults.push(what);
            }
        };
        check(self.made == 0, "no event was made".to_owned());
        check(self.lost() > 0, format!("{} events lost", self.lost()));
        check(self.twice > 0, format!("{} events twice", self.twice));
        check(
            self.given_up > 0,
            format!("{} events given up", self.given_up),
        );
        let slow = self.recoveries.iter().filter(|time| **time > limit).count();
        check(
            slow > 0,
            format!("{slow} recoveries took longer than {limit:?}"),
        );
        faults
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "length           {:.1} min",
            self.length.as_secs_f64() / 60.0
        )?;
        write!(f, "{}", self.held)?;
        let mut times: Vec<f64> = self.recoveries.iter().map(Duration::as_secs_f64).collect();
        times.sort_by(f64::total_cmp);
        let middle = times.get(times.len() / 2).copied().unwrap_or_default();
        writeln!(
            f,
            "recoveries       {}: median {middle:.2} s, slowest {:.2} s, retry delay {RETRY_DELAY} s",
            times.len(),
            self.slowest().as_secs_f64()
        )?;
        writeln!(
            f,
            "events           {} made, {} stored, {} lost, {} twice, {} given up",
            self.made,
            self.stored,
            self.lost(),
            self.twice,
            self.given_up
        )
    }
}

struct Stream {
    id: String,
    camera: Camera,
}

/// Goes through `plan`. `None` when set-up has not been run.
pub async fn run(plan: Plan) -> anyhow::Result<Option<Report>> {
    ensure!(plan.streams > 0, "want at least one stream");
    let Some(mut scene) = Scene::start().await? else {
        return Ok(None);
    };
    let local = scene.agent.local()?;
    let mut subscriber = scene.api.subscribe().await?;
    let listener = tokio::spawn(async move {
        let (mut seen, mut twice) = (BTreeSet::new(), 0);
        while let Ok(Some(message)) = subscriber.next(2 * PATIENCE).await {
            let event = message.get("event").unwrap_or(&message);
            let id = text(event, "event_id").unwrap_or_default();
            twice += u64::from(!seen.insert(id));
        }
        twice
    });
    let mut streams = start(&scene, plan.streams).await?;
    for stream in &streams {
        next_frame(&local, stream, 0, PATIENCE).await?;
    }
    let began = Instant::now();
    let mut held = Watch::new(scene.agent.daemon().pid());
    let mut recoveries = Vec::new();
    for loss in 0..plan.losses {
        let due = plan
            .length
            .mul_f64((loss as f64 + 0.5) / plan.losses as f64);
        watch_until(&mut held, began, due).await?;
        let turn = loss % streams.len();
        let away = Duration::from_millis(AWAY[loss / streams.len() % AWAY.len()]);
        recoveries.push(lose(&local, &mut streams[turn], away).await?);
    }
    watch_until(&mut held, began, plan.length).await?;
    let length = began.elapsed();
    stop(&scene, &streams).await?;
    let counters = settled(&scene, &local).await?;
    let stored = scene.api.event_ids().await?;
    let once: BTreeSet<&String> = stored.iter().collect();
    let doubled = (stored.len() - once.len()) as u64;
    scene.agent.daemon().terminate(PATIENCE)?;
    // With the coordinator gone the subscription ends.
    scene.coordinator.daemon().terminate(PATIENCE)?;
    let twice = doubled + listener.await?;
    ensure!(!scene.agent.log().contains("panicked"), scene.agent.log());
    Ok(Some(Report {
        length,
        held,
        recoveries,
        made: counters.made,
        stored: once.len() as u64,
        twice,
        given_up: counters.given_up,
    }))
}

async fn start(scene: &Scene, count: usize) -> anyhow::Result<Vec<Stream>> {
    let mut streams = Vec::new();
    for number in 0..count {
        let camera = scene.camera(&[])?;
        let data = json!({
            "type": "tcp",
            "reference": camera.url,
            "analytics": [{
                "mode": 1,
                // More errors than there are losses are forgiven: this is about coming back.
                "healthcheck": {
                    "max_error_count": 1_000_000,
                    "period": 60,
                    "retry_delay": RETRY_DELAY,
                    "timeout": 5000,
                },
                "event_handler": scene.event_handler(),
            }],
        });
        let id = scene.stream(&format!("soak {number}"), data).await?;
        streams.push(Stream { id, camera });
    }
    Ok(streams)
}

/// Ends a camera without warning and starts it again; how long its stream takes to be back.
async fn lose(local: &str, stream: &mut Stream, away: Duration) -> anyhow::Result<Duration> {
    stream.camera.daemon().kill9()?;
    tokio::time::sleep(away).await;
    let before = Counters::read(local).await?.decoded(&stream.id);
    stream.camera.restart()?;
    let back = Instant::now();
    next_frame(local, stream, before, PATIENCE).await?;
    Ok(back.elapsed())
}

/// Waits until a stream has decoded more than `before` frames.
async fn next_frame(
    local: &str,
    stream: &Stream,
    before: u64,
    limit: Duration,
) -> anyhow::Result<()> {
    let began = Instant::now();
    while Counters::read(local).await?.decoded(&stream.id) <= before {
        ensure!(began.elapsed() < limit, "stream {} does not run", stream.id);
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

async fn watch_until(held: &mut Watch, began: Instant, due: Duration) -> anyhow::Result<()> {
    loop {
        held.look(began.elapsed())?;
        let Some(left) = due.checked_sub(began.elapsed()) else {
            return Ok(());
        };
        tokio::time::sleep(left.min(held::INTERVAL)).await;
    }
}

/// Pauses the streams. Of a stream that is removed nothing is taken any more, not even what its
/// agent has yet to send.
async fn stop(scene: &Scene, streams: &[Stream]) -> anyhow::Result<()> {
    for stream in streams {
        let path = format!("/2/streams/{}", stream.id);
        let pause = json!({"status": "pause"});
        scene
            .api
            .streams(Method::PATCH, &path, &scene.account, Some(&pause))
            .await?;
    }
    Ok(())
}

/// Waits until no stream is left at the agent and the coordinator has as many events as it made.
async fn settled(scene: &Scene, local: &str) -> anyhow::Result<Counters> {
    let began = Instant::now();
    loop {
        let counters = Counters::read(local).await?;
        let stored = scene.api.event_ids().await?.len() as u64;
        let done = counters.assigned == 0 && stored >= counters.made;
        if done || began.elapsed() > PATIENCE {
            return Ok(counters);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Writes the report beside those of the benchmarks.
pub fn write(report: &Report, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("soak.txt"), report.to_string()).context("the report")
}
