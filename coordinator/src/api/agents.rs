//! `/goshawk/1/agents`: our own surface for operators, with account credentials.

use std::time::Duration;

use goshawk_coordinator_core::{
    formats::{Description, Whole},
    words,
};
use goshawk_proto::{
    id::{AgentId, JoinTokenId, StreamId},
    link::control::OutboxFeedback,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::{Required, request_body::RequestBody},
};

use super::{
    call::Call,
    openapi::Schemas,
    operation::Operation,
    payload::{Body, Json, Payload},
    reply::{Done, Made, NoContent},
    routes::{Access, Resource},
};
use crate::{
    blocking,
    errors::{ApiError, Code},
    pki::{AgentInfo, JoinTokenInfo, JoinTokenState, PkiError},
    process::AgentStatus,
};

/// The resources.
pub fn resources() -> Vec<Resource> {
    let me = Access::Administrator;
    vec![
        Resource::at("/goshawk/1/agents")
            .tagged("agents")
            .serve(Operation::get("listAgents", me, list).about("Every agent that ever joined.")),
        Resource::at("/goshawk/1/agents/join-tokens")
            .tagged("agents")
            .serve(
                Operation::post("createJoinToken", me, create_token)
                    .about("Makes a token that one agent may join with."),
            )
            .serve(
                Operation::get("listJoinTokens", me, tokens)
                    .about("Join tokens and what became of them, without their secrets."),
            ),
        Resource::at("/goshawk/1/agents/{agent_id}")
            .tagged("agents")
            .serve(
                Operation::delete("revokeAgent", me, revoke)
                    .about("Shuts an agent out for good.")
                    .fails(&[Code::PageNotFound]),
            ),
    ]
}

/// Runs a short blocking call on the registry of agents.
async fn registry<T: Send + 'static>(
    call: &Call,
    work: impl FnOnce(&crate::pki::Authority) -> Result<T, PkiError> + Send + 'static,
) -> Result<T, ApiError> {
    let authority = call.api.authority.clone();
    match blocking::spawn(move || work(&authority)).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(PkiError::TooManyTokens)) => {
            Err(Code::BadJson.at("", "too many unused join tokens"))
        }
        Ok(Err(PkiError::Store(error))) => Err(error.into()),
        Ok(Err(error)) => Err(ApiError::internal("registry of agents", &error)),
        Err(error) => Err(ApiError::internal("registry of agents", &error)),
    }
}

words! {
    /// How an agent is doing.
    pub enum AgentState: "agents" {
        /// It is here.
        Connected = "connected",
        /// It is not here at the moment.
        Offline = "offline",
        /// It was shut out.
        Revoked = "revoked",
    }
}

/// Events that wait on an agent.
#[derive(Debug, Serialize, ToSchema)]
pub struct Outbox {
    /// How many there are.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Age of the oldest in milliseconds.
    pub oldest_age_ms: u64,
    /// Events dropped for want of room or for age, since the agent was installed.
    pub dropped: u64,
    /// Events that were never taken here, since the agent was installed.
    pub rejected: u64,
}

impl From<&OutboxFeedback> for Outbox {
    fn from(outbox: &OutboxFeedback) -> Self {
        Self {
            records: outbox.records,
            bytes: outbox.bytes,
            oldest_age_ms: outbox.oldest_age_ms,
            dropped: outbox.dropped,
            rejected: outbox.rejected,
        }
    }
}

/// An agent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Agent)]
pub struct AgentView {
    /// Its id.
    pub agent_id: AgentId,
    /// What its operator calls it.
    pub name: String,
    /// How it is doing.
    #[schema(inline)]
    pub status: AgentState,
    /// When it joined.
    pub enrolled_at: Timestamp,
    /// Until when its certificate is good.
    pub certificate_expires_at: Timestamp,
    /// When it was shut out, if it was.
    #[schema(required)]
    pub revoked_at: Option<Timestamp>,
    /// Streams that it has.
    pub streams: Vec<StreamId>,
    /// When it last told how it is doing.
    #[schema(required)]
    pub last_feedback_at: Option<Timestamp>,
    /// Events that wait on it, as it last told.
    #[schema(required)]
    pub outbox: Option<Outbox>,
}

impl AgentView {
    fn of(agent: AgentInfo, live: &[AgentStatus]) -> Self {
        let now = live.iter().find(|status| status.agent_id == agent.agent_id);
        let connected = now.is_some_and(|status| status.connected);
        let feedback = now.and_then(|status| status.last_feedback.as_ref());
        Self {
            agent_id: agent.agent_id,
            name: agent.name,
            status: match (agent.revoked_at, connected) {
                (Some(_), _) => AgentState::Revoked,
                (None, true) => AgentState::Connected,
                (None, false) => AgentState::Offline,
            },
            enrolled_at: agent.enrolled_at,
            certificate_expires_at: agent.certificate_expires_at,
            revoked_at: agent.revoked_at,
            streams: now.map_or_else(Vec::new, |status| status.streams.clone()),
            last_feedback_at: feedback.map(|feedback| feedback.at),
            outbox: feedback.map(|feedback| (&feedback.outbox).into()),
        }
    }
}

/// All agents.
#[derive(Debug, Serialize, ToSchema)]
pub struct Agents {
    /// The agents.
    pub agents: Vec<AgentView>,
}

async fn list(call: Call) -> Result<Done<Agents>, ApiError> {
    let known = registry(&call, |authority| authority.agents()).await?;
    let live = call.api.assigner.agents();
    let agents = known.into_iter().map(|agent| AgentView::of(agent, &live));
    Ok(Done(Agents {
        agents: agents.collect(),
    }))
}

/// Seconds that a join token is good for, at most 30 days.
type TokenLife = Whole<1, 2_592_000>;

/// A new join token.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(default)]
pub struct NewJoinToken {
    /// Seconds until it is worth nothing.
    pub valid_for: TokenLife,
    /// What its maker calls it.
    pub label: Description,
}

impl Default for NewJoinToken {
    fn default() -> Self {
        Self {
            valid_for: TokenLife::of::<3600>(),
            label: Description::default(),
        }
    }
}

impl Body for NewJoinToken {}

/// A body that may be left out.
struct Perhaps<T>(T);

impl<T: Body + Default> Payload for Perhaps<T> {
    async fn read(call: &Call) -> Result<Self, ApiError> {
        match call.content_type() {
            None => Ok(Self(T::default())),
            Some(_) => Json::read(call).await.map(|Json(body)| Self(body)),
        }
    }

    fn describe(schemas: &mut Schemas) -> RequestBody {
        let mut body = Json::<T>::describe(schemas);
        body.required = Some(Required::False);
        body
    }

    fn errors() -> Vec<Code> {
        Json::<T>::errors()
    }
}

/// A join token that was made. Its secret is shown this once.
#[derive(Serialize, ToSchema)]
pub struct JoinTokenMade {
    /// The token for the agent.
    pub token: String,
    /// Its id.
    pub join_token_id: JoinTokenId,
    /// What its maker calls it.
    pub label: String,
    /// From when on it is worth nothing.
    pub expires_at: Timestamp,
}

async fn create_token(
    call: Call,
    Perhaps(new): Perhaps<NewJoinToken>,
) -> Result<Made<JoinTokenMade>, ApiError> {
    let ttl = Duration::from_secs(new.valid_for.get().unsigned_abs());
    let (token, info) = registry(&call, move |authority| {
        authority.create_join_token(ttl, &new.label)
    })
    .await?;
    Ok(Made(JoinTokenMade {
        token: token.to_string(),
        join_token_id: info.id,
        label: info.label,
        expires_at: info.expires_at,
    }))
}

words! {
    /// What became of a join token.
    pub enum TokenState: "join tokens" {
        /// Ready to be used.
        Unused = "unused",
        /// Used up.
        Used = "used",
        /// Never used and too old now.
        Expired = "expired",
        /// Taken back.
        Revoked = "revoked",
    }
}

/// A join token without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JoinToken)]
pub struct JoinTokenView {
    /// Its id.
    pub join_token_id: JoinTokenId,
    /// What its maker calls it.
    pub label: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is worth nothing.
    pub expires_at: Timestamp,
    /// What became of it.
    #[schema(inline)]
    pub state: TokenState,
    /// The agent that used it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub by: Option<AgentId>,
    /// When it was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub at: Option<Timestamp>,
}

impl From<JoinTokenInfo> for JoinTokenView {
    fn from(info: JoinTokenInfo) -> Self {
        let (state, used) = match info.state {
            JoinTokenState::Unused => (TokenState::Unused, None),
            JoinTokenState::Used { by, at } => (TokenState::Used, Some((by, at))),
            JoinTokenState::Expired => (TokenState::Expired, None),
            JoinTokenState::Revoked => (TokenState::Revoked, None),
        };
        Self {
            join_token_id: info.id,
            label: info.label,
            created_at: info.created_at,
            expires_at: info.expires_at,
            state,
            by: used.map(|(by, _)| by),
            at: used.map(|(_, at)| at),
        }
    }
}

/// All join tokens.
#[derive(Debug, Serialize, ToSchema)]
pub struct JoinTokens {
    /// The tokens.
    pub join_tokens: Vec<JoinTokenView>,
}

async fn tokens(call: Call) -> Result<Done<JoinTokens>, ApiError> {
    let tokens = registry(&call, |authority| authority.join_tokens()).await?;
    Ok(Done(JoinTokens {
        join_tokens: tokens.into_iter().map(Into::into).collect(),
    }))
}

async fn revoke(call: Call) -> Result<NoContent, ApiError> {
    let id: AgentId = call.id("agent_id")?;
    if registry(&call, move |authority| authority.revoke_agent(id)).await? {
        call.api.assigner.changed();
        Ok(NoContent)
    } else {
        Err(ApiError::new(
            Code::PageNotFound,
            format!("Agent with id '{id}' not found"),
        ))
    }
}
