//! The published HTTP services.

pub mod body;
pub mod call;
pub mod fields;
pub mod query;
pub mod routes;
pub mod server;
pub mod service;

use std::{net::IpAddr, sync::Arc};

use http::{HeaderMap, header};

use crate::{
    auth::{Authenticator, Caller, Role},
    errors::{ApiError, Code},
    metrics::Metrics,
};
use body::BodyLimits;
use routes::Access;

/// Everything that handlers may need.
pub struct Api {
    /// Limits on bodies.
    pub limits: BodyLimits,
    /// Checks credentials.
    pub auth: Authenticator,
    /// Whether the API takes `Luna-Account-Id` for credentials.
    pub trust_account_header: bool,
    /// All counters.
    pub metrics: Arc<Metrics>,
}

impl Api {
    /// Who makes a request with these headers, as far as `access` wants to know.
    pub async fn authenticate(&self, access: Access, headers: &HeaderMap, peer: IpAddr) -> Result<Option<Caller>, ApiError> {
        match access {
            Access::Open => Ok(None),
            Access::Header => Ok(Some(Caller { account_id: named(headers)?, role: Role::User })),
            Access::Account => {
                if let Some(value) = headers.get(header::AUTHORIZATION) {
                    let value = value.to_str().unwrap_or_default();
                    return self.auth.header(value, peer).await.map(Some);
                }
                if self.trust_account_header && headers.contains_key("luna-account-id") {
                    return self.auth.named(named(headers)?).await.map(Some);
                }
                Err(Code::AuthorizationNeeded.plain())
            }
        }
    }

    /// Dependencies that are not well, and why.
    pub async fn unhealthy(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

fn named(headers: &HeaderMap) -> Result<goshawk_proto::id::AccountId, ApiError> {
    let value = headers.get("luna-account-id").ok_or_else(|| Code::AccountHeaderMissing.plain())?;
    let id = value.to_str().ok().and_then(|text| text.parse().ok());
    id.ok_or_else(|| Code::AccountHeaderBad.plain())
}
