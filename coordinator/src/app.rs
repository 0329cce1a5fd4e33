//! Builds every driver, hands each its successor, and takes them down again in the order of the
//! flow: intake first, then what is under way, then the subscribers, the store last.

pub mod bootstrap;
pub mod credentials;
pub mod endpoints;
pub mod gauges;
pub mod services;
pub mod vision;

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use goshawk_models::PackError;
use goshawk_proto::time::Timestamp;
use tokio::{runtime::Handle, sync::Semaphore, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    api::{
        Api,
        body::{BodyLimits, BodyMemory},
        service::{About, Documents},
    },
    audit::{self, Audit, AuditLimits},
    auth::{Authenticator, keys::KeyError},
    backup::{self, control},
    blobs::{BlobError, Blobs},
    bus::Bus,
    config::Config,
    files,
    ingest::{self, Ingest, IngestConfig, IngestError, IngestServices},
    matcher::{Matcher, MatcherOptions, Matching},
    metrics::{HttpMetrics, Metrics, SenderMetrics},
    pki::{self, Authority, PkiError},
    plugins::{PluginError, PluginParts, Plugins},
    process::{Analyzer, Assigner, ProcessOptions, ProcessParts, Processor, assign::AssignOptions},
    room::{Need, Room},
    sender::Sender,
    store::{
        FaceObserver, Store, StoreError, StoreHandle,
        sled::{SledOptions, SledStore},
    },
    tls::TlsError,
};
use endpoints::Endpoints;

/// Store calls at once.
const STORE_TURNS: usize = 64;
/// Events kept for subscribers that are behind.
const BUS_CAPACITY_FACTOR: usize = 4;
/// How often it is looked whether the database has failed.
const FAULT_POLL: Duration = Duration::from_secs(1);
/// Pictures decoded at once outside of analysis.
const DECODERS: usize = 2;

/// Why the coordinator does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error("data folder {path}: {source}", path = path.display())]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// An address cannot be listened on.
    #[error("{key} = {address}: {source}")]
    Listen {
        /// The setting.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// A certificate cannot be used.
    #[error("{service}.tls: {source}")]
    Tls {
        /// The service that should use it.
        service: &'static str,
        /// Why not.
        source: Box<TlsError>,
    },
    /// The store cannot be opened or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The image store cannot be opened.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The certificate authority cannot be opened.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The keys that tokens are signed with cannot be opened.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The agents' port cannot be opened.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// The administrator's account cannot be made.
    #[error("{0}")]
    Bootstrap(String),
    /// A plugin's settings or files are wrong.
    #[error("plugins: {0}")]
    Plugins(#[from] PluginError),
    /// The models do not load on what is configured.
    #[error("models.execution_providers: {0}")]
    Models(Box<PackError>),
    /// A thread of the start broke off.
    #[error("start broke off: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

/// The running coordinator.
pub struct App {
    endpoints: Endpoints,
    data_dir: PathBuf,
    drain: Duration,
    /// Stops what takes things in: HTTP listeners and the agents' port.
    intake: CancellationToken,
    /// Stops the work on what was taken in.
    work: CancellationToken,
    /// Says goodbye to subscribers.
    goodbye: CancellationToken,
    servers: TaskTracker,
    ingest: Arc<Ingest>,
    workers: Vec<JoinHandle<()>>,
    sender: Arc<Sender>,
    plugins: Arc<Plugins>,
    audit: Audit,
    store: Arc<SledStore>,
}

/// What blocks while it starts.
struct Foundations {
    store: Arc<SledStore>,
    handle: StoreHandle,
    blobs: Blobs,
    authority: Arc<Authority>,
    matcher: Arc<Matcher>,
    analyzer: Option<Analyzer>,
    auth: Authenticator,
    audit: Audit,
}

fn now() -> Timestamp {
    Timestamp::from_system(std::time::SystemTime::now())
}

fn lay(config: &Config, metrics: &Metrics) -> Result<Foundations, StartError> {
    let dir = &config.data_dir;
    close_folders(dir).map_err(|source| StartError::DataDir {
        path: dir.clone(),
        source,
    })?;
    let options = SledOptions {
        reserve_bytes: config.store_reserve.0,
        ..SledOptions::default()
    };
    let store = SledStore::open(&dir.join("store"), options)?;
    bootstrap::ensure(config, store.as_ref(), now())?;
    let room = Room::new(dir, None, config.store_reserve.0);
    let blobs = Blobs::open(&dir.join("blobs"))?.within(room);
    let changed = Handle::current().block_on(blobs.prepare())?;
    tracing::info!(changed, "images are ready");
    pki::take_over(dir, store.as_ref())?;
    let authority = Authority::open(dir, Arc::clone(&store) as Arc<dyn pki::Registry>)?;
    let analyzer =
        vision::open(config, metrics).map_err(|source| StartError::Models(Box::new(source)))?;
    let curve = analyzer.as_ref().map(Analyzer::curve).unwrap_or_default();
    let matcher = Matcher::start(MatcherOptions {
        curve,
        ..MatcherOptions::default()
    });
    // Followed from now on, so that nothing stored while it is rebuilt is missed.
    store.set_observer(Arc::clone(&matcher) as Arc<dyn FaceObserver>);
    let faces = matcher.rebuild(store.as_ref())?;
    tracing::info!(faces, "matcher built from the store");
    let handle = StoreHandle::new(Arc::clone(&store) as Arc<dyn Store>, STORE_TURNS);
    let auth = credentials::open(dir, &handle, metrics, now())?;
    let audit = audit(config, metrics)?;
    Ok(Foundations {
        store,
        handle,
        blobs,
        authority,
        matcher,
        analyzer,
        auth,
        audit,
    })
}

fn audit(config: &Config, metrics: &Metrics) -> Result<Audit, StartError> {
    let limits = AuditLimits {
        file_bytes: config.audit_file_size.0,
        files: config.audit_files,
    };
    Audit::start(&config.data_dir, limits, metrics).map_err(|source| StartError::DataDir {
        path: config.data_dir.join(audit::FOLDER),
        source,
    })
}

/// Makes the data folder and those in it that others fill. The data folder itself is the
/// operator's: one that is open stays so, with a warning.
fn close_folders(dir: &Path) -> io::Result<()> {
    files::private_folder(dir)?;
    if let Some(mode) = files::open_to_others(dir)? {
        tracing::warn!(
            "the data folder {} is open to others (mode {mode:o}) and holds faces and keys: \
             `chmod 700` it",
            dir.display()
        );
    }
    files::close_folder(&dir.join("store"))?;
    files::close_folder(&dir.join("blobs"))
}

impl App {
    /// Starts everything; services answer when this returns.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let (intake, work, goodbye) = (
            CancellationToken::new(),
            CancellationToken::new(),
            CancellationToken::new(),
        );
        let (config, metrics) = (Arc::new(config), Arc::new(Metrics::default()));
        let foundations = {
            let (config, metrics) = (Arc::clone(&config), Arc::clone(&metrics));
            tokio::task::spawn_blocking(move || lay(&config, &metrics)).await??
        };
        let Foundations {
            store,
            handle,
            blobs,
            authority,
            matcher,
            analyzer,
            auth,
            audit,
        } = foundations;
        let http = Arc::new(HttpMetrics::new(&metrics));
        let bus = Bus::new(config.subscriber_queue.saturating_mul(BUS_CAPACITY_FACTOR));
        let sender = Sender::new(
            bus.clone(),
            config.max_subscribers,
            SenderMetrics::new(&metrics),
            goodbye.clone(),
        );
        let matching = Arc::new(Matching::new(matcher, handle.clone()));
        let parts = ProcessParts {
            store: handle.clone(),
            blobs: blobs.clone(),
            matching: Arc::clone(&matching),
            bus: bus.clone(),
            analyzer: analyzer.clone(),
        };
        let processor = Processor::new(parts, ProcessOptions::default());
        let assigner = Assigner::open(handle.clone(), AssignOptions::default()).await?;
        let services = IngestServices {
            sink: processor.clone(),
            assignments: assigner.clone(),
            observer: assigner.clone(),
        };
        let listen_at = IngestConfig::new(config.agents_listen);
        let ingest = Arc::new(ingest::start(
            listen_at,
            Arc::clone(&authority),
            services,
            intake.clone(),
        )?);
        let workers = vec![processor.start(work.clone()), assigner.start(work.clone())];
        gauges::register(&metrics, &ingest, &processor, matching.matcher(), &bus);
        gauges::register_store(&metrics, &store, &blobs);
        let source = backup::Source {
            store: Arc::clone(&store),
            blobs: blobs.clone(),
            data_dir: config.data_dir.clone(),
        };
        // Without it the coordinator does its work all the same.
        if let Err(error) = control::serve(source, work.clone()) {
            tracing::error!(%error, "no {}: no backup while running", control::SOCKET);
        }
        let plugins = Arc::new(Plugins::start(PluginParts {
            config: &config,
            store: handle.clone(),
            blobs: blobs.clone(),
            bus: bus.clone(),
            metrics: &metrics,
        })?);
        let api = Arc::new(Api {
            about: About {
                settings: config.written.clone(),
                metrics: config.serve_metrics,
                open: config.open_pages,
                plugins: list_of(&plugins),
                documents: Documents::default(),
            },
            limits: body_limits(&config),
            body_memory: BodyMemory::new(
                usize::try_from(config.body_memory.0).unwrap_or(usize::MAX),
            ),
            decode_limits: vision::decode_limits(&config),
            decoders: Semaphore::new(DECODERS),
            max_pictures: config.max_pictures,
            attribute_ttl: config.attribute_ttl,
            auth,
            trust_account_header: config.trust_account_header,
            open_registration: config.open_registration,
            audit: audit.clone(),
            metrics,
            store: handle,
            blobs,
            matching,
            analyzer,
            processor,
            assigner,
            ingest: Arc::clone(&ingest),
            authority,
            sender: Arc::clone(&sender),
        });
        let servers = TaskTracker::new();
        let listening = services::listen(&config, &api, &http, &servers, &intake).await?;
        let endpoints = listening.endpoints(ingest.local_addr());
        endpoints
            .write(&config.data_dir)
            .map_err(|source| StartError::DataDir {
                path: config.data_dir.clone(),
                source,
            })?;
        tracing::info!(
            api = endpoints.api,
            sender = endpoints.sender,
            handlers = endpoints.handlers,
            streams = endpoints.streams,
            agents = endpoints.agents,
            "coordinator is up"
        );
        let (data_dir, drain) = (config.data_dir.clone(), config.drain);
        Ok(Self {
            endpoints,
            data_dir,
            drain,
            intake,
            work,
            goodbye,
            servers,
            ingest,
            workers,
            sender,
            plugins,
            audit,
            store,
        })
    }

    /// Where the services listen.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Waits until the database cannot be written any more and a new start would help: it has
    /// failed, and there is room on the disk. Until then reading goes on. Says what failed.
    pub async fn failed(&self) -> String {
        loop {
            tokio::time::sleep(FAULT_POLL).await;
            let Some(fault) = self.store.fault() else {
                continue;
            };
            if self.store.room().check(Need::Grow).is_ok() {
                return fault;
            }
        }
    }

    /// Stops intake, drains, flushes. Returns when everything is on disk.
    pub async fn stop(self) {
        tracing::info!("stopping: no more intake");
        endpoints::remove(&self.data_dir);
        self.intake.cancel();
        self.servers.close();
        let drained = async {
            self.servers.wait().await;
            self.ingest.closed().await;
        };
        within(self.drain, "requests and agents", drained).await;
        self.work.cancel();
        let workers = async {
            for worker in self.workers {
                if let Err(error) = worker.await {
                    tracing::error!("a worker broke off: {error}");
                }
            }
        };
        within(self.drain, "events under way", workers).await;
        self.plugins.stop(self.drain).await;
        self.goodbye.cancel();
        within(self.drain, "subscribers", self.sender.closed()).await;
        let (store, audit) = (self.store, self.audit);
        let close = move || {
            audit.close();
            store.close()
        };
        match tokio::task::spawn_blocking(close).await {
            Ok(Ok(())) => tracing::info!("stopped"),
            Ok(Err(error)) => tracing::error!("store not flushed: {error}"),
            Err(error) => tracing::error!("store not flushed: {error}"),
        }
    }
}

fn list_of(plugins: &Arc<Plugins>) -> crate::api::service::ListPlugins {
    let plugins = Arc::clone(plugins);
    Arc::new(move || {
        let all = plugins.list();
        all.iter().map(|one| (one.name, one.running)).collect()
    })
}

async fn within(limit: Duration, what: &str, work: impl Future<Output = ()>) {
    if tokio::time::timeout(limit, work).await.is_err() {
        tracing::warn!("{what}: not done within {} s, going on", limit.as_secs());
    }
}

fn body_limits(config: &Config) -> BodyLimits {
    let bytes =
        |size: goshawk_proto::settings::ByteSize| usize::try_from(size.0).unwrap_or(usize::MAX);
    BodyLimits {
        json: bytes(config.max_json),
        image: bytes(config.max_image),
        read_timeout: config.request_timeout,
    }
}
