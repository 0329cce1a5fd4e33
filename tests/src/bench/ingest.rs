//! Events into the durable store, and from the agent's decision to the subscriber, over the real
//! binaries.
//!
//! * [`events`]: durable events a second over QUIC;
//! * [`writes`]: durable writes a second through the API;
//! * [`fsync`]: the limit of both;
//! * here: the time to a subscriber.
//!
//! The moment of the decision is in the event's id (UUID version 7, milliseconds); agent, coordinator
//! and subscriber share this machine's clock.

pub mod events;
pub mod fsync;
pub mod writes;

use std::{
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use serde_json::{Value, json};

use super::{Better, Row, percentile};
use crate::stack::{Agent, Camera, Coordinator, enrolled_picture};

/// How long events are watched.
const WATCH: Duration = Duration::from_secs(45);
/// The first events are not counted: caches and connections warm up.
const WARM_UP: usize = 5;

/// Runs the benchmark; `home` has models and clip.
pub fn run(home: &Path) -> anyhow::Result<Vec<Row>> {
    let runtime = tokio::runtime::Runtime::new()?;
    // Beside the results, on the disk that is built on: a temporary folder may be memory.
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    std::fs::create_dir_all(&beside)?;
    let folder = || tempfile::tempdir_in(&beside);
    let mut rows = latency(&runtime.block_on(delays(home))?)?;
    rows.extend(runtime.block_on(events::rows(home, folder()?.path()))?);
    rows.extend(runtime.block_on(writes::rows(home, folder()?.path()))?);
    Ok(rows)
}

fn latency(delays: &[f64]) -> anyhow::Result<Vec<Row>> {
    let counted = delays.get(WARM_UP..).context("too few events came")?;
    let note = format!(
        "{} events of one 1280x720 camera, from decision to WebSocket message",
        counted.len()
    );
    Ok(vec![
        Row::alone(
            "ingest.latency_p50",
            "ms",
            Better::Lower,
            &[percentile(counted, 50.0)],
        )
        .noted(note),
        Row::alone(
            "ingest.latency_p99",
            "ms",
            Better::Lower,
            &[percentile(counted, 99.0)],
        ),
    ])
}

async fn delays(home: &Path) -> anyhow::Result<Vec<f64>> {
    let dir = tempfile::tempdir()?;
    let coordinator = Coordinator::start(dir.path(), home)?;
    let api = coordinator.api.unchecked();
    let account = api.account().await?;
    let (list, _) = api.enrol("enrolled", enrolled_picture(home)?).await?;
    let handler = api.handler(&list).await?;
    let camera = Camera::start(dir.path(), &home.join("clip/demo.mp4"), &[])?;
    let token = api.join_token(60).await?;
    let _agent = Agent::start(dir.path(), home, "edge", &api.endpoints.agents, &token)?;
    let mut subscriber = api.subscribe().await?;
    let sending = json!({"time_period_of_searching": 0, "silent_period": 0});
    api.stream(&account, "tcp", &camera.url, &handler, sending)
        .await?;
    let (mut delays, start) = (Vec::new(), Instant::now());
    while start.elapsed() < WATCH {
        let Ok(Some(message)) = subscriber.next(WATCH).await else {
            break;
        };
        delays.extend(delay(&message));
    }
    Ok(delays)
}

/// Milliseconds from the decision, which the event's id holds, until now.
fn delay(message: &Value) -> Option<f64> {
    let event = message.get("event").unwrap_or(message);
    let id = uuid::Uuid::try_parse(event.get("event_id")?.as_str()?).ok()?;
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    let decided = Duration::new(seconds, nanos);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(now.saturating_sub(decided).as_secs_f64() * 1e3)
}
