//! Crashes between any two steps: afterwards every event is stored exactly once and was sent at
//! least once.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use goshawk_coordinator_core::candidates::FaceFilters;
use goshawk_proto::event::Event;
use proptest::prelude::*;

use super::{
    super::*,
    world::{World, agent_event, everything, received},
};
use crate::{
    blobs::{BlobKey, BlobKind},
    store::{
        FaceStore, IncomingStore,
        conformance::{ACCOUNT, at, copy_dir, list_id},
    },
};

/// Stops processing when a step is reached for the `after + 1`-th time.
struct Fuse {
    step: Step,
    left: Mutex<u32>,
    blown: AtomicBool,
}

impl Fuse {
    fn new(step: Step, after: u32) -> Arc<Self> {
        Arc::new(Self {
            step,
            left: Mutex::new(after),
            blown: false.into(),
        })
    }
}

impl Checkpoint for Fuse {
    fn reached(&self, step: Step, _: EventId) -> Result<(), Interrupted> {
        // Once blown, the process is dead: nothing goes on.
        if self.blown.load(Ordering::SeqCst) {
            return Err(Interrupted(step));
        }
        let mut left = self.left.lock().unwrap();
        if step == self.step {
            if *left == 0 {
                self.blown.store(true, Ordering::SeqCst);
                return Err(Interrupted(step));
            }
            *left -= 1;
        }
        Ok(())
    }
}

/// Lives of a coordinator one after the other, each over a copy of what the one before had on
/// disk when it died.
struct Lives {
    dirs: tempfile::TempDir,
    number: u32,
    sent: HashMap<EventId, usize>,
}

impl Lives {
    fn new() -> Self {
        Self {
            dirs: tempfile::tempdir().unwrap(),
            number: 0,
            sent: HashMap::new(),
        }
    }

    fn dir(&self) -> PathBuf {
        self.dirs.path().join(self.number.to_string())
    }

    /// Lives until the fuse blows or nothing is left to do; then dies without closing anything.
    async fn live(&mut self, fuse: Option<Arc<Fuse>>, handed_in: &[Event]) {
        let checkpoint = fuse.clone().map(|fuse| fuse as Arc<dyn Checkpoint>);
        let mut world = World::open(&self.dir(), checkpoint);
        if self.number == 0 {
            world.furnish(everything());
        }
        let mut subscription = world.bus.subscribe();
        for event in handed_in {
            world.commit(event.clone()).await.unwrap();
        }
        world.start();
        match fuse {
            Some(fuse) => {
                for _ in 0..400 {
                    let idle = world.store.incoming_len().unwrap() == 0
                        && world.store.outgoing(None, 1).unwrap().is_empty();
                    if idle || fuse.blown.load(Ordering::SeqCst) {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            None => world.settle().await,
        }
        // The disk as it is at this moment is what the next life finds.
        let before = self.dir();
        self.number += 1;
        copy_dir(&before, &self.dir());
        for (id, count) in received(&mut subscription) {
            *self.sent.entry(id).or_default() += count;
        }
        world.stop().await;
    }

    /// The last life: everything is done, and checked.
    async fn check(&mut self, all: &[Event]) {
        self.live(None, &[]).await;
        let world = World::open(&self.dir(), None);
        let mut stored: Vec<EventId> = world.events().iter().map(|e| e.event_id).collect();
        stored.sort_unstable();
        let mut expected: Vec<EventId> = all.iter().map(|e| e.event_id).collect();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(stored, expected, "each event exactly once");
        for id in &expected {
            assert!(
                self.sent.get(id).is_some_and(|n| *n >= 1),
                "{id} was never sent"
            );
        }
        let filters = FaceFilters {
            list_id: Some(list_id(2)),
            ..Default::default()
        };
        let faces = world.store.count_faces(ACCOUNT, &filters, at(0)).unwrap();
        assert_eq!(faces, expected.len() as u64, "each face exactly once");
        for event in world.events() {
            let sample = event.detections[0].face.as_ref().unwrap().sample_id;
            let key = BlobKey {
                account: ACCOUNT,
                kind: BlobKind::FaceSample,
                id: sample.0,
            };
            assert!(
                world.blobs.exists(&key).await.unwrap(),
                "its sample is there"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_step_loses_nothing_and_doubles_nothing() {
    for step in [
        Step::Taken,
        Step::Decided,
        Step::BlobsStored,
        Step::Finished,
        Step::Published,
    ] {
        let events: Vec<Event> = (0..4).map(|n| agent_event(n, n as u8)).collect();
        let mut lives = Lives::new();
        lives.live(Some(Fuse::new(step, 1)), &events).await;
        lives.check(&events).await;
    }
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Taken),
        Just(Step::Decided),
        Just(Step::BlobsStored),
        Just(Step::Finished),
        Just(Step::Published),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn crash_after_crash_each_event_is_stored_once_and_sent(
        crashes in prop::collection::vec((steps(), 0u32..4), 1..5),
        people in prop::collection::vec((0u128..5, 0u8..6), 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let events: Vec<Event> = people.iter().map(|(n, person)| agent_event(*n, *person)).collect();
            let mut lives = Lives::new();
            let mut left = events.as_slice();
            for (step, after) in crashes {
                // Some events come in each life, and the agent sends the last one again.
                let (now, later) = left.split_at(left.len().min(2));
                left = later;
                lives.live(Some(Fuse::new(step, after)), now).await;
            }
            lives.live(None, left).await;
            lives.check(&events).await;
        });
    }
}
