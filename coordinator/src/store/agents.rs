//! Agents and the join tokens that they come with. They belong to the installation, not to an
//! account; what they are is in [`crate::pki`].

use goshawk_proto::id::{AgentId, JoinTokenId};

use super::Stored;
use crate::pki::{AgentRecord, JoinTokenRecord};

/// Join tokens, without their secrets.
pub trait JoinTokenStore {
    /// Keeps a new token. Where there are `most` already, the oldest are forgotten of those that
    /// are spent at the time at which this one was made. `false`: too few are, nothing changed.
    fn create_join_token(&self, token: &JoinTokenRecord, most: usize) -> Stored<bool>;
    /// One token.
    fn join_token(&self, id: JoinTokenId) -> Stored<JoinTokenRecord>;
    /// Every token, by id.
    fn join_tokens(&self) -> Stored<Vec<JoinTokenRecord>>;
    /// Changes a token in one atomic step and returns it. `change` may run more than once, each
    /// time on a fresh copy.
    fn update_join_token(
        &self,
        id: JoinTokenId,
        change: &mut dyn FnMut(&mut JoinTokenRecord),
    ) -> Stored<JoinTokenRecord>;
}

/// Agents.
pub trait AgentRegistry {
    /// Keeps an agent, or replaces the one with the same id.
    fn put_agent(&self, agent: &AgentRecord) -> Stored<()>;
    /// Every agent, by id.
    fn agents(&self) -> Stored<Vec<AgentRecord>>;
    /// Changes an agent in one atomic step and returns it. `change` may run more than once, each
    /// time on a fresh copy.
    fn update_agent(
        &self,
        id: AgentId,
        change: &mut dyn FnMut(&mut AgentRecord),
    ) -> Stored<AgentRecord>;
    /// Takes over what an earlier release kept elsewhere, in one step; what is here already stays
    /// as it is.
    fn take_over(&self, tokens: &[JoinTokenRecord], agents: &[AgentRecord]) -> Stored<()>;
}
