//! Plugins: hooks, named in the settings, that hand stored events to other programs.
//!
//! | name | hands events to |
//! | --- | --- |
//! | `mqtt` | an MQTT broker, with Home Assistant's discovery |
//! | `webhook` | an HTTP receiver, signed |
//! | `influx` | InfluxDB |
//!
//! **What is promised.** Every event whose row is kept, of the accounts that the settings name, is
//! handed on at least once: a plugin's position in the journal (see [`crate::store::journal`]) is on
//! the disk, and moves only past what the receiver has. Kills, restarts and outages of the receiver
//! lose nothing while the journal ([`crate::store::JOURNAL_MAX`] events) reaches back far enough;
//! what it does not is counted as lost. A new plugin begins with the next event. Events that the
//! handler does not keep are not handed on.
//!
//! **What it costs the others.** Nothing: a plugin reads the store at its own pace in a task of its
//! own, and holds at most 64 events under way.

mod client;
mod feed;
mod hook;
mod influx;
mod mqtt;
mod position;
pub mod settings;
mod status;
mod webhook;

use std::{fs, io, path::PathBuf, sync::Arc, time::Duration};

use goshawk_proto::settings::Secret;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    blobs::Blobs,
    bus::Bus,
    config::Config,
    metrics::Metrics,
    store::{StoreError, StoreHandle},
};
use feed::Source;
use hook::Hook;
use position::Files;
use settings::{PluginSettings, SecretSource};
pub use status::{LastError, PluginStatus, State};
use status::{PluginMetrics, Status};

/// Longest secret that is read from a file, in bytes.
const MAX_SECRET: u64 = 4096;

/// Why the plugins cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// A setting is wrong, or the file that it names.
    #[error("{key}: {reason}")]
    Setting {
        /// Which.
        key: &'static str,
        /// Why, without secrets.
        reason: String,
    },
    /// Their folder cannot be used.
    #[error("folder of the plugins: {0}")]
    Folder(#[from] io::Error),
    /// The journal cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What plugins work with.
pub struct PluginParts<'a> {
    /// The settings, checked.
    pub config: &'a Config,
    /// Events and streams.
    pub store: StoreHandle,
    /// Pictures.
    pub blobs: Blobs,
    /// Wakes them when something is stored.
    pub bus: Bus,
    /// Where their counters are shown.
    pub metrics: &'a Metrics,
}

/// The plugins.
pub struct Plugins {
    all: Vec<Status>,
    tasks: std::sync::Mutex<Vec<(&'static str, JoinHandle<()>)>>,
    stop: CancellationToken,
}

impl Plugins {
    /// Starts those that the settings name; a new one gets every event that is stored after this
    /// returns. Their receivers need not be there. Blocks for a moment, to read the journal's end
    /// and the files that the settings name.
    pub fn start(parts: PluginParts<'_>) -> Result<Self, PluginError> {
        let settings = PluginSettings::read(parts.config).map_err(|problems| {
            let first = problems.first().map(|p| format!("{}: {}", p.key, p.reason));
            PluginError::Setting {
                key: "plugins",
                reason: first.unwrap_or_default(),
            }
        })?;
        let source = Source {
            store: parts.store,
            files: Files::open(&parts.config.data_dir)?,
            wake: parts.bus.watch(),
        };
        let hooks = hooks(settings, &source, parts.blobs)?;
        let metrics = PluginMetrics::new(parts.metrics);
        let stop = CancellationToken::new();
        let (mut all, mut tasks) = (Vec::new(), Vec::new());
        for (name, about, hook) in hooks {
            if hook.is_some() {
                source.begin(name)?;
            }
            let state = hook.as_ref().map_or(State::Off, |_| State::Starting);
            let status = Status::new(name, about, state, &metrics);
            if let Some(hook) = hook {
                let (source, stop) = (source.clone(), stop.child_token());
                tasks.push((name, hook::start(hook, source, status.clone(), stop)));
            }
            all.push(status);
        }
        Ok(Self {
            all,
            tasks: std::sync::Mutex::new(tasks),
            stop,
        })
    }

    /// Every plugin there is, those that are off as well.
    pub fn list(&self) -> Vec<PluginStatus> {
        self.all.iter().map(Status::view).collect()
    }

    /// Lets every plugin finish what is under way, for at most `within`; what is not finished then
    /// is handed on again after the next start.
    pub async fn stop(&self, within: Duration) {
        self.stop.cancel();
        let tasks = std::mem::take(
            &mut *self
                .tasks
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        let end = tokio::time::Instant::now() + within;
        for (name, mut task) in tasks {
            match tokio::time::timeout_at(end, &mut task).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(plugin = name, "plugin broke off: {error}"),
                Err(_) => {
                    task.abort();
                    tracing::warn!(plugin = name, "plugin not done in time, going on");
                }
            }
        }
    }
}

type Named = (&'static str, &'static str, Option<Arc<dyn Hook>>);

fn hooks(
    settings: PluginSettings,
    source: &Source,
    blobs: Blobs,
) -> Result<Vec<Named>, PluginError> {
    fn shared<T: Hook>(hook: Option<T>) -> Option<Arc<dyn Hook>> {
        hook.map(|hook| Arc::new(hook) as Arc<dyn Hook>)
    }
    let mqtt = settings
        .mqtt
        .map(|settings| mqtt::Mqtt::new(settings, source.clone(), blobs))
        .transpose()?;
    let webhook = settings
        .webhook
        .map(|settings| webhook::Webhook::new(&settings))
        .transpose()?;
    let influx = settings
        .influx
        .map(|settings| influx::Influx::new(&settings))
        .transpose()?;
    Ok(vec![
        ("mqtt", mqtt::ABOUT, shared(mqtt)),
        ("webhook", webhook::ABOUT, shared(webhook)),
        ("influx", influx::ABOUT, shared(influx)),
    ])
}

impl SecretSource {
    /// The whole of it, white space around it aside; `None` where it is not given or empty.
    fn read_all(&self) -> Result<Option<String>, PluginError> {
        let text = match (&self.value, &self.file) {
            (Some(value), _) => Secret::expose(value).to_owned(),
            (None, Some(path)) => read_small(path).map_err(|error| PluginError::Setting {
                key: self.key,
                reason: format!("{}: {error}", path.display()),
            })?,
            (None, None) => return Ok(None),
        };
        Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
    }

    /// Its first line.
    fn read_line(&self) -> Result<Option<String>, PluginError> {
        let all = self.read_all()?;
        Ok(all.and_then(|text| text.lines().next().map(str::to_owned)))
    }
}

fn read_small(path: &PathBuf) -> io::Result<String> {
    use io::Read;
    let mut text = String::new();
    let read = fs::File::open(path)?
        .take(MAX_SECRET + 1)
        .read_to_string(&mut text)?;
    if read as u64 > MAX_SECRET {
        return Err(io::Error::other("too long for a secret"));
    }
    Ok(text)
}
