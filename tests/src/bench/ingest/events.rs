//! Durable events a second over QUIC, beside raw fsync on the same file system.
//!
//! The load comes from a client in this process, on the same cores as the coordinator. One agent
//! may have no more under way than the coordinator grants it, so more agents are used as needed.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use goshawk_proto::id::{EventId, StreamId};
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    super::{Better, Row},
    fsync,
};
use crate::{
    api::{Api, text},
    load::{Flood, Identity, Lane, Link, Recipe, flood},
    stack::{Coordinator, enrolled_picture},
};

/// Interleaved runs of ours and the limit.
const RUNS: usize = 3;
/// Pushes under way at once.
const IN_FLIGHT: [usize; 3] = [1, 16, 64];
/// Events of one run at most.
const EVENTS: usize = 2_000;
/// How long events are pushed at most, in one run.
const PUSHING: Duration = Duration::from_secs(3);
/// Longest wait until all events of a run are processed.
const PROCESSING: Duration = Duration::from_secs(60);
/// Faces in the list that every event is matched against.
const FACES: usize = 1_000;
/// Faces made at once.
const MAKERS: usize = 16;
/// Agents that share the load.
const AGENTS: usize = 2;
/// Streams that may have to be made until every agent has one.
const MOST_STREAMS: usize = 16;
/// Of the last events acknowledged, how many must be seen processed to call the run processed:
/// more than the coordinator works on at once.
const TAIL: usize = 64;

/// What one number of pushes under way gave, run by run.
#[derive(Default)]
struct Figures {
    acked: Vec<f64>,
    processed: Vec<f64>,
    limit: Vec<f64>,
    retries: usize,
    agents: usize,
}

/// The rows of events; `folder` is on the file system that is measured.
pub async fn rows(home: &Path, folder: &Path) -> anyhow::Result<Vec<Row>> {
    let coordinator = Coordinator::start(folder, home)?;
    let api = &coordinator.api.unchecked();
    let (list, face) = api.enrol("enrolled", enrolled_picture(home)?).await?;
    let recipe = Arc::new(Recipe::of_face(api, &face, FACES - 1).await?);
    fill(api, &recipe, &list).await?;
    let handler = api.handler(&list).await?;
    let fleet = fleet(api, &handler).await?;
    let record = recipe.event(fleet[0].1, 0)?.bytes.len();
    run(api, &recipe, &fleet, IN_FLIGHT[1]).await?;
    let mut all: [Figures; IN_FLIGHT.len()] = Default::default();
    for turn in 1..=RUNS {
        eprintln!("ingest: events, run {turn} of {RUNS}");
        for (figures, in_flight) in all.iter_mut().zip(IN_FLIGHT) {
            figures.limit.push(fsync::rate(folder, record)?);
            let (flood, processed, agents) = run(api, &recipe, &fleet, in_flight).await?;
            figures.acked.push(flood.rate());
            figures.processed.push(processed);
            figures.retries += flood.retries;
            figures.agents = agents;
        }
    }
    let what = format!(
        "{record} B events ({} B sample, {} values), list of {} faces",
        recipe.sample_bytes(),
        recipe.values(),
        recipe.people()
    );
    let mut rows = Vec::new();
    for (figures, in_flight) in all.iter().zip(IN_FLIGHT) {
        rows.extend(pair(figures, in_flight, &what));
    }
    Ok(rows)
}

fn pair(figures: &Figures, in_flight: usize, what: &str) -> [Row; 2] {
    let under_way = format!(
        "{in_flight} under way over {} agent(s), {} waits; load on the same cores",
        figures.agents, figures.retries
    );
    // The largest has the plain name by which others find it.
    let suffix = if Some(&in_flight) == IN_FLIGHT.last() {
        String::new()
    } else {
        format!(".{in_flight}")
    };
    let row = |name: &str, ours: &[f64]| {
        let name = format!("{name}{suffix}");
        let limit = &figures.limit;
        let higher = Better::Higher;
        Row::compared(&name, "events/s", higher, ours, limit, fsync::NAME, true)
    };
    [
        row("ingest.events", &figures.acked).noted(format!(
            "durable, first push to last ack: {what}; {under_way}"
        )),
        row("ingest.processed", &figures.processed)
            .noted("the same until the last is matched, stored and can be read"),
    ]
}

/// Pushes events and waits until they are processed. Gives the flood, the events processed a
/// second, and the number of agents used.
async fn run(
    api: &Api,
    recipe: &Arc<Recipe>,
    fleet: &[(Arc<Link>, StreamId)],
    in_flight: usize,
) -> anyhow::Result<(Flood, f64, usize)> {
    let granted = fleet[0].0.window.events as usize;
    let agents = in_flight.div_ceil(granted.max(1)).min(fleet.len());
    let mut lanes = Vec::new();
    for (link, stream) in &fleet[..agents] {
        let (recipe, stream) = (recipe.clone(), *stream);
        let parcels = tokio::task::spawn_blocking(move || {
            (0..EVENTS / agents)
                .map(|nth| recipe.event(stream, nth))
                .collect::<anyhow::Result<Vec<_>>>()
        });
        lanes.push(Lane {
            link: link.clone(),
            parcels: parcels.await??,
        });
    }
    let start = Instant::now();
    let flood = flood(lanes, in_flight, PUSHING).await?;
    let tail = flood.acked.len().saturating_sub(TAIL);
    for event in &flood.acked[tail..] {
        processed(api, *event).await?;
    }
    let processed = flood.acked.len() as f64 / start.elapsed().as_secs_f64();
    Ok((flood, processed, agents))
}

/// Waits until an event can be read.
async fn processed(api: &Api, event: EventId) -> anyhow::Result<()> {
    let (path, deadline) = (format!("/6/events/{event}"), Instant::now() + PROCESSING);
    loop {
        let answer = api.send(api.request(Method::GET, &path)).await?;
        if answer.status.is_success() {
            return Ok(());
        }
        anyhow::ensure!(
            Instant::now() < deadline,
            "event {event} was acknowledged but not processed within {PROCESSING:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Makes the other faces of the list.
async fn fill(api: &Api, recipe: &Arc<Recipe>, list: &str) -> anyhow::Result<()> {
    eprintln!("ingest: making {} faces", recipe.people());
    let mut makers = JoinSet::new();
    for maker in 0..MAKERS {
        let (api, recipe, list) = (api.clone(), recipe.clone(), list.to_owned());
        makers.spawn(async move {
            // The first is there: it was enrolled with a picture.
            for nth in (1..recipe.people()).skip(maker).step_by(MAKERS) {
                api.post("/6/faces", &recipe.face(nth, &list)?).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(maker) = makers.join_next().await {
        maker??;
    }
    Ok(())
}

/// Agents, each with a stream that it holds.
async fn fleet(api: &Api, handler: &str) -> anyhow::Result<Vec<(Arc<Link>, StreamId)>> {
    let account = api.account().await?;
    let mut links = Vec::new();
    for nth in 0..AGENTS {
        let name = format!("load-{nth}");
        let identity = Identity::enrol(api, &name).await?;
        links.push(Link::connect(&identity, &name).await?);
    }
    let mut fleet = Vec::new();
    for _ in 0..MOST_STREAMS {
        let camera = "rtsp://127.0.0.1:9/none";
        let stream = api
            .stream(&account, "tcp", camera, handler, json!({}))
            .await?;
        let stream = stream.parse()?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if let Some(at) = links.iter().position(|link| link.holds(stream)) {
                fleet.push((Arc::new(links.remove(at)), stream));
                break;
            }
            let taken = fleet
                .iter()
                .any(|(link, _): &(Arc<Link>, _)| link.holds(stream));
            if taken {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if links.is_empty() {
            return Ok(fleet);
        }
    }
    let agents = api.get("/goshawk/1/agents").await?;
    let names: Vec<_> = agents["agents"]
        .as_array()
        .context("no agents")?
        .iter()
        .filter_map(|agent| text(agent, "status").ok())
        .collect();
    anyhow::bail!("not every agent was given a stream; they are {names:?}")
}
