//! `/version`: which contract a service follows.

use serde::Serialize;
use utoipa::ToSchema;

use super::Service;
use crate::{
    api::{
        call::Call,
        operation::Operation,
        payload::Packed,
        reply::Done,
        routes::{Access, Resource},
    },
    errors::ApiError,
};

/// Version of the published contracts that the whole of us follows.
const PLATFORM: Numbers = Numbers::new(5, 39, 0);

/// Three numbers.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
struct Numbers {
    /// Changes that break clients.
    major: u32,
    /// Changes that add something.
    minor: u32,
    /// Corrections.
    patch: u32,
}

impl Numbers {
    const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }
}

/// The version of one service.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
struct Served {
    /// Number in its paths.
    api: u32,
    /// Changes that break clients.
    major: u32,
    /// Changes that add something.
    minor: u32,
    /// Corrections.
    patch: u32,
}

impl Served {
    const fn new(api: u32, major: u32, minor: u32, patch: u32) -> Self {
        Self {
            api,
            major,
            minor,
            patch,
        }
    }
}

/// Versions behind the API, by the names that the contract has for its services. Only those that
/// are part of this installation are there.
#[derive(Debug, Serialize, ToSchema)]
struct Platform {
    /// The whole.
    #[serde(rename = "LUNA PLATFORM")]
    platform: Numbers,
    /// This API.
    #[serde(rename = "luna-api")]
    api: Served,
    /// Events.
    #[serde(rename = "luna-events", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    events: Option<Served>,
    /// Faces and lists.
    #[serde(rename = "luna-faces")]
    faces: Served,
    /// Handlers.
    #[serde(rename = "luna-handlers", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    handlers: Option<Served>,
    /// Samples of bodies.
    #[serde(
        rename = "luna-image-store-bodies-samples",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(nullable = false)]
    body_samples: Option<Served>,
    /// Samples of faces.
    #[serde(
        rename = "luna-image-store-faces-samples",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(nullable = false)]
    face_samples: Option<Served>,
    /// Pictures.
    #[serde(
        rename = "luna-image-store-images",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(nullable = false)]
    images: Option<Served>,
    /// Matching, as the API calls it.
    #[serde(rename = "luna-matcher-proxy", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    matcher_proxy: Option<Served>,
    /// Matching.
    #[serde(
        rename = "luna-python-matcher",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(nullable = false)]
    matcher: Option<Served>,
    /// Long jobs.
    #[serde(rename = "luna-tasks", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tasks: Option<Served>,
    /// Analysis of pictures.
    #[serde(rename = "luna-remote-sdk")]
    sdk: Served,
    /// Functions of users.
    #[serde(rename = "luna-lambda", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    lambda: Option<Served>,
}

/// The version of a service that stands alone.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
struct Alone {
    /// Its version.
    #[serde(rename = "Version")]
    version: Served,
}

/// The resource.
pub fn resource(service: Service) -> Resource {
    let operation = match service {
        Service::Api => Operation::get("getVersion", Access::Open, platform),
        Service::Sender => alone(Served::new(2, 2, 12, 7)),
        Service::Handlers => alone(Served::new(1, 2, 16, 1)),
        Service::Streams => alone(Served::new(2, 1, 1, 18)),
    };
    let operation = operation.about("Which versions of the contracts are followed.");
    Resource::at("/version").tagged("service").serve(operation)
}

fn alone(version: Served) -> Operation {
    Operation::get("getVersion", Access::Open, move |_: Call| {
        std::future::ready(Ok::<_, ApiError>(Packed(Alone { version })))
    })
}

async fn platform(_: Call) -> Result<Done<Platform>, ApiError> {
    Ok(Done(Platform {
        platform: PLATFORM,
        api: Served::new(6, 6, 39, 0),
        events: Some(Served::new(2, 4, 12, 0)),
        faces: Served::new(3, 4, 12, 0),
        handlers: Some(Served::new(1, 2, 16, 1)),
        body_samples: None,
        face_samples: None,
        images: None,
        matcher_proxy: Some(Served::new(1, 1, 0, 0)),
        matcher: None,
        tasks: None,
        sdk: Served::new(1, 0, 1, 0),
        lambda: None,
    }))
}
