//! The tracker on goldens (`tests/data`, made once by a small script with noise; rewrite the
//! answers with `GOSHAWK_BLESS=1`), on random input, and against the clock.

use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf};

use goshawk_proto::{geometry::BBox, score::Score};
use proptest::prelude::*;

use super::*;

/// A detection of a golden with the person that it truly is.
struct Seen {
    bbox: BBox,
    score: Score,
    person: Option<String>,
}

fn read(name: &str) -> Vec<(Duration, Vec<Seen>)> {
    let text = std::fs::read_to_string(path(name, "txt")).unwrap();
    let mut frames = Vec::new();
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        if let Some(time) = line.strip_prefix("@ ") {
            frames.push((Duration::from_secs_f64(time.parse().unwrap()), Vec::new()));
            continue;
        }
        let words: Vec<&str> = line.split(' ').collect();
        let number = |i: usize| words[i].parse::<f32>().unwrap();
        let seen = Seen {
            bbox: BBox::new(number(0), number(1), number(2), number(3)),
            score: Score::saturating(number(4)),
            person: (words[5] != "-").then(|| words[5].to_owned()),
        };
        frames.last_mut().unwrap().1.push(seen);
    }
    frames
}

fn path(name: &str, extension: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    folder.join(format!("{name}.{extension}"))
}

fn observations(seen: &[Seen]) -> Vec<Observation<'static>> {
    seen.iter()
        .map(|s| Observation {
            bbox: s.bbox,
            score: s.score,
            appearance: None,
        })
        .collect()
}

/// What a golden comes to.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    /// Confirmed tracks.
    tracks: u64,
    /// Times that a person went on under another number.
    switches: usize,
    /// Detections of people that belong to no track.
    unused: usize,
}

fn check(name: &str, expected: Outcome) {
    let (outcome, answer) = play(name, TrackerSettings::default());
    assert_eq!(outcome, expected, "{name}");
    let golden = path(name, "golden");
    if std::env::var_os("GOSHAWK_BLESS").is_some() {
        std::fs::write(golden, answer).unwrap();
    } else {
        let wanted = std::fs::read_to_string(golden).unwrap_or_default();
        assert!(
            answer == wanted,
            "{name}: answers changed; GOSHAWK_BLESS=1 rewrites them"
        );
    }
}

/// The outcome of a golden, and the answers line by line.
fn play(name: &str, settings: TrackerSettings) -> (Outcome, String) {
    let mut tracker = Tracker::new(settings);
    let mut answer = String::new();
    let mut outcome = Outcome::default();
    let mut number_of: BTreeMap<String, TrackNumber> = BTreeMap::new();
    for (now, seen) in read(name) {
        let update = tracker.handle_detections(now, &observations(&seen));
        write!(answer, "@ {:.3}", now.as_secs_f64()).unwrap();
        for (seen, number) in seen.iter().zip(&update.assigned) {
            let text = number.map_or("-".into(), |n| n.0.to_string());
            write!(answer, " {text}").unwrap();
            match (&seen.person, number) {
                (Some(person), Some(number)) => {
                    let before = number_of.insert(person.clone(), *number);
                    outcome.switches += usize::from(before.is_some_and(|b| b != *number));
                }
                (Some(_), None) => outcome.unused += 1,
                (None, _) => {}
            }
        }
        answer.push('\n');
    }
    outcome.tracks = tracker.counters().confirmed;
    (outcome, answer)
}

#[test]
fn goldens() {
    let clean = |tracks| Outcome {
        tracks,
        switches: 0,
        unused: 0,
    };
    check("crossing", clean(2));
    check("occlusion", clean(2));
    check("low-score", clean(2));
    check("missed", clean(3));
    check("noise", clean(1));
    check("fast", clean(2));
    check("uneven", clean(2));
    check("return", clean(2));
}

/// Without the part that is for it, a golden goes wrong: so the goldens can fail, and no part is
/// there for nothing.
#[test]
fn every_part_earns_its_keep() {
    let without = |name, change: fn(&mut TrackerSettings)| {
        let mut settings = TrackerSettings::default();
        change(&mut settings);
        let outcome = play(name, settings).0;
        println!("{name}: {outcome:?}");
        outcome
    };
    assert!(without("low-score", |s| s.unsure_score = 1.0).unused > 10);
    assert!(without("fast", |s| s.reach = 0.0).switches > 0);
    assert!(without("occlusion", |s| s.lost_patience = Duration::ZERO).switches > 0);
    assert!(without("noise", |s| s.confirm_hits = 1).tracks > 5);
    assert!(without("crossing", |s| (s.agility, s.inertia) = (0.01, 0.0)).switches > 0);
}

fn settings() -> TrackerSettings {
    TrackerSettings {
        max_tracks: 12,
        max_detections: 10,
        ..TrackerSettings::default()
    }
}

/// x, y, width, height and score.
type Raw = (f32, f32, f32, f32, f32);

fn any_frames() -> impl Strategy<Value = Vec<(u64, Vec<Raw>)>> {
    let coordinate = prop_oneof![8 => 0.0f32..300.0, 1 => Just(f32::NAN), 1 => Just(1e30)];
    let side = prop_oneof![8 => 5.0f32..80.0, 1 => Just(0.0), 1 => Just(-3.0)];
    let detection = (
        coordinate.clone(),
        coordinate,
        side.clone(),
        side,
        0.0f32..1.0,
    );
    prop::collection::vec((0u64..400, prop::collection::vec(detection, 0..14)), 1..40)
}

fn boxes(raw: &[Raw]) -> Vec<Observation<'static>> {
    raw.iter()
        .map(|(x, y, w, h, s)| Observation {
            bbox: BBox::new(*x, *y, *w, *h),
            score: Score::saturating(*s),
            appearance: None,
        })
        .collect()
}

proptest! {
    #[test]
    fn whatever_comes_the_rules_hold(frames in any_frames()) {
        let (mut tracker, mut twin) = (Tracker::new(settings()), Tracker::new(settings()));
        let mut now = Duration::ZERO;
        let mut ended = Vec::new();
        for (passed, raw) in frames {
            now += Duration::from_millis(passed);
            let seen = boxes(&raw);
            let update = tracker.handle_detections(now, &seen);
            prop_assert_eq!(&update.assigned, &twin.handle_detections(now, &seen).assigned);
            let mut used: Vec<_> = update.assigned.iter().flatten().collect();
            let count = used.len();
            used.sort_unstable();
            used.dedup();
            prop_assert_eq!(used.len(), count, "a track has one detection at most");
            prop_assert!(used.iter().all(|n| tracker.track(**n).is_some()));
            prop_assert!(used.iter().all(|n| !ended.contains(*n)), "no number comes back");
            ended.extend(update.ended.iter().map(|e| e.track.number()));
            prop_assert!(tracker.tracks().len() <= 12);
            for track in tracker.tracks() {
                let b = track.predicted();
                prop_assert!([b.x, b.y, b.width, b.height].iter().all(|v| v.is_finite()));
                prop_assert!(track.hits() >= 1 && track.last_seen() <= now);
            }
        }
        let begun = tracker.counters().started;
        ended.extend(tracker.finish().iter().map(|e| e.track.number()));
        ended.sort_unstable();
        ended.dedup();
        prop_assert_eq!(ended.len() as u64, begun, "every track ends exactly once");
    }

    #[test]
    fn the_order_of_detections_does_not_matter(frames in any_frames(), turn in 0usize..14) {
        let (mut straight, mut turned) = (Tracker::new(settings()), Tracker::new(settings()));
        let mut now = Duration::ZERO;
        for (passed, raw) in frames {
            now += Duration::from_millis(passed);
            let seen = boxes(&raw);
            let mut other = seen.clone();
            let by = turn.min(seen.len());
            other.rotate_left(by);
            let expected = straight.handle_detections(now, &seen).assigned;
            let mut got = turned.handle_detections(now, &other).assigned;
            got.rotate_right(by);
            prop_assert_eq!(got, expected);
        }
    }
}

#[test]
fn coasting_moves_on_and_ends_in_time() {
    let mut tracker = Tracker::new(TrackerSettings::default());
    let at = |n: u64| Duration::from_millis(40 * n);
    let seen = |n: u64| boxes(&[(100.0 + 4.0 * n as f32, 100.0, 50.0, 50.0, 0.9)]);
    for n in 0..20 {
        tracker.handle_detections(at(n), &seen(n));
    }
    assert!(tracker.handle_timeout(at(24)).is_empty());
    let expected = seen(24)[0].bbox;
    assert!(tracker.tracks().next().unwrap().predicted().iou(&expected) > 0.8);
    let due = tracker.poll_timeout().unwrap();
    assert_eq!(due, at(19) + Duration::from_millis(1_500));
    let ended = tracker.handle_timeout(due + Duration::from_micros(1));
    assert_eq!((ended.len(), ended[0].cause), (1, EndCause::Lost));
}

#[test]
fn a_slow_detector_is_waited_for() {
    let mut tracker = Tracker::new(TrackerSettings::default());
    for n in 0..10 {
        let now = Duration::from_secs(2 * n);
        let update = tracker.handle_detections(now, &boxes(&[(100.0, 100.0, 50.0, 50.0, 0.9)]));
        assert_eq!(update.assigned, [Some(TrackNumber(0))], "after {n} runs");
    }
}

#[test]
fn time_running_backwards_begins_anew() {
    let mut tracker = Tracker::new(TrackerSettings::default());
    let seen = boxes(&[(100.0, 100.0, 50.0, 50.0, 0.9)]);
    tracker.handle_detections(Duration::from_secs(100), &seen);
    let update = tracker.handle_detections(Duration::from_secs(1), &seen);
    assert_eq!(update.ended[0].cause, EndCause::Discontinuity);
    assert_eq!(update.assigned, [Some(TrackNumber(1))]);
    assert_eq!(tracker.counters().discontinuities, 1);
}

#[test]
fn too_many_objects_are_refused_and_the_unseen_give_way() {
    let settings = TrackerSettings {
        max_tracks: 2,
        reach: 0.0,
        ..Default::default()
    };
    let mut tracker = Tracker::new(settings);
    let places = [0.0, 200.0, 400.0];
    let at = |places: &[f32]| {
        boxes(
            &places
                .iter()
                .map(|x| (*x, 0.0, 50.0, 50.0, 0.9))
                .collect::<Vec<_>>(),
        )
    };
    tracker.handle_detections(Duration::ZERO, &at(&places));
    assert_eq!((tracker.tracks().len(), tracker.counters().refused), (2, 1));
    let update = tracker.handle_detections(Duration::from_millis(40), &at(&places[1..]));
    assert_eq!(update.ended[0].cause, EndCause::Evicted);
    assert_eq!(
        update.assigned,
        [Some(TrackNumber(1)), Some(TrackNumber(2))]
    );
}

#[test]
fn appearance_keeps_people_apart_where_boxes_do_not() {
    use goshawk_proto::descriptor::{Descriptor, DescriptorVersion};
    let look = |values: &[f32]| Descriptor::from_values(DescriptorVersion(1), values).unwrap();
    let (anna, ben) = (look(&[1.0, 0.0, 0.0]), look(&[0.0, 1.0, 0.0]));
    let mut tracker = Tracker::new(TrackerSettings::default());
    let seen = |x: f32, who: &'static str| (x, who);
    let run = |tracker: &mut Tracker, n: u64, people: [(f32, &str); 2]| {
        let of = |(x, who): (f32, &str)| Observation {
            bbox: BBox::new(x, 0.0, 50.0, 50.0),
            score: Score::saturating(0.9),
            appearance: Some(if who == "anna" { &anna } else { &ben }),
        };
        tracker
            .handle_detections(Duration::from_millis(40 * n), &people.map(of))
            .assigned
    };
    for n in 0..5 {
        run(&mut tracker, n, [seen(0.0, "anna"), seen(30.0, "ben")]);
    }
    // They swap places within one frame, closer together than their boxes are wide.
    let after = run(&mut tracker, 5, [seen(20.0, "anna"), seen(10.0, "ben")]);
    assert_eq!(after, [Some(TrackNumber(0)), Some(TrackNumber(1))]);
}

/// Ten people in a row, whose camera jolts by half a face every other frame.
#[test]
fn a_jolting_camera_mixes_nobody_up() {
    let mut tracker = Tracker::new(TrackerSettings::default());
    let jolt = |n: u64| if n > 10 && n % 4 < 2 { 26.0 } else { 0.0 };
    for n in 0..60u64 {
        let row: Vec<Raw> = (0..10)
            .map(|i| {
                let x = 70.0 * i as f32 + 2.0 * n as f32;
                (x + jolt(n), 50.0 + jolt(n), 50.0, 60.0, 0.9)
            })
            .collect();
        let update = tracker.handle_detections(Duration::from_millis(40 * n), &boxes(&row));
        let expected: Vec<_> = (0..10).map(|i| Some(TrackNumber(i))).collect();
        assert_eq!(update.assigned, expected, "frame {n}");
        let shown = tracker.track(TrackNumber(0)).unwrap().observed();
        let off = shown.center().distance(boxes(&row)[0].bbox.center());
        assert!(off < 0.1, "boxes are told as the camera has them: {off}");
    }
    assert!(tracker.counters().camera_moves >= 20);
}

#[test]
fn five_hundred_objects_are_all_followed() {
    let mut tracker = Tracker::new(TrackerSettings::default());
    for n in 0..20u64 {
        let place = |i: u32| {
            let (col, row) = ((i % 25) as f32, (i / 25) as f32);
            (col * 60.0 + n as f32, row * 50.0, 45.0, 45.0, 0.9)
        };
        let row: Vec<Raw> = (0..500).map(place).collect();
        tracker.handle_detections(Duration::from_millis(40 * n), &boxes(&row));
    }
    let counters = tracker.counters();
    assert_eq!((tracker.tracks().len(), counters.started), (500, 500));
    assert_eq!((counters.refused, counters.ignored), (0, 0));
}

#[test]
fn a_hundred_objects_are_tracked_in_well_under_a_millisecond() {
    let mut tracker = Tracker::new(TrackerSettings::default());
    let frames: Vec<Vec<Observation<'_>>> = (0..200u32)
        .map(|n| {
            let place = |i: u32| {
                let (col, row) = ((i % 10) as f32, (i / 10) as f32);
                let sway = (n as f32 * 0.1 + i as f32).sin() * 20.0;
                (col * 60.0 + sway, row * 50.0 + sway, 55.0, 60.0, 0.9)
            };
            boxes(&(0..100).map(place).collect::<Vec<_>>())
        })
        .collect();
    let begin = std::time::Instant::now();
    for (n, seen) in frames.iter().enumerate() {
        tracker.handle_detections(Duration::from_millis(40 * n as u64), seen);
    }
    let each = begin.elapsed() / 200;
    println!("100 objects: {each:?} an update");
    // Generous, so that a busy machine does not fail the test; the figure is what is of interest.
    assert!(each < Duration::from_millis(20), "{each:?} an update");
}
