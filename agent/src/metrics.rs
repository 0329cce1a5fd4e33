//! What operators can watch: one registry, read as OpenMetrics text at `/metrics`.
//!
//! Labels are bounded: streams are those assigned, and go when their assignment goes; reasons and
//! kinds are closed lists.

use std::sync::atomic::AtomicU64;

use goshawk_models::UsageMeter;
use goshawk_proto::{event::SendReason, id::StreamId, stream::FailureKind};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// Upper bounds of the duration histograms, in seconds.
const SECONDS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0,
];

fn durations() -> Histogram {
    Histogram::new(SECONDS)
}

/// A gauge of a fraction or of seconds.
pub type Level = Gauge<f64, AtomicU64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByStream {
    stream: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByStreamReason {
    stream: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: &'static str,
}

/// Why a frame was not analysed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameDrop {
    /// A newer one came before its turn.
    Stale,
    /// It was not decoded because the decoder was too far behind.
    Late,
    /// Inference failed on it.
    Inference,
}

impl FrameDrop {
    const ALL: [Self; 3] = [Self::Stale, Self::Late, Self::Inference];

    fn label(self) -> &'static str {
        match self {
            Self::Stale => "stale",
            Self::Late => "late",
            Self::Inference => "inference",
        }
    }
}

/// Why liveness kept the face shots of a track back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withholding {
    /// It speaks against a live person.
    Spoof,
    /// The track ended before there were enough checks.
    Unchecked,
}

impl Withholding {
    const ALL: [Self; 2] = [Self::Spoof, Self::Unchecked];

    fn label(self) -> &'static str {
        match self {
            Self::Spoof => "spoof",
            Self::Unchecked => "unchecked",
        }
    }
}

/// Why an event left the outbox without an acknowledgement, or never reached it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventLoss {
    /// The outbox was over its budget in bytes.
    Bytes,
    /// It was kept longer than allowed.
    Age,
    /// The disk refused it and the memory kept for that was full.
    Memory,
    /// It could not be encoded.
    Encoding,
    /// The stored record could not be read back.
    Unreadable,
    /// The coordinator refused it for good.
    Refused,
}

impl EventLoss {
    const ALL: [Self; 6] = [
        Self::Bytes,
        Self::Age,
        Self::Memory,
        Self::Encoding,
        Self::Unreadable,
        Self::Refused,
    ];

    /// The value of the `reason` label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Age => "age",
            Self::Memory => "memory",
            Self::Encoding => "encoding",
            Self::Unreadable => "unreadable",
            Self::Refused => "refused",
        }
    }
}

fn send_reason(reason: SendReason) -> &'static str {
    match reason {
        SendReason::TrackEnd => "track_end",
        SendReason::Period => "period",
        SendReason::StreamEnd => "stream_end",
    }
}

const SEND_REASONS: [SendReason; 3] = [
    SendReason::TrackEnd,
    SendReason::Period,
    SendReason::StreamEnd,
];

fn failure(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Unreachable => "unreachable",
        FailureKind::Unauthorized => "unauthorized",
        FailureKind::NotFound => "not_found",
        FailureKind::NotMedia => "not_media",
        FailureKind::Stalled => "stalled",
        FailureKind::Truncated => "truncated",
        FailureKind::Other => "other",
    }
}

const FAILURES: [FailureKind; 7] = [
    FailureKind::Unreachable,
    FailureKind::Unauthorized,
    FailureKind::NotFound,
    FailureKind::NotMedia,
    FailureKind::Stalled,
    FailureKind::Truncated,
    FailureKind::Other,
];

pub use daemon::{LinkMetrics, OutboxMetrics, ViewMetrics};

mod daemon;

/// All metrics of one agent. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Metrics {
    decoded: Family<ByStream, Counter>,
    processed: Family<ByStream, Counter>,
    still: Family<ByStream, Counter>,
    dropped: Family<ByStreamReason, Counter>,
    source_fps: Family<ByStream, Level>,
    detection: Family<ByStream, Histogram, fn() -> Histogram>,
    faces: Family<ByStream, Counter>,
    bodies: Family<ByStream, Counter>,
    tracks: Family<ByStream, Counter>,
    open_tracks: Family<ByStream, Gauge>,
    bestshots: Family<ByStream, Counter>,
    withheld: Family<ByStreamReason, Counter>,
    events: Family<ByStreamReason, Counter>,
    reconnects: Family<ByStream, Counter>,
    errors: Family<ByStreamReason, Counter>,
    running: Family<ByStream, Gauge>,
    lost: Family<ByReason, Counter>,
    outbox_dropped: Family<ByStreamReason, Counter>,
    /// Streams that this agent works on.
    pub streams: Gauge,
    /// What the models did.
    pub models: UsageMeter,
    /// The outbox's own metrics.
    pub outbox: OutboxMetrics,
    /// The link's metrics.
    pub link: LinkMetrics,
    /// What previews cost.
    pub views: ViewMetrics,
}

/// The metrics of one stream, ready to be counted into.
#[derive(Clone, Debug)]
pub struct StreamMetrics {
    label: String,
    all: Metrics,
    /// Frames that came out of the decoder.
    pub decoded: Counter,
    /// Frames that went through the analysis, detected or coasted.
    pub processed: Counter,
    /// Frames that were the detector's turn and that it was spared.
    pub still: Counter,
    /// Frames a second out of the decoder.
    pub source_fps: Level,
    /// Seconds from asking for detections to having them.
    pub detection: Histogram,
    /// Faces found that passed the filters.
    pub faces: Counter,
    /// Bodies found.
    pub bodies: Counter,
    /// Tracks begun.
    pub tracks: Counter,
    /// Tracks alive.
    pub open_tracks: Gauge,
    /// Shots that became the best of their track.
    pub bestshots: Counter,
    /// Times that the source was opened again.
    pub reconnects: Counter,
    /// 1 while frames come.
    pub running: Gauge,
}

impl Metrics {
    /// A fresh set, registered under `goshawk_agent_…` in the registry that comes with it.
    pub fn new() -> (Self, Registry) {
        let metrics = Self {
            decoded: Family::default(),
            processed: Family::default(),
            still: Family::default(),
            dropped: Family::default(),
            source_fps: Family::default(),
            detection: Family::new_with_constructor(durations),
            faces: Family::default(),
            bodies: Family::default(),
            tracks: Family::default(),
            open_tracks: Family::default(),
            bestshots: Family::default(),
            withheld: Family::default(),
            events: Family::default(),
            reconnects: Family::default(),
            errors: Family::default(),
            running: Family::default(),
            lost: Family::default(),
            outbox_dropped: Family::default(),
            streams: Gauge::default(),
            models: UsageMeter::default(),
            outbox: OutboxMetrics::default(),
            link: LinkMetrics::new(),
            views: ViewMetrics::default(),
        };
        let mut registry = Registry::with_prefix("goshawk_agent");
        metrics.register_streams(&mut registry);
        metrics.register_daemon(&mut registry);
        (metrics, registry)
    }

    fn register_streams(&self, to: &mut Registry) {
        to.register(
            "frames_decoded",
            "Frames out of the decoder",
            self.decoded.clone(),
        );
        to.register(
            "frames_processed",
            "Frames analysed, detected or coasted",
            self.processed.clone(),
        );
        to.register(
            "frames_still",
            "Frames without a detection because nothing moved and nobody was there",
            self.still.clone(),
        );
        to.register(
            "frames_dropped",
            "Frames not analysed, by reason",
            self.dropped.clone(),
        );
        to.register(
            "source_fps",
            "Frames a second out of the decoder",
            self.source_fps.clone(),
        );
        to.register(
            "detection_seconds",
            "Wait for the detections of a frame",
            self.detection.clone(),
        );
        to.register(
            "faces",
            "Faces found that passed the filters",
            self.faces.clone(),
        );
        to.register("bodies", "Bodies found", self.bodies.clone());
        to.register("tracks", "Tracks begun", self.tracks.clone());
        to.register("tracks_open", "Tracks alive", self.open_tracks.clone());
        to.register(
            "bestshots",
            "Shots that became the best of their track",
            self.bestshots.clone(),
        );
        to.register(
            "liveness_withheld",
            "Times that the face shots of a track were not sent for the sake of liveness, by reason",
            self.withheld.clone(),
        );
        to.register("events", "Events made, by reason", self.events.clone());
        to.register(
            "reconnects",
            "Times a source was opened again",
            self.reconnects.clone(),
        );
        to.register(
            "source_errors",
            "Failures of a source, by kind",
            self.errors.clone(),
        );
        to.register(
            "stream_running",
            "1 while frames come",
            self.running.clone(),
        );
    }

    fn register_daemon(&self, to: &mut Registry) {
        to.register("streams", "Streams assigned", self.streams.clone());
        to.register("events_lost", "Events lost, by reason", self.lost.clone());
        to.register(
            "outbox_dropped",
            "Events that left the outbox unsent, by stream and reason; `gone`: streams no longer assigned",
            self.outbox_dropped.clone(),
        );
        to.register_collector(Box::new(self.models.clone()));
        self.outbox.register(to);
        self.link.register(to);
        self.views.register(to);
    }

    /// Counts a lost event.
    pub fn count_loss(&self, reason: EventLoss) {
        self.lost
            .get_or_create(&ByReason {
                reason: reason.label(),
            })
            .inc();
    }

    /// Counts an event that leaves the outbox without an acknowledgement, also by its stream.
    pub fn count_dropped(&self, stream: Option<StreamId>, reason: EventLoss) {
        self.count_loss(reason);
        let by = stream.map(|stream| ByStream {
            stream: stream.to_string(),
        });
        // The outbox outlives assignments; labels do not.
        let known = by.filter(|by| self.decoded.get(by).is_some());
        self.outbox_dropped
            .get_or_create(&ByStreamReason {
                stream: known.map_or_else(|| "gone".to_owned(), |by| by.stream),
                reason: reason.label(),
            })
            .inc();
    }

    /// Events lost for `reason` so far.
    pub fn losses(&self, reason: EventLoss) -> u64 {
        self.lost
            .get_or_create(&ByReason {
                reason: reason.label(),
            })
            .get()
    }

    /// The metrics of one stream.
    pub fn stream(&self, stream: StreamId) -> StreamMetrics {
        let label = stream.to_string();
        let by = ByStream {
            stream: label.clone(),
        };
        StreamMetrics {
            decoded: self.decoded.get_or_create_owned(&by),
            processed: self.processed.get_or_create_owned(&by),
            still: self.still.get_or_create_owned(&by),
            source_fps: self.source_fps.get_or_create_owned(&by),
            detection: self.detection.get_or_create_owned(&by),
            faces: self.faces.get_or_create_owned(&by),
            bodies: self.bodies.get_or_create_owned(&by),
            tracks: self.tracks.get_or_create_owned(&by),
            open_tracks: self.open_tracks.get_or_create_owned(&by),
            bestshots: self.bestshots.get_or_create_owned(&by),
            reconnects: self.reconnects.get_or_create_owned(&by),
            running: self.running.get_or_create_owned(&by),
            all: self.clone(),
            label,
        }
    }

    /// Forgets a stream that is no longer assigned.
    pub fn forget(&self, stream: StreamId) {
        let label = stream.to_string();
        let by = ByStream {
            stream: label.clone(),
        };
        for family in [
            &self.decoded,
            &self.processed,
            &self.still,
            &self.faces,
            &self.bodies,
            &self.tracks,
            &self.bestshots,
            &self.reconnects,
        ] {
            family.remove(&by);
        }
        self.source_fps.remove(&by);
        self.detection.remove(&by);
        self.open_tracks.remove(&by);
        self.running.remove(&by);
        let of = |reason| ByStreamReason {
            stream: label.clone(),
            reason,
        };
        FrameDrop::ALL
            .iter()
            .for_each(|drop| _ = self.dropped.remove(&of(drop.label())));
        Withholding::ALL
            .iter()
            .for_each(|reason| _ = self.withheld.remove(&of(reason.label())));
        EventLoss::ALL
            .iter()
            .for_each(|loss| _ = self.outbox_dropped.remove(&of(loss.label())));
        SEND_REASONS
            .iter()
            .for_each(|reason| _ = self.events.remove(&of(send_reason(*reason))));
        FAILURES
            .iter()
            .for_each(|kind| _ = self.errors.remove(&of(failure(*kind))));
    }
}

impl StreamMetrics {
    fn of(&self, reason: &'static str) -> ByStreamReason {
        ByStreamReason {
            stream: self.label.clone(),
            reason,
        }
    }

    /// Counts frames that were not analysed.
    pub fn count_drops(&self, reason: FrameDrop, frames: u64) {
        self.all
            .dropped
            .get_or_create(&self.of(reason.label()))
            .inc_by(frames);
    }

    /// Counts face shots that liveness kept back.
    pub fn count_withheld(&self, reason: Withholding, times: u64) {
        if times > 0 {
            let family = &self.all.withheld;
            family.get_or_create(&self.of(reason.label())).inc_by(times);
        }
    }

    /// Counts an event made.
    pub fn count_event(&self, reason: SendReason) {
        self.all
            .events
            .get_or_create(&self.of(send_reason(reason)))
            .inc();
    }

    /// Counts a failure of the source.
    pub fn count_error(&self, kind: FailureKind) {
        self.all.errors.get_or_create(&self.of(failure(kind))).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use goshawk_proto::id::StreamId;

    fn text(registry: &Registry) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
        text
    }

    #[test]
    fn a_stream_that_goes_takes_its_numbers_along() {
        let (metrics, registry) = Metrics::new();
        let id = StreamId::random();
        let stream = metrics.stream(id);
        stream.decoded.inc();
        stream.detection.observe(0.02);
        stream.count_drops(FrameDrop::Stale, 3);
        stream.count_event(SendReason::TrackEnd);
        stream.count_error(FailureKind::Stalled);
        let before = text(&registry);
        assert!(
            before.contains(&format!(
                "goshawk_agent_frames_decoded_total{{stream=\"{id}\"}} 1"
            )),
            "{before}"
        );
        assert!(before.contains("reason=\"stalled\"} 1"), "{before}");
        metrics.forget(id);
        assert!(!text(&registry).contains(&id.to_string()));
    }

    #[test]
    fn what_the_outbox_drops_is_counted_by_stream_while_there_is_one() {
        let (metrics, registry) = Metrics::new();
        let id = StreamId::random();
        metrics.stream(id);
        metrics.count_dropped(Some(id), EventLoss::Age);
        let line = |stream: &str| {
            format!("goshawk_agent_outbox_dropped_total{{stream=\"{stream}\",reason=\"age\"}} 1")
        };
        assert!(text(&registry).contains(&line(&id.to_string())));
        metrics.forget(id);
        metrics.count_dropped(Some(id), EventLoss::Age);
        let after = text(&registry);
        assert!(
            after.contains(&line("gone")) && !after.contains(&id.to_string()),
            "{after}"
        );
        assert_eq!(metrics.losses(EventLoss::Age), 2);
    }

    #[test]
    fn losses_are_counted_by_reason() {
        let (metrics, registry) = Metrics::new();
        metrics.count_loss(EventLoss::Age);
        assert_eq!(metrics.losses(EventLoss::Age), 1);
        assert!(text(&registry).contains("goshawk_agent_events_lost_total{reason=\"age\"} 1"));
    }
}
