//! Whole passages of people before a camera.

mod humans;
mod live;
mod promises;

use goshawk_proto::{
    detection::{BodyDetection, FaceDetection, FaceQuality, HeadPose},
    geometry::{BBox, Size},
    id::TrackId,
    score::Score,
    time::Timestamp,
};

use super::{
    people::Arrival,
    person::{Person, is_alone},
    *,
};
use crate::{bestshot::ShotDecision, event::EventDraft};

const SIZE: Size = Size::new(1280, 720);

fn spec(change: impl FnOnce(&mut StreamSpec)) -> StreamSpec {
    let json = r#"{
        "stream_id": "7acc35cf-a3b2-4f87-8d8b-5496a2782d37", "version": 2, "name": "gate",
        "data": {"type": "tcp", "reference": "rtsp://camera/1", "analytics": [
            {"event_handler": {"handler_id": "0b61258c-434f-45d6-964f-2131e58cd58c"}}]}
    }"#;
    let mut spec: StreamSpec = serde_json::from_str(json).unwrap();
    change(&mut spec);
    spec
}

fn analysis(spec: &StreamSpec) -> StreamAnalysis<u64> {
    let settings = AnalysisSettings::default();
    StreamAnalysis::new(spec, (0, &spec.data.analytics[0]), 99, settings)
}

fn frame(number: u64) -> FrameInfo {
    let media_time = Duration::from_millis(number * 40);
    let captured_at = Timestamp::from_unix_micros(1_000_000_000).after(media_time);
    FrameInfo {
        number,
        media_time,
        captured_at,
        source_time: None,
        size: SIZE,
    }
}

fn face(x: f32, side: f32) -> FaceObservation {
    let detection = FaceDetection {
        bbox: BBox::new(x, 200.0, side, side),
        score: Score::saturating(0.9),
        landmarks: Default::default(),
    };
    FaceObservation {
        head_pose: Some(HeadPose::default()),
        ..FaceObservation::new(detection)
    }
}

fn quality(sharpness: f32) -> FaceQuality {
    let one = Score::ONE;
    let sharpness = Score::saturating(sharpness);
    FaceQuality {
        sharpness,
        light: one,
        dark: one,
        illumination: one,
        specularity: one,
    }
}

fn body(x: f32, height: f32) -> BodyObservation {
    BodyObservation {
        detection: BodyDetection {
            bbox: BBox::new(x, 180.0, height * 0.4, height),
            score: Score::saturating(0.9),
        },
        appearance: None,
    }
}

fn fitness(subject: &Subject, sharpness: f32) -> Fitness {
    match subject {
        Subject::Face(_) => Fitness::Face {
            quality: quality(sharpness),
            mouth_covered: None,
            real: None,
        },
        Subject::Body(_) => Fitness::Body {
            sharpness: Score::saturating(sharpness),
        },
    }
}

/// Plays one frame; the payload of a shot is its frame's number.
fn play(
    analysis: &mut StreamAnalysis<u64>,
    number: u64,
    faces: Option<Vec<FaceObservation>>,
    sharpness: f32,
) -> Vec<Output<u64>> {
    play_all(analysis, number, (faces, None), sharpness)
}

type Seen = (Option<Vec<FaceObservation>>, Option<Vec<BodyObservation>>);

fn play_all(
    analysis: &mut StreamAnalysis<u64>,
    number: u64,
    (faces, bodies): Seen,
    sharpness: f32,
) -> Vec<Output<u64>> {
    let requests = analysis.handle_frame(FrameObservations {
        frame: frame(number),
        faces,
        bodies,
    });
    for request in requests {
        let shot = Shot {
            fitness: fitness(&request.subject, sharpness),
            payload: number,
        };
        analysis.handle_shot(request.ticket, shot);
    }
    std::iter::from_fn(|| analysis.poll_output()).collect()
}

fn finish(analysis: &mut StreamAnalysis<u64>, end: StreamEnd) -> Vec<EventDraft<u64>> {
    analysis.handle_end(end);
    events(std::iter::from_fn(|| analysis.poll_output()).collect())
}

fn events(outputs: Vec<Output<u64>>) -> Vec<EventDraft<u64>> {
    let event = |output| match output {
        Output::EventReady(draft) => Some(*draft),
        Output::TrackEnded(_) => None,
    };
    outputs.into_iter().filter_map(event).collect()
}

#[test]
fn a_passage_makes_one_event_with_its_best_shot() {
    let mut analysis = analysis(&spec(|_| ()));
    let mut sent = Vec::new();
    for n in 0..50 {
        // Nearest and sharpest in frame 30; every third frame is seen by the detector.
        let side = 60.0 + 60.0 * (1.0 - (n as f32 - 30.0).abs() / 30.0);
        let sharpness = if n == 30 { 0.9 } else { 0.5 };
        let faces = (n % 3 == 0).then(|| vec![face(100.0 + 8.0 * n as f32, side)]);
        sent.extend(events(play(&mut analysis, n, faces, sharpness)));
    }
    assert!(sent.is_empty(), "the track is still open");
    for n in 50..100 {
        let faces = (n % 3 == 0).then(Vec::new);
        sent.extend(events(play(&mut analysis, n, faces, 0.5)));
    }
    let [event] = &sent[..] else {
        panic!("{} events", sent.len())
    };
    assert_eq!(event.reason, SendReason::TrackEnd);
    assert_eq!(event.faces.len(), 1);
    assert_eq!(
        (event.faces[0].payload, event.faces[0].frame.number),
        (30, 30)
    );
    assert_eq!(event.track_start, frame(0).captured_at);
    assert_eq!(event.track_end, frame(48).captured_at);
    assert_eq!(event.stream.source, "gate");
    assert_eq!(event.track_id, TrackId::from_session(99, 0));
    assert_eq!(analysis.open_tracks(), 0);
    let counters = analysis.counters();
    assert_eq!((counters.events, counters.frames), (1, 100));
    assert!(
        counters.shots_hopeless > 0,
        "not every face is worth cutting out"
    );
}

#[test]
fn two_people_make_two_events_and_noise_makes_none() {
    let mut analysis = analysis(&spec(|_| ()));
    for n in 0..30 {
        let mut faces = vec![face(100.0 + 5.0 * n as f32, 80.0), face(900.0, 90.0)];
        if n == 10 {
            faces.push(face(500.0, 50.0));
        }
        play(&mut analysis, n, Some(faces), 0.6);
    }
    analysis.handle_end(StreamEnd::Stopped);
    let outputs: Vec<_> = std::iter::from_fn(|| analysis.poll_output()).collect();
    let events = events(outputs);
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|e| e.reason == SendReason::StreamEnd));
    assert_ne!(events[0].track_id, events[1].track_id);
    assert_eq!(analysis.track_counters().never_confirmed, 1);
    assert_eq!(analysis.counters().shots_of_noise, 1);
}

#[test]
fn periods_send_while_the_track_goes_on() {
    let spec = spec(|s| {
        let sending = &mut s.data.analytics[0].sending;
        sending.time_period_of_searching.0 = 1;
        sending.bestshot_settings.face_bestshots_to_send = 3;
    });
    let mut analysis = analysis(&spec);
    let mut sent = Vec::new();
    for n in 0..90 {
        sent.extend(events(play(
            &mut analysis,
            n,
            Some(vec![face(300.0, 80.0)]),
            0.5,
        )));
    }
    assert_eq!(sent.len(), 3);
    assert!(
        sent.iter()
            .all(|e| e.reason == SendReason::Period && e.faces.len() == 3)
    );
    analysis.handle_end(StreamEnd::SourceEnded);
    let last = events(std::iter::from_fn(|| analysis.poll_output()).collect());
    assert_eq!(last[0].reason, SendReason::TrackEnd);
    assert!(
        last[0].faces.iter().all(|shot| shot.payload > 75),
        "earlier shots were sent"
    );
}

#[test]
fn a_face_turned_away_keeps_its_track_but_gives_no_shot() {
    let mut analysis = analysis(&spec(|_| ()));
    let mut shots = 0;
    for n in 0..40 {
        let mut face = face(300.0, 80.0);
        if n >= 10 {
            face.head_pose = Some(HeadPose {
                yaw: 60.0,
                pitch: 0.0,
                roll: 0.0,
            });
        }
        let faces = Some(vec![face]);
        let requests = analysis.handle_frame(FrameObservations {
            frame: frame(n),
            faces,
            bodies: None,
        });
        assert!(requests.is_empty() || n < 10);
        for request in requests {
            let shot = Shot {
                fitness: fitness(&request.subject, 0.5),
                payload: n,
            };
            let decision = analysis.handle_shot(request.ticket, shot);
            shots += u32::from(matches!(decision, ShotDecision::Kept(_)));
        }
    }
    assert!(shots > 0);
    analysis.handle_end(StreamEnd::Stopped);
    let events = events(std::iter::from_fn(|| analysis.poll_output()).collect());
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].track_end, frame(39).captured_at);
}

#[test]
fn access_control_sends_the_nearest_face_once_near_enough() {
    let spec = spec(|s| {
        s.data.analytics[0]
            .primary_track_policy
            .use_primary_track_policy = true;
    });
    let mut analysis = analysis(&spec);
    let mut sent = Vec::new();
    for n in 0..60 {
        let faces = vec![face(100.0, 60.0 + 2.0 * n as f32), face(700.0, 72.0)];
        sent.extend(events(play(&mut analysis, n, Some(faces), 0.5)));
    }
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].reason, SendReason::Period);
    assert!(sent[0].faces[0].detection.bbox.height >= 140.0);
    analysis.handle_end(StreamEnd::SourceEnded);
    let rest = events(std::iter::from_fn(|| analysis.poll_output()).collect());
    assert!(
        rest.iter().all(|e| e.faces[0].detection.bbox.x == 700.0),
        "sent once only"
    );
}

#[test]
fn unanswered_requests_are_given_up() {
    let mut analysis = analysis(&spec(|_| ()));
    let faces = Some(vec![face(300.0, 80.0)]);
    let requests = analysis.handle_frame(FrameObservations {
        frame: frame(0),
        faces,
        bodies: None,
    });
    assert_eq!(requests.len(), 1);
    assert!(analysis.poll_output().is_none());
    let late = Shot {
        fitness: fitness(&requests[0].subject, 0.5),
        payload: 0,
    };
    let decision = analysis.handle_shot(requests[0].ticket, late);
    assert_eq!(
        decision,
        ShotDecision::Dropped(crate::bestshot::DropReason::Stale)
    );
    assert_eq!(analysis.counters().shots_missed, 1);
}

#[test]
fn every_picture_of_a_folder_stands_alone() {
    let spec = spec(|s| s.data.kind = SourceKind::Images);
    let mut analysis = analysis(&spec);
    for n in 0..3 {
        let sent = events(play(&mut analysis, n, Some(vec![face(300.0, 80.0)]), 0.5));
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].track_start, frame(n).captured_at);
    }
}

#[test]
fn bodies_only_sends_no_face() {
    let spec = spec(|s| s.data.analytics[0].mode = AnalyticsMode::Bodies);
    let mut analysis = analysis(&spec);
    for n in 0..10 {
        assert!(play(&mut analysis, n, Some(vec![face(300.0, 80.0)]), 0.5).is_empty());
    }
    assert_eq!(analysis.open_tracks(), 0);
}

#[test]
fn a_stalled_stream_ends_its_tracks_by_time() {
    let mut analysis = analysis(&spec(|_| ()));
    for n in 0..10 {
        play(&mut analysis, n, Some(vec![face(300.0, 80.0)]), 0.5);
    }
    let timeout = analysis.poll_timeout().unwrap();
    analysis.handle_timeout(timeout);
    assert!(analysis.poll_output().is_none());
    analysis.handle_timeout(timeout + Duration::from_millis(1));
    let outputs: Vec<_> = std::iter::from_fn(|| analysis.poll_output()).collect();
    assert_eq!(events(outputs).len(), 1);
}

#[test]
fn only_clear_faces_are_evidence_of_liveness() {
    use goshawk_proto::geometry::Point;
    let with_mesh = |x: f32, score: f32| {
        let mut face = face(x, 100.0);
        face.detection.score = Score::saturating(score);
        // A face-sized cloud about the box: enough for what is tested here.
        let point = |i: usize| Point::new(x + (i % 20) as f32 * 5.0, 200.0 + (i / 20) as f32 * 4.0);
        face.mesh = Some((0..468).map(point).collect());
        face
    };
    let usable = |faces: Vec<FaceObservation>| {
        let rules = *analysis(&spec(|_| ())).rules();
        let mut person: Person<u64> = Person::new(Arrival {
            frame: frame(0),
            mark: Mark::default(),
            rules: &rules,
            policy: None,
        });
        person.see_face(frame(0), &faces[0], is_alone(&faces, 0));
        person.evidence.offered()
    };
    assert_eq!(usable(vec![with_mesh(300.0, 0.9)]), 1);
    assert_eq!(
        usable(vec![with_mesh(300.0, 0.9), with_mesh(600.0, 0.9)]),
        1
    );
    assert_eq!(
        usable(vec![with_mesh(300.0, 0.6)]),
        0,
        "half hidden, most likely"
    );
    assert_eq!(usable(vec![with_mesh(-20.0, 0.9)]), 0, "leaves the picture");
    assert_eq!(
        usable(vec![with_mesh(300.0, 0.9), with_mesh(390.0, 0.9)]),
        0,
        "near another"
    );
}
