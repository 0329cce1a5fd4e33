//! `goshawk-agent analyze`: the whole path from source to event on one source, without a
//! coordinator, with the processor time that each stage took.

mod lines;
mod tracks;

use std::{
    io::Write,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use goshawk_agent_core::stage::StreamEnd;
use goshawk_pipelines::SourceError;
use goshawk_proto::{
    event::Event,
    stream::{AnalyticsMode, SourceKind, StreamSpec},
};
use serde::Serialize;

use self::{lines::EventLine, tracks::TrackRows};
use crate::{
    config::Config,
    cpu::{self, StageTimes},
    engine::{self, EngineError},
    metrics::Metrics,
    source::{Failure, FrameSource, OpenSettings, open_any},
    stage::{EventSink, Stage, StageCounters, StageError, StageTools},
    viewfinder::{ViewSettings, Viewfinder},
};

/// What is analysed and how far.
#[derive(Clone, Debug)]
pub struct Request {
    /// Path, folder, RTSP address or device.
    pub source: String,
    /// Stop after so many frames.
    pub max_frames: Option<u64>,
    /// Stop after so long.
    pub max_time: Option<Duration>,
    /// Write descriptors too.
    pub descriptors: bool,
    /// What is looked for.
    pub mode: AnalyticsMode,
}

/// Why an analysis did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum AnalyzeError {
    /// No inference.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// No frames.
    #[error("source: {0}")]
    Source(#[from] Failure),
    /// The models cannot tell what is asked for.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The specification of an ad-hoc stream cannot be made; a defect.
    #[error("stream specification: {0}")]
    Spec(#[from] serde_json::Error),
    /// Nobody reads the output.
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
}

impl From<SourceError> for AnalyzeError {
    fn from(error: SourceError) -> Self {
        Self::Source(error.into())
    }
}

/// The last line of output.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    r#type: &'static str,
    /// Frames analysed.
    pub frames: u64,
    /// Frames on which the detector ran.
    pub detected_frames: u64,
    /// Faces found, before filters.
    pub faces: u64,
    /// Bodies found, before filters.
    pub bodies: u64,
    /// Tracks that ended.
    pub tracks: u64,
    /// Events made.
    pub events: u64,
    /// Frames that a live source dropped.
    pub dropped_frames: u64,
    /// Seconds from opening the source to its end.
    pub wall_seconds: f64,
    /// Frames a second of processor time, whole path.
    pub frames_per_cpu_second: f64,
    /// Most memory that the process had, in MiB.
    pub rss_mib: Option<f64>,
    /// Seconds of processor time of the whole process once the models were loaded.
    pub cpu_seconds: f64,
    /// `cpu_seconds` by stage.
    pub stages: CpuSplit,
}

/// Seconds of processor time by stage.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CpuSplit {
    /// Demultiplexing and decoding.
    pub decode: f64,
    /// Scaling and converting the pixels that models asked for.
    pub convert: f64,
    /// Face detection, second-stage filter, landmarks.
    pub detect: f64,
    /// Descriptors, attributes, quality.
    pub describe: f64,
    /// Filters, tracker, best shots, liveness.
    pub track: f64,
    /// Pictures and events.
    pub encode: f64,
    /// Everything else.
    pub rest: f64,
}

/// Prints events.
struct Printer {
    out: Mutex<Box<dyn Write + Send>>,
    descriptors: bool,
    failed: AtomicBool,
    printed: AtomicU64,
}

impl Printer {
    fn line(&self, value: &impl Serialize) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let written = serde_json::to_writer(&mut *out, value)
            .map_err(std::io::Error::from)
            .and_then(|()| writeln!(out))
            .and_then(|()| out.flush());
        if written.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
    }
}

impl EventSink for Printer {
    fn accept(&self, event: Event) {
        // The encoding is part of the path that is measured.
        if let Err(error) = event.encode() {
            tracing::error!(%error, "an event cannot be encoded");
        }
        self.printed.fetch_add(1, Ordering::Relaxed);
        self.line(&EventLine::of(&event, self.descriptors));
    }
}

/// The specification of a stream over `source` with the contract's defaults.
fn spec(source: &str, mode: AnalyticsMode) -> Result<StreamSpec, serde_json::Error> {
    let kind = kind_of(source);
    serde_json::from_value(serde_json::json!({
        "stream_id": uuid::Uuid::new_v4(),
        "version": 1,
        "name": "analyze",
        "data": {
            "type": kind,
            "reference": source,
            "endless": false,
            "analytics": [{
                "mode": mode,
                "event_handler": { "handler_id": uuid::Uuid::nil() },
            }],
        },
    }))
}

fn kind_of(source: &str) -> SourceKind {
    let live =
        source.contains("://") && !source.starts_with("file://") || source.starts_with("/dev/");
    if live {
        SourceKind::Tcp
    } else if std::path::Path::new(source).is_dir() {
        SourceKind::Images
    } else {
        SourceKind::Videofile
    }
}

/// Analyses a source to its end, writes one line of JSON an event to `out` and a summary last.
/// `tracks` gets the boxes of all tracks. `stop` ends it early. Blocks.
pub fn run(
    config: &Config,
    request: &Request,
    out: Box<dyn Write + Send>,
    tracks: Option<Box<dyn Write + Send>>,
    stop: &AtomicBool,
) -> Result<Summary, AnalyzeError> {
    let times = Arc::new(StageTimes::default());
    let (metrics, _) = Metrics::new();
    let pool = engine::start(config, Arc::clone(&times), &metrics.models)?;
    let printer = Arc::new(Printer {
        out: Mutex::new(out),
        descriptors: request.descriptors,
        failed: AtomicBool::new(false),
        printed: AtomicU64::new(0),
    });
    let spec = Arc::new(spec(&request.source, request.mode)?);
    let tools = StageTools {
        pool: pool.clone(),
        sink: Arc::clone(&printer) as Arc<dyn EventSink>,
        settings: Arc::new(engine::stage_settings(config)),
        times: Arc::clone(&times),
        metrics: metrics.clone(),
        viewfinder: Viewfinder::new(ViewSettings::default(), metrics.views.clone()),
    };
    let stage = Stage::new(Arc::clone(&spec), tools, metrics.stream(spec.stream_id))?;
    let measured = Measured::start();
    // What is asked about is what is there now.
    let open = open_any(OpenSettings {
        folder_linger: Duration::ZERO,
        ..config.open_settings()
    });
    let source_request =
        goshawk_pipelines::SourceRequest::from_stream(&spec.data, config.source_timeout)?;
    let source = open(&source_request)?;
    let stopped = || stop.load(Ordering::Relaxed) || printer.failed.load(Ordering::Relaxed);
    let tracks = tracks.map(TrackRows::new);
    let driven = drive(source, stage, request, tracks, stopped);
    let summary = measured.finish(&times, &driven);
    pool.close();
    printer.line(&summary);
    driven.result?;
    if printer.failed.load(Ordering::Relaxed) {
        return Err(AnalyzeError::Output(std::io::ErrorKind::BrokenPipe.into()));
    }
    Ok(summary)
}

/// How the frames went.
struct Driven {
    counters: StageCounters,
    dropped: u64,
    result: Result<(), AnalyzeError>,
}

fn drive(
    mut source: Box<dyn FrameSource>,
    mut stage: Stage,
    limits: &Request,
    mut tracks: Option<TrackRows>,
    stopped: impl Fn() -> bool,
) -> Driven {
    let started = Instant::now();
    if tracks.is_some() {
        stage.watch();
    }
    let result = loop {
        let frames = stage.counters().frames;
        let enough = limits.max_frames.is_some_and(|max| frames >= max)
            || limits.max_time.is_some_and(|max| started.elapsed() >= max);
        if enough || stopped() {
            break Ok(());
        }
        match source.next_frame() {
            Ok(Some(frame)) => {
                stage.handle_frame(&frame);
                let written = tracks.as_mut().map_or(Ok(()), |rows| {
                    rows.take(frame.number(), frame.media_time(), stage.visible())
                });
                if let Err(error) = written {
                    break Err(error.into());
                }
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error.into()),
        }
    };
    stage.finish(StreamEnd::SourceEnded);
    let result = result.and_then(|()| Ok(tracks.map_or(Ok(()), TrackRows::finish)?));
    let stats = source.stats();
    Driven {
        counters: stage.counters(),
        dropped: stats.dropped_stale + stats.dropped_late,
        result,
    }
}

struct Measured {
    wall: Instant,
    process: Duration,
    thread: Duration,
}

impl Measured {
    fn start() -> Self {
        Self {
            wall: Instant::now(),
            process: cpu::process(),
            thread: cpu::thread(),
        }
    }

    fn finish(self, times: &StageTimes, driven: &Driven) -> Summary {
        let counters = driven.counters;
        let total = cpu::process().saturating_sub(self.process);
        let here = cpu::thread().saturating_sub(self.thread);
        // What neither this thread nor the inference threads did was the decoder's.
        let decode = total
            .saturating_sub(here)
            .saturating_sub(times.pool.total());
        let convert = times.convert.total();
        let detect = times.detect.total();
        let describe = times.describe.total();
        let track = times.track.total();
        let encode = times.encode.total();
        let rest = total.saturating_sub(decode + convert + detect + describe + track + encode);
        let seconds = |time: Duration| time.as_secs_f64();
        Summary {
            r#type: "summary",
            frames: counters.frames,
            detected_frames: counters.detected_frames,
            faces: counters.faces,
            bodies: counters.bodies,
            tracks: counters.tracks,
            events: counters.events,
            dropped_frames: driven.dropped,
            wall_seconds: seconds(self.wall.elapsed()),
            frames_per_cpu_second: counters.frames as f64 / seconds(total).max(1e-9),
            rss_mib: peak_rss_mib(),
            cpu_seconds: seconds(total),
            stages: CpuSplit {
                decode: seconds(decode),
                convert: seconds(convert),
                detect: seconds(detect),
                describe: seconds(describe),
                track: seconds(track),
                encode: seconds(encode),
                rest: seconds(rest),
            },
        }
    }
}

/// `VmHWM` of `/proc/self/status`.
fn peak_rss_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_a_source_is_told_by_its_name() {
        for (source, kind) in [
            ("rtsp://camera/1", SourceKind::Tcp),
            ("/dev/video0", SourceKind::Tcp),
            ("clip.mp4", SourceKind::Videofile),
            ("file:///clip.mp4", SourceKind::Videofile),
            ("/", SourceKind::Images),
        ] {
            assert_eq!(kind_of(source), kind, "{source}");
        }
        let spec = spec("clip.mp4", AnalyticsMode::Bodies).unwrap();
        assert_eq!(spec.data.kind, SourceKind::Videofile);
        assert_eq!(spec.data.analytics[0].mode, AnalyticsMode::Bodies);
    }

    #[test]
    fn our_memory_is_known() {
        assert!(peak_rss_mib().unwrap() > 1.0);
    }
}
