//! Power cuts: agent and coordinator are killed in turn in the middle of traffic, ten times each.
//!
//! The oracle is the agent's own word: it logs each event once its append has reached the disk.
//! Whatever was so announced must be in the store exactly once and must have been sent at least once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use goshawk_e2e::{
    api::{Api, text},
    stack::{Agent, Scene},
};
use serde_json::json;

const KILLS: usize = 10;
/// Streams of one camera, for more traffic.
const STREAMS: usize = 3;
/// Events between two kills.
const BETWEEN: usize = 6;
/// The agent's announcement of a durable event, and the coordinator's of a delivered one.
const APPENDED: &str = "event appended";
const PUBLISHED: &str = "event published";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_either_side_is_killed() {
    let Some(scene) = Scene::start().await.unwrap() else {
        return;
    };
    let camera = scene.camera(&[]).unwrap();
    // The folder comes first, so that it is removed last.
    let Scene {
        dir: _dir,
        mut coordinator,
        mut agent,
        api,
        account,
        handler,
        ..
    } = scene;
    // An event of every track at every detection: as much traffic as the machine gives.
    let sending = json!({"time_period_of_searching": 0, "silent_period": 0});
    for _ in 0..STREAMS {
        api.stream(&account, "tcp", &camera.url, &handler, sending.clone())
            .await
            .unwrap();
    }
    let received = Arc::new(Mutex::new(BTreeSet::new()));
    let listener = tokio::spawn(listen(api.clone(), Arc::clone(&received)));
    wait_for_appends(&agent, 3).await;

    for round in 0..KILLS {
        coordinator.daemon().kill9().unwrap();
        let before = appended(&agent.log()).len();
        coordinator.restart().unwrap();
        wait_for_appends(&agent, before + BETWEEN).await;
        agent.daemon().kill9().unwrap();
        agent.restart().unwrap();
        wait_for_appends(&agent, before + 2 * BETWEEN).await;
        eprintln!(
            "round {round}: {} appended, {} received",
            appended(&agent.log()).len(),
            received.lock().unwrap().len()
        );
    }

    // No more traffic: pages of a list that still grows would show an event twice.
    drop(camera);
    // A clean end of the agent writes what is open and drains what is left.
    agent.daemon().terminate(Duration::from_secs(30)).unwrap();
    agent.restart().unwrap();
    let promised = appended(&agent.log());
    assert!(
        promised.len() > 2 * BETWEEN * KILLS,
        "only {} events",
        promised.len()
    );
    let deadline = Instant::now() + Duration::from_secs(60);
    let (mut stored, mut published) = (Vec::new(), BTreeSet::new());
    while Instant::now() < deadline {
        stored = api.event_ids().await.unwrap();
        published = ids(&coordinator.log(), PUBLISHED);
        if promised
            .iter()
            .all(|id| stored.contains(id) && published.contains(id))
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let mut times: BTreeMap<&String, usize> = BTreeMap::new();
    for id in &stored {
        *times.entry(id).or_default() += 1;
    }
    let lost: Vec<_> = promised
        .iter()
        .filter(|id| !times.contains_key(id))
        .collect();
    let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    let unsent: Vec<_> = promised
        .iter()
        .filter(|id| !published.contains(*id))
        .collect();
    assert!(
        lost.is_empty(),
        "{} of {} lost: {lost:?}",
        lost.len(),
        promised.len()
    );
    assert!(twice.is_empty(), "stored more than once: {twice:?}");
    assert!(
        unsent.is_empty(),
        "{} of {} never sent: {unsent:?}",
        unsent.len(),
        promised.len()
    );
    listener.abort();
    let received = received.lock().unwrap().len();
    assert!(received > 0, "the subscriber saw nothing");
    eprintln!(
        "{} appended, {} stored, {received} received by one subscriber",
        promised.len(),
        stored.len()
    );
}

/// Subscribes again and again, as a client would.
async fn listen(api: Api, received: Arc<Mutex<BTreeSet<String>>>) {
    loop {
        if let Ok(mut subscriber) = api.subscribe().await {
            while let Ok(Some(message)) = subscriber.next(Duration::from_secs(3600)).await {
                let event = message.get("event").unwrap_or(&message);
                received
                    .lock()
                    .unwrap()
                    .insert(text(event, "event_id").unwrap());
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn wait_for_appends(agent: &Agent, count: usize) {
    let deadline = Instant::now() + Duration::from_secs(90);
    while appended(&agent.log()).len() < count {
        assert!(
            Instant::now() < deadline,
            "{count} events did not come:\n{}",
            agent.log()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn appended(log: &str) -> BTreeSet<String> {
    ids(log, APPENDED)
}

/// The event ids in the lines of a log that hold `mark`.
fn ids(log: &str, mark: &str) -> BTreeSet<String> {
    log.lines()
        .filter(|line| line.contains(mark))
        .filter_map(|line| line.split("event_id=").nth(1))
        .filter_map(|rest| rest.get(..36))
        .map(str::to_owned)
        .collect()
}
