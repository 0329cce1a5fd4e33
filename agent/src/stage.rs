//! One run of one stream after the decoder: detection, tracks, best shots, events.
//!
//! All of it runs on the stream's own thread, which waits for the inference pool and for the
//! outbox; so a slow disk or a busy processor shows as frames that the source drops (live) or
//! holds back (file), and nowhere else.

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use goshawk_agent_core::{
    bestshot::ShotDecision,
    event::{EventDraft, FrameInfo, ShotParts},
    motion::{self, MotionGate, MotionSettings},
    schedule::{Schedule, ScheduleSettings},
    stage::{
        AnalysisSettings, FaceObservation, FrameObservations, Output, Shot, ShotRequest,
        StreamAnalysis, StreamEnd,
    },
};
use goshawk_models::{
    DetectOptions, Face, FaceTraits, WARP_JPEG_QUALITY, encode_jpeg, face_quality,
};
use goshawk_pipelines::Frame;
use goshawk_proto::{
    event::{Event, Jpeg},
    geometry::Size,
    picture::{Pixels, Rgb},
    stream::{Analytics, PartSelection, StreamSpec},
    time::Timestamp,
};

use crate::{
    cpu::{Metered, StageTimes},
    crop::{self, Crop, FrameHolder, Window},
    infer::InferPool,
    metrics::{EventLoss, FrameDrop, Metrics, StreamMetrics},
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
    /// When the detector is spared because nothing moves; `None`: never.
    pub motion: Option<MotionSettings>,
    /// What the detector looks for; its tiles are chosen by the size of the frame.
    pub detect: DetectOptions,
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

/// Sums of one run, for feedback and summaries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageCounters {
    /// Frames handled.
    pub frames: u64,
    /// Frames on which the detector ran.
    pub detected_frames: u64,
    /// Faces found, before the stream's filters.
    pub faces: u64,
    /// Tracks begun.
    pub tracks: u64,
    /// Events made.
    pub events: u64,
}

/// The analysis of one run of a stream.
pub struct Stage {
    analyses: Vec<Analysis>,
    schedule: Schedule,
    motion: Option<Motion>,
    spec: Arc<StreamSpec>,
    tools: StageTools,
    metrics: StreamMetrics,
    lens: Arc<Lens>,
    holder: FrameHolder,
    options: Option<(Size, DetectOptions)>,
    counters: StageCounters,
}

/// Sparing the detector where nothing moves.
struct Motion {
    gate: MotionGate,
    /// The frame's grid of brightness.
    cells: Rgb,
    /// Whether the last detection, or the last attempt at one, leaves open that somebody is there.
    may_be_busy: bool,
}

/// One analysis that the stream asks for.
struct Analysis {
    machine: StreamAnalysis<Crop>,
    full_frames: bool,
}

impl Analysis {
    fn new(spec: &StreamSpec, analytics: &Analytics, full_frames: bool) -> Self {
        let wanted = analytics.sending.full_frame_settings != PartSelection::BodiesOnly;
        Self {
            machine: StreamAnalysis::new(
                spec,
                analytics,
                rand::random(),
                AnalysisSettings::default(),
            ),
            full_frames: full_frames && wanted,
        }
    }
}

impl Stage {
    /// A stage for a fresh run of the stream.
    pub fn new(spec: Arc<StreamSpec>, tools: StageTools, metrics: StreamMetrics) -> Self {
        let full_frames = tools.settings.full_frame_side.is_some();
        let enabled = spec
            .data
            .analytics
            .iter()
            .filter(|analytics| analytics.enabled);
        let schedule = ScheduleSettings {
            max_rate: tools.settings.detect_fps,
            ..ScheduleSettings::default()
        };
        Self {
            analyses: enabled
                .map(|analytics| Analysis::new(&spec, analytics, full_frames))
                .collect(),
            schedule: Schedule::new(schedule),
            motion: tools.settings.motion.map(|settings| Motion {
                gate: MotionGate::new(settings),
                cells: Rgb::default(),
                may_be_busy: true,
            }),
            lens: tools.viewfinder.lens(spec.stream_id),
            spec,
            tools,
            metrics,
            holder: FrameHolder::default(),
            options: None,
            counters: StageCounters::default(),
        }
    }

    /// Sums so far.
    pub fn counters(&self) -> StageCounters {
        self.counters
    }

    /// Takes the next frame all the way.
    pub fn handle_frame(&mut self, frame: &Frame) {
        self.counters.frames += 1;
        let faces = if self.schedule.handle_frame(frame.media_time()) {
            self.look(frame)
        } else {
            None
        };
        let info = FrameInfo {
            number: frame.number(),
            media_time: frame.media_time(),
            captured_at: frame.captured_at(),
            size: frame.size(),
        };
        let watched = self.lens.is_watched();
        let mut visible = Vec::new();
        for index in 0..self.analyses.len() {
            self.track(
                index,
                frame,
                FrameObservations {
                    frame: info,
                    faces: faces.clone(),
                },
            );
            if watched {
                self.analyses[index].machine.visible(&mut visible);
            }
            self.send_ready(index);
        }
        if watched {
            self.lens.show(frame, visible);
        }
        self.metrics.processed.inc();
        let open = i64::try_from(self.open_tracks()).unwrap_or(i64::MAX);
        self.metrics.open_tracks.set(open);
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
        }
        self.metrics.open_tracks.set(0);
    }

    /// What the detector sees in a frame whose turn it is, unless it is spared.
    fn look(&mut self, frame: &Frame) -> Option<Vec<FaceObservation>> {
        let roi = self
            .spec
            .data
            .roi
            .as_ref()
            .and_then(|roi| roi.resolve(frame.size()));
        let window = Window::new(frame.clone(), roi);
        if self.is_still(&window, frame) {
            self.metrics.still.inc();
            return None;
        }
        let faces = self.detect(frame, window);
        if let Some(motion) = &mut self.motion {
            motion.may_be_busy = !matches!(&faces, Some(faces) if faces.is_empty());
        }
        faces
    }

    /// Whether nothing moves in the window and nobody is there.
    fn is_still(&mut self, window: &Window, frame: &Frame) -> bool {
        let tracked = self.open_tracks() > 0;
        let Some(motion) = &mut self.motion else {
            return false;
        };
        let size = window.size();
        let metered = Metered::new(window, &self.tools.times.convert);
        metered.region(size.into(), motion::grid(size), &mut motion.cells);
        let busy = tracked || motion.may_be_busy;
        !motion
            .gate
            .handle_picture(frame.media_time(), &motion.cells, busy)
    }

    fn detect(&mut self, frame: &Frame, window: Window) -> Option<Vec<FaceObservation>> {
        let options = self.options_for(&window);
        let started = Instant::now();
        let answer = self.tools.pool.detect(Box::new(window.clone()), &options);
        let took = started.elapsed();
        self.schedule.handle_cost(took);
        self.metrics.detection.observe(took.as_secs_f64());
        match answer {
            Ok(faces) => {
                self.counters.detected_frames += 1;
                self.counters.faces += faces.len() as u64;
                self.metrics.faces.inc_by(faces.len() as u64);
                Some(
                    faces
                        .into_iter()
                        .map(|face| observe(&window, face))
                        .collect(),
                )
            }
            Err(error) => {
                tracing::warn!(stream = %self.spec.stream_id, frame = frame.number(), %error, "a frame is not analysed");
                self.metrics.count_drops(FrameDrop::Inference, 1);
                None
            }
        }
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
        let times = &self.tools.times;
        let metered = Metered::new(frame, &times.convert);
        let warp = crop::face(&metered, &want.detection.landmarks);
        let quality = times.describe.measure(|| face_quality(&warp));
        let analysis = &mut self.analyses[index];
        let frame = if analysis.full_frames {
            self.holder.hold(frame)
        } else {
            None
        };
        let payload = Crop { warp, frame };
        let decision = analysis
            .machine
            .handle_shot(want.ticket, Shot { quality, payload });
        if matches!(decision, ShotDecision::Kept(_)) {
            self.metrics.bestshots.inc();
        }
    }

    fn send_ready(&mut self, index: usize) {
        while let Some(output) = self.analyses[index].machine.poll_output() {
            match output {
                Output::EventReady(draft) => self.send(*draft),
                Output::TrackEnded(_) => {
                    self.counters.tracks += 1;
                    self.metrics.tracks.inc();
                }
            }
        }
    }

    fn send(&mut self, draft: EventDraft<Crop>) {
        let traits = self.describe(&draft);
        let times = Arc::clone(&self.tools.times);
        let event = times.encode.measure(|| self.assemble(draft, traits));
        let Some(event) = event else {
            self.tools.metrics.count_loss(EventLoss::Encoding);
            return;
        };
        self.counters.events += 1;
        self.metrics.count_event(event.reason);
        tracing::debug!(stream = %self.spec.stream_id, event = %event.event_id, track = %event.track_id, reason = ?event.reason, "event");
        times.encode.measure(|| self.tools.sink.accept(event));
    }

    /// Descriptors of the draft's shots; empty when they are left to the coordinator.
    fn describe(&self, draft: &EventDraft<Crop>) -> Vec<FaceTraits> {
        if !self.tools.settings.describe {
            return Vec::new();
        }
        let warps: Vec<Rgb> = draft
            .shots
            .iter()
            .map(|shot| shot.payload.warp.clone())
            .collect();
        self.tools.pool.describe(warps).unwrap_or_else(|error| {
            tracing::warn!(stream = %self.spec.stream_id, %error, "an event goes without descriptors");
            Vec::new()
        })
    }

    fn assemble(&self, draft: EventDraft<Crop>, traits: Vec<FaceTraits>) -> Option<Event> {
        let stream = self.spec.stream_id;
        let encoded: Result<Vec<Jpeg>, _> = draft
            .shots
            .iter()
            .map(|shot| encode_jpeg(&shot.payload.warp, WARP_JPEG_QUALITY))
            .collect();
        let warps = encoded.inspect_err(|error| tracing::error!(%stream, %error, "an event is lost: its face cannot be encoded")).ok()?;
        let full_frame = self.full_frame(&draft);
        let mut warps = warps.into_iter();
        let mut traits = traits.into_iter();
        let decided_at = Timestamp::from_system(SystemTime::now());
        let event = draft.into_event(decided_at, rand::random(), full_frame, |_| {
            let traits = traits.next();
            ShotParts {
                warp: warps
                    .next()
                    .expect("one warp was encoded for each shot of the draft"),
                attributes: traits.as_ref().and_then(|face| face.attributes),
                descriptor: traits.map(|face| face.descriptor),
            }
        });
        Some(event)
    }

    fn full_frame(&self, draft: &EventDraft<Crop>) -> Option<Jpeg> {
        let side = self.tools.settings.full_frame_side?;
        let held = draft.shots.first()?.payload.frame.as_ref()?;
        held.jpeg(side, self.tools.settings.full_frame_quality)
            .inspect_err(|error| tracing::warn!(stream = %self.spec.stream_id, %error, "an event goes without its frame"))
            .ok()
    }
}

fn observe(window: &Window, mut face: Face) -> FaceObservation {
    let mesh = window.mesh(&face);
    window.to_frame(&mut face);
    FaceObservation {
        detection: face.detection,
        head_pose: Some(face.head_pose),
        mesh: Some(mesh),
        mouth_visibility: None,
        appearance: None,
    }
}
