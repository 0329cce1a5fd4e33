//! Bodies, and faces with bodies: modes 2 and 3, types of best shots, sets, and who is who.

use goshawk_proto::stream::{AnalyticsMode, PartSelection};

use super::*;

/// A person at `x`: a body of 300 px, and a face at its top unless turned away.
fn person(x: f32, turned: bool) -> (Vec<FaceObservation>, Vec<BodyObservation>) {
    let faces = if turned {
        Vec::new()
    } else {
        let mut seen = face(x + 30.0, 60.0);
        seen.body = Some(0);
        vec![seen]
    };
    (faces, vec![body(x, 300.0)])
}

fn passage(
    analysis: &mut StreamAnalysis<u64>,
    frames: std::ops::Range<u64>,
    turned: impl Fn(u64) -> bool,
) -> Vec<EventDraft<u64>> {
    let mut sent = Vec::new();
    for n in frames {
        let (faces, bodies) = person(100.0 + 2.0 * n as f32, turned(n));
        // Bodies are looked for on every third frame.
        let bodies = (n % 3 == 0).then_some(bodies);
        sent.extend(events(play_all(analysis, n, (Some(faces), bodies), 0.5)));
    }
    sent
}

fn with(change: impl FnOnce(&mut Analytics)) -> StreamAnalysis<u64> {
    analysis(&spec(|spec| change(&mut spec.data.analytics[0])))
}

#[test]
fn a_face_and_its_body_make_one_event() {
    let mut analysis = with(|_| ());
    let sent = passage(&mut analysis, 0..60, |_| false);
    assert!(sent.is_empty());
    assert_eq!(analysis.open_tracks(), 1, "one person");
    assert_eq!(analysis.counters().joined, 1);
    let sent = finish(&mut analysis, StreamEnd::SourceEnded);
    let [event] = &sent[..] else {
        panic!("{} events", sent.len())
    };
    assert_eq!((event.faces.len(), event.bodies.len()), (1, 1));
    assert_eq!(event.track_start, frame(0).captured_at);
    assert_eq!(event.track_end, frame(59).captured_at);
    let report = analysis.counters();
    assert_eq!((report.events, report.shots_incomplete), (1, 0));
}

#[test]
fn the_person_stays_while_the_face_turns_away() {
    let mut analysis = with(|analytics| analytics.sending.time_period_of_searching.0 = 1);
    let mut sent = passage(&mut analysis, 0..300, |n| (60..200).contains(&n));
    sent.extend(finish(&mut analysis, StreamEnd::SourceEnded));
    assert!(sent.len() > 5, "{}", sent.len());
    let id = sent[0].track_id;
    assert!(sent.iter().all(|event| event.track_id == id));
    assert_eq!(analysis.counters().joined, 2, "the face came back");
    assert!(sent.last().unwrap().faces.len() == 1);
    // Frames 60 to 200 show no face.
    let faces = sent.iter().flat_map(|event| &event.faces);
    assert!(faces.clone().all(|f| !(60..200).contains(&f.payload)));
    assert!(faces.count() >= 3);
}

#[test]
fn modes_look_for_their_part_only() {
    let mut analysis = with(|analytics| analytics.mode = AnalyticsMode::Bodies);
    passage(&mut analysis, 0..60, |_| false);
    let sent = finish(&mut analysis, StreamEnd::SourceEnded);
    assert_eq!(
        (sent.len(), sent[0].faces.len(), sent[0].bodies.len()),
        (1, 0, 1)
    );
    assert_eq!(
        analysis.counters().detections,
        0,
        "faces were not looked at"
    );

    let mut analysis = with(|analytics| analytics.mode = AnalyticsMode::Faces);
    passage(&mut analysis, 0..60, |_| false);
    let sent = finish(&mut analysis, StreamEnd::SourceEnded);
    assert_eq!(
        (sent.len(), sent[0].faces.len(), sent[0].bodies.len()),
        (1, 1, 0)
    );
    assert_eq!(analysis.counters().bodies, 0);
}

#[test]
fn types_choose_what_goes_together() {
    for (part, expected) in [
        (PartSelection::FacesOnly, vec![(1, 0)]),
        (PartSelection::BodiesOnly, vec![(0, 1)]),
        (PartSelection::FacesWithBodies, vec![(1, 1)]),
        (PartSelection::Separately, vec![(1, 0), (0, 1)]),
    ] {
        let mut analysis = with(|a| a.sending.bestshot_settings.part = part);
        passage(&mut analysis, 0..60, |_| false);
        let sent = finish(&mut analysis, StreamEnd::SourceEnded);
        let counts: Vec<_> = sent
            .iter()
            .map(|e| (e.faces.len(), e.bodies.len()))
            .collect();
        assert_eq!(counts, expected, "{part:?}");
        assert!(sent.iter().all(|e| e.track_id == sent[0].track_id));
    }
}

#[test]
fn an_incomplete_set_of_bodies_is_held_back_and_the_face_is_not() {
    let few = |full: bool| {
        let mut analysis = with(|analytics| {
            analytics.sending.body.send_only_full_set = full;
            analytics.sending.bestshot_settings.body_bestshots_to_send = 5;
        });
        // Half a second: of each 200 ms one body is kept.
        passage(&mut analysis, 0..15, |_| false);
        let sent = finish(&mut analysis, StreamEnd::SourceEnded);
        assert_eq!((sent.len(), sent[0].faces.len()), (1, 1));
        (sent[0].bodies.len(), analysis.counters().shots_incomplete)
    };
    assert_eq!(few(true), (0, 3));
    assert_eq!(few(false), (3, 0));
}

#[test]
fn a_full_set_is_sent_as_soon_as_the_period_and_the_set_are_complete() {
    let mut analysis = with(|analytics| {
        analytics.mode = AnalyticsMode::Bodies;
        analytics.sending.time_period_of_searching.0 = 1;
        analytics.sending.bestshot_settings.body_bestshots_to_send = 7;
    });
    let sent = passage(&mut analysis, 0..80, |_| false);
    assert_eq!(sent.len(), 1, "not after the first second");
    assert_eq!(sent[0].bodies.len(), 7);
    assert_eq!(sent[0].reason, SendReason::Period);
}

#[test]
fn sent_bodies_are_forgotten_or_sent_again_as_the_contract_says() {
    let bodies = |forget: bool| -> Vec<Vec<u64>> {
        let mut analysis = with(|analytics| {
            analytics.mode = AnalyticsMode::Bodies;
            analytics.sending.time_period_of_searching.0 = 1;
            analytics.sending.body.delete_track_after_sending = forget;
        });
        let mut sent = Vec::new();
        for n in 0..150 {
            // Nearest in the first second; afterwards farther and farther away.
            let height = if n == 12 {
                380.0
            } else {
                300.0 - n as f32 * 0.5
            };
            let seen = (None, Some(vec![body(300.0, height)]));
            sent.extend(events(play_all(&mut analysis, n, seen, 0.5)));
        }
        sent.extend(finish(&mut analysis, StreamEnd::SourceEnded));
        let numbers = |event: &EventDraft<u64>| event.bodies.iter().map(|b| b.payload).collect();
        sent.iter().map(numbers).collect()
    };
    assert_eq!(bodies(false), [[12]], "nothing better came, so nothing new");
    let forgotten = bodies(true);
    assert!(forgotten.len() >= 5, "{forgotten:?}");
    let all: Vec<u64> = forgotten.concat();
    let mut once = all.clone();
    once.dedup();
    assert_eq!(all, once, "each once");
}

#[test]
fn sent_once_only_holds_for_each_part_of_a_person() {
    let mut analysis = with(|analytics| {
        analytics.sending.time_period_of_searching.0 = 1;
        analytics.sending.silent_period = -1;
    });
    // The body alone is sent first; then the face is seen, turns away and comes back.
    let turned = |n: u64| n < 60 || (120..220).contains(&n);
    let mut sent = passage(&mut analysis, 0..300, turned);
    sent.extend(finish(&mut analysis, StreamEnd::SourceEnded));
    let counts: Vec<_> = sent.iter().map(|e| e.faces.len()).collect();
    assert_eq!(counts, [0, 1], "the body, then the face, and no more");
    assert_eq!(sent[0].track_id, sent[1].track_id);
}

#[test]
fn thresholds_of_bodies_hold() {
    let count = |change: fn(&mut Analytics)| {
        let mut analysis = with(|analytics| {
            analytics.mode = AnalyticsMode::Bodies;
            change(analytics);
        });
        passage(&mut analysis, 0..60, |_| false);
        finish(&mut analysis, StreamEnd::SourceEnded).len()
    };
    assert_eq!(count(|_| ()), 1);
    // 300 px high and 120 wide: the root of the area is 189.7.
    assert_eq!(count(|a| a.filtering.min_body_size_threshold = 189.0), 1);
    assert_eq!(count(|a| a.filtering.min_body_size_threshold = 190.0), 0);
    assert_eq!(count(|a| a.filtering.min_score_body = 0.95), 0);
}

#[test]
fn a_covered_mouth_is_no_best_shot() {
    let mut analysis = with(|analytics| analytics.filtering.mouth_occlusion_threshold = 0.5);
    for n in 0..20 {
        let requests = analysis.handle_frame(FrameObservations {
            frame: frame(n),
            faces: Some(vec![face(300.0, 80.0)]),
            bodies: None,
        });
        for request in requests {
            let fitness = Fitness::Face {
                quality: quality(0.5),
                mouth_covered: Some(0.8),
                real: None,
            };
            let shot = Shot {
                fitness,
                payload: n,
            };
            let decision = analysis.handle_shot(request.ticket, shot);
            let covered = crate::bestshot::DropReason::Mouth;
            assert_eq!(decision, ShotDecision::Dropped(covered));
        }
    }
    assert!(finish(&mut analysis, StreamEnd::SourceEnded).is_empty());
    assert!(
        analysis
            .filter_counters()
            .rejected(crate::filter::Reason::Mouth)
            > 10
    );
}

#[test]
fn of_a_picture_face_and_body_are_one_at_once() {
    let mut analysis = analysis(&spec(|s| s.data.kind = SourceKind::Images));
    for n in 0..3 {
        let (faces, bodies) = person(200.0, false);
        let outputs = play_all(&mut analysis, n, (Some(faces), Some(bodies)), 0.5);
        let sent = events(outputs);
        assert_eq!(sent.len(), 1);
        assert_eq!((sent[0].faces.len(), sent[0].bodies.len()), (1, 1));
    }
}

#[test]
fn events_name_their_analysis() {
    let spec = spec(|_| ());
    let settings = AnalysisSettings::default();
    let analytics = (3, &spec.data.analytics[0]);
    let mut analysis: StreamAnalysis<u64> = StreamAnalysis::new(&spec, analytics, 1, settings);
    passage(&mut analysis, 0..30, |_| false);
    let sent = finish(&mut analysis, StreamEnd::Stopped);
    assert!(sent.iter().all(|event| event.analysis == 3) && !sent.is_empty());
}

#[test]
fn a_body_that_two_faces_claim_gives_no_shot() {
    let mut analysis = with(|_| ());
    passage(&mut analysis, 0..30, |_| false);
    let kept = |analysis: &StreamAnalysis<u64>| analysis.counters().shots_wanted;
    // A second person, known with a body of their own, whose face is paired with the first body.
    for n in 30..60 {
        let (mut faces, mut bodies) = person(160.0, false);
        let mut other = face(700.0, 60.0);
        other.body = Some(1);
        faces.push(other);
        bodies.push(body(670.0, 300.0));
        play_all(&mut analysis, n, (Some(faces), Some(bodies)), 0.5);
    }
    assert_eq!(analysis.open_tracks(), 2);
    let before = kept(&analysis);
    let (mut faces, bodies) = person(160.0, false);
    faces[0].body = Some(1);
    let mut both = bodies;
    both.push(body(670.0, 390.0));
    let requests = analysis.handle_frame(FrameObservations {
        frame: frame(60),
        faces: Some(faces),
        bodies: Some(both),
    });
    let bodies = requests
        .iter()
        .filter(|r| matches!(r.subject, Subject::Body(_)));
    assert_eq!(bodies.filter(|r| r.index == 1).count(), 0, "{before}");
}

#[test]
fn who_comes_back_has_the_old_name_and_keeps_it() {
    use goshawk_proto::descriptor::{Descriptor, DescriptorVersion};
    let look = |x: f32| Descriptor::from_values(DescriptorVersion(1), &[x, 1.0 - x, 0.0]).unwrap();
    let ids = |second: f32| -> Vec<TrackId> {
        let mut analysis = with(|analytics| analytics.mode = AnalyticsMode::Faces);
        let mut ids = Vec::new();
        for n in 0..400 {
            let there = n < 50 || (200..250).contains(&n);
            let faces = if there {
                vec![face(300.0, 80.0)]
            } else {
                Vec::new()
            };
            let requests = analysis.handle_frame(FrameObservations {
                frame: frame(n),
                faces: Some(faces),
                bodies: None,
            });
            for request in requests {
                let fitness = fitness(&request.subject, 0.5);
                analysis.handle_shot(
                    request.ticket,
                    Shot {
                        fitness,
                        payload: n,
                    },
                );
            }
            while let Some(output) = analysis.poll_output() {
                if let Output::EventReady(mut draft) = output {
                    let seen = look(if n < 200 { 0.9 } else { second });
                    analysis.handle_look(&mut draft, &seen);
                    ids.push(draft.track_id);
                }
            }
        }
        ids
    };
    let same = ids(0.9);
    assert_eq!((same.len(), same[0] == same[1]), (2, true));
    let other = ids(0.0);
    assert_eq!((other.len(), other[0] == other[1]), (2, false));
}
