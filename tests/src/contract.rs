//! HTTP exchanges held against OpenAPI documents: the published contracts where they are at hand,
//! and always our own documents.
//!
//! * [`client`]: sending with this check around it;
//! * [`document`]: operations of a document, found by method and path;
//! * [`schema`]: values against schemas;
//! * [`exchange`]: one request and its answer against an operation;
//! * [`known`]: what may differ, with reasons;
//! * [`encoding`]: bodies and parameters as values.
//!
//! `GOSHAWK_SHARED` names the folder that holds `spec/`, `../shared` beside the workspace by default.

pub mod client;
pub mod document;
pub mod encoding;
pub mod exchange;
pub mod known;
pub mod schema;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use document::Document;
pub use exchange::{Exchange, Service};
use serde_json::Value;

/// The published contracts, by service; the other two services have none in this form.
const PUBLISHED: [(Service, &str); 2] = [
    (Service::Api, "luna-api.openapi.yaml"),
    (Service::Streams, "luna-streams.openapi.yaml"),
];
/// Our own documents.
const OWN: [(Service, &str); 4] = [
    (Service::Api, "api.yaml"),
    (Service::Sender, "sender.yaml"),
    (Service::Handlers, "handlers.yaml"),
    (Service::Streams, "streams.yaml"),
];

/// One thing that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where: `query.page`, `body.faces[0].face_id`, `header.Location`.
    pub at: String,
    /// What is wrong there.
    pub what: String,
}

impl Fault {
    fn new(at: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            at: at.into(),
            what: what.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)
    }
}

/// All documents that are at hand.
pub struct Contract {
    documents: Vec<(Service, Document)>,
}

impl Contract {
    /// Reads them once; says loudly which are missing.
    pub fn load() -> &'static Self {
        static LOADED: OnceLock<Contract> = OnceLock::new();
        LOADED.get_or_init(Self::read)
    }

    fn read() -> Self {
        let shared = shared().join("spec");
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../coordinator/openapi");
        let published = PUBLISHED.map(|(service, file)| (service, shared.join(file), true));
        let own = OWN.map(|(service, file)| (service, own.join(file), false));
        let mut documents = Vec::new();
        for (service, path, is_published) in published.into_iter().chain(own) {
            let Ok(text) = std::fs::read_to_string(&path) else {
                eprintln!(
                    "SKIPPED: nothing is held against {}, which is not there",
                    path.display()
                );
                continue;
            };
            documents.push((service, Document::parse(&text, is_published)));
        }
        Self { documents }
    }

    /// What is wrong with an exchange, by every document of its service.
    pub fn faults(&self, exchange: &Exchange<'_>) -> Vec<Fault> {
        let mut found = Vec::new();
        for (service, document) in &self.documents {
            if *service == exchange.service {
                let mut faults = Vec::new();
                exchange.held_against(document, &mut faults);
                let is_published = document.is_published();
                faults.retain(|fault| !known::is_known(exchange, is_published, fault));
                found.extend(faults);
            }
        }
        found
    }

    /// Panics when anything is wrong with an exchange.
    #[track_caller]
    pub fn check(&self, exchange: &Exchange<'_>) {
        let faults = self.faults(exchange);
        assert!(
            faults.is_empty(),
            "{} {}?{} -> {}\n  {}\nsent: {}\nanswer: {}",
            exchange.method,
            exchange.path,
            exchange.query,
            exchange.status,
            faults
                .iter()
                .map(Fault::to_string)
                .collect::<Vec<_>>()
                .join("\n  "),
            exchange::shown(exchange.sent),
            exchange::shown(Some(exchange.body)),
        );
    }

    /// Panics when a message of the socket at `path` does not fit.
    #[track_caller]
    pub fn check_message(&self, service: Service, path: &str, message: &Value) {
        let mut found = Vec::new();
        for (of, document) in &self.documents {
            if *of == service {
                exchange::message(document, path, message, &mut found);
            }
        }
        found.retain(|fault| !known::is_not_estimated(fault));
        assert!(found.is_empty(), "{path}: {found:#?}\nin {message:#}");
    }

    /// The id of the operation at `path`, by the published contract.
    pub fn operation_id(&self, service: Service, method: &str, path: &str) -> Option<&str> {
        self.documents
            .iter()
            .filter(|(of, document)| *of == service && document.is_published())
            .find_map(|(_, document)| document.find(method, path)?.operation.id())
    }
}

/// The folder that holds the published contracts, whether it is there or not.
pub fn shared() -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    std::env::var_os("GOSHAWK_SHARED").map_or(default, Into::into)
}
