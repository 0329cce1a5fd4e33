//! The published HTTP services.

pub mod accounts;
pub mod agents;
pub mod attributes;
pub mod body;
pub mod call;
pub mod credentials;
pub mod dead_letters;
pub mod detector;
pub mod disabled;
pub mod events;
pub mod extractor;
pub mod faces;
pub mod handlers;
pub mod iso;
pub mod lists;
pub mod liveness;
pub mod login;
pub mod matcher;
pub mod media;
pub mod openapi;
pub mod operation;
pub mod owners;
pub mod payload;
pub mod pictures;
pub mod query;
pub mod record;
pub mod reply;
pub mod router;
pub mod routes;
pub mod sdk;
pub mod server;
pub mod service;
pub mod streams;
pub mod table;
pub mod tokens;
pub mod typed;
pub mod upload;
pub mod vision;
pub mod ws;

use std::{net::IpAddr, sync::Arc, time::Duration};

use goshawk_coordinator_core::query::Page;
use goshawk_models::DecodeLimits;
use goshawk_proto::{descriptor::DescriptorVersion, id::AccountId, time::Timestamp};
use http::{HeaderMap, Method};
use tokio::sync::Semaphore;

use crate::{
    audit::Audit,
    auth::{Authenticator, Caller, Reason, Role, Shown},
    blobs::{BlobError, BlobKey, BlobKind, Blobs},
    errors::{ApiError, Code},
    ingest::Ingest,
    matcher::Matching,
    metrics::Metrics,
    pki::Authority,
    process::{Analyzer, Assigner, Processor},
    sender::Sender,
    store::StoreHandle,
};
use body::{BodyLimits, BodyMemory};
use routes::Access;

/// Everything that handlers may need.
pub struct Api {
    /// Limits on bodies.
    pub limits: BodyLimits,
    /// Memory for bodies.
    pub body_memory: BodyMemory,
    /// Limits on still pictures.
    pub decode_limits: DecodeLimits,
    /// Turns for decoding pictures outside of analysis.
    pub decoders: Semaphore,
    /// Pictures in one request.
    pub max_pictures: usize,
    /// Life of a temporary attribute unless a request says otherwise.
    pub attribute_ttl: Duration,
    /// Checks credentials.
    pub auth: Authenticator,
    /// Whether the API takes `Luna-Account-Id` for credentials.
    pub trust_account_header: bool,
    /// Whether anybody may create an account.
    pub open_registration: bool,
    /// What the pages about the installation show.
    pub about: service::About,
    /// Who changed what.
    pub audit: Audit,
    /// All counters.
    pub metrics: Arc<Metrics>,
    /// The store.
    pub store: StoreHandle,
    /// Pictures and samples.
    pub blobs: Blobs,
    /// Searches among faces.
    pub matching: Arc<Matching>,
    /// The models; none when no pack is installed.
    pub analyzer: Option<Analyzer>,
    /// Makes events from pictures.
    pub processor: Arc<Processor>,
    /// Gives streams to agents.
    pub assigner: Arc<Assigner>,
    /// Where agents are connected: asks them for pictures.
    pub ingest: Arc<Ingest>,
    /// Certificates and join tokens of agents.
    pub authority: Arc<Authority>,
    /// WebSocket subscribers.
    pub sender: Arc<Sender>,
}

impl Api {
    /// Who makes a request with these headers, as far as `access` wants to know. Whether they may
    /// is for [`Self::permit`] to say.
    pub async fn identify(
        &self,
        access: Access,
        method: &Method,
        headers: &HeaderMap,
        peer: IpAddr,
    ) -> Result<Option<Caller>, ApiError> {
        match access {
            Access::Open => return Ok(None),
            Access::Header => return Ok(Some(Caller::named(named(headers)?, Role::User))),
            Access::Page if self.about.open => return Ok(None),
            Access::Page
            | Access::Account
            | Access::May(..)
            | Access::Use(_)
            | Access::Administrator => {}
        }
        match self.auth.request(method, headers, peer).await? {
            Some(caller) => Ok(Some(caller)),
            None if self.trust_account_header && headers.contains_key("luna-account-id") => {
                self.auth.named(named(headers)?).await.map(Some)
            }
            None => {
                self.auth.count_refused(Shown::Nothing, Reason::Missing);
                Err(Code::AuthorizationNeeded.plain())
            }
        }
    }

    /// Whether the one who asks may call an operation of that access.
    pub fn permit(&self, access: Access, caller: Option<&Caller>) -> Result<(), ApiError> {
        let Some(caller) = caller else {
            return Ok(());
        };
        match access {
            Access::May(kind, action) => caller.may(kind, action),
            Access::Administrator => caller.must_administer(),
            Access::Use(tool) => caller.may_use(tool),
            Access::Page if caller.role != Role::Admin || caller.is_token() => {
                Err(Code::AccessDenied.with("Only administrators see this page"))
            }
            Access::Open | Access::Page | Access::Account | Access::Header => Ok(()),
        }
    }

    /// The wall clock.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_system(std::time::SystemTime::now())
    }

    /// The descriptor version that this installation extracts and compares.
    pub fn descriptor_version(&self) -> Option<DescriptorVersion> {
        self.analyzer.as_ref().map(Analyzer::version)
    }

    /// Dependencies that are not well, and why.
    pub async fn unhealthy(&self) -> Vec<(&'static str, String)> {
        let mut failures = Vec::new();
        let store = self
            .store
            .run(|store| store.accounts(Page { number: 1, size: 1 }).map(drop))
            .await;
        if let Err(error) = store {
            failures.push(("store", error.to_string()));
        }
        let nobody = BlobKey {
            account: AccountId(uuid::Uuid::nil()),
            kind: BlobKind::Image,
            id: uuid::Uuid::nil(),
        };
        match self.blobs.exists(&nobody).await {
            Ok(_) | Err(BlobError::NotFound(_)) => {}
            Err(error) => failures.push(("image_store", error.to_string())),
        }
        if self.analyzer.is_none() {
            failures.push((
                "models",
                "no model pack is installed or it cannot be loaded".to_owned(),
            ));
        }
        failures
    }
}

/// The account that a header names.
pub(crate) fn named(headers: &HeaderMap) -> Result<AccountId, ApiError> {
    let value = headers
        .get("luna-account-id")
        .ok_or_else(|| Code::AccountHeaderMissing.plain())?;
    let id = value.to_str().ok().and_then(|text| text.parse().ok());
    id.ok_or_else(|| Code::AccountHeaderBad.plain())
}
