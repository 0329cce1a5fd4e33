//! What every service has: version, health, metrics, and the page of error codes.

use std::{sync::Arc, time::Instant};

use http::{Method, StatusCode};
use serde_json::json;

use super::{
    call::{self, Call},
    routes::{Access, Answer, Resource},
};
use crate::errors::{self, Code};

/// Name under which a service reports its version, in the contract's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// `/6`.
    Api,
    /// `/1` and `/2` of the Sender.
    Sender,
    /// `/1` of the handlers.
    Handlers,
    /// `/2/streams`.
    Streams,
}

impl Service {
    /// Its name in documents.
    pub fn title(self) -> &'static str {
        match self {
            Self::Api => "Goshawk API",
            Self::Sender => "Goshawk Sender",
            Self::Handlers => "Goshawk Handlers",
            Self::Streams => "Goshawk Streams",
        }
    }

    /// What it is for.
    pub fn about(self) -> &'static str {
        match self {
            Self::Api => "Everything for clients: faces, lists, handlers, events, matching, accounts and tokens.",
            Self::Sender => "Events as they happen, over WebSocket. For services on the same machine.",
            Self::Handlers => "Handlers and events from pictures. For services on the same machine.",
            Self::Streams => "Video streams and their processing. For services on the same machine.",
        }
    }

    /// Version of the published contract that it follows.
    pub fn contract_version(self) -> &'static str {
        match self {
            Self::Api => "6.39.0",
            Self::Sender => "2.12.7",
            Self::Handlers => "2.16.1",
            Self::Streams => "1.1.18",
        }
    }
}

/// Version of the published contract that the whole of us follows.
const PLATFORM: (u32, u32, u32) = (5, 39, 0);

/// The resources that `service` has beside its own.
pub fn resources(service: Service) -> Vec<Resource> {
    let mut all = vec![
        Resource::at("/version").on(Method::GET, Access::Open, move |_| version(service)),
        Resource::at("/metrics").on(Method::GET, Access::Open, metrics),
        Resource::at("/docs/errors").on(Method::GET, Access::Open, error_page),
        Resource::at("/healthcheck").on(Method::GET, Access::Open, health),
    ];
    if service == Service::Api {
        all.push(Resource::at("/6/healthcheck").on(Method::GET, Access::Open, health));
    }
    all
}

fn numbers((major, minor, patch): (u32, u32, u32)) -> serde_json::Value {
    json!({"major": major, "minor": minor, "patch": patch})
}

fn served(api: u32, version: (u32, u32, u32)) -> serde_json::Value {
    let mut numbers = numbers(version);
    numbers["api"] = json!(api);
    numbers
}

async fn version(service: Service) -> Answer {
    call::ok(&match service {
        Service::Api => json!({
            "LUNA PLATFORM": numbers(PLATFORM),
            "luna-api": served(6, (6, 39, 0)),
            "luna-events": served(2, (4, 12, 0)),
            "luna-faces": served(3, (4, 12, 0)),
            "luna-handlers": served(1, (2, 16, 1)),
            "luna-remote-sdk": served(1, (0, 1, 0)),
            "luna-matcher-proxy": served(1, (1, 0, 0)),
        }),
        Service::Sender => json!({"Version": served(2, (2, 12, 7))}),
        Service::Handlers => json!({"Version": served(1, (2, 16, 1))}),
        Service::Streams => json!({"Version": served(2, (1, 1, 18))}),
    })
}

async fn metrics(call: Call) -> Answer {
    let page = call.api.metrics.page();
    let page = page.map_err(|error| errors::ApiError::internal("metrics page", &error))?;
    call::text("text/plain; version=0.0.4", page)
}

async fn error_page(_: Call) -> Answer {
    call::text("text/html; charset=utf-8", errors::page())
}

/// Asks every dependency; one that is not well makes the answer 502 and is named in it.
async fn health(call: Call) -> Answer {
    let started = Instant::now();
    let api = Arc::clone(&call.api);
    let failures = api.unhealthy().await;
    if failures.is_empty() {
        return call::ok(&json!({"execution_time": started.elapsed().as_secs_f64()}));
    }
    let entries: Vec<serde_json::Value> = failures
        .into_iter()
        .map(|(component, why)| json!({"component": component, "status": 0, "error": Code::Unhealthy.with(why).body()}))
        .collect();
    call::json(StatusCode::BAD_GATEWAY, &json!({"errors": entries}))
}
