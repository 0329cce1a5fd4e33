//! One run of one stream after the decoder: detection, tracks, best shots, events.
//!
//! All of it runs on the stream's own thread, which waits for the inference pool and for the
//! outbox; so a slow disk or a busy processor shows as frames that the source drops (live) or
//! holds back (file), and nowhere else.

mod look;
mod send;

use std::{sync::Arc, time::Duration};

use goshawk_agent_core::{
    bestshot::{FrameRules, ShotDecision},
    event::FrameInfo,
    liveness::backdrop,
    motion::MotionSettings,
    stage::{
        AnalysisSettings, Fitness, FrameObservations, Output, Shot, ShotRequest, StreamAnalysis,
        StreamEnd, Subject, Visible,
    },
};
use goshawk_models::{DetectOptions, body::warp_body, body_sharpness, face_quality};
use goshawk_pipelines::Frame;
use goshawk_proto::{
    detection::{BodyDetection, FaceDetection},
    event::Event,
    picture::{Pixels, Rgb},
    stream::{Analytics, AnalyticsMode, StreamSpec},
};

use self::look::{Lookout, wants};
use crate::{
    cpu::{Metered, StageTimes},
    crop::{self, Crop, FrameHolder},
    infer::{InferPool, What},
    metrics::{Metrics, StreamMetrics, Withholding},
    viewfinder::{Lens, Viewfinder},
};

/// Where finished events go.
pub trait EventSink: Send + Sync + 'static {
    /// Takes an event; returns when it is safe, or known to be lost and counted.
    fn accept(&self, event: Event);
}

impl EventSink for crate::outbox::Outbox {
    fn accept(&self, event: Event) {
        // Where it is now is logged and counted by the outbox.
        let _ = self.append(&event);
    }
}

/// How streams are analysed, the same for all of them.
#[derive(Clone, Debug)]
pub struct StageSettings {
    /// Detections a second; `None`: every frame.
    pub detect_fps: Option<f32>,
    /// Of these, how many a second look for bodies too, where that is wanted; `None`: all.
    pub body_fps: Option<f32>,
    /// Share of one core that the detections of faces of one stream may cost, and those of bodies
    /// likewise; `None`: no limit.
    pub budget: Option<f32>,
    /// When the detectors are spared because nothing moves; `None`: never.
    pub motion: Option<MotionSettings>,
    /// What the detector of faces looks for; its tiles are chosen by the size of the frame.
    pub detect: DetectOptions,
    /// Least score of a body, 0 to 1.
    pub min_body_score: f32,
    /// Cut pieces of the picture out for liveness, also where no stream asks for them.
    pub looks: bool,
    /// Extract descriptors here.
    pub describe: bool,
    /// Longest side of a whole frame sent along; `None`: none are sent.
    pub full_frame_side: Option<u32>,
    /// JPEG quality of whole frames.
    pub full_frame_quality: u8,
}

/// What every stage works with.
#[derive(Clone)]
pub struct StageTools {
    /// Inference.
    pub pool: InferPool,
    /// The next stage.
    pub sink: Arc<dyn EventSink>,
    /// How to analyse.
    pub settings: Arc<StageSettings>,
    /// Processor time by stage.
    pub times: Arc<StageTimes>,
    /// Counters.
    pub metrics: Metrics,
    /// For people who look through the camera.
    pub viewfinder: Viewfinder,
}

/// What a stream asks for that the installed models cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StageError {
    /// Mode 2 or 3 without a detector of bodies.
    #[error(
        "the stream looks for bodies (mode 2 or 3), and no installed model has the role body-detector; install one or set mode to 1"
    )]
    NoBodies,
    /// A threshold for covered mouths without a model that sees them.
    #[error(
        "filtering.mouth_occlusion_threshold is set, and no installed model has the role face-occlusion or mask; install one or set it to 0"
    )]
    NoMouths,
}

/// Sums of one run, for feedback and summaries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageCounters {
    /// Frames handled.
    pub frames: u64,
    /// Frames on which a detector ran.
    pub detected_frames: u64,
    /// Faces found, before the stream's filters.
    pub faces: u64,
    /// Bodies found, likewise.
    pub bodies: u64,
    /// Tracks begun.
    pub tracks: u64,
    /// Events made.
    pub events: u64,
}

/// The analysis of one run of a stream.
pub struct Stage {
    analyses: Vec<Analysis>,
    lookout: Lookout,
    /// Whether a network of textures is asked about best shots.
    textures: bool,
    spec: Arc<StreamSpec>,
    tools: StageTools,
    metrics: StreamMetrics,
    lens: Arc<Lens>,
    holder: FrameHolder,
    counters: StageCounters,
    /// What was visible in the last frame, for whoever asked to know.
    visible: Option<Vec<Visible>>,
}

/// One analysis that the stream asks for.
struct Analysis {
    machine: StreamAnalysis<Crop>,
    frames: FrameRules,
    /// Whether it asks how much of a mouth is covered.
    mouths: bool,
    /// What liveness had withheld when it was last counted.
    withheld: Withheld,
}

/// Tracks of which nothing was sent, by what liveness said.
#[derive(Clone, Copy, Debug, Default)]
struct Withheld {
    spoofs: u64,
    unchecked: u64,
}

impl Analysis {
    fn new(spec: &StreamSpec, (place, analytics): (u16, &Analytics), full_frames: bool) -> Self {
        let settings = AnalysisSettings::default();
        let machine = StreamAnalysis::new(spec, (place, analytics), rand::random(), settings);
        let frames = machine.rules().frames;
        Self {
            frames: if full_frames {
                frames
            } else {
                FrameRules::default()
            },
            mouths: asks_for_mouths(analytics),
            withheld: Withheld::default(),
            machine,
        }
    }
}

fn asks_for_mouths(analytics: &Analytics) -> bool {
    analytics.mode != AnalyticsMode::Bodies && analytics.filtering.mouth_occlusion_threshold > 0.0
}

impl Stage {
    /// A stage for a fresh run of the stream. Fails where the stream asks for what the installed
    /// models cannot tell.
    pub fn new(
        spec: Arc<StreamSpec>,
        tools: StageTools,
        metrics: StreamMetrics,
    ) -> Result<Self, StageError> {
        let abilities = tools.pool.abilities();
        if wants(&spec, AnalyticsMode::Bodies) && !abilities.bodies {
            return Err(StageError::NoBodies);
        }
        let full_frames = tools.settings.full_frame_side.is_some();
        let places = (0..=u16::MAX).zip(&spec.data.analytics);
        let analyses: Vec<Analysis> = places
            .filter(|(_, analytics)| analytics.enabled)
            .map(|placed| Analysis::new(&spec, placed, full_frames))
            .collect();
        if analyses.iter().any(|analysis| analysis.mouths) && !abilities.mouths {
            return Err(StageError::NoMouths);
        }
        let asked = analyses.iter().any(|a| a.machine.wants_looks());
        let looks = tools.settings.looks || asked;
        Ok(Self {
            analyses,
            lookout: Lookout::new(Arc::clone(&spec), tools.clone(), metrics.clone(), looks),
            textures: abilities.textures,
            lens: tools.viewfinder.lens(spec.stream_id),
            spec,
            tools,
            metrics,
            holder: FrameHolder::default(),
            counters: StageCounters::default(),
            visible: None,
        })
    }

    /// For how long, in media time, nothing has moved and nobody was there; nothing where motion is
    /// not watched.
    pub fn calm_for(&self) -> Duration {
        if self.open_tracks() > 0 {
            return Duration::ZERO;
        }
        self.lookout.calm_for()
    }

    /// Sums so far.
    pub fn counters(&self) -> StageCounters {
        self.counters
    }

    /// From the next frame on, [`Self::visible`] tells who is there.
    pub fn watch(&mut self) {
        self.visible.get_or_insert_default();
    }

    /// Who was there in the last frame; nobody while nobody watches.
    pub fn visible(&self) -> &[Visible] {
        self.visible.as_deref().unwrap_or_default()
    }

    /// Takes the next frame all the way.
    pub fn handle_frame(&mut self, frame: &Frame) {
        self.counters.frames += 1;
        let tracked = self.open_tracks() > 0;
        let turn = self.lookout.turn(frame);
        if turn.faces {
            self.show_scene(frame);
        }
        let seen = self.lookout.look(frame, turn, tracked, &mut self.counters);
        let info = FrameInfo {
            number: frame.number(),
            media_time: frame.media_time(),
            captured_at: frame.captured_at(),
            source_time: frame.source_time(),
            size: frame.size(),
        };
        let viewed = self.lens.is_watched();
        let watched = viewed || self.visible.is_some();
        let mut visible = Vec::new();
        for index in 0..self.analyses.len() {
            let observations = FrameObservations {
                frame: info,
                faces: seen.faces.clone(),
                bodies: seen.bodies.clone(),
            };
            self.track(index, frame, observations);
            if watched {
                self.analyses[index].machine.visible(&mut visible);
            }
            self.send_ready(index);
            self.count_withheld(index);
        }
        if let Some(kept) = &mut self.visible {
            kept.clone_from(&visible);
        }
        if viewed {
            self.lens.show(frame, visible);
        }
        self.metrics.processed.inc();
        let open = i64::try_from(self.open_tracks()).unwrap_or(i64::MAX);
        self.metrics.open_tracks.set(open);
    }

    /// Shows the whole picture, much reduced, to the analyses that remember backgrounds.
    fn show_scene(&mut self, frame: &Frame) {
        if !self.analyses.iter().any(|a| a.machine.wants_scenes()) {
            return;
        }
        let size = frame.size();
        let mut scene = Rgb::default();
        let metered = Metered::new(frame, &self.tools.times.convert);
        metered.region(size.into(), backdrop::grid(size), &mut scene);
        for analysis in &mut self.analyses {
            analysis.machine.handle_scene(&scene, size);
        }
    }

    fn count_withheld(&mut self, index: usize) {
        let analysis = &mut self.analyses[index];
        let counters = analysis.machine.counters();
        let now = Withheld {
            spoofs: counters.withheld_spoofs,
            unchecked: counters.withheld_unchecked,
        };
        let before = std::mem::replace(&mut analysis.withheld, now);
        let more = |now: u64, before: u64| now.saturating_sub(before);
        let [spoofs, unchecked] = [
            more(now.spoofs, before.spoofs),
            more(now.unchecked, before.unchecked),
        ];
        self.metrics.count_withheld(Withholding::Spoof, spoofs);
        self.metrics
            .count_withheld(Withholding::Unchecked, unchecked);
    }

    fn open_tracks(&self) -> usize {
        let open = |analysis: &Analysis| analysis.machine.open_tracks();
        self.analyses.iter().map(open).sum()
    }

    /// Ends every open track and sends what they have.
    pub fn finish(&mut self, end: StreamEnd) {
        for index in 0..self.analyses.len() {
            self.analyses[index].machine.handle_end(end);
            self.send_ready(index);
            self.count_withheld(index);
        }
        self.metrics.open_tracks.set(0);
    }

    fn track(&mut self, index: usize, frame: &Frame, observations: FrameObservations) {
        let times = Arc::clone(&self.tools.times);
        let wants = times
            .track
            .measure(|| self.analyses[index].machine.handle_frame(observations));
        for want in wants {
            self.take_shot(index, frame, want);
        }
    }

    fn take_shot(&mut self, index: usize, frame: &Frame, want: ShotRequest) {
        let mouths = self.analyses[index].mouths;
        let rules = self.analyses[index].frames;
        let (warp, fitness, hold) = match &want.subject {
            Subject::Face(face) => {
                let (warp, fitness) = self.cut_face(frame, face, mouths);
                (warp, fitness, rules.faces)
            }
            Subject::Body(body) => {
                let (warp, fitness) = self.cut_body(frame, body);
                (warp, fitness, rules.bodies)
            }
        };
        let frame = if hold { self.holder.hold(frame) } else { None };
        let payload = Crop { warp, frame };
        let machine = &mut self.analyses[index].machine;
        let decision = machine.handle_shot(want.ticket, Shot { fitness, payload });
        if matches!(decision, ShotDecision::Kept(_)) {
            self.metrics.bestshots.inc();
        }
    }

    fn cut_face(&self, frame: &Frame, face: &FaceDetection, mouths: bool) -> (Rgb, Fitness) {
        let times = &self.tools.times;
        let warp = crop::face(&Metered::new(frame, &times.convert), &face.landmarks);
        let quality = times.describe.measure(|| face_quality(&warp));
        let asked = |what, wanted: bool| wanted.then(|| self.tell(what, frame, face)).flatten();
        let fitness = Fitness::Face {
            quality,
            mouth_covered: asked(What::CoveredMouth, mouths),
            real: asked(What::Texture, self.textures),
        };
        (warp, fitness)
    }

    /// What a classifier says of a face. One that it cannot tell of passes.
    fn tell(&self, what: What, frame: &Frame, face: &FaceDetection) -> Option<f32> {
        let answer = self.tools.pool.tell(what, Box::new(frame.clone()), face);
        answer.unwrap_or_else(|error| {
            tracing::warn!(stream = %self.spec.stream_id, frame = frame.number(), ?what, %error, "a face is not asked about");
            None
        })
    }

    fn cut_body(&self, frame: &Frame, body: &BodyDetection) -> (Rgb, Fitness) {
        let times = &self.tools.times;
        let warp = warp_body(&Metered::new(frame, &times.convert), &body.bbox);
        let sharpness = times.describe.measure(|| body_sharpness(&warp));
        (warp, Fitness::Body { sharpness })
    }

    fn send_ready(&mut self, index: usize) {
        while let Some(output) = self.analyses[index].machine.poll_output() {
            match output {
                Output::EventReady(draft) => self.send(index, *draft),
                Output::TrackEnded(_) => {
                    self.counters.tracks += 1;
                    self.metrics.tracks.inc();
                }
            }
        }
    }
}
