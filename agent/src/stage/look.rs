//! Which frames the detectors see, and what they see there.
//!
//! Faces and bodies each have a schedule of their own, since the detector of bodies costs many
//! times that of faces. Where both are looked for, bodies are looked for on frames on which faces
//! are too, so that the two can be paired; both questions then wait in the pool side by side. Faces
//! are looked for in the region of interest, bodies in the whole frame: the contract's regions are
//! for faces alone. A network that no analysis of the stream needs never runs.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use goshawk_agent_core::{
    liveness::Look,
    motion::{self, MotionGate},
    schedule::{Schedule, ScheduleSettings},
    stage::{BodyObservation, FaceObservation},
};
use goshawk_models::{
    DetectOptions, Face,
    body::appearance::appearance,
    pairing::{is_part, pair},
};
use goshawk_pipelines::Frame;
use goshawk_proto::{
    detection::BodyDetection,
    geometry::{BBox, Size},
    picture::{Pixels, Rgb},
    stream::{AnalyticsMode, StreamSpec},
};

use super::{StageCounters, StageTools};
use crate::{
    cpu::Metered,
    crop::{self, Window},
    infer::AskError,
    metrics::{FrameDrop, StreamMetrics},
};

/// Most faces of a frame that are looked at for liveness, the largest first.
const MAX_LOOKS: usize = 8;

/// Whose turn a frame is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Turn {
    pub faces: bool,
    pub bodies: bool,
}

/// What was seen in a frame; `None` where a detector did not run.
#[derive(Clone, Default)]
pub(super) struct Seen {
    pub faces: Option<Vec<FaceObservation>>,
    pub bodies: Option<Vec<BodyObservation>>,
}

/// The detectors of one run of a stream.
pub(super) struct Lookout {
    spec: Arc<StreamSpec>,
    tools: StageTools,
    metrics: StreamMetrics,
    /// Frames for the detector of faces, where faces are looked for.
    faces: Option<Schedule>,
    /// Likewise of bodies.
    bodies: Option<Schedule>,
    motion: Option<Motion>,
    options: Option<(Size, DetectOptions)>,
    /// Whether pieces of faces are cut out for liveness.
    looks: bool,
}

/// Sparing the detectors where nothing moves.
struct Motion {
    gate: MotionGate,
    /// The frame's grid of brightness.
    cells: Rgb,
    /// Whether the last detection of faces, or the last attempt at one, leaves open that somebody
    /// is there.
    faces: bool,
    /// Likewise of bodies.
    bodies: bool,
}

impl Motion {
    fn new(gate: MotionGate, faces: bool, bodies: bool) -> Self {
        Self {
            gate,
            cells: Rgb::default(),
            faces,
            bodies,
        }
    }
}

impl Lookout {
    pub fn new(
        spec: Arc<StreamSpec>,
        tools: StageTools,
        metrics: StreamMetrics,
        looks: bool,
    ) -> Self {
        let settings = &tools.settings;
        let faces = wants(&spec, AnalyticsMode::Faces);
        let bodies = wants(&spec, AnalyticsMode::Bodies);
        let schedule = |max_rate| {
            Schedule::new(ScheduleSettings {
                max_rate,
                budget_share: settings.budget,
                ..ScheduleSettings::default()
            })
        };
        let gate = settings.motion.map(MotionGate::new);
        Self {
            faces: faces.then(|| schedule(settings.detect_fps)),
            bodies: bodies.then(|| schedule(settings.body_fps)),
            motion: gate.map(|gate| Motion::new(gate, faces, bodies)),
            spec,
            tools,
            metrics,
            options: None,
            looks,
        }
    }

    /// For how long nothing has moved and nobody was there; nothing where that is not watched.
    pub fn calm_for(&self) -> Duration {
        let motion = self.motion.as_ref();
        motion.map_or(Duration::ZERO, |motion| motion.gate.calm_for())
    }

    /// Which detectors are to see a frame.
    pub fn turn(&mut self, frame: &Frame) -> Turn {
        let now = frame.media_time();
        let faces = self.faces.as_mut().map(|s| s.handle_frame(now));
        let paired = faces.unwrap_or(true);
        Turn {
            faces: faces.unwrap_or(false),
            bodies: paired && self.bodies.as_mut().is_some_and(|s| s.handle_frame(now)),
        }
    }

    /// What the detectors whose turn it is see in a frame, unless they are spared. `tracked` says
    /// that somebody is being followed.
    pub fn look(
        &mut self,
        frame: &Frame,
        turn: Turn,
        tracked: bool,
        counters: &mut StageCounters,
    ) -> Seen {
        if !turn.faces && !turn.bodies {
            return Seen::default();
        }
        let window = self.window(frame);
        if self.is_still(&window, frame, tracked) {
            self.metrics.still.inc();
            return Seen::default();
        }
        let seen = self.detect(frame, window, turn, counters);
        if let Some(motion) = &mut self.motion {
            if turn.faces {
                motion.faces = seen.faces.as_ref().is_none_or(|found| !found.is_empty());
            }
            if turn.bodies {
                motion.bodies = seen.bodies.as_ref().is_none_or(|found| !found.is_empty());
            }
        }
        seen
    }

    /// Where faces are looked for.
    fn window(&self, frame: &Frame) -> Window {
        let roi = self.spec.data.roi.as_ref();
        Window::new(frame.clone(), roi.and_then(|roi| roi.resolve(frame.size())))
    }

    /// Whether nothing moves where it is looked and nobody is there.
    fn is_still(&mut self, window: &Window, frame: &Frame, tracked: bool) -> bool {
        let whole = self.bodies.is_some();
        let Some(motion) = &mut self.motion else {
            return false;
        };
        let looked_at: &dyn Pixels = if whole { frame } else { window };
        let size = looked_at.size();
        let metered = Metered::new(looked_at, &self.tools.times.convert);
        metered.region(size.into(), motion::grid(size), &mut motion.cells);
        let busy = tracked || motion.faces || motion.bodies;
        !motion
            .gate
            .handle_picture(frame.media_time(), &motion.cells, busy)
    }

    fn detect(
        &mut self,
        frame: &Frame,
        window: Window,
        turn: Turn,
        counters: &mut StageCounters,
    ) -> Seen {
        let options = self.options_for(&window);
        let started = Instant::now();
        let pool = self.tools.pool.clone();
        let least = self.tools.settings.min_body_score;
        let faces = turn
            .faces
            .then(|| pool.faces(Box::new(window.clone()), &options));
        let bodies = turn
            .bodies
            .then(|| pool.bodies(Box::new(frame.clone()), least));
        let faces = faces.map(|asked| {
            let answer = asked.wait();
            if let Some(schedule) = &mut self.faces {
                schedule.handle_cost(started.elapsed());
            }
            answer
        });
        let bodies = bodies.map(|asked| {
            let answer = asked.wait();
            if let Some(schedule) = &mut self.bodies {
                schedule.handle_cost(started.elapsed());
            }
            answer
        });
        self.metrics
            .detection
            .observe(started.elapsed().as_secs_f64());
        let found_faces = faces.and_then(|answer| self.checked(frame, answer));
        let found_bodies = bodies.and_then(|answer| self.checked(frame, answer));
        counters.detected_frames += u64::from(found_faces.is_some() || found_bodies.is_some());
        let mut seen = Seen {
            faces: found_faces.map(|found| self.observe_faces(frame, &window, found, counters)),
            bodies: found_bodies.map(|found| self.observe_bodies(frame, &found, counters)),
        };
        seen.pair();
        seen
    }

    fn checked<T>(&self, frame: &Frame, answer: Result<T, AskError>) -> Option<T> {
        answer
            .inspect_err(|error| {
                tracing::warn!(stream = %self.spec.stream_id, frame = frame.number(), %error, "a frame is not analysed");
                self.metrics.count_drops(FrameDrop::Inference, 1);
            })
            .ok()
    }

    fn observe_faces(
        &self,
        frame: &Frame,
        window: &Window,
        found: Vec<Face>,
        counters: &mut StageCounters,
    ) -> Vec<FaceObservation> {
        counters.faces += found.len() as u64;
        self.metrics.faces.inc_by(found.len() as u64);
        let found = found.into_iter();
        let mut seen: Vec<FaceObservation> = found.map(|face| observe(window, face)).collect();
        self.look_closely(frame, &mut seen);
        seen
    }

    /// Cuts out what the witnesses of liveness want of the largest faces.
    fn look_closely(&self, frame: &Frame, faces: &mut [FaceObservation]) {
        if !self.looks {
            return;
        }
        let metered = Metered::new(frame, &self.tools.times.convert);
        let mut largest: Vec<&mut FaceObservation> = faces.iter_mut().collect();
        largest.sort_by(|a, b| {
            let height = |face: &FaceObservation| face.detection.bbox.height;
            height(b).total_cmp(&height(a))
        });
        for face in largest.into_iter().take(MAX_LOOKS) {
            let look = Look::cut(&metered, &face.detection.bbox, face.mesh.as_deref());
            face.look = look.map(Arc::new);
        }
    }

    /// What clothes look like is the tracker's cue; no network is needed for that.
    fn observe_bodies(
        &self,
        frame: &Frame,
        found: &[BodyDetection],
        counters: &mut StageCounters,
    ) -> Vec<BodyObservation> {
        counters.bodies += found.len() as u64;
        self.metrics.bodies.inc_by(found.len() as u64);
        let times = &self.tools.times;
        let metered = Metered::new(frame, &times.convert);
        let observation = |body: &BodyDetection| BodyObservation {
            detection: *body,
            appearance: times.describe.measure(|| appearance(&metered, &body.bbox)),
        };
        found.iter().map(observation).collect()
    }

    fn options_for(&mut self, window: &Window) -> DetectOptions {
        let size = window.size();
        match &self.options {
            Some((known, options)) if *known == size => *options,
            _ => {
                let mode = self.spec.data.frame_processing_mode;
                let options = crop::detect_options(&self.tools.settings.detect, size, mode);
                self.options = Some((size, options));
                options
            }
        }
    }
}

impl Seen {
    /// Tells each face its body, where both were looked for. Of a box that is only a part of the
    /// person under a face, such as a tie, no sample of a body could be made: it is left out.
    fn pair(&mut self) {
        let (Some(faces), Some(bodies)) = (&mut self.faces, &mut self.bodies) else {
            return;
        };
        bodies.retain(|body| {
            let mut faces = faces.iter();
            !faces.any(|face| is_part(&face.detection.bbox, &body.detection.bbox))
        });
        let bodies: Vec<BBox> = bodies.iter().map(|body| body.detection.bbox).collect();
        let boxes: Vec<BBox> = faces.iter().map(|face| face.detection.bbox).collect();
        for (face, body) in faces.iter_mut().zip(pair(&boxes, &bodies)) {
            face.body = body;
        }
    }
}

/// Whether any analysis that is on looks for a part: in the mode of the part, or in the joint one.
pub(super) fn wants(spec: &StreamSpec, part: AnalyticsMode) -> bool {
    let enabled = spec.data.analytics.iter().filter(|one| one.enabled);
    let mut modes = enabled.map(|analytics| analytics.mode);
    modes.any(|mode| mode == part || mode == AnalyticsMode::Humans)
}

fn observe(window: &Window, mut face: Face) -> FaceObservation {
    let mesh = window.mesh(&face);
    window.to_frame(&mut face);
    FaceObservation {
        head_pose: Some(face.head_pose),
        mesh: Some(mesh),
        ..FaceObservation::new(face.detection)
    }
}
