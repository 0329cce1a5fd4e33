//! The daemon: builds the drivers, hands each its successor, and takes them down in the order in
//! which events flow.

mod desk;
pub(crate) mod papers;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use goshawk_proto::link::ShipperConfig;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use self::{
    desk::Desk,
    papers::{Papers, agent_name},
};
use crate::{
    assign::{AssignmentFile, Fleet, HoldFile},
    config::Config,
    cpu::StageTimes,
    edge::EdgeDoor,
    engine::{self, EngineError},
    enrol::{EnrolError, Identity, IdentityError},
    files,
    health::Health,
    infer::InferPool,
    link::{self, Link, LinkConfig, LinkError, LinkState, OutboxReader},
    local::{self, Guard, Local, TokenError},
    metrics::{LinkMetrics, Metrics},
    notify,
    outbox::{OpenError, Outbox, OutboxSettings, SledStore, StoreError},
    pulse::Pulse,
    source::{SourceTools, open_any},
    stage::StageTools,
    viewfinder::Viewfinder,
};

/// How long stopping streams may take to turn their tracks into events.
const STOP_STREAMS: Duration = Duration::from_secs(5);
/// How often loops that stand still are told of where no service manager asks.
const WATCH: Duration = Duration::from_secs(30);
/// How long the outbox may take to write what it was given last.
const FLUSH: Duration = Duration::from_secs(5);

/// Why the agent cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The state folder.
    #[error("state folder {}: {source}", path.display())]
    State {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: std::io::Error,
    },
    /// The address of health and metrics.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: std::net::SocketAddr,
        /// What is wrong.
        source: std::io::Error,
    },
    /// The token of that address.
    #[error("local.token_file: {0}")]
    LocalToken(#[from] TokenError),
    /// Signals cannot be received.
    #[error("cannot receive signals: {0}")]
    Signals(std::io::Error),
    /// The outbox.
    #[error("outbox: {0}")]
    Outbox(#[from] OpenError),
    /// The disk of the outbox.
    #[error("outbox: {0}")]
    Store(#[from] StoreError),
    /// Inference.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The certificate on disk.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// First start without a token.
    #[error(
        "this agent is not enrolled and has no join token: make one with `goshawk agents join-token` and set coordinator.join_token, coordinator.join_token_file or GOSHAWK_JOIN_TOKEN"
    )]
    NoToken,
    /// The join token cannot be read.
    #[error("join token: {0}")]
    Token(String),
    /// The coordinator does not enrol us.
    #[error("enrolment: {0}")]
    Enrol(#[from] EnrolError),
    /// The link.
    #[error("link: {0}")]
    Link(#[from] LinkError),
    /// A task of ours panicked; a defect.
    #[error("a task panicked: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// Runs until a signal; see the module's header.
pub async fn run(config: Config) -> Result<(), AppError> {
    let cancel = CancellationToken::new();
    watch_signals(&cancel)?;
    let state = |source| AppError::State {
        path: config.state_dir.clone(),
        source,
    };
    files::private_folder(&config.state_dir).map_err(state)?;
    let papers = Papers::find(&config)?;
    let (metrics, registry) = Metrics::new();
    let pulse = Pulse::default();
    let health = Health::new(registry, pulse.clone());
    let viewfinder = Viewfinder::new(engine::view_settings(&config), metrics.views.clone());
    let local = Local {
        health: Arc::clone(&health),
        viewfinder: viewfinder.clone(),
        guard: Guard::new(config.local_token_file.as_deref())?,
    };
    let server = serve_local(&config, local, &cancel).await?;
    let outbox = open_outbox(&config, &metrics).await?;
    health.update(|readiness| readiness.outbox = true);
    let times = Arc::new(StageTimes::default());
    let pool = load_models(&config, &times, &metrics).await?;
    health.update(|readiness| readiness.models = true);
    // Enrolment may wait for a coordinator for long, which is no reason to be started anew.
    notify::tell(notify::State::Ready);
    let watchdog = tokio::spawn(watchdog(pulse.clone()));
    let finished = match papers.identity(&cancel).await? {
        None => Ok(()),
        Some(identity) => {
            health.update(|readiness| readiness.enrolled = true);
            let tools = tools(&config, &pool, &outbox, &times, &metrics, viewfinder, pulse);
            work(
                &config, identity, tools, &outbox, &metrics, &health, &cancel,
            )
            .await
        }
    };
    watchdog.abort();
    pool.close();
    outbox.close();
    cancel.cancel();
    server.await?;
    finished
}

fn tools(
    config: &Config,
    pool: &InferPool,
    outbox: &Outbox,
    times: &Arc<StageTimes>,
    metrics: &Metrics,
    viewfinder: Viewfinder,
    pulse: Pulse,
) -> SourceTools {
    let settings = engine::stage_settings(config);
    let quality = settings.full_frame_quality;
    let door = EdgeDoor::new(config.edge_modes(), quality, Arc::new(outbox.clone()));
    SourceTools {
        open: open_any(config.open_settings()),
        timeout: config.source_timeout,
        idle_after: config.detect_idle_keyframes,
        pulse,
        stage: StageTools {
            pool: pool.clone(),
            sink: Arc::new(door),
            settings: Arc::new(settings),
            times: Arc::clone(times),
            metrics: metrics.clone(),
            viewfinder,
        },
    }
}

/// The first SIGTERM or SIGINT cancels; the second ends the process on the spot. SIGHUP changes
/// nothing: streams and policies come from the coordinator, and settings need a new start.
fn watch_signals(cancel: &CancellationToken) -> Result<(), AppError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(AppError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(AppError::Signals)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(AppError::Signals)?;
    let cancel = cancel.clone();
    tokio::spawn(async move {
        let mut stopping = false;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hangup.recv() => {
                    tracing::info!("SIGHUP: nothing to read again; settings are read at the start");
                    continue;
                }
            }
            if stopping {
                tracing::error!("second signal: ending at once");
                std::process::exit(130);
            }
            stopping = true;
            tracing::info!("stopping; a second signal ends at once");
            notify::tell(notify::State::Stopping);
            cancel.cancel();
        }
    });
    Ok(())
}

async fn serve_local(
    config: &Config,
    local: Local,
    cancel: &CancellationToken,
) -> Result<JoinHandle<()>, AppError> {
    let address = config.local_listen;
    let listen = |source| AppError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let bound = listener.local_addr().map_err(listen)?;
    local::write_endpoints(&config.state_dir, bound).map_err(|source| AppError::State {
        path: config.state_dir.clone(),
        source,
    })?;
    tracing::info!(address = %bound, "health, metrics and previews");
    Ok(tokio::spawn(local::serve(
        listener,
        Arc::new(local),
        cancel.clone(),
    )))
}

async fn open_outbox(config: &Config, metrics: &Metrics) -> Result<Outbox, AppError> {
    let folder = config.state_dir.join("outbox");
    let min_free = config.outbox_min_free.0;
    let settings = OutboxSettings {
        max_bytes: config.outbox_max.0,
        max_age: config.outbox_max_age,
        max_deferred_bytes: usize::try_from(config.outbox_memory.0).unwrap_or(usize::MAX),
        rejects: config.state_dir.join("rejected"),
    };
    let metrics = metrics.clone();
    let open = move || -> Result<Outbox, AppError> {
        let store = SledStore::open(&folder, min_free)?;
        Ok(Outbox::open(Box::new(store), settings, metrics)?)
    };
    let outbox = tokio::task::spawn_blocking(open).await??;
    let kept = outbox.records();
    if kept > 0 {
        tracing::info!(events = kept, "the outbox holds events from before");
    }
    Ok(outbox)
}

async fn load_models(
    config: &Config,
    times: &Arc<StageTimes>,
    metrics: &Metrics,
) -> Result<InferPool, AppError> {
    let (config, times) = (config.clone(), Arc::clone(times));
    let meter = metrics.models.clone();
    Ok(tokio::task::spawn_blocking(move || engine::start(&config, times, &meter)).await??)
}

/// From being somebody to having stopped.
async fn work(
    config: &Config,
    identity: Identity,
    tools: SourceTools,
    outbox: &Outbox,
    metrics: &Metrics,
    health: &Health,
    cancel: &CancellationToken,
) -> Result<(), AppError> {
    let link_cancel = CancellationToken::new();
    let reader: Arc<dyn OutboxReader> = Arc::new(outbox.clone());
    let name = agent_name(config);
    let link_config = link_config(config, &name, &tools);
    let link = link::start(link_config, identity, reader, link_cancel.clone())?;
    let Link {
        assignments,
        configuration,
        feedback,
        state,
        task,
    } = link;
    let gauges = tokio::spawn(watch_link(state.clone(), metrics.link.clone()));
    let mut desk = Desk {
        pulse: tools.pulse.clone(),
        fleet: Fleet::new(tools, metrics.clone(), config.max_streams),
        file: AssignmentFile::new(&config.state_dir),
        hold: HoldFile::new(&config.state_dir),
        assignments,
        configuration,
        feedback,
        outbox: outbox.clone(),
    };
    if let Some(last) = desk.file.load() {
        tracing::info!(
            streams = last.streams.len(),
            "going on with the last assignment"
        );
        desk.fleet.hold(desk.hold.read());
        desk.fleet.apply(&last);
    }
    desk.run(cancel).await;
    health.update(|readiness| readiness.stopping = true);
    let stopped = stop(desk, config, outbox, &state, &link_cancel, task).await;
    gauges.abort();
    stopped
}

fn link_config(config: &Config, name: &str, tools: &SourceTools) -> LinkConfig {
    let base = LinkConfig::new(&config.coordinator, name);
    LinkConfig {
        fallback: config.fallback.clone(),
        shipper: ShipperConfig {
            max_rate: config.max_rate.0,
            ..base.shipper
        },
        viewfinder: Some(tools.stage.viewfinder.clone()),
        pulse: tools.pulse.clone(),
        edge: config.edge_modes(),
        identity_dir: Some(papers::identity_dir(config)),
        ..base
    }
}

/// Takes the drivers down in the order of the flow.
async fn stop(
    desk: Desk,
    config: &Config,
    outbox: &Outbox,
    state: &watch::Receiver<LinkState>,
    link_cancel: &CancellationToken,
    link: JoinHandle<()>,
) -> Result<(), AppError> {
    let fleet = desk.fleet;
    let unfinished = tokio::task::spawn_blocking(move || fleet.stop(STOP_STREAMS)).await?;
    if unfinished > 0 {
        tracing::warn!(
            streams = unfinished,
            "streams did not stop in time; their open tracks are lost"
        );
    }
    let flushed = outbox.clone();
    let in_memory = tokio::task::spawn_blocking(move || flushed.flush(FLUSH)).await?;
    let until = Instant::now() + config.drain;
    while outbox.records() > 0 && state.borrow().connected && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    link_cancel.cancel();
    link.await?;
    let flushed = outbox.clone();
    tokio::task::spawn_blocking(move || flushed.flush(FLUSH)).await?;
    tracing::info!(
        events_left = outbox.records(),
        in_memory,
        "stopped; what is left in the outbox goes out after the next start"
    );
    Ok(())
}

/// Tells the service manager that all is well while every loop makes progress. Once one does not,
/// silence lets the service manager end and restart this process.
async fn watchdog(pulse: Pulse) {
    let period = notify::watchdog_period();
    loop {
        let stuck = pulse.stuck(Instant::now());
        for one in &stuck {
            tracing::error!("{one}");
        }
        if stuck.is_empty() && period.is_some() {
            notify::tell(notify::State::Watchdog);
        }
        tokio::time::sleep(period.unwrap_or(WATCH)).await;
    }
}

async fn watch_link(mut state: watch::Receiver<LinkState>, metrics: LinkMetrics) {
    loop {
        metrics.take(&state.borrow_and_update());
        if state.changed().await.is_err() {
            return;
        }
    }
}
