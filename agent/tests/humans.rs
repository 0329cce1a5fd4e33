//! Faces and bodies through a whole stage: with models that see what they are told to see, and with
//! the installed pack on a picture of real people.
#![allow(
    clippy::unwrap_used,
    reason = "tests may stop at the first thing that is not as it should be"
)]
#![expect(clippy::print_stderr, reason = "a test that skips says so")]

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use goshawk_agent::{
    cpu::StageTimes,
    infer::{Abilities, InferPool, Installed, Models, What},
    metrics::Metrics,
    stage::{EventSink, Stage, StageError, StageSettings, StageTools},
    viewfinder::{ViewSettings, Viewfinder},
};
use goshawk_agent_core::stage::StreamEnd;
use goshawk_models::{
    DecodeLimits, DetectOptions, Exif, Face, FaceTraits, InferError, Mesh, Pack, Picture,
    RuntimeOptions, pre::affine::Affine, role::Subject,
};
use goshawk_pipelines::Frame;
use goshawk_proto::{
    descriptor::{Descriptor, DescriptorVersion},
    detection::{BodyDetection, FaceDetection, HeadPose},
    event::Event,
    geometry::{BBox, Point, Size},
    id::StreamId,
    picture::{Pixels, Rgb},
    score::Score,
    stream::StreamSpec,
    time::Timestamp,
};
use serde_json::{Value, json};

const SIZE: Size = Size::new(640, 480);
const BODY: BBox = BBox::new(200.0, 60.0, 140.0, 380.0);

/// Sees one person in every picture, and counts what it is asked.
#[derive(Default)]
struct One {
    abilities: Abilities,
    faces: Arc<AtomicUsize>,
    bodies: Arc<AtomicUsize>,
    covered: Option<f32>,
}

/// A face of 80 pixels at the top of [`BODY`].
fn face() -> Face {
    // Points spread over the square of the network's input.
    let spread = |n: usize| [(n % 22) as f32 * 8.0, (n / 22) as f32 * 8.0, 0.0];
    let values: Vec<f32> = (0..468).flat_map(spread).collect();
    let map = Affine::similarity(0.45, 0.0, Point::new(230.0, 70.0));
    let mesh = Mesh::from_raw(&values, &map).unwrap();
    Face {
        detection: FaceDetection {
            bbox: mesh.bbox(),
            score: Score::saturating(0.9),
            landmarks: mesh.landmarks(),
        },
        head_pose: HeadPose::default(),
        mesh_score: Score::ONE,
        mesh,
    }
}

impl Models for One {
    fn detect(
        &self,
        pictures: &[&dyn Pixels],
        _: &DetectOptions,
    ) -> Result<Vec<Vec<Face>>, InferError> {
        self.faces.fetch_add(1, Ordering::SeqCst);
        Ok(vec![vec![face()]; pictures.len()])
    }

    fn describe(&self, _: &[&Rgb]) -> Result<Vec<FaceTraits>, InferError> {
        Ok(Vec::new())
    }

    fn abilities(&self) -> Abilities {
        self.abilities
    }

    fn bodies(
        &self,
        pictures: &[&dyn Pixels],
        _: f32,
    ) -> Result<Vec<Vec<BodyDetection>>, InferError> {
        self.bodies.fetch_add(1, Ordering::SeqCst);
        let body = BodyDetection {
            bbox: BODY,
            score: Score::saturating(0.8),
        };
        Ok(vec![vec![body]; pictures.len()])
    }

    fn describe_bodies(&self, warps: &[&Rgb]) -> Result<Vec<Option<Descriptor>>, InferError> {
        let descriptor = Descriptor::from_values(DescriptorVersion(7), &[0.6, 0.8]);
        Ok(vec![descriptor.ok(); warps.len()])
    }

    fn tell(&self, what: What, faces: &[Subject<'_>]) -> Result<Vec<Option<f32>>, InferError> {
        let share = match what {
            What::CoveredMouth => self.covered,
            What::Texture => Some(0.9),
        };
        Ok(vec![share; faces.len()])
    }
}

#[derive(Default)]
struct Kept(Mutex<Vec<Event>>);

impl EventSink for Kept {
    fn accept(&self, event: Event) {
        let bytes = event.encode().unwrap();
        self.0.lock().unwrap().push(Event::decode(&bytes).unwrap());
    }
}

struct Site {
    stage: Result<Stage, StageError>,
    events: Arc<Kept>,
}

fn site(models: Box<dyn Models>, kind: &str, analytics: Vec<Value>) -> Site {
    let spec: StreamSpec = serde_json::from_value(json!({
        "stream_id": StreamId::random(),
        "version": 1,
        "data": {"type": kind, "reference": "somewhere", "analytics": analytics},
    }))
    .unwrap();
    let settings = StageSettings {
        detect_fps: None,
        body_fps: Some(5.0),
        budget: None,
        motion: None,
        detect: DetectOptions::default(),
        min_body_score: 0.3,
        looks: true,
        describe: true,
        full_frame_side: Some(320),
        full_frame_quality: 80,
    };
    let (metrics, times) = (Metrics::new().0, Arc::new(StageTimes::default()));
    let events = Arc::new(Kept::default());
    let tools = StageTools {
        pool: InferPool::start(models, 2, 4, Arc::clone(&times)).unwrap(),
        sink: Arc::clone(&events) as Arc<dyn EventSink>,
        settings: Arc::new(settings),
        times,
        metrics: metrics.clone(),
        viewfinder: Viewfinder::new(ViewSettings::default(), metrics.views.clone()),
    };
    let metrics = metrics.stream(spec.stream_id);
    Site {
        stage: Stage::new(Arc::new(spec), tools, metrics),
        events,
    }
}

fn analytics(change: Value) -> Value {
    let mut analytics =
        json!({"event_handler": {"handler_id": "0b61258c-434f-45d6-964f-2131e58cd58c"}});
    let fields = analytics.as_object_mut().unwrap();
    fields.extend(change.as_object().unwrap().clone());
    analytics
}

impl Site {
    /// Two seconds at 25 frames a second.
    fn watch(self) -> Vec<Event> {
        self.watch_pictures((0..50).map(|_| Rgb::black(SIZE)))
    }

    fn watch_pictures(self, pictures: impl Iterator<Item = Rgb>) -> Vec<Event> {
        let mut stage = self.stage.unwrap();
        for (n, rgb) in pictures.enumerate() {
            let time = Duration::from_millis(40 * n as u64);
            let at = Timestamp::from_unix_micros(1_000_000 + 40_000 * n as i64);
            stage.handle_frame(&Frame::from_rgb(rgb, n as u64, time, at));
        }
        stage.finish(StreamEnd::SourceEnded);
        std::mem::take(&mut self.events.0.lock().unwrap())
    }
}

const ALL: Abilities = Abilities {
    bodies: true,
    body_descriptors: true,
    mouths: true,
    textures: true,
};

#[test]
fn each_mode_runs_its_networks_and_sends_its_parts() {
    for (mode, faces, bodies) in [(1, 1, 0), (2, 0, 1), (3, 1, 1)] {
        let models = One {
            abilities: ALL,
            ..One::default()
        };
        let ran = (Arc::clone(&models.faces), Arc::clone(&models.bodies));
        let site = site(
            Box::new(models),
            "tcp",
            vec![analytics(json!({"mode": mode}))],
        );
        let events = site.watch();
        let [event] = &events[..] else {
            panic!("mode {mode}: {} events", events.len())
        };
        assert_eq!(
            (event.faces.len(), event.bodies.len()),
            (faces, bodies),
            "mode {mode}"
        );
        let ran = (ran.0.load(Ordering::SeqCst), ran.1.load(Ordering::SeqCst));
        assert_eq!(
            (ran.0 > 0, ran.1 > 0),
            (faces > 0, bodies > 0),
            "mode {mode}"
        );
        assert!(
            mode == 1 || (9..=11).contains(&ran.1),
            "five a second: {}",
            ran.1
        );
        assert_eq!(event.full_frame.as_ref().unwrap().size, Size::new(320, 240));
        for body in &event.bodies {
            assert_eq!(body.warp.as_ref().unwrap().size, Size::new(128, 256));
            assert_eq!((body.rect.x, body.rect.height), (200, 380));
            assert_eq!(
                body.descriptor.as_ref().unwrap().version(),
                DescriptorVersion(7)
            );
            assert!(body.shot_score.get() > 0.0);
        }
    }
}

#[test]
fn what_the_models_cannot_tell_is_refused() {
    let refused = |abilities, change| {
        let models = One {
            abilities,
            ..One::default()
        };
        site(Box::new(models), "tcp", vec![analytics(change)])
            .stage
            .err()
    };
    let none = Abilities::default();
    let no_bodies = Some(StageError::NoBodies);
    assert_eq!(refused(none, json!({"mode": 2})), no_bodies);
    assert_eq!(refused(none, json!({})), no_bodies, "mode 3 is the default");
    assert_eq!(refused(none, json!({"mode": 1})), None);
    assert_eq!(refused(none, json!({"mode": 3, "enabled": false})), None);
    let mouth = json!({"mode": 1, "filtering": {"mouth_occlusion_threshold": 0.3}});
    assert_eq!(refused(none, mouth.clone()), Some(StageError::NoMouths));
    assert_eq!(refused(ALL, mouth), None);
    assert!(StageError::NoBodies.to_string().contains("body-detector"));
}

#[test]
fn covered_mouths_are_left_out() {
    let sent = |covered| {
        let models = One {
            abilities: ALL,
            covered: Some(covered),
            ..One::default()
        };
        let wish = json!({"mode": 1, "filtering": {"mouth_occlusion_threshold": 0.3}});
        site(Box::new(models), "tcp", vec![analytics(wish)])
            .watch()
            .len()
    };
    assert_eq!((sent(0.2), sent(0.4)), (1, 0));
}

#[test]
fn whole_frames_are_those_that_the_specification_asks_for() {
    // (type of best shots, full_frame_settings) and per event whether there is a frame and a second.
    for (part, frames, expected) in [
        (3, 1, vec![(true, false)]),
        (3, 2, vec![(false, true)]),
        (3, 3, vec![(true, false)]),
        (4, 1, vec![(true, false), (false, false)]),
        (4, 2, vec![(false, false), (true, false)]),
        (4, 4, vec![(true, false), (true, false)]),
        (2, 1, vec![(false, false)]),
    ] {
        let models = One {
            abilities: ALL,
            ..One::default()
        };
        let wish = json!({
            "mode": 3,
            "sending": {"bestshot_settings": {"type": part}, "full_frame_settings": frames},
        });
        let events = site(Box::new(models), "tcp", vec![analytics(wish)]).watch();
        let has = |event: &Event| (event.full_frame.is_some(), event.body_frame.is_some());
        let found: Vec<_> = events.iter().map(has).collect();
        assert_eq!(found, expected, "type {part}, frames {frames}");
    }
}

#[test]
fn analyses_of_one_stream_stand_beside_each_other() {
    let models = One {
        abilities: ALL,
        ..One::default()
    };
    let wishes = [
        json!({"mode": 1, "enabled": false}),
        json!({"mode": 2}),
        json!({"mode": 1}),
    ];
    let mut events = site(Box::new(models), "tcp", wishes.map(analytics).into()).watch();
    events.sort_by_key(|event| event.analysis);
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.analysis, event.faces.len(), event.bodies.len()))
        .collect();
    assert_eq!(told, [(1, 0, 1), (2, 1, 0)]);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The installed pack, if there is one.
fn installed() -> Option<Installed> {
    let home =
        std::env::var_os("GOSHAWK_HOME").map_or_else(|| root().join(".goshawk"), PathBuf::from);
    if !home.join("models/centernet.onnx").exists() {
        eprintln!(
            "SKIPPED: no model pack in {}; run `make setup`",
            home.display()
        );
        return None;
    }
    let pack = Pack::open(&home.join("models"), &RuntimeOptions::at_home(&home)).unwrap();
    Some(Installed::open(pack).unwrap())
}

/// A picture of two people, if it is there.
fn people(file: &str) -> Option<Rgb> {
    let shared =
        std::env::var_os("GOSHAWK_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let path = shared.join("data/faces").join(file);
    let Ok(bytes) = std::fs::read(&path) else {
        eprintln!("SKIPPED: {} is not there", path.display());
        return None;
    };
    let picture = Picture::decode(&bytes, Exif::Apply, &DecodeLimits::default()).unwrap();
    Some(picture.rgb().clone())
}

/// What the installed pack makes of one picture in mode 3: every person is one event right away.
fn seen_in(file: &str) -> Option<Vec<Event>> {
    let (models, picture) = (installed()?, people(file)?);
    let wish = vec![analytics(json!({"mode": 3}))];
    let site = site(Box::new(models), "images", wish);
    Some(site.watch_pictures([picture].into_iter()))
}

#[test]
fn the_installed_pack_sees_real_people_with_their_faces() {
    let Some(events) = seen_in("people/test/kit_with_rose.jpg") else {
        return;
    };
    let faces = events.iter().filter(|event| event.faces.len() == 1);
    assert_eq!(faces.count(), 2, "of {} events", events.len());
    let both: Vec<&Event> = events
        .iter()
        .filter(|event| event.faces.len() == 1 && event.bodies.len() == 1)
        .collect();
    assert!(!both.is_empty(), "of {} events", events.len());
    for event in both {
        let face = BBox::from(event.faces[0].rect);
        let body = BBox::from(event.bodies[0].rect);
        let middle = face.center();
        assert!(
            (body.x..=body.right()).contains(&middle.x),
            "{face:?} {body:?}"
        );
        assert!(
            body.height > face.height * 1.5 && body.width > face.width,
            "{face:?} {body:?}"
        );
        assert!(event.faces[0].descriptor.is_some());
    }
}

#[test]
fn a_tie_is_no_body() {
    // Of these two the default detector boxes the ties alone.
    let Some(events) = seen_in("two_people.jpg") else {
        return;
    };
    assert_eq!(events.len(), 2);
    let parts = |event: &Event| (event.faces.len(), event.bodies.len());
    assert!(events.iter().all(|event| parts(event) == (1, 0)));
}
