//! The process that is killed.

use std::{io::Write, path::PathBuf};

use crate::{
    THREADS, number, open,
    world::{Driver, World, account},
};

/// Where its store is; without it this test has nothing to do.
pub const DIR: &str = "GOSHAWK_CRASH_CHILD_DIR";
/// Seed of the whole run.
pub const SEED: &str = "GOSHAWK_CRASH_CHILD_SEED";
/// Which life it is.
pub const LIFE: &str = "GOSHAWK_CRASH_CHILD_LIFE";

fn report(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// Changes things until it is killed.
#[test]
fn the_child_that_is_killed() {
    let Some(dir) = std::env::var_os(DIR).map(PathBuf::from) else {
        return;
    };
    let (seed, life) = (number(SEED).unwrap(), number(LIFE).unwrap());
    let store = open(&dir);
    report("\nready");
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = &store;
            scope.spawn(move || {
                let mut world = World::read(store, account(thread));
                let mut driver = Driver::new(seed, life, thread);
                loop {
                    let change = driver.choose(&world);
                    change.perform(store, account(thread));
                    report(&format!("ack {thread} ."));
                    world.apply(&change);
                }
            });
        }
    });
}
