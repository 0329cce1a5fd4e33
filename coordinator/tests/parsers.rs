//! The functions of the fuzzers (`tests/fuzz`) over generated input, with a fixed seed, so that they
//! are run on every machine and never rot. `PROPTEST_CASES` says how long.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../tests/fuzz/src/lib.rs"]
mod parsers;

use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::{Index, select},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

/// Bytes of input that is not changed any more.
const LONG: usize = 4000;

/// One change of the input to begin with.
#[derive(Debug, Clone)]
enum Change {
    Replace(Index, u8),
    Remove(Index),
    Insert(Index, Vec<u8>),
    Repeat(Index, usize),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let replace = (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Replace(at, byte));
    let remove = any::<Index>().prop_map(Change::Remove);
    let insert = (any::<Index>(), vec(any::<u8>(), 1..6));
    let insert = insert.prop_map(|(at, bytes)| Change::Insert(at, bytes));
    let repeat = (any::<Index>(), 1..2_000usize);
    let repeat = repeat.prop_map(|(at, times)| Change::Repeat(at, times));
    vec(
        prop_oneof![4 => replace, 2 => remove, 2 => insert, 1 => repeat],
        0..8,
    )
}

fn changed(seed: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for change in changes.iter().filter(|_| !seed.is_empty()) {
        if bytes.is_empty() {
            break;
        }
        match change {
            Change::Replace(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Change::Remove(at) => drop(bytes.remove(at.index(bytes.len()))),
            Change::Insert(at, more) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, more.iter().copied());
            }
            Change::Repeat(at, times) => {
                let at = at.index(bytes.len());
                let byte = bytes[at];
                bytes.splice(at..at, std::iter::repeat_n(byte, *times));
            }
        }
    }
    bytes
}

#[test]
fn whatever_comes_is_read_or_refused() {
    for (name, parse) in parsers::ALL {
        let seeds: Vec<Vec<u8>> = parsers::seeds::all()
            .into_iter()
            .filter(|(of, _)| of == name)
            .map(|(_, seed)| seed)
            .collect();
        assert!(!seeds.is_empty(), "nothing to begin with for {name}");
        seeds.iter().for_each(|seed| parse(seed));
        // Changes to what is deep would mostly make it shallow.
        let seeds: Vec<Vec<u8>> = seeds.into_iter().filter(|seed| seed.len() < LONG).collect();
        let random = vec(any::<u8>(), 0..400);
        let near = (select(seeds), changes()).prop_map(|(seed, changes)| changed(&seed, &changes));
        let input = prop_oneof![1 => Just(Vec::new()), 10 => random, 40 => near];
        let mut runner = TestRunner::new_with_rng(
            Config {
                failure_persistence: None,
                ..Config::default()
            },
            TestRng::deterministic_rng(RngAlgorithm::ChaCha),
        );
        let outcome = runner.run(&input, |bytes| {
            parse(&bytes);
            Ok(())
        });
        if let Err(failure) = outcome {
            panic!("{name}: {failure}");
        }
    }
}
