//! Streams to agents over the real store.

use goshawk_proto::{
    id::AccountId,
    link::{OutboxFeedback, StreamCounters, StreamFeedback, VERSIONS},
    stream::StreamStatus,
};
use uuid::Uuid;

use super::*;
use crate::store::{
    StreamStore,
    conformance::{ACCOUNT, at, sample_stream},
    sled::{SledOptions, SledStore},
};

const ONE: AgentId = AgentId(Uuid::from_u128(1));
const TWO: AgentId = AgentId(Uuid::from_u128(2));

fn store(dir: &std::path::Path) -> Arc<SledStore> {
    SledStore::open(
        dir,
        SledOptions {
            cache_bytes: 8 << 20,
            ..SledOptions::default()
        },
    )
    .unwrap()
}

async fn assigner(store: &Arc<SledStore>) -> Arc<Assigner> {
    let handle = StoreHandle::new(store.clone(), 4);
    Assigner::open(handle, AssignOptions::default())
        .await
        .unwrap()
}

fn hello(capabilities: &[&str]) -> Hello {
    Hello {
        versions: VERSIONS,
        agent_version: "0".into(),
        name: "edge".into(),
        capabilities: capabilities.iter().map(|c| (*c).to_owned()).collect(),
        clock: at(1),
        outbox: OutboxFeedback::default(),
    }
}

fn feedback(stream: u128, version: u64, status: StreamStatus) -> Feedback {
    Feedback {
        at: at(1),
        assignments_revision: 1,
        streams: vec![StreamFeedback {
            stream_id: StreamId(Uuid::from_u128(stream)),
            version,
            status,
            error: None,
            failure: None,
            counters: StreamCounters::default(),
            last_frame_at: None,
            video: None,
        }],
        outbox: OutboxFeedback::default(),
    }
}

fn given(receiver: &watch::Receiver<Arc<Assignments>>) -> Vec<u128> {
    receiver
        .borrow()
        .streams
        .iter()
        .map(|s| s.stream_id.0.as_u128())
        .collect()
}

fn status(store: &SledStore, account: AccountId, stream: u128) -> StreamStatus {
    store
        .stream(account, StreamId(Uuid::from_u128(stream)))
        .unwrap()
        .state
        .status
}

#[tokio::test]
async fn streams_go_to_agents_and_their_reports_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    for n in 1..=3 {
        store.create_stream(&sample_stream(n)).unwrap();
    }
    let assigner = assigner(&store).await;
    let one = assigner.watch(ONE);
    assigner.replan().await.unwrap();
    assert!(given(&one).is_empty(), "nobody is connected");
    assigner.connected(ONE, hello(&["streams=2"])).await;
    assigner.replan().await.unwrap();
    assert_eq!(given(&one), [1, 2], "as many as it can take");
    assigner.connected(TWO, hello(&[])).await;
    assigner.replan().await.unwrap();
    assert_eq!(given(&assigner.watch(TWO)), [3]);
    let revision = one.borrow().revision;
    assigner.replan().await.unwrap();
    assert_eq!(one.borrow().revision, revision, "no change, no document");

    assigner
        .feedback(ONE, feedback(1, 1, StreamStatus::InProgress))
        .await;
    assert_eq!(status(&store, ACCOUNT, 1), StreamStatus::InProgress);
    assigner
        .feedback(TWO, feedback(1, 1, StreamStatus::Done))
        .await;
    assert_eq!(
        status(&store, ACCOUNT, 1),
        StreamStatus::InProgress,
        "not its stream"
    );
    assigner
        .feedback(ONE, feedback(2, 1, StreamStatus::Done))
        .await;
    assigner.replan().await.unwrap();
    assert_eq!(given(&one), [1], "what is done is taken off");
    store
        .delete_stream(ACCOUNT, StreamId(Uuid::from_u128(1)))
        .unwrap();
    assigner.replan().await.unwrap();
    assert!(given(&one).is_empty());
}

#[tokio::test]
async fn after_a_restart_agents_find_what_they_had() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = store(dir.path());
        store.create_stream(&sample_stream(1)).unwrap();
        let assigner = assigner(&store).await;
        assigner.connected(ONE, hello(&[])).await;
        assigner.replan().await.unwrap();
        assigner
            .feedback(ONE, feedback(1, 1, StreamStatus::InProgress))
            .await;
    }
    let store = store(dir.path());
    let assigner = assigner(&store).await;
    assert_eq!(
        given(&assigner.watch(ONE)),
        [1],
        "before anything else happens"
    );
    assert_eq!(status(&store, ACCOUNT, 1), StreamStatus::HandlerLost);
    // Another agent does not take it while the first may come back.
    assigner.connected(TWO, hello(&[])).await;
    assigner.replan().await.unwrap();
    assert!(given(&assigner.watch(TWO)).is_empty());
    assigner.connected(ONE, hello(&[])).await;
    assigner
        .feedback(ONE, feedback(1, 1, StreamStatus::InProgress))
        .await;
    assert_eq!(status(&store, ACCOUNT, 1), StreamStatus::InProgress);
    assigner.lost(ONE).await;
    assert_eq!(status(&store, ACCOUNT, 1), StreamStatus::HandlerLost);
    assert_eq!(assigner.agents().iter().filter(|a| a.connected).count(), 1);
}
