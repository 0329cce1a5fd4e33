//! Counters of what was refused.

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family},
};

use crate::metrics::Metrics;

/// What was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(missing_docs, reason = "each is named as what it is")]
pub enum Shown {
    Password,
    Token,
    AccountId,
    Nothing,
}

/// Why it was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(missing_docs, reason = "each is named as what it is")]
pub enum Reason {
    Wrong,
    Locked,
    Revoked,
    Expired,
    Malformed,
    Missing,
    Forbidden,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    shown: Shown,
    reason: Reason,
}

/// The counters.
#[derive(Clone, Default)]
pub struct AuthMetrics(Family<Labels, Counter>);

impl AuthMetrics {
    /// Registers them.
    pub fn new(metrics: &Metrics) -> Self {
        let this = Self::default();
        metrics.register(|registry| {
            let text = "Requests refused for who asks, by what was shown and why";
            registry.register("auth_refused", text, this.0.clone());
        });
        this
    }

    /// Counts one.
    pub fn refused(&self, shown: Shown, reason: Reason) {
        self.0.get_or_create(&Labels { shown, reason }).inc();
    }
}
