//! What a plugin is doing, for people and for Prometheus.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use goshawk_proto::time::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};

use crate::metrics::Metrics;

/// Longest text of a last error in characters.
const MAX_ERROR: usize = 300;

/// What a plugin is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not enabled.
    Off,
    /// Has not reached its receiver yet.
    Starting,
    /// Hands events on.
    Running,
    /// Its receiver cannot be reached or does not take events; it tries again.
    Waiting,
    /// Ended, by a fault that trying again does not mend, or because we stop.
    Stopped,
}

/// The last thing that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastError {
    /// When.
    pub at: Timestamp,
    /// What, without secrets.
    pub message: String,
}

/// How a plugin fares.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginStatus {
    /// Its name.
    pub name: &'static str,
    /// Its version, which is ours.
    pub version: &'static str,
    /// What it does, in a sentence.
    pub description: &'static str,
    /// Whether it is at work, be it that it waits for its receiver.
    pub running: bool,
    /// What it is doing.
    pub state: State,
    /// The last thing that went wrong.
    pub last_error: Option<LastError>,
    /// Events that the receiver has.
    pub delivered: u64,
    /// Tries that failed.
    pub failures: u64,
    /// Events given up, because the receiver refused them again and again.
    pub dead: u64,
    /// Events that left the journal before they were handed on.
    pub lost: u64,
    /// Events of the journal that it has not come to yet.
    pub behind: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    plugin: &'static str,
}

/// The counters of all plugins.
#[derive(Clone, Debug, Default)]
pub(super) struct PluginMetrics {
    delivered: Family<Label, Counter>,
    skipped: Family<Label, Counter>,
    failures: Family<Label, Counter>,
    dead: Family<Label, Counter>,
    lost: Family<Label, Counter>,
    behind: Family<Label, Gauge>,
    running: Family<Label, Gauge>,
}

impl PluginMetrics {
    /// Registers the counters.
    pub(super) fn new(metrics: &Metrics) -> Self {
        let this = Self::default();
        metrics.register(|registry| {
            let of = registry.sub_registry_with_prefix("plugin");
            let mut counter = |name, help, family: &Family<Label, Counter>| {
                of.register(name, help, family.clone());
            };
            counter("delivered", "Events handed on", &this.delivered);
            counter("skipped", "Events not meant for the plugin", &this.skipped);
            counter("failures", "Tries that failed", &this.failures);
            counter("dead", "Events given up after being refused", &this.dead);
            counter("lost", "Events that left the journal unread", &this.lost);
            of.register("behind", "Events not come to yet", this.behind.clone());
            of.register(
                "running",
                "Whether the receiver takes events",
                this.running.clone(),
            );
        });
        this
    }
}

/// One plugin's state, shared by its task and those who ask. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Status {
    name: &'static str,
    description: &'static str,
    told: Arc<Mutex<(State, Option<LastError>)>>,
    pub(super) delivered: Counter,
    pub(super) skipped: Counter,
    pub(super) failures: Counter,
    pub(super) dead: Counter,
    pub(super) lost: Counter,
    pub(super) behind: Gauge,
    running: Gauge,
}

impl Status {
    pub(super) fn new(
        name: &'static str,
        description: &'static str,
        state: State,
        metrics: &PluginMetrics,
    ) -> Self {
        let label = Label { plugin: name };
        let counter = |family: &Family<Label, Counter>| family.get_or_create(&label).clone();
        let gauge = |family: &Family<Label, Gauge>| family.get_or_create(&label).clone();
        Self {
            name,
            description,
            told: Arc::new(Mutex::new((state, None))),
            delivered: counter(&metrics.delivered),
            skipped: counter(&metrics.skipped),
            failures: counter(&metrics.failures),
            dead: counter(&metrics.dead),
            lost: counter(&metrics.lost),
            behind: gauge(&metrics.behind),
            running: gauge(&metrics.running),
        }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    fn told(&self) -> MutexGuard<'_, (State, Option<LastError>)> {
        // Both halves are whole values, so a panic in between leaves nothing half-done.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is in this state now.
    pub(super) fn is(&self, state: State) {
        let before = std::mem::replace(&mut self.told().0, state);
        self.running.set(i64::from(state == State::Running));
        if before != state && state == State::Running {
            tracing::info!(plugin = self.name, "plugin runs");
        }
    }

    /// Something went wrong, and it is in `state` now. Logged when it is news; `message` must hold
    /// no secret.
    pub(super) fn failed(&self, state: State, message: &str) {
        let message: String = message.chars().take(MAX_ERROR).collect();
        self.failures.inc();
        let mut told = self.told();
        let is_news = told.0 != state || told.1.as_ref().is_none_or(|e| e.message != message);
        let at = Timestamp::from_system(std::time::SystemTime::now());
        *told = (
            state,
            Some(LastError {
                at,
                message: message.clone(),
            }),
        );
        drop(told);
        self.running.set(i64::from(state == State::Running));
        if is_news {
            tracing::warn!(plugin = self.name, ?state, "{message}");
        }
    }

    /// As it is told.
    pub(super) fn view(&self) -> PluginStatus {
        let (state, last_error) = self.told().clone();
        PluginStatus {
            name: self.name,
            version: env!("CARGO_PKG_VERSION"),
            description: self.description,
            running: matches!(state, State::Starting | State::Running | State::Waiting),
            state,
            last_error,
            delivered: self.delivered.get(),
            failures: self.failures.get(),
            dead: self.dead.get(),
            lost: self.lost.get(),
            behind: u64::try_from(self.behind.get()).unwrap_or_default(),
        }
    }
}
