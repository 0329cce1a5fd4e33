//! What every service has beside its own operations: version, health, metrics, settings, what is
//! installed, and its documents.

mod documents;
mod health;
mod version;

use std::sync::Arc;

use goshawk_coordinator_core::code::Flag;
use goshawk_models::estimate::Estimation;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use warp::reply::Response;

use super::{
    call::{self, Call},
    media, openapi,
    operation::Operation,
    reply::{self, Done},
    routes::{Access, Resource},
};
use crate::errors::{self, ApiError, Code};
pub use documents::{Documents, written};

/// What a page is called: its template, and the id of its operation.
type Name = (&'static str, &'static str);

/// The pages that every service has under a prefix of its own.
struct PageNames {
    spec: Name,
    manual: Name,
    config: Name,
    plugins: Name,
}

/// The pages under a prefix, and what tells their operations apart in a document.
macro_rules! names {
    ($prefix:literal, $mark:literal) => {
        $crate::api::service::PageNames {
            spec: (concat!($prefix, "/docs/spec"), concat!("getSpec", $mark)),
            manual: (
                concat!($prefix, "/docs/dev"),
                concat!("getDevManual", $mark),
            ),
            config: (concat!($prefix, "/config"), concat!("getConfig", $mark)),
            plugins: (concat!($prefix, "/plugins"), concat!("getPlugins", $mark)),
        }
    };
}
use names;

/// Name under which a service reports its version, in the contract's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// `/6`.
    Api,
    /// `/1` and `/2` of the Sender.
    Sender,
    /// `/1` of the handlers.
    Handlers,
    /// `/1` and `/2` of the streams.
    Streams,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Api, Self::Sender, Self::Handlers, Self::Streams];

    /// Its name in logs, metrics and file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Sender => "sender",
            Self::Handlers => "handlers",
            Self::Streams => "streams",
        }
    }

    /// Its title in documents.
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
            Self::Api => {
                "Everything for clients: faces, lists, handlers, events, matching, accounts and tokens."
            }
            Self::Sender => {
                "Events as they happen, over WebSocket. For services on the same machine."
            }
            Self::Handlers => {
                "Handlers and events from pictures. For services on the same machine."
            }
            Self::Streams => {
                "Video streams and their processing. For services on the same machine."
            }
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

    /// The pages under its prefixes.
    fn pages_by_prefix(self) -> &'static [PageNames] {
        match self {
            Self::Api => &[names!("/6", "")],
            Self::Handlers => &[names!("/1", "")],
            Self::Sender | Self::Streams => &[names!("/1", ""), names!("/2", "V2")],
        }
    }

    /// Who sees the pages about the installation.
    fn pages(self) -> Access {
        match self {
            Self::Api => Access::Page,
            _ => Access::Open,
        }
    }
}

/// Tells each plugin's name and whether it runs.
pub type ListPlugins = Arc<dyn Fn() -> Vec<(&'static str, bool)> + Send + Sync>;

/// What the pages about the installation show.
pub struct About {
    /// The settings as text, secrets hidden.
    pub settings: Vec<(&'static str, String)>,
    /// Whether `/metrics` is served.
    pub metrics: bool,
    /// Whether these pages are for everybody; otherwise the API shows them to administrators.
    pub open: bool,
    /// What follows events.
    pub plugins: ListPlugins,
    /// The documents of all services.
    pub documents: Documents,
}

/// The resources that `service` has beside its own.
pub fn resources(service: Service) -> Vec<Resource> {
    let mut all = vec![
        version::resource(service),
        Resource::at("/metrics").tagged("service").serve(
            Operation::get("metrics", service.pages(), metrics)
                .about("Counters and latencies in the text format of Prometheus.")
                .gives(
                    StatusCode::OK,
                    "The counters.",
                    &["text/plain"],
                    openapi::raw,
                )
                .fails(&[Code::ResourceDisabled]),
        ),
        Resource::at("/docs/errors").serve(
            Operation::get("getErrors", Access::Open, error_page)
                .about("Explains every error code.")
                .gives(StatusCode::OK, "The page.", &["text/html"], openapi::raw),
        ),
    ];
    all.extend(health::resources(service));
    all.extend(documents::resources(service));
    for names in service.pages_by_prefix() {
        all.extend(installation(service, names));
    }
    if service == Service::Api {
        all.push(
            Resource::at("/6/features").tagged("service").serve(
                Operation::get("getFeatures", service.pages(), features)
                    .about("What this installation can do."),
            ),
        );
    }
    all
}

/// `/config` and `/plugins`.
fn installation(service: Service, names: &PageNames) -> [Resource; 2] {
    let at = |name: Name| Resource::at(name.0).tagged("service");
    [
        at(names.config).serve(
            Operation::get(names.config.1, service.pages(), config)
                .about("The settings; secrets are hidden.")
                .gives_each(StatusCode::OK, "The settings.", |_| {
                    let object = utoipa::openapi::ObjectBuilder::new()
                        .schema_type(utoipa::openapi::Type::Object)
                        .additional_properties(Some(
                            utoipa::openapi::schema::AdditionalProperties::FreeForm(true),
                        ));
                    let text = <String as utoipa::PartialSchema>::schema();
                    vec![(media::JSON, object.build().into()), ("text/plain", text)]
                })
                .fails(&[Code::NotAcceptable]),
        ),
        at(names.plugins).serve(
            Operation::get(names.plugins.1, service.pages(), plugins)
                .about("What is plugged in, and whether it runs."),
        ),
    ]
}

async fn metrics(call: Call) -> Result<Response, ApiError> {
    if !call.api.about.metrics {
        return Err(Code::ResourceDisabled.plain());
    }
    let page = call.api.metrics.page();
    let page = page.map_err(|error| ApiError::internal("metrics page", &error))?;
    call::text("text/plain; charset=UTF-8", page)
}

async fn error_page(_: Call) -> Result<Response, ApiError> {
    call::text("text/html; charset=utf-8", errors::page())
}

async fn config(call: Call) -> Result<Response, ApiError> {
    let settings = &call.api.about.settings;
    match media::preferred(&call.headers, &[media::JSON, "text/plain"]) {
        Some(media::JSON) => reply::written(StatusCode::OK, &nested(settings), media::Form::Json),
        Some(_) => {
            let lines: Vec<String> = settings
                .iter()
                .map(|(key, value)| format!("{key} = {value}\n"))
                .collect();
            call::text("text/plain", lines.concat())
        }
        None => Err(Code::NotAcceptable.plain()),
    }
}

/// `api.listen` becomes `{"api": {"listen": …}}`.
fn nested(settings: &[(&'static str, String)]) -> Value {
    let mut all = Map::new();
    for (key, text) in settings {
        let mut path: Vec<&str> = key.split('.').collect();
        let last = path.pop().unwrap_or_default();
        let mut map = &mut all;
        for segment in path {
            let inner = map
                .entry(segment)
                .or_insert_with(|| Value::Object(Map::new()));
            match inner {
                Value::Object(inner) => map = inner,
                // A key that is also the start of others: no setting is named so.
                _ => return Value::Null,
            }
        }
        let plain = serde_json::from_str(text).ok();
        let scalar = plain.filter(|value: &Value| value.is_number() || value.is_boolean());
        map.insert(
            last.to_owned(),
            scalar.unwrap_or_else(|| text.as_str().into()),
        );
    }
    Value::Object(all)
}

/// What is plugged in.
#[derive(Debug, Serialize, ToSchema)]
struct PluginList {
    /// One entry a plugin.
    plugins: Vec<PluginState>,
}

/// A plugin.
#[derive(Debug, Serialize, ToSchema)]
struct PluginState {
    /// Its name.
    name: String,
    /// Whether it runs.
    #[schema(default = 0)]
    running: Flag,
}

async fn plugins(call: Call) -> Result<Done<PluginList>, ApiError> {
    let plugins = (call.api.about.plugins)()
        .into_iter()
        .map(|(name, running)| PluginState {
            name: name.to_owned(),
            running: Flag(running),
        })
        .collect();
    Ok(Done(PluginList { plugins }))
}

/// What an installation can do.
#[derive(Debug, Serialize, ToSchema)]
struct Features {
    /// Whether everything installed may be used; nothing here needs a licence key.
    license: bool,
    /// What is estimated from pictures, by the models installed.
    estimations: Estimations,
    /// Parts of the platform.
    components: Components,
}

/// What is estimated from pictures.
#[derive(Debug, Serialize, ToSchema)]
struct Estimations {
    /// People are counted.
    people_counter: bool,
    /// The quality of faces is checked.
    face_quality: bool,
    /// Bodies are described.
    body_attributes: bool,
    /// Living faces are told from pictures of them.
    liveness: bool,
    /// Made-up faces are told from real ones.
    deepfake: bool,
}

/// Parts of the platform.
#[derive(Debug, Serialize, ToSchema)]
struct Components {
    /// Events are kept.
    events: bool,
    /// Long jobs run in the background.
    tasks: bool,
    /// Events are told of over WebSocket.
    sender: bool,
    /// Pictures and samples are kept.
    image_store: bool,
    /// Events are made by handlers.
    handlers: bool,
    /// Streams and groups are managed through the API.
    video_analytics: bool,
    /// Functions of users run.
    lambdas: bool,
}

/// What is built answers; the rest is refused with the contract's errors (see `disabled.rs`), and
/// estimations as the installed models say. Of bodies and faces that is so when every estimation of
/// the group can be made, or has a word for what nothing here can tell.
async fn features(call: Call) -> Result<Done<Features>, ApiError> {
    let can = |all: &[Estimation]| all.iter().all(|one| call.api.can(*one));
    Ok(Done(Features {
        license: true,
        estimations: Estimations {
            people_counter: can(&[Estimation::PeopleCount]),
            face_quality: can(&[Estimation::FaceChecks]),
            body_attributes: can(&[
                Estimation::BodyDetection,
                Estimation::UpperBody,
                Estimation::LowerBody,
                Estimation::Accessories,
            ]),
            liveness: can(&[Estimation::Liveness]),
            deepfake: can(&[Estimation::Deepfake]),
        },
        components: Components {
            events: true,
            tasks: false,
            sender: true,
            image_store: true,
            handlers: true,
            video_analytics: false,
            lambdas: false,
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_nest_by_their_dots() {
        let settings = [
            ("data_dir", "/data".to_owned()),
            ("api.listen", "0.0.0.0:5000".to_owned()),
            ("api.tls.key", String::new()),
            ("limits.connections", "1024".to_owned()),
            ("log.access", "false".to_owned()),
        ];
        assert_eq!(
            nested(&settings),
            json!({
                "data_dir": "/data",
                "api": {"listen": "0.0.0.0:5000", "tls": {"key": ""}},
                "limits": {"connections": 1024},
                "log": {"access": false},
            })
        );
    }
}
