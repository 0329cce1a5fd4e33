//! Streams beside each other, over sources and models that behave as told.
#![allow(
    clippy::unwrap_used,
    reason = "tests may stop at the first thing that is not as it should be"
)]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use goshawk_agent::{
    assign::{Fleet, HoldFile},
    cpu::StageTimes,
    infer::{Abilities, InferPool, Models},
    metrics::Metrics,
    pulse::Pulse,
    source::{Failure, FrameSource, OpenSource, SourceTools, StopSource},
    stage::{EventSink, StageSettings, StageTools},
    viewfinder::{ViewSettings, Viewfinder},
};
use goshawk_agent_core::motion::MotionSettings;
use goshawk_models::{DetectOptions, Face, FaceTraits, InferError};
use goshawk_pipelines::{Decoding, Frame, SourceStats};
use goshawk_proto::{
    event::Event,
    geometry::Size,
    id::StreamId,
    link::{Assignments, StreamFeedback},
    picture::{Pixels, Rgb},
    stream::{FailureKind, StreamSpec, StreamStatus, VideoInfo},
    time::Timestamp,
};

/// Finds no face; panics on frames of 66 pixels and hangs on frames of 68 until let go.
#[derive(Default)]
struct NoFaces {
    let_go: Arc<AtomicBool>,
}

impl Models for NoFaces {
    fn detect(
        &self,
        pictures: &[&dyn Pixels],
        _: &DetectOptions,
    ) -> Result<Vec<Vec<Face>>, InferError> {
        let spoilt = pictures.iter().any(|picture| picture.size().width == 66);
        assert!(!spoilt, "the models panic");
        let hangs = pictures.iter().any(|picture| picture.size().width == 68);
        while hangs && !self.let_go.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(vec![Vec::new(); pictures.len()])
    }

    fn describe(&self, _: &[&Rgb]) -> Result<Vec<FaceTraits>, InferError> {
        Ok(Vec::new())
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            bodies: true,
            ..Abilities::default()
        }
    }
}

struct Nowhere;

impl EventSink for Nowhere {
    fn accept(&self, _: Event) {}
}

/// Gives a frame every few milliseconds and does what its reference says.
struct Scripted {
    script: String,
    frames: u64,
    stopped: Arc<AtomicBool>,
    decodings: Arc<Mutex<Vec<Decoding>>>,
}

impl FrameSource for Scripted {
    fn next_frame(&mut self) -> Result<Option<Frame>, Failure> {
        std::thread::sleep(Duration::from_millis(5));
        if self.stopped.load(Ordering::SeqCst) {
            return Ok(None);
        }
        match (self.script.as_str(), self.frames) {
            ("panics", 3) => panic!("the source panics"),
            ("fails", 3) => {
                return Err(Failure {
                    kind: FailureKind::Truncated,
                    message: "broke off".to_owned(),
                });
            }
            ("hangs", _) => {
                while !self.stopped.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(5));
                }
                return Ok(None);
            }
            ("ends", 3) => return Ok(None),
            _ => {}
        }
        let side = match self.script.as_str() {
            "spoilt" => 66,
            "stuck" => 68,
            _ => 64,
        };
        let time = Duration::from_millis(40 * self.frames);
        let mut rgb = Rgb::black(Size::new(side, 64));
        let awake = self.script == "wakes" && self.frames > 200;
        if self.script == "moves" || awake {
            // A bright column that goes from left to right, again and again.
            let column = self.frames as usize % 64;
            let rows = rgb.data_mut().chunks_exact_mut(64 * 3);
            rows.for_each(|row| row[column * 3..][..3].fill(200));
        }
        let frame = Frame::from_rgb(rgb, self.frames, time, Timestamp::from_unix_micros(0));
        self.frames += 1;
        Ok(Some(frame))
    }

    fn stats(&self) -> SourceStats {
        SourceStats {
            delivered: self.frames,
            ..SourceStats::default()
        }
    }

    fn stopper(&self) -> StopSource {
        let stopped = Arc::clone(&self.stopped);
        Box::new(move || stopped.store(true, Ordering::SeqCst))
    }

    fn decode(&mut self, decoding: Decoding) {
        self.decodings.lock().unwrap().push(decoding);
    }

    fn video(&self) -> Option<VideoInfo> {
        (self.frames > 0).then(|| VideoInfo {
            size: Size::new(64, 64),
            frame_rate: Some(25.0),
            bit_rate: None,
            gop_size: Some(50),
            start_time: Timestamp::from_unix_micros(7),
            duration: Some(4.0),
            progress: Some(self.frames as f64 / 3.0),
        })
    }
}

/// A fleet and the references that were opened.
struct Yard {
    fleet: Fleet,
    metrics: Metrics,
    opened: Arc<Mutex<Vec<String>>>,
    decodings: Arc<Mutex<Vec<Decoding>>>,
    pulse: Pulse,
    let_go: Arc<AtomicBool>,
}

fn yard(max_streams: usize) -> Yard {
    yard_that(max_streams, None)
}

fn yard_that(max_streams: usize, motion: Option<MotionSettings>) -> Yard {
    let opened = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&opened);
    let decodings = Arc::new(Mutex::new(Vec::new()));
    let chosen = Arc::clone(&decodings);
    let open: OpenSource = Arc::new(move |request| {
        let script = request.reference.expose().to_owned();
        seen.lock().unwrap().push(script.clone());
        if script == "refuses" {
            return Err(Failure {
                kind: FailureKind::NotMedia,
                message: "not a video".to_owned(),
            });
        }
        Ok(Box::new(Scripted {
            script,
            frames: 0,
            stopped: Arc::new(AtomicBool::new(false)),
            decodings: Arc::clone(&chosen),
        }))
    });
    let times = Arc::new(StageTimes::default());
    let metrics = Metrics::new().0;
    let settings = StageSettings {
        detect_fps: None,
        body_fps: None,
        budget: None,
        motion,
        detect: DetectOptions::default(),
        min_body_score: 0.3,
        looks: true,
        describe: false,
        full_frame_side: None,
        full_frame_quality: 80,
    };
    let models = NoFaces::default();
    let let_go = Arc::clone(&models.let_go);
    let pulse = Pulse::default();
    let stage = StageTools {
        pool: InferPool::start(Box::new(models), 2, 4, Arc::clone(&times)).unwrap(),
        sink: Arc::new(Nowhere),
        settings: Arc::new(settings),
        times,
        metrics: metrics.clone(),
        viewfinder: Viewfinder::new(ViewSettings::default(), metrics.views.clone()),
    };
    let tools = SourceTools {
        idle_after: Duration::from_secs(2),
        open,
        stage,
        timeout: Duration::from_secs(10),
        pulse: pulse.clone(),
    };
    Yard {
        fleet: Fleet::new(tools, metrics.clone(), max_streams),
        metrics,
        opened,
        decodings,
        pulse,
        let_go,
    }
}

fn spec(script: &str, version: u64, endless: bool) -> StreamSpec {
    serde_json::from_value(serde_json::json!({
        "stream_id": StreamId::random(),
        "version": version,
        "data": {
            "type": "videofile",
            "reference": script,
            "endless": endless,
            "analytics": [{
                "event_handler": {"handler_id": "0b61258c-434f-45d6-964f-2131e58cd58c"},
                "healthcheck": {"max_error_count": 100, "period": 3600, "retry_delay": 0},
            }],
        },
    }))
    .unwrap()
}

impl Yard {
    fn assign(&mut self, streams: &[StreamSpec]) {
        self.fleet.apply(&Assignments {
            revision: self.fleet.revision() + 1,
            streams: streams.to_vec(),
        });
    }

    fn of(&self, spec: &StreamSpec) -> Option<StreamFeedback> {
        let all = self.fleet.feedback();
        all.into_iter().find(|one| one.stream_id == spec.stream_id)
    }

    fn until(&self, spec: &StreamSpec, want: impl Fn(&StreamFeedback) -> bool) -> StreamFeedback {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let feedback = self.of(spec).expect("the stream is assigned");
            if want(&feedback) {
                return feedback;
            }
            assert!(Instant::now() < until, "{feedback:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn a_stream_held_at_its_site_stands_still_until_it_is_let_go() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hold.txt");
    let mut hold = HoldFile::new(dir.path());
    let mut yard = yard(10);
    let (one, other) = (spec("good", 1, true), spec("good", 1, true));
    yard.assign(&[one.clone(), other.clone()]);
    yard.until(&one, |one| one.counters.frames > 0);
    std::fs::write(&file, one.stream_id.to_string()).unwrap();
    yard.fleet.hold(hold.read());
    let feedback = yard.of(&one).unwrap();
    assert_eq!(feedback.status, StreamStatus::Pending);
    assert_eq!(feedback.error.as_deref(), Some("held at its site"));
    // An assignment does not set it going, and the other goes on.
    let newer = StreamSpec {
        version: 2,
        ..one.clone()
    };
    yard.assign(&[newer.clone(), other.clone()]);
    let before = yard.of(&other).unwrap().counters.frames;
    yard.until(&other, |one| one.counters.frames > before + 5);
    let feedback = yard.of(&newer).unwrap();
    assert_eq!((feedback.version, feedback.counters.frames), (2, 0));
    std::fs::remove_file(&file).unwrap();
    yard.fleet.hold(hold.read());
    yard.until(&newer, |one| {
        one.status == StreamStatus::InProgress && one.counters.frames > 0
    });
    let opened = yard.opened.lock().unwrap().len();
    assert_eq!(opened, 3, "each was opened once, and the held one again");
}

#[test]
fn bad_streams_disturb_no_other() {
    let mut yard = yard(10);
    let good = spec("good", 1, true);
    let bad = ["panics", "fails", "refuses", "spoilt", "hangs"].map(|script| spec(script, 1, true));
    let all: Vec<StreamSpec> = bad.iter().chain([&good]).cloned().collect();
    yard.assign(&all);
    let [panics, fails, refuses, spoilt, _] = &bad;
    let feedback = yard.until(panics, |one| one.counters.restarts >= 2);
    assert_eq!(feedback.status, StreamStatus::InProgress);
    yard.until(fails, |one| one.counters.restarts >= 2);
    let feedback = yard.until(refuses, |one| one.status == StreamStatus::Failure);
    assert_eq!(feedback.failure, Some(FailureKind::NotMedia));
    assert_eq!(feedback.error.as_deref(), Some("not a video"));
    let before = yard.of(&good).unwrap().counters.frames;
    yard.until(&good, |one| one.counters.frames > before + 20);
    yard.until(spoilt, |one| one.counters.frames > 20);
    assert_eq!(yard.of(&good).unwrap().failure, None);
    assert_eq!(yard.of(&good).unwrap().counters.restarts, 0);
    assert_eq!(yard.fleet.stop(Duration::from_secs(10)), 0);
}

#[test]
fn a_still_scene_costs_a_detection_a_second_and_a_moving_one_all_of_them() {
    let still = MotionSettings {
        threshold: 6.0,
        longest: Duration::from_secs(1),
        idle_after: Duration::ZERO,
    };
    let mut yard = yard_that(10, Some(still));
    let (calm, lively) = (spec("good", 1, true), spec("moves", 1, true));
    yard.assign(&[calm.clone(), lively.clone()]);
    yard.until(&calm, |one| one.counters.frames > 100);
    yard.until(&lively, |one| one.counters.frames > 100);
    let spared = |spec: &StreamSpec| {
        let of = yard.metrics.stream(spec.stream_id);
        (of.still.get(), of.processed.get())
    };
    // One of 25, and the first two: what comes first might be anything.
    let (spared_calm, all) = spared(&calm);
    assert!(spared_calm >= all - all / 25 - 4, "{spared_calm} of {all}");
    assert!(spared_calm <= all - all / 25, "{spared_calm} of {all}");
    assert_eq!(spared(&lively).0, 0);
    assert_eq!(yard.fleet.stop(Duration::from_secs(10)), 0);
}

#[test]
fn a_camera_that_sees_nothing_is_decoded_by_its_key_frames_until_something_stirs() {
    let motion = MotionSettings {
        threshold: 6.0,
        longest: Duration::from_secs(1),
        idle_after: Duration::ZERO,
    };
    let mut yard = yard_that(10, Some(motion));
    let (sleepy, lively) = (spec("wakes", 1, true), spec("moves", 1, true));
    yard.assign(&[sleepy.clone(), lively.clone()]);
    yard.until(&sleepy, |one| one.counters.frames > 150);
    assert_eq!(*yard.decodings.lock().unwrap(), [Decoding::KeyFrames]);
    yard.until(&sleepy, |one| one.counters.frames > 230);
    let chosen = yard.decodings.lock().unwrap().clone();
    assert_eq!(chosen, [Decoding::KeyFrames, Decoding::All]);
    assert_eq!(yard.fleet.stop(Duration::from_secs(10)), 0);
}

#[test]
fn a_file_that_ends_is_done() {
    let mut yard = yard(10);
    let file = spec("ends", 1, false);
    yard.assign(std::slice::from_ref(&file));
    let feedback = yard.until(&file, |one| one.status == StreamStatus::Done);
    assert_eq!(feedback.counters.frames, 3);
    let video = feedback.video.unwrap();
    assert_eq!((video.gop_size, video.progress), (Some(50), Some(1.0)));
    assert_eq!(yard.opened.lock().unwrap().len(), 1);
    assert_eq!(yard.fleet.stop(Duration::from_secs(10)), 0);
}

#[test]
fn only_a_newer_version_changes_a_stream() {
    let mut yard = yard(10);
    let mut stream = spec("good", 5, true);
    yard.assign(std::slice::from_ref(&stream));
    yard.until(&stream, |one| one.counters.frames > 0);
    stream.data.reference = "old".to_owned();
    stream.version = 4;
    yard.assign(std::slice::from_ref(&stream));
    stream.data.reference = "new".to_owned();
    stream.version = 6;
    yard.assign(std::slice::from_ref(&stream));
    let feedback = yard.until(&stream, |one| one.version == 6);
    assert_eq!(feedback.counters.restarts, 0);
    let opened = || yard.opened.lock().unwrap().clone();
    let until = Instant::now() + Duration::from_secs(10);
    while opened().len() < 2 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(opened(), ["good", "new"]);
    yard.assign(&[]);
    assert!(yard.fleet.feedback().is_empty());
    assert_eq!(yard.fleet.stop(Duration::from_secs(10)), 0);
}

#[test]
fn a_source_that_hangs_can_be_stopped() {
    let mut yard = yard(10);
    let hangs = spec("hangs", 1, true);
    yard.assign(&[hangs]);
    std::thread::sleep(Duration::from_millis(100));
    let started = Instant::now();
    assert_eq!(yard.fleet.stop(Duration::from_secs(10)), 0);
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[test]
fn streams_beyond_the_limit_fail_with_the_reason() {
    let mut yard = yard(1);
    let (first, second) = (spec("good", 1, true), spec("good", 1, true));
    yard.assign(&[first.clone(), second.clone()]);
    let feedback = yard.of(&second).unwrap();
    assert_eq!(feedback.status, StreamStatus::Failure);
    assert!(feedback.error.unwrap().contains("at most 1"));
    yard.until(&first, |one| one.counters.frames > 0);
    // Once there is room, the next assignment starts it.
    yard.assign(std::slice::from_ref(&second));
    yard.until(&second, |one| one.counters.frames > 0);
    assert_eq!(yard.fleet.stop(Duration::from_secs(10)), 0);
}

#[test]
fn a_stream_whose_inference_hangs_is_missed_and_no_other_is() {
    let mut yard = yard(10);
    let (good, stuck) = (spec("good", 1, true), spec("stuck", 1, true));
    yard.assign(&[good.clone(), stuck.clone()]);
    yard.until(&stuck, |one| one.status == StreamStatus::InProgress);
    yard.until(&good, |one| one.counters.frames > 0);
    std::thread::sleep(Duration::from_millis(500));
    let hanging = Instant::now();
    std::thread::sleep(Duration::from_millis(1_500));
    // A turn may last three times the wait for a frame and a minute: 90 s here. At that age the
    // turn of the one that hangs is over its time, and that of the other has begun later.
    let names = |at: Duration| -> Vec<String> {
        let overdue = yard.pulse.stuck(hanging + at);
        overdue.into_iter().map(|one| one.name).collect()
    };
    assert_eq!(names(Duration::from_secs(60)), [""; 0]);
    assert_eq!(
        names(Duration::from_millis(90_500)),
        [format!("stream {}", stuck.stream_id)]
    );
    yard.let_go.store(true, Ordering::SeqCst);
    yard.until(&stuck, |one| one.counters.frames > 3);
    assert_eq!(yard.fleet.stop(Duration::from_secs(10)), 0);
    assert_eq!(
        yard.pulse.stuck(Instant::now() + Duration::from_secs(3600)),
        []
    );
}
