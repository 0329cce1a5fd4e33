//! `/goshawk/1/agents`: our own surface for operators, with account credentials.

use std::time::Duration;

use goshawk_proto::id::AgentId;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    call::{self, Call},
    fields::Fields,
    routes::{Access, Answer, Resource},
};
use crate::{
    auth::Role,
    errors::{ApiError, Code},
    pki::PkiError,
};

/// Shortest and longest life of a join token in seconds.
const VALID_FOR: std::ops::RangeInclusive<i64> = 1..=30 * 86_400;
/// Life of a join token unless a request says otherwise, in seconds.
const DEFAULT_VALID_FOR: i64 = 3600;

/// The resources.
pub fn resources() -> Vec<Resource> {
    let me = Access::Account;
    vec![
        Resource::at("/goshawk/1/agents").on(Method::GET, me, list),
        Resource::at("/goshawk/1/agents/join-tokens")
            .on(Method::POST, me, create_token)
            .on(Method::GET, me, tokens),
        Resource::at("/goshawk/1/agents/{agent_id}").on(Method::DELETE, me, revoke),
    ]
}

/// Agents serve the whole installation, so only administrators see and change them, and not with
/// a token, which has no permission that speaks of agents.
fn administrator(call: &Call) -> Result<(), ApiError> {
    let caller = call.caller()?;
    caller.not_by_token()?;
    match caller.role {
        Role::Admin => Ok(()),
        Role::User | Role::AdvancedUser => {
            Err(Code::AccessDenied.with("Only an administrator can manage agents"))
        }
    }
}

/// Runs a short blocking call on the registry of agents.
async fn registry<T: Send + 'static>(
    call: &Call,
    work: impl FnOnce(&crate::pki::Authority) -> Result<T, PkiError> + Send + 'static,
) -> Result<T, ApiError> {
    let authority = call.api.authority.clone();
    let done = tokio::task::spawn_blocking(move || work(&authority)).await;
    match done {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(PkiError::TooManyTokens)) => {
            Err(Code::BadJson.at("", "too many unused join tokens"))
        }
        Ok(Err(error)) => Err(ApiError::internal("registry of agents", &error)),
        Err(error) => Err(ApiError::internal("registry of agents", &error)),
    }
}

async fn list(call: Call) -> Answer {
    administrator(&call)?;
    let known = registry(&call, |authority| authority.agents()).await?;
    let live = call.api.assigner.agents();
    let rows: Vec<Value> = known
        .into_iter()
        .map(|agent| {
            let now = live.iter().find(|status| status.agent_id == agent.agent_id);
            let connected = now.is_some_and(|status| status.connected);
            let status = match (agent.revoked_at, connected) {
                (Some(_), _) => "revoked",
                (None, true) => "connected",
                (None, false) => "offline",
            };
            let feedback = now.and_then(|status| status.last_feedback.as_ref());
            json!({
                "agent_id": agent.agent_id,
                "name": agent.name,
                "status": status,
                "enrolled_at": agent.enrolled_at,
                "certificate_expires_at": agent.certificate_expires_at,
                "revoked_at": agent.revoked_at,
                "streams": now.map(|status| json!(status.streams)).unwrap_or_else(|| json!([])),
                "last_feedback_at": feedback.map(|feedback| feedback.at),
                "outbox": feedback.map(|feedback| json!({
                    "records": feedback.outbox.records,
                    "bytes": feedback.outbox.bytes,
                    "oldest_age_ms": feedback.outbox.oldest_age_ms,
                    "dropped": feedback.outbox.dropped,
                    "rejected": feedback.outbox.rejected,
                })),
            })
        })
        .collect();
    call::ok(&json!({"agents": rows}))
}

async fn create_token(call: Call) -> Answer {
    administrator(&call)?;
    let body = match call.content_type() {
        None => json!({}),
        Some(_) => call.json(Code::BadJson).await?,
    };
    let mut fields = Fields::of(&body, Code::BadJson)?;
    let valid_for = fields
        .some("valid_for")
        .map(|field| field.integer(VALID_FOR))
        .transpose()?;
    let label = fields
        .some("label")
        .map(|field| field.text(0..=128))
        .transpose()?
        .unwrap_or_default();
    fields.finish()?;
    let ttl = Duration::from_secs(valid_for.unwrap_or(DEFAULT_VALID_FOR).unsigned_abs());
    let (token, info) = registry(&call, move |authority| {
        authority.create_join_token(ttl, &label)
    })
    .await?;
    let view = json!({"token": token.to_string(), "join_token_id": info.id, "label": info.label, "expires_at": info.expires_at});
    call::json(StatusCode::CREATED, &view)
}

async fn tokens(call: Call) -> Answer {
    administrator(&call)?;
    let tokens = registry(&call, |authority| authority.join_tokens()).await?;
    let rows: Vec<Value> = tokens
        .iter()
        .map(|info| {
            let mut row = json!({
                "join_token_id": info.id,
                "label": info.label,
                "created_at": info.created_at,
                "expires_at": info.expires_at,
            });
            if let (Some(row), Value::Object(state)) = (row.as_object_mut(), json!(info.state)) {
                row.extend(state);
            }
            row
        })
        .collect();
    call::ok(&json!({"join_tokens": rows}))
}

async fn revoke(call: Call) -> Answer {
    administrator(&call)?;
    let id: AgentId = call.id("agent_id")?;
    if registry(&call, move |authority| authority.revoke_agent(id)).await? {
        call.api.assigner.changed();
        call::empty(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::new(
            Code::PageNotFound,
            format!("Agent with id '{id}' not found"),
        ))
    }
}
