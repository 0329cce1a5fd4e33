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

/// Good input to begin with, by the fuzzer that it is for.
const SEEDS: &[(&str, &[u8])] = &[
    ("query", b"page=2&page_size=100&targets=face_id,user_data&create_time__lt=2024-01-02T03:04:05.678901Z"),
    ("query", b"face_ids=7acc35cf-a3b2-4f87-8d8b-5496a2782d37,7acc35cf-a3b2-4f87-8d8b-5496a2782d38&gender=0,null"),
    ("query", b"geo_position=origin_longitude,36.6,origin_latitude,55.7,delta_longitude,1,delta_latitude,1"),
    ("query", b"2024-01-02T03:04:05.678901+03:00"),
    ("body", br#"0{"description":"a","policies":{"detect_policy":{"detect_face":1},"match_policy":[{"label":"l","candidates":{"origin":"faces"},"limit":3}]}}"#),
    ("body", br#"1{"account_id":"7acc35cf-a3b2-4f87-8d8b-5496a2782d37","data":{"type":"tcp","reference":"rtsp://a","analytics":[]}}"#),
    ("body", b"\x02\x82\xabdescription\xa1a\xa8policies\x81\xaddetect_policy\x80"),
    ("token", b"eyJhbGciOiJub25lIiwia2lkIjoiYSJ9"),
    ("token", b"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiIsImtpZCI6ImEifQ"),
    ("token", b"a=b; token=x.y.z; c"),
    ("event", b"\x81\xa8envelope\x01"),
    ("link", b"\x05\x00\x00\x00\x08\x92\xa5hello\x80"),
    ("picture", b"P6 2 2 255 aaaaaaaaaaaa"),
    ("picture", b"BM\x46\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00\x18\x00"),
    ("picture", b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xd9"),
    ("picture", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x02\x00\x00\x00"),
];

/// One change of good input.
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
        let seeds: Vec<&[u8]> = SEEDS
            .iter()
            .filter(|(of, _)| of == name)
            .map(|(_, seed)| *seed)
            .collect();
        assert!(!seeds.is_empty(), "no good input for {name}");
        let random = vec(any::<u8>(), 0..400);
        let near = (select(seeds), changes()).prop_map(|(seed, changes)| changed(seed, &changes));
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
