//! The agents' port from outside: what the coordinator does with messages that no honest agent
//! sends, and what it promises with an acknowledgement.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use goshawk_e2e::{
    api::Api,
    load::{Identity, Link, Parcel, Recipe, dial},
    stack::{Coordinator, enrolled_picture, home},
};
use goshawk_proto::{
    id::{EventId, StreamId},
    link::{ALPN_LINK, PushHead, PushMessage, PushReply},
};
use quinn::ConnectionError;
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::task::JoinSet;

const PATIENCE: Duration = Duration::from_secs(30);
/// TLS alerts (RFC 8446, 6) as QUIC closes connections by them (RFC 9001, 4.8).
const UNKNOWN_CA: u64 = 0x100 + 48;
const DECRYPT_ERROR: u64 = 0x100 + 51;
const CERTIFICATE_REQUIRED: u64 = 0x100 + 116;

/// A coordinator with a handler, and what events for it are made of.
struct Stand {
    coordinator: Coordinator,
    account: String,
    handler: String,
    recipe: Recipe,
}

impl Stand {
    async fn new(dir: &Path, home: &Path) -> Self {
        let coordinator = Coordinator::start(dir, home).unwrap();
        let api = &coordinator.api;
        let account = api.account().await.unwrap();
        let picture = enrolled_picture(home).unwrap();
        let (list, face) = api.enrol("Eileen Collins", picture).await.unwrap();
        let handler = api.handler(&list).await.unwrap();
        let recipe = Recipe::of_face(api, &face, 3).await.unwrap();
        Self {
            coordinator,
            account,
            handler,
            recipe,
        }
    }

    fn api(&self) -> &Api {
        &self.coordinator.api
    }

    /// A new agent, connected.
    async fn agent(&self, name: &str) -> (Identity, Link) {
        let identity = Identity::enrol(self.api(), name).await.unwrap();
        let link = Link::connect(&identity, name).await.unwrap();
        (identity, link)
    }

    /// A new stream that the only connected agent holds.
    async fn stream(&self, link: &mut Link) -> StreamId {
        let camera = "rtsp://127.0.0.1:9/none";
        let made = self
            .api()
            .stream(&self.account, "tcp", camera, &self.handler, json!({}))
            .await;
        let stream = made.unwrap().parse().unwrap();
        link.assigned(stream, PATIENCE).await.unwrap();
        stream
    }

    /// Waits until all of `events` can be read, then sees that nothing is stored twice. Gives how
    /// many events are stored in all. Nothing may be pushed meanwhile.
    async fn stored_once(&self, events: &[EventId]) -> usize {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let stored = self.times_stored().await;
            if events.iter().all(|id| stored.contains_key(&id.to_string())) {
                break;
            }
            assert!(
                Instant::now() < deadline,
                "{} events are stored, not all of {}\n{}",
                stored.len(),
                events.len(),
                self.coordinator.log()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // While events are still being stored, those read move from one page to the next.
        let stored = self.times_stored().await;
        assert!(stored.values().all(|times| *times == 1), "{stored:?}");
        stored.len()
    }

    async fn times_stored(&self) -> BTreeMap<String, usize> {
        let mut times = BTreeMap::new();
        for id in self.api().event_ids().await.unwrap() {
            *times.entry(id).or_default() += 1;
        }
        times
    }
}

/// Whether the event had been committed before; anything but an acknowledgement fails.
fn duplicate(reply: PushReply) -> bool {
    match reply {
        PushReply::Ack(ack) => ack.duplicate,
        other => panic!("not acknowledged: {other:?}"),
    }
}

fn refusal(reply: PushReply) -> String {
    match reply {
        PushReply::Reject(reject) => reject.reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_pushed_again_is_committed_once() {
    let Some(home) = home() else { return };
    let dir = tempfile::tempdir().unwrap();
    let stand = Stand::new(dir.path(), &home).await;
    let (identity, mut link) = stand.agent("edge").await;
    let stream = stand.stream(&mut link).await;
    let first = stand.recipe.event(stream, 0).unwrap();
    let second = stand.recipe.event(stream, 1).unwrap();

    assert!(!duplicate(link.push(&first).await.unwrap()));
    assert!(duplicate(link.push(&first).await.unwrap()));
    // Many at once: whichever comes first, all are promised the one event.
    let link = Arc::new(link);
    let mut pushes = JoinSet::new();
    for _ in 0..16 {
        let (link, second) = (link.clone(), second.clone());
        pushes.spawn(async move { link.push(&second).await.unwrap() });
    }
    while let Some(reply) = pushes.join_next().await {
        duplicate(reply.unwrap());
    }
    assert_eq!(
        stand.stored_once(&[first.event_id, second.event_id]).await,
        2
    );

    // After processing, and over another connection, it is still the same event.
    let link = Link::connect(&identity, "edge").await.unwrap();
    for parcel in [&first, &second] {
        assert!(duplicate(link.push(parcel).await.unwrap()));
    }
    let third = stand.recipe.event(stream, 2).unwrap();
    assert!(!duplicate(link.push(&third).await.unwrap()));
    let all = [&first, &second, &third].map(|parcel| parcel.event_id);
    assert_eq!(stand.stored_once(&all).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_in_without_a_certificate_of_our_ca() {
    let Some(home) = home() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut stand = Stand::new(dir.path(), &home).await;
    let (identity, mut link) = stand.agent("edge").await;
    let stream = stand.stream(&mut link).await;

    let forged = identity.forged("Somebody").unwrap();
    assert_eq!(alert(&forged).await, UNKNOWN_CA);
    assert!(Link::connect(&forged, "forged").await.is_err());
    // Under the name of the real CA, which any handshake shows, the signature does not fit.
    let forged = identity.forged("Goshawk coordinator CA").unwrap();
    assert!([UNKNOWN_CA, DECRYPT_ERROR].contains(&alert(&forged).await));
    assert!(Link::connect(&forged, "forged").await.is_err());
    assert_eq!(
        alert(&identity.without_certificate()).await,
        CERTIFICATE_REQUIRED
    );

    // A certificate of another coordinator is no better, though it is honest.
    let other_dir = tempfile::tempdir().unwrap();
    let other = Coordinator::start(other_dir.path(), &home).unwrap();
    let mut lost = Identity::enrol(&other.api, "lost").await.unwrap();
    lost.coordinator = identity.coordinator;
    lost.coordinator = identity.coordinator;
    let refused = Link::connect(&lost, "lost").await;
    assert!(refused.is_err(), "it trusts a coordinator not its own");
    // Nor does it help to trust blindly.
    lost.trust(&identity);
    assert!([UNKNOWN_CA, DECRYPT_ERROR].contains(&alert(&lost).await));
    assert!(Link::connect(&lost, "lost").await.is_err());

    // The real one has noticed nothing of it.
    let event = stand.recipe.event(stream, 0).unwrap();
    assert!(!duplicate(link.push(&event).await.unwrap()));
    assert!(stand.coordinator.daemon().is_running());
}

/// The TLS alert by which the coordinator turns a client away.
async fn alert(identity: &Identity) -> u64 {
    // In TLS 1.3 a client is done before the server has seen its certificate, so either the dial
    // fails or the connection ends soon.
    let error = match dial(identity.coordinator, identity.tls().unwrap(), ALPN_LINK).await {
        Ok((_endpoint, connection)) => tokio::time::timeout(PATIENCE, connection.closed())
            .await
            .expect("the coordinator lets it in"),
        Err(error) => error.downcast::<ConnectionError>().unwrap(),
    };
    match error {
        ConnectionError::ConnectionClosed(close) => u64::from(close.error_code),
        other => panic!("not closed by TLS: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_speaks_only_for_its_own_streams() {
    let Some(home) = home() else { return };
    let dir = tempfile::tempdir().unwrap();
    let stand = Stand::new(dir.path(), &home).await;
    let (_, mut link) = stand.agent("edge").await;
    let stream = stand.stream(&mut link).await;

    let nowhere = stand.recipe.event(StreamId::random(), 0).unwrap();
    refusal(link.push(&nowhere).await.unwrap());

    let (_, stranger) = stand.agent("stranger").await;
    assert!(!stranger.holds(stream));
    let foreign = stand.recipe.event(stream, 0).unwrap();
    refusal(stranger.push(&foreign).await.unwrap());
    // The refusal has not used up the id: its owner may use it.
    assert!(!duplicate(link.push(&foreign).await.unwrap()));
    assert_eq!(stand.stored_once(&[foreign.event_id]).await, 1);

    // What a stream's agent saw before the stream was paused is still taken.
    let pause = json!({"status": "pause"});
    let path = format!("/2/streams/{stream}");
    let api = stand.api();
    api.streams(Method::PATCH, &path, &stand.account, Some(&pause))
        .await
        .unwrap();
    let late = stand.recipe.event(stream, 1).unwrap();
    assert!(!duplicate(link.push(&late).await.unwrap()));
    assert_eq!(
        stand.stored_once(&[foreign.event_id, late.event_id]).await,
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_a_stream_harms_that_stream_alone() {
    let Some(home) = home() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut stand = Stand::new(dir.path(), &home).await;
    let (_, mut link) = stand.agent("edge").await;
    let stream = stand.stream(&mut link).await;
    let good = stand.recipe.event(stream, 0).unwrap();
    let other = stand.recipe.event(stream, 1).unwrap();
    let head = |event_id: EventId, bytes: usize| {
        let bytes = u32::try_from(bytes).unwrap();
        PushMessage::Push(PushHead { event_id, bytes })
            .encode()
            .unwrap()
    };
    let whole = good.bytes.len();

    // Broken streams get no answer.
    let broken: Vec<(&str, Vec<Bytes>)> = vec![
        ("nothing", vec![Bytes::new()]),
        ("noise", vec![noise(1_000)]),
        ("a frame of 4 GiB", vec![Bytes::from_static(&[0xff; 64])]),
        ("an empty frame", vec![Bytes::from_static(&[0; 4])]),
        ("half a head", vec![head(good.event_id, whole).slice(..9)]),
        (
            "an event without a head",
            vec![frame(&good.bytes[..whole.min(60_000)])],
        ),
        ("a head alone", vec![head(good.event_id, whole)]),
        (
            "half an event",
            vec![head(good.event_id, whole), good.bytes.slice(..whole / 2)],
        ),
        (
            "more than announced",
            vec![head(good.event_id, whole), good.bytes.clone(), noise(10)],
        ),
    ];
    for (name, mut chunks) in broken {
        let answer = link.say(&mut chunks).await;
        assert!(answer.is_err(), "{name}: {answer:?}");
    }

    // What is whole but no event, or another one, is refused for good.
    let no_event = EventId(uuid::Uuid::now_v7());
    let refused: Vec<(&str, Vec<Bytes>)> = vec![
        ("no event", vec![head(no_event, 500), noise(500)]),
        (
            "another event",
            vec![head(other.event_id, whole), good.bytes.clone()],
        ),
        ("no bytes", vec![head(no_event, 0)]),
        ("a gigabyte", vec![head(no_event, 1 << 30), noise(100)]),
    ];
    for (name, mut chunks) in refused {
        let reason = refusal(link.say(&mut chunks).await.unwrap());
        assert!(!reason.is_empty(), "{name}");
    }

    // The same connection goes on as if nothing had been.
    assert!(link.connection.close_reason().is_none());
    for parcel in [&good, &other] {
        assert!(!duplicate(link.push(parcel).await.unwrap()));
    }
    assert_eq!(stand.stored_once(&[good.event_id, other.event_id]).await, 2);
    let log = stand.coordinator.log();
    assert!(!log.contains("panicked"), "{log}");
    assert!(stand.coordinator.daemon().is_running());
}

/// Bytes without meaning, the same each time.
fn noise(length: usize) -> Bytes {
    (0..length)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8 | 0x80)
        .collect()
}

/// `body` with a frame's header before it.
fn frame(body: &[u8]) -> Bytes {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&length, body].concat().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_committed_is_not_acknowledged() {
    let Some(home) = home() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut stand = Stand::new(dir.path(), &home).await;
    let (identity, mut link) = stand.agent("edge").await;
    let stream = stand.stream(&mut link).await;
    let parcels: Vec<Parcel> = (0..4)
        .map(|nth| stand.recipe.event(stream, nth).unwrap())
        .collect();

    // Stopped, it can commit nothing, and it must not have promised anything when it is killed.
    stop(stand.coordinator.daemon().pid()).await;
    let mut pushes = JoinSet::new();
    let link = Arc::new(link);
    for parcel in parcels.clone() {
        let link = link.clone();
        pushes.spawn(async move { link.push(&parcel).await });
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(pushes.try_join_next().is_none(), "answered while stopped");
    stand.coordinator.daemon().kill9().unwrap();
    stand.coordinator.restart().unwrap();
    pushes.shutdown().await;
    drop(link);

    let link = Link::connect(&identity, "edge").await.unwrap();
    for parcel in &parcels {
        assert!(!duplicate(link.push(parcel).await.unwrap()));
    }
    let ids: Vec<EventId> = parcels.iter().map(|parcel| parcel.event_id).collect();
    assert_eq!(stand.stored_once(&ids).await, ids.len());
}

/// Stops a process. The signal alone does not do it: the threads run on until one has taken it.
async fn stop(pid: u32) {
    let target = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(target, Signal::STOP).unwrap();
    let is_stopped = |task: std::fs::DirEntry| {
        // A thread may have ended meanwhile; then the next round has one less.
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        // The state comes after the name, which is in parentheses and may hold anything.
        stat.rsplit(") ")
            .next()
            .unwrap_or_default()
            .starts_with('T')
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        if tasks.all(|task| is_stopped(task.unwrap())) {
            return;
        }
        assert!(Instant::now() < deadline, "the process does not stop");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_outlives_a_power_cut() {
    const ROUNDS: usize = 3;
    const EVENTS: usize = 60;
    let Some(home) = home() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut stand = Stand::new(dir.path(), &home).await;
    let (identity, mut link) = stand.agent("edge").await;
    let stream = stand.stream(&mut link).await;
    let mut ids = Vec::new();
    for round in 0..ROUNDS {
        let parcels: Vec<Parcel> = (0..EVENTS)
            .map(|nth| stand.recipe.event(stream, nth).unwrap())
            .collect();
        let shared = Arc::new(link);
        let mut pushes = JoinSet::new();
        for (nth, parcel) in parcels.iter().cloned().enumerate() {
            let link = shared.clone();
            pushes.spawn(async move {
                // Spread over time, so that the cut falls among them.
                tokio::time::sleep(Duration::from_millis(2 * nth as u64)).await;
                (parcel.event_id, link.push(&parcel).await)
            });
        }
        let mut promised = Vec::new();
        while promised.len() < EVENTS / 3 {
            if let (id, Ok(PushReply::Ack(_))) = pushes.join_next().await.unwrap().unwrap() {
                promised.push(id);
            }
        }
        stand.coordinator.daemon().kill9().unwrap();
        // An answer may have been on its way; it counts as well.
        while let Some(done) = pushes.try_join_next() {
            if let (id, Ok(PushReply::Ack(_))) = done.unwrap() {
                promised.push(id);
            }
        }
        pushes.shutdown().await;
        drop(shared);
        stand.coordinator.restart().unwrap();
        link = Link::connect(&identity, "edge").await.unwrap();
        for parcel in &parcels {
            let known = duplicate(link.push(parcel).await.unwrap());
            assert!(
                known || !promised.contains(&parcel.event_id),
                "round {round}: an acknowledged event is not there"
            );
        }
        eprintln!("round {round}: {} promised before the cut", promised.len());
        ids.extend(parcels.iter().map(|parcel| parcel.event_id));
        assert_eq!(stand.stored_once(&ids).await, ids.len());
    }
}
