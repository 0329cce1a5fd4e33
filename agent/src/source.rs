//! The thread of one stream: opens its source, feeds its frames to the analysis, and does what the
//! supervisor says when the source fails, ends or is changed.
//!
//! Nothing that happens here reaches another stream: a panic is caught, counted as a failure of
//! this stream's source, and followed by whatever the supervisor decides about failures.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use goshawk_agent_core::{
    idle::key_frames_suffice,
    stage::StreamEnd,
    supervise::{Command, Output, Report, SupervisePolicy, Supervisor},
};
use goshawk_pipelines::{Decoding, Redacted, SourceRequest, SourceStats};
use goshawk_proto::{stream::StreamSpec, time::Timestamp};

pub use frames::{Failure, FrameSource, OpenSettings, OpenSource, StopSource, open_any};

mod frames;
mod mailbox;

use mailbox::{Mailbox, Order, Orders};

use crate::{
    board::{Board, RateMeter},
    metrics::{FrameDrop, StreamMetrics},
    pulse::{Beat, Pulse},
    stage::{Stage, StageCounters, StageTools},
};

/// Longest sleep between looks at the supervisor.
const MAX_WAIT: Duration = Duration::from_secs(3600);
/// What inference and the disk may take of a turn before the stream counts as stuck.
const TURN_MARGIN: Duration = Duration::from_secs(60);

/// What stream threads work with, the same for all streams.
#[derive(Clone)]
pub struct SourceTools {
    /// Opens sources.
    pub open: OpenSource,
    /// What comes after the decoder.
    pub stage: StageTools,
    /// Longest wait for a frame where the stream does not say.
    pub timeout: Duration,
    /// From how long a calm on only key frames of live sources are decoded; zero: never.
    pub idle_after: Duration,
    /// Told of every turn of a stream's loop.
    pub pulse: Pulse,
}

/// A stream's running thread.
pub struct StreamThread {
    orders: Orders,
    /// How the stream fares.
    pub board: Arc<Board>,
    thread: JoinHandle<()>,
}

impl StreamThread {
    /// Starts to work on a stream.
    pub fn start(
        spec: Arc<StreamSpec>,
        tools: SourceTools,
        board: Arc<Board>,
        metrics: StreamMetrics,
    ) -> std::io::Result<Self> {
        let mail = Arc::new(Mailbox::default());
        let orders = Orders(Arc::clone(&mail));
        let worker = Worker {
            beat: tools.pulse.watch(format!("stream {}", spec.stream_id)),
            supervisor: Supervisor::new(spec.version, SupervisePolicy::from_spec(&spec), false),
            started: Instant::now(),
            board: Arc::clone(&board),
            mail,
            spec,
            tools,
            metrics,
            run: None,
            runs: 0,
            changed: true,
            last_error: None,
            stopping: false,
        };
        let thread = std::thread::Builder::new()
            .name("stream".to_owned())
            .spawn(move || worker.work())?;
        Ok(Self {
            orders,
            board,
            thread,
        })
    }

    /// Goes on with a changed specification.
    pub fn update(&self, spec: Arc<StreamSpec>) {
        self.orders.0.put(Order::Update(spec));
    }

    /// Ends the stream: open tracks become events, then the thread ends.
    pub fn stop(&self) {
        self.orders.0.put(Order::Stop);
    }

    /// Whether the thread has ended.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the thread's end.
    pub fn join(self) {
        // Panics are caught inside; one in the thread's frame leaves nothing to do either.
        if self.thread.join().is_err() {
            tracing::error!("a stream's thread panicked");
        }
    }
}

/// An open source and the analysis of its frames.
struct Run {
    source: Box<dyn FrameSource>,
    stage: Stage,
    seen: SourceStats,
    staged: StageCounters,
    rate: RateMeter,
    first: bool,
    last_at: Option<Timestamp>,
    decoding: Decoding,
}

impl Run {
    /// Goes over to key frames where they suffice, and back. Costs nothing where it is switched off.
    fn choose_decoding(&mut self, idle_after: Duration, patience: Duration) {
        if idle_after.is_zero() {
            return;
        }
        let group = self.source.video().and_then(|video| {
            let rate = video.frame_rate.filter(|rate| *rate > 0.0)?;
            let group = Duration::try_from_secs_f32(video.gop_size? as f32 / rate);
            group.ok()
        });
        let calm = self.stage.calm_for();
        let wanted = if key_frames_suffice(calm, idle_after, group, patience) {
            Decoding::KeyFrames
        } else {
            Decoding::All
        };
        if wanted != self.decoding {
            self.decoding = wanted;
            self.source.decode(wanted);
            tracing::debug!(decoding = ?wanted, "another share of the pictures is decoded");
        }
    }
}

struct Worker {
    beat: Beat,
    supervisor: Supervisor,
    started: Instant,
    board: Arc<Board>,
    mail: Arc<Mailbox>,
    spec: Arc<StreamSpec>,
    tools: SourceTools,
    metrics: StreamMetrics,
    run: Option<Run>,
    /// Runs begun so far.
    runs: u64,
    /// The specification has not been tried yet: opening the source is no reconnect.
    changed: bool,
    last_error: Option<Failure>,
    stopping: bool,
}

/// What came of asking for a frame.
enum Step {
    Frame,
    Ended,
    Failed(Failure),
}

impl Worker {
    fn work(mut self) {
        let now = self.now();
        self.supervisor.handle_command(now, Command::Start);
        loop {
            self.beat.turn(Instant::now(), self.longest_turn());
            self.take_orders();
            if self
                .supervisor
                .poll_timeout()
                .is_some_and(|at| at <= self.now())
            {
                let now = self.now();
                self.supervisor.handle_timeout(now, rand::random());
            }
            self.obey();
            if self.stopping && self.run.is_none() {
                return;
            }
            if self.mail.has_order() {
                // It came before the source just opened could be stopped for it.
                continue;
            }
            if self.run.is_some() {
                self.step();
            } else {
                self.wait();
            }
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn take_orders(&mut self) {
        while let Some(order) = self.mail.take() {
            self.handle_order(order);
        }
    }

    fn handle_order(&mut self, order: Order) {
        let now = self.now();
        match order {
            Order::Stop if self.stopping => {}
            Order::Stop => {
                self.stopping = true;
                self.supervisor.handle_command(now, Command::Stop);
            }
            Order::Update(spec) => {
                let policy = SupervisePolicy::from_spec(&spec);
                let version = spec.version;
                self.spec = spec;
                self.changed = true;
                self.supervisor
                    .handle_command(now, Command::Update { version, policy });
                self.report(&self.supervisor.current_report());
            }
        }
    }

    fn obey(&mut self) {
        while let Some(output) = self.supervisor.poll_output() {
            match output {
                Output::Open { attempt, .. } => self.open(attempt),
                Output::Close => self.close(StreamEnd::Stopped),
                Output::Report(report) => self.report(&report),
            }
        }
    }

    fn report(&mut self, report: &Report) {
        let error = report
            .error
            .and(self.last_error.as_ref())
            .map(|error| error.message.clone());
        self.board
            .set_status(report.version, report.status, report.error, error);
    }

    fn open(&mut self, attempt: u32) {
        self.close(StreamEnd::Stopped);
        if !std::mem::take(&mut self.changed) {
            self.metrics.reconnects.inc();
            self.board.count(|counters| counters.restarts += 1);
        }
        tracing::info!(stream = %self.spec.stream_id, version = self.spec.version, attempt, source = %Redacted::new(self.spec.data.reference.clone()), "opening the source");
        let now = self.now();
        match catch_unwind(AssertUnwindSafe(|| self.try_open())) {
            Ok(Ok(run)) => {
                self.mail.set_stopper(Some(run.source.stopper()));
                self.run = Some(run);
                self.runs += 1;
                self.supervisor.handle_opened(now);
            }
            Ok(Err(error)) => self.fail(error),
            Err(_) => self.fail(Failure::other("opening the source panicked")),
        }
    }

    fn try_open(&self) -> Result<Run, Failure> {
        let patience = self.patience();
        let request = SourceRequest::from_stream(&self.spec.data, patience)?;
        // What the models cannot tell is refused before a camera is bothered.
        let stage = Stage::new(
            Arc::clone(&self.spec),
            self.tools.stage.clone(),
            self.metrics.clone(),
        )
        .map_err(|error| Failure::other(&error.to_string()))?;
        let source = (self.tools.open)(&request)?;
        Ok(Run {
            source,
            stage,
            seen: SourceStats::default(),
            staged: StageCounters::default(),
            rate: RateMeter::default(),
            first: true,
            last_at: None,
            decoding: Decoding::All,
        })
    }

    /// How long a frame is waited for. The contract's unit is the millisecond.
    fn patience(&self) -> Duration {
        let enabled = self
            .spec
            .data
            .analytics
            .iter()
            .filter(|analytics| analytics.enabled);
        let asked = enabled
            .filter_map(|analytics| analytics.healthcheck.timeout)
            .filter(|millis| *millis > 0)
            .min();
        asked.map_or(self.tools.timeout, |millis| {
            Duration::from_millis(u64::from(millis))
        })
    }

    /// How long a turn may last: a source is opened, a frame is waited for and analysed, and its
    /// events are written.
    fn longest_turn(&self) -> Duration {
        self.patience().saturating_mul(3) + TURN_MARGIN
    }

    fn step(&mut self) {
        let (idle_after, patience) = (self.tools.idle_after, self.patience());
        let Some(run) = self.run.as_mut() else { return };
        let metrics = &self.metrics;
        let step = catch_unwind(AssertUnwindSafe(|| match run.source.next_frame() {
            Ok(Some(frame)) => {
                run.last_at = Some(frame.captured_at());
                run.stage.handle_frame(&frame);
                run.choose_decoding(idle_after, patience);
                Step::Frame
            }
            Ok(None) => Step::Ended,
            Err(error) => Step::Failed(error),
        }));
        let now = self.started.elapsed();
        count(run, &self.board, metrics, now);
        match step {
            Ok(Step::Frame) => {
                if std::mem::take(&mut run.first) {
                    self.metrics.running.set(1);
                    tracing::info!(stream = %self.spec.stream_id, "frames come");
                }
                self.supervisor.handle_frame(now);
            }
            // Stopped to take an order, or really at its end: the order, if any, says.
            Ok(Step::Ended) => self.ended(now),
            Ok(Step::Failed(error)) => self.fail(error),
            Err(_) => {
                // The analysis is in an unknown state: it goes without a last word.
                self.discard();
                self.fail(Failure::other("the analysis panicked"));
            }
        }
    }

    /// The source has no more frames: it is at its end, or it was stopped to take an order.
    fn ended(&mut self, now: Duration) {
        let ended = self.runs;
        self.take_orders();
        self.obey();
        // An order may have closed this run, or closed it and begun another.
        if self.run.is_some() && self.runs == ended {
            self.close(StreamEnd::SourceEnded);
            self.supervisor.handle_ended(now, rand::random());
        }
    }

    fn fail(&mut self, error: Failure) {
        let kind = error.kind;
        tracing::warn!(stream = %self.spec.stream_id, ?kind, %error, "the source failed");
        self.metrics.count_error(kind);
        self.last_error = Some(error);
        self.close(StreamEnd::SourceEnded);
        let now = self.now();
        self.supervisor.handle_failed(now, kind, rand::random());
    }

    /// Ends the run, if there is one, and sends what its tracks have.
    fn close(&mut self, end: StreamEnd) {
        self.mail.set_stopper(None);
        self.metrics.running.set(0);
        let Some(mut run) = self.run.take() else {
            return;
        };
        if catch_unwind(AssertUnwindSafe(|| run.stage.finish(end))).is_err() {
            tracing::error!(stream = %self.spec.stream_id, "ending the analysis panicked; its open tracks are lost");
        }
        let now = self.started.elapsed();
        count(&mut run, &self.board, &self.metrics, now);
    }

    fn discard(&mut self) {
        self.mail.set_stopper(None);
        self.run = None;
        self.metrics.running.set(0);
        tracing::error!(stream = %self.spec.stream_id, "the analysis panicked; its open tracks are lost");
    }

    fn wait(&mut self) {
        let now = self.now();
        let until = self
            .supervisor
            .poll_timeout()
            .map_or(MAX_WAIT, |at| at.saturating_sub(now))
            .min(MAX_WAIT);
        self.beat.rest();
        if let Some(order) = self.mail.wait(until) {
            self.handle_order(order);
        }
    }
}

/// Brings metrics and feedback up to date with what the run has done since the last call.
fn count(run: &mut Run, board: &Board, metrics: &StreamMetrics, now: Duration) {
    let stats = run.source.stats();
    let staged = run.stage.counters();
    let delivered = stats.delivered.saturating_sub(run.seen.delivered);
    let stale = stats.dropped_stale.saturating_sub(run.seen.dropped_stale);
    let late = stats.dropped_late.saturating_sub(run.seen.dropped_late);
    metrics.decoded.inc_by(delivered + stale);
    if stale + late > 0 {
        metrics.count_drops(FrameDrop::Stale, stale);
        metrics.count_drops(FrameDrop::Late, late);
    }
    let rate = run.rate.count(now, delivered + stale);
    if let Some(rate) = rate {
        metrics.source_fps.set(f64::from(rate));
    }
    // About once a second, and whenever a run begins or ends.
    if (rate.is_some() || run.first || delivered == 0)
        && let Some(video) = run.source.video()
    {
        board.saw_video(video);
    }
    let before = run.staged;
    board.count(|counters| {
        counters.frames += staged.frames - before.frames;
        counters.dropped_frames += stale + late;
        counters.detections += staged.faces + staged.bodies - before.faces - before.bodies;
        counters.tracks += staged.tracks - before.tracks;
        counters.events += staged.events - before.events;
        counters.fps = rate.unwrap_or(counters.fps);
    });
    if let Some(at) = run.last_at {
        board.saw_frame(at);
    }
    run.seen = stats;
    run.staged = staged;
}
