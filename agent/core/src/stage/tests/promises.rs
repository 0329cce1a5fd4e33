//! What holds for every passage under every specification.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// One person's way: when they come and go, where they stand, and when the face is not seen.
#[derive(Clone, Debug)]
struct Way {
    frames: std::ops::Range<u64>,
    x: f32,
    pace: f32,
    hidden: std::ops::Range<u64>,
}

fn way() -> impl Strategy<Value = Way> {
    let fields = (
        0u64..60,
        5u64..120,
        0.0f32..900.0,
        -3.0f32..3.0,
        0u64..100,
        0u64..60,
    );
    fields.prop_map(|(from, length, x, pace, hide, hidden)| Way {
        frames: from..from + length,
        x,
        pace,
        hidden: hide..hide + hidden,
    })
}

#[derive(Clone, Debug)]
struct Wish {
    mode: u8,
    part: u8,
    faces: u32,
    bodies: u32,
    search: i64,
    silence: i64,
    full_set: bool,
    forget: bool,
    images: bool,
}

fn wish() -> impl Strategy<Value = Wish> {
    let flags = any::<(bool, bool)>();
    let fields = (
        1u8..=3,
        1u8..=4,
        0u32..4,
        0u32..4,
        -1i64..3,
        -1i64..3,
        flags,
        0u8..8,
    );
    fields.prop_map(
        |(mode, part, faces, bodies, search, silence, (full_set, forget), kind)| Wish {
            mode,
            part,
            faces,
            bodies,
            search,
            silence,
            full_set,
            forget,
            images: kind == 0,
        },
    )
}

fn analysis_of(wish: &Wish) -> StreamAnalysis<u64> {
    let json = serde_json::json!({
        "stream_id": "7acc35cf-a3b2-4f87-8d8b-5496a2782d37", "version": 2, "name": "gate",
        "data": {
            "type": if wish.images { "images" } else { "tcp" },
            "reference": "rtsp://camera/1",
            "analytics": [{
                "mode": wish.mode,
                "event_handler": {"handler_id": "0b61258c-434f-45d6-964f-2131e58cd58c"},
                "sending": {
                    "body": {
                        "send_only_full_set": wish.full_set,
                        "delete_track_after_sending": wish.forget,
                    },
                    "bestshot_settings": {
                        "type": wish.part,
                        "face_bestshots_to_send": wish.faces,
                        "body_bestshots_to_send": wish.bodies,
                    },
                    "time_period_of_searching": wish.search,
                    "silent_period": wish.silence,
                },
            }],
        },
    });
    analysis(&serde_json::from_value(json).unwrap())
}

fn observed(ways: &[Way], n: u64) -> Seen {
    let (mut faces, mut bodies) = (Vec::new(), Vec::new());
    for way in ways.iter().filter(|way| way.frames.contains(&n)) {
        let x = way.x + way.pace * n as f32;
        if !way.hidden.contains(&n) {
            let mut seen = face(x + 30.0, 60.0 + (n % 7) as f32);
            seen.body = Some(bodies.len());
            faces.push(seen);
        }
        bodies.push(body(x, 280.0 + (n % 5) as f32));
    }
    (Some(faces), (n.is_multiple_of(2)).then_some(bodies))
}

fn run(wish: &Wish, ways: &[Way]) -> (Vec<EventDraft<u64>>, AnalysisCounters) {
    let mut analysis = analysis_of(wish);
    let mut sent = Vec::new();
    for n in 0..130 {
        sent.extend(events(play_all(&mut analysis, n, observed(ways, n), 0.5)));
    }
    sent.extend(finish(&mut analysis, StreamEnd::SourceEnded));
    assert_eq!(analysis.open_tracks(), 0);
    assert!(analysis.pending.is_empty());
    (sent, analysis.counters())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_event_is_as_the_specification_wants_it(
        wish in wish(),
        ways in prop::collection::vec(way(), 0..4),
    ) {
        let (sent, counters) = run(&wish, &ways);
        prop_assert_eq!(counters.events, sent.len() as u64);
        let mut faces_sent: BTreeMap<(TrackId, u64), u32> = BTreeMap::new();
        let mut bodies_sent: BTreeMap<(TrackId, u64), u32> = BTreeMap::new();
        for event in &sent {
            prop_assert!(!event.faces.is_empty() || !event.bodies.is_empty());
            prop_assert!(event.faces.len() <= wish.faces as usize);
            prop_assert!(event.bodies.len() <= wish.bodies as usize);
            if wish.full_set && !event.bodies.is_empty() {
                prop_assert_eq!(event.bodies.len(), wish.bodies as usize);
            }
            let (with_faces, with_bodies) = match (wish.mode, wish.part) {
                (1, _) | (3, 1) => (true, false),
                (2, _) | (3, 2) => (false, true),
                _ => (true, true),
            };
            prop_assert!(with_faces || event.faces.is_empty());
            prop_assert!(with_bodies || event.bodies.is_empty());
            if wish.mode == 3 && wish.part == 4 {
                prop_assert!(event.faces.is_empty() || event.bodies.is_empty(), "separately");
            }
            prop_assert!(event.track_start <= event.track_end);
            // Within one event no shot is there twice; best first.
            let mut payloads: Vec<u64> = event.bodies.iter().map(|b| b.payload).collect();
            payloads.sort_unstable();
            payloads.dedup();
            prop_assert_eq!(payloads.len(), event.bodies.len());
            prop_assert!(event.bodies.windows(2).all(|w| w[0].shot_score >= w[1].shot_score));
            prop_assert!(event.faces.windows(2).all(|w| w[0].shot_score >= w[1].shot_score));
            for shot in &event.faces {
                *faces_sent.entry((event.track_id, shot.payload)).or_default() += 1;
            }
            for shot in &event.bodies {
                *bodies_sent.entry((event.track_id, shot.payload)).or_default() += 1;
            }
        }
        prop_assert!(faces_sent.values().all(|n| *n == 1), "each face once");
        if wish.forget {
            prop_assert!(bodies_sent.values().all(|n| *n == 1), "each body once");
        }
    }

    #[test]
    fn the_same_passage_is_told_the_same_way(
        wish in wish(),
        ways in prop::collection::vec(way(), 0..4),
    ) {
        let told = || format!("{:?}", run(&wish, &ways));
        prop_assert_eq!(told(), told());
    }

    #[test]
    fn modes_never_look_at_the_other_part(ways in prop::collection::vec(way(), 0..4)) {
        for (mode, of_faces) in [(1, true), (2, false)] {
            let wish = Wish {
                mode,
                part: 3,
                faces: 2,
                bodies: 2,
                search: 1,
                silence: 0,
                full_set: false,
                forget: true,
                images: false,
            };
            let (_, counters) = run(&wish, &ways);
            prop_assert!(counters.detections == 0 || of_faces);
            prop_assert!(counters.bodies == 0 || !of_faces);
            prop_assert_eq!(counters.joined, 0);
        }
    }
}
