//! The contract's liveness policy over whole passages.

use std::sync::Arc;

use goshawk_proto::stream::{LivenessSettings, SearchPeriod};

use super::*;
use crate::liveness::{Look, look::Patch, surroundings::Surroundings};

/// What was cut out of a face with such a share of a person round it.
fn look(body: f32) -> Arc<Look> {
    let box_of = |side: f32| BBox::new(0.0, 0.0, side, side);
    let side = crate::liveness::look::SIDE;
    let patch = Patch::new(
        vec![90; side * side],
        box_of(32.0),
        box_of(side as f32),
        Default::default(),
        1.0,
    );
    Arc::new(Look {
        patch: patch.unwrap(),
        skin: None,
        peak: None,
        iris: None,
        surroundings: Surroundings {
            body: Some(body),
            framed: 0.0,
        },
    })
}

/// A passage of so many frames under the contract's liveness policy; `body` by frame.
fn passage(mode: u8, frames: u64, body: impl Fn(u64) -> f32) -> (Vec<u64>, AnalysisCounters) {
    let spec = spec(|spec| {
        let analytics = &mut spec.data.analytics[0];
        analytics.liveness = LivenessSettings {
            use_flying_faces_liveness_filtration: true,
            liveness_mode: mode,
            number_of_liveness_checks: 5,
            liveness_threshold: 0.6,
            ..LivenessSettings::default()
        };
        analytics.sending.time_period_of_searching = SearchPeriod(1);
    });
    let mut analysis = analysis(&spec);
    assert!(analysis.wants_looks() && !analysis.wants_scenes());
    let mut sent = Vec::new();
    for number in 0..frames {
        let observed = FaceObservation {
            look: Some(look(body(number))),
            ..face(200.0 + number as f32, 120.0)
        };
        let outputs = play(&mut analysis, number, Some(vec![observed]), 0.8);
        sent.extend(events(outputs));
    }
    analysis.handle_end(StreamEnd::SourceEnded);
    sent.extend(events(
        std::iter::from_fn(|| analysis.poll_output()).collect(),
    ));
    let shots = sent.iter().map(|event| event.faces[0].frame.number);
    (shots.collect(), analysis.counters())
}

#[test]
fn with_a_liveness_policy_only_the_live_are_sent() {
    for mode in 0..3 {
        let (live, counters) = passage(mode, 60, |_| 0.9);
        assert!(live.len() >= 2, "{mode}: {live:?}");
        assert_eq!(counters.withheld_spoofs, 0);
        let (spoof, counters) = passage(mode, 60, |_| 0.1);
        assert_eq!(spoof, [] as [u64; 0], "{mode}");
        assert!(counters.withheld_spoofs > 0 && counters.events == 0);
    }
}

#[test]
fn a_track_with_too_few_checks_is_not_sent_and_counted() {
    for mode in 0..3 {
        let (sent, counters) = passage(mode, 4, |_| 0.9);
        assert_eq!(sent, [] as [u64; 0], "{mode}");
        assert_eq!(counters.withheld_unchecked, 1, "{mode}");
    }
}

#[test]
fn shots_from_before_a_spoof_is_known_are_not_sent_later() {
    // The last checks count: what was collected while they were bad is gone when they are good.
    let (sent, counters) = passage(1, 90, |n| if n < 40 { 0.1 } else { 0.9 });
    assert!(counters.withheld_spoofs > 0);
    assert!(
        !sent.is_empty() && sent.iter().all(|number| *number > 25),
        "{sent:?}"
    );
    // The first checks count: nothing that comes later helps.
    let (sent, _) = passage(0, 90, |n| if n < 40 { 0.1 } else { 0.9 });
    assert_eq!(sent, [] as [u64; 0]);
}

#[test]
fn a_network_of_textures_is_a_witness_of_the_vote() {
    use goshawk_proto::detection::LivenessVerdict;
    let verdict = |real: Option<f32>| {
        let mut analysis = analysis(&spec(|_| ()));
        for number in 0..30 {
            // Nearer in each frame, so that each is worth a shot.
            let requests = analysis.handle_frame(FrameObservations {
                frame: frame(number),
                faces: Some(vec![face(300.0, 80.0 + 4.0 * number as f32)]),
                bodies: None,
            });
            for request in requests {
                let fitness = Fitness::Face {
                    quality: quality(0.8),
                    mouth_covered: None,
                    real,
                };
                let payload = number;
                analysis.handle_shot(request.ticket, Shot { fitness, payload });
            }
        }
        analysis.handle_end(StreamEnd::SourceEnded);
        let sent = events(std::iter::from_fn(|| analysis.poll_output()).collect());
        let mut witnesses = sent[0].liveness.witnesses.clone().into_iter();
        let texture = witnesses.find(|witness| witness.name == "texture");
        texture.map(|witness| witness.verdict)
    };
    assert_eq!(verdict(Some(0.02)), Some(LivenessVerdict::Spoof));
    assert_eq!(verdict(Some(0.98)), Some(LivenessVerdict::Real));
    assert_eq!(verdict(None), None);
}
