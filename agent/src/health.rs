//! Whether the agent lives, is ready, and what it counts: `/healthz`, `/readyz` and `/metrics`.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use bytes::Bytes;
use http::{Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use prometheus_client::registry::Registry;

use crate::pulse::Pulse;

/// An answer that is whole.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Parts that must be up before the agent is ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Readiness {
    /// The models are loaded.
    pub models: bool,
    /// The outbox is open.
    pub outbox: bool,
    /// The agent has a certificate of its coordinator.
    pub enrolled: bool,
    /// On its way out.
    pub stopping: bool,
}

impl Readiness {
    /// Whether the agent can do its work; the coordinator may be away.
    pub fn is_ready(self) -> bool {
        self.models && self.outbox && self.enrolled && !self.stopping
    }
}

/// What the HTTP endpoints show.
pub struct Health {
    readiness: Mutex<Readiness>,
    registry: Registry,
    pulse: Pulse,
}

impl Health {
    /// Nothing is ready yet.
    pub fn new(registry: Registry, pulse: Pulse) -> Arc<Self> {
        Arc::new(Self {
            readiness: Mutex::default(),
            registry,
            pulse,
        })
    }

    /// Changes what is ready.
    pub fn update(&self, change: impl FnOnce(&mut Readiness)) {
        change(
            &mut self
                .readiness
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    fn readiness(&self) -> Readiness {
        *self
            .readiness
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Alive, or which loop stands still.
    pub(crate) fn alive(&self) -> Answer {
        let stuck = self.pulse.stuck(Instant::now());
        if stuck.is_empty() {
            return say(StatusCode::OK, "ok");
        }
        let lines: Vec<String> = stuck.iter().map(ToString::to_string).collect();
        say(StatusCode::SERVICE_UNAVAILABLE, &lines.join("\n"))
    }

    /// Ready, or which part is not.
    pub(crate) fn ready(&self) -> Answer {
        let readiness = self.readiness();
        let status = if readiness.is_ready() {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        let body = serde_json::to_string(&readiness).unwrap_or_default();
        reply(status, "application/json", body)
    }

    /// All metrics as OpenMetrics text.
    pub(crate) fn metrics(&self) -> Answer {
        let mut text = String::new();
        match prometheus_client::encoding::text::encode(&mut text, &self.registry) {
            Ok(()) => reply(
                StatusCode::OK,
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
                text,
            ),
            Err(_) => say(
                StatusCode::INTERNAL_SERVER_ERROR,
                "metrics cannot be written",
            ),
        }
    }
}

/// An answer of one line of text.
pub(crate) fn say(status: StatusCode, line: &str) -> Answer {
    reply(status, "text/plain", format!("{line}\n"))
}

fn reply(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}
