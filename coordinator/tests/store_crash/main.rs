//! kill -9 under load: after each kill everything acknowledged is there, and of what was under way
//! either all or nothing.
//!
//! A child process (this test binary once more) runs random changes in several threads, each on
//! an account of its own, and reports every acknowledged one through its standard output. Changes
//! follow from a seed and what is stored, so this process knows what each thread did. It kills the
//! child at a random moment, opens the store, compares it with its model, and checks every index,
//! checksum and reference. The next child goes on with what is there.
//!
//! `GOSHAWK_CRASH_KILLS` is the number of kills (10), `GOSHAWK_CRASH_SEED` the seed (random,
//! printed).
#![allow(
    clippy::unwrap_used,
    reason = "tests may stop at the first thing that is not as it should be"
)]

mod child;
mod world;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use goshawk_coordinator::store::sled::{Checker, SledOptions, SledStore};
use rand::{Rng, SeedableRng, rngs::StdRng};
use world::{Driver, World, account};

/// Threads of the child.
const THREADS: u64 = 6;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn say(line: &str) {
    // Past the capture of output, so that it is seen.
    std::io::Write::write_all(&mut std::io::stderr(), format!("{line}\n").as_bytes()).unwrap();
}

fn open(dir: &Path) -> Arc<SledStore> {
    let options = SledOptions {
        cache_bytes: 32 << 20,
        ..SledOptions::default()
    };
    SledStore::open(dir, options).unwrap()
}

/// Acknowledged changes of each thread, told as they come.
struct Reports {
    ready: mpsc::Receiver<()>,
    counts: JoinHandle<Vec<u64>>,
}

fn listen(child: &mut Child) -> Reports {
    let (told, ready) = mpsc::channel();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let counts = std::thread::spawn(move || {
        let mut counts = vec![0; THREADS as usize];
        for line in lines.map_while(Result::ok) {
            if line.ends_with("ready") {
                let _ = told.send(());
            }
            // What a kill has cut off is no report.
            if let Some(thread) = line.strip_prefix("ack ").and_then(|l| l.strip_suffix(" .")) {
                counts[thread.parse::<usize>().unwrap()] += 1;
            }
        }
        counts
    });
    Reports { ready, counts }
}

/// Lets a child work for a random time; how many changes each thread had acknowledged.
fn one_life(dir: &Path, seed: u64, life: u64, rng: &mut StdRng) -> Vec<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child::the_child_that_is_killed", "--nocapture"])
        .env(child::DIR, dir)
        .env(child::SEED, seed.to_string())
        .env(child::LIFE, life.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let reports = listen(&mut child);
    if rng.random_bool(0.15) {
        // While it recovers from the life before.
        std::thread::sleep(Duration::from_millis(rng.random_range(0..60)));
    } else {
        let limit = Duration::from_secs(60);
        assert!(
            reports.ready.recv_timeout(limit).is_ok(),
            "life {life} did not begin"
        );
        std::thread::sleep(Duration::from_millis(rng.random_range(0..700)));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    reports.counts.join().unwrap()
}

/// Compares an account with its model after `acknowledged` changes, or one more.
fn settle(
    store: &SledStore,
    thread: u64,
    driver: Driver,
    before: &World,
    acknowledged: u64,
) -> World {
    let found = World::read(store, account(thread));
    let (mut driver, mut model) = (driver, before.clone());
    for _ in 0..acknowledged {
        let change = driver.choose(&model);
        model.apply(&change);
    }
    if found == model {
        return found;
    }
    let under_way = driver.choose(&model);
    let mut after = model.clone();
    after.apply(&under_way);
    assert!(
        found == after,
        "thread {thread}: after {acknowledged} changes and perhaps {under_way:?}\n{}",
        found.difference(&model)
    );
    found
}

fn check(store: &SledStore) {
    let mut checker = Checker::default();
    let mut snapshot = store.snapshot().unwrap();
    while let Some(rows) = snapshot.read_on().unwrap() {
        rows.iter()
            .for_each(|row| checker.row(&row.key, &row.value));
    }
    let report = checker.finish().0;
    assert_eq!(report.faults, 0, "{:#?}", report.findings);
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_half_done() {
    let kills = number("GOSHAWK_CRASH_KILLS").unwrap_or(10);
    let seed = number("GOSHAWK_CRASH_SEED").unwrap_or_else(rand::random);
    say(&format!(
        "store_crash: {kills} kills, GOSHAWK_CRASH_SEED={seed}"
    ));
    let (began, mut total) = (Instant::now(), 0);
    let mut rng = StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut worlds: Vec<World> = (0..THREADS).map(|_| World::default()).collect();
    for life in 0..kills {
        let acknowledged = one_life(dir.path(), seed, life, &mut rng);
        let store = open(dir.path());
        assert_eq!(store.stats().damaged, 0);
        for thread in 0..THREADS {
            let driver = Driver::new(seed, life, thread);
            let (world, count) = (&mut worlds[thread as usize], acknowledged[thread as usize]);
            *world = settle(&store, thread, driver, world, count);
        }
        check(&store);
        total += acknowledged.iter().sum::<u64>();
    }
    say(&format!(
        "store_crash: {kills} kills, {total} acknowledged changes, {} faces and {} events at the end, {:.0} s",
        worlds.iter().map(World::faces).sum::<usize>(),
        worlds.iter().map(World::events).sum::<usize>(),
        began.elapsed().as_secs_f64()
    ));
    assert!(
        total > kills,
        "the children did next to nothing: {total} changes"
    );
}
