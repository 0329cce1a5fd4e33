//! The link on virtual time: both machines, a bad network, failing commits and restarts.
//!
//! Every run is a function of its seed. A run appends events on the agent while faults happen,
//! then lets the faults stop, and demands what `link` promises: every appended event is committed
//! exactly once, acknowledged and deleted from the outbox; nothing is committed that was not
//! appended; nothing is acknowledged that was not committed; the window and the memory bounds
//! hold throughout.
//!
//! `GOSHAWK_SIM_SEED=n` replays one seed with a trace, `GOSHAWK_SIM_SEEDS=n` runs so many.

#[path = "link_simulation/world.rs"]
mod world;

use world::{Sabotage, World};

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable)
        .ok()
        .map(|text| text.parse().expect("a number"))
}

/// Runs one seed; the error says what was broken.
fn run(seed: u64, sabotage: Sabotage, trace: bool) -> Result<world::Report, String> {
    World::new(seed, sabotage, trace).run().map_err(|broken| {
        format!("seed {seed}: {broken}; replay with GOSHAWK_SIM_SEED={seed} cargo test -p goshawk-proto --test link_simulation -- --nocapture")
    })
}

#[test]
fn every_event_is_committed_exactly_once_and_acknowledged() {
    if let Some(seed) = number("GOSHAWK_SIM_SEED") {
        let report = run(seed, Sabotage::None, true).unwrap_or_else(|broken| panic!("{broken}"));
        println!("{report:#?}");
        return;
    }
    let seeds = number("GOSHAWK_SIM_SEEDS").unwrap_or(1_000);
    let mut total = world::Report::default();
    for seed in 0..seeds {
        total.add(&run(seed, Sabotage::None, false).unwrap_or_else(|broken| panic!("{broken}")));
    }
    println!("{seeds} seeds: {total:?}");
    // The faults must really have happened, or the runs prove nothing.
    if seeds >= 100 {
        for (what, count) in [
            ("agent restarts", total.agent_restarts),
            ("coordinator restarts", total.coordinator_restarts),
            ("cut connections", total.cuts),
            ("lost pushes", total.lost),
            ("doubled pushes", total.doubled),
            ("duplicates at the store", total.duplicate_commits),
            ("failed commits", total.failed_commits),
            ("acked deletes lost in a crash", total.deletes_lost),
            ("pushes that joined a commit", total.joined),
        ] {
            assert!(count > 10, "{what}: only {count}");
        }
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..5 {
        let runs = [0; 2].map(|_| run(seed, Sabotage::None, false).unwrap());
        assert_eq!(format!("{:?}", runs[0]), format!("{:?}", runs[1]));
    }
}

/// The oracle has teeth: a broken world is found out, by most seeds.
#[test]
fn broken_worlds_are_found_out() {
    for sabotage in [
        Sabotage::AckBeforeCommit,
        Sabotage::DeleteBeforeAck,
        Sabotage::StoreForgets,
        Sabotage::StoreCountsTwice,
        Sabotage::IgnoreRetries,
    ] {
        let found = (0..40)
            .filter(|&seed| run(seed, sabotage, false).is_err())
            .count();
        assert!(
            found >= 20,
            "{sabotage:?} was found by {found} of 40 seeds only"
        );
    }
}
