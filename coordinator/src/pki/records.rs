//! What is remembered of join tokens and agents. The store keeps it, see [`crate::store::agents`].

use goshawk_proto::{
    id::{AgentId, JoinTokenId},
    link::Fingerprint,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// A join token as it is stored: without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinTokenRecord {
    /// Which token.
    pub id: JoinTokenId,
    /// SHA-256 of the secret.
    pub digest: [u8; 32],
    /// What the operator calls it.
    #[serde(default)]
    pub label: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is worth nothing.
    pub expires_at: Timestamp,
    /// Who used it.
    #[serde(default)]
    pub used: Option<TokenUse>,
    /// When an operator took it back.
    #[serde(default)]
    pub revoked_at: Option<Timestamp>,
}

/// Who used a join token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUse {
    /// The agent that was enrolled.
    pub agent_id: AgentId,
    /// SHA-256 of the public key that it enrolled with.
    pub key: Fingerprint,
    /// When.
    pub at: Timestamp,
}

/// Why a token does not enrol an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenProblem {
    /// No such token, or not its secret.
    #[error("the join token is unknown")]
    Unknown,
    /// Another agent has used it.
    #[error("the join token has been used")]
    Used,
    /// Its time is over.
    #[error("the join token has expired")]
    Expired,
    /// An operator took it back.
    #[error("the join token has been revoked")]
    Revoked,
}

/// A token that enrols an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redeemed {
    /// For the first time.
    First(AgentId),
    /// Once more by the same key: the first answer was lost on its way.
    Again(AgentId),
}

impl JoinTokenRecord {
    /// Whether `digest` is of the right secret; takes the same time for every wrong one.
    pub fn has_digest(&self, digest: &[u8; 32]) -> bool {
        self.digest.ct_eq(digest).into()
    }

    /// Uses the token up for `agent_id`, unless something is against it. The same `key` may redeem
    /// it again until it expires and gets the agent id of the first time: an agent keeps its key,
    /// so this heals a lost answer and gives a second agent nothing.
    pub fn redeem(
        &mut self,
        now: Timestamp,
        digest: &[u8; 32],
        key: Fingerprint,
        agent_id: AgentId,
    ) -> Result<Redeemed, TokenProblem> {
        self.usable(now, digest, key)?;
        if let Some(used) = self.used {
            return Ok(Redeemed::Again(used.agent_id));
        }
        self.used = Some(TokenUse {
            agent_id,
            key,
            at: now,
        });
        Ok(Redeemed::First(agent_id))
    }

    /// What speaks against redeeming it, in the order in which a caller may learn it: nothing
    /// about the token is told to someone without the secret.
    fn usable(
        &self,
        now: Timestamp,
        digest: &[u8; 32],
        key: Fingerprint,
    ) -> Result<(), TokenProblem> {
        if !self.has_digest(digest) {
            return Err(TokenProblem::Unknown);
        }
        if self.revoked_at.is_some() {
            return Err(TokenProblem::Revoked);
        }
        if self.used.is_some_and(|used| used.key != key) {
            return Err(TokenProblem::Used);
        }
        if now >= self.expires_at {
            return Err(TokenProblem::Expired);
        }
        Ok(())
    }

    /// Whether nobody can join with it any more.
    pub fn is_spent(&self, now: Timestamp) -> bool {
        self.used.is_some() || self.revoked_at.is_some() || now >= self.expires_at
    }

    /// As it is shown to operators.
    pub fn info(&self, now: Timestamp) -> JoinTokenInfo {
        let state = match (self.used, self.revoked_at) {
            (Some(used), _) => JoinTokenState::Used {
                by: used.agent_id,
                at: used.at,
            },
            (None, Some(_)) => JoinTokenState::Revoked,
            (None, None) if now >= self.expires_at => JoinTokenState::Expired,
            (None, None) => JoinTokenState::Unused,
        };
        JoinTokenInfo {
            id: self.id,
            label: self.label.clone(),
            created_at: self.created_at,
            expires_at: self.expires_at,
            state,
        }
    }
}

/// A join token as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JoinTokenInfo {
    /// Which token.
    pub id: JoinTokenId,
    /// What the operator calls it.
    pub label: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is worth nothing.
    pub expires_at: Timestamp,
    /// What became of it.
    pub state: JoinTokenState,
}

/// What became of a join token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum JoinTokenState {
    /// Ready to be used.
    Unused,
    /// Used up.
    Used {
        /// The agent.
        by: AgentId,
        /// When.
        at: Timestamp,
    },
    /// Never used and too old now.
    Expired,
    /// Taken back by an operator.
    Revoked,
}

/// An agent as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRecord {
    /// Its id, also in its certificate.
    pub agent_id: AgentId,
    /// Its name, for people.
    pub name: String,
    /// When it was enrolled.
    pub enrolled_at: Timestamp,
    /// When its certificate ends.
    pub certificate_expires_at: Timestamp,
    /// The token that it came with.
    pub join_token_id: JoinTokenId,
    /// When an operator revoked it.
    #[serde(default)]
    pub revoked_at: Option<Timestamp>,
}

/// An agent as operators see it; nothing of the record is secret.
pub type AgentInfo = AgentRecord;

#[cfg(test)]
mod tests {
    use super::*;
    use goshawk_proto::link::JoinSecret;
    use std::time::Duration;

    const NOON: i64 = 1_700_000_000_000_000;

    fn record() -> (JoinTokenRecord, [u8; 32], Timestamp) {
        let now = Timestamp::from_unix_micros(NOON);
        let digest = JoinSecret::new([7; 32]).digest();
        let record = JoinTokenRecord {
            id: JoinTokenId::random(),
            digest,
            label: String::new(),
            created_at: now,
            expires_at: now.after(Duration::from_secs(60)),
            used: None,
            revoked_at: None,
        };
        (record, digest, now)
    }

    #[test]
    fn a_token_works_once_per_key() {
        let (mut token, digest, now) = record();
        let (key, other) = (Fingerprint([1; 32]), Fingerprint([2; 32]));
        let agent = AgentId::random();
        assert_eq!(
            token.redeem(now, &digest, key, agent),
            Ok(Redeemed::First(agent))
        );
        let again = token.redeem(now, &digest, key, AgentId::random());
        assert_eq!(again, Ok(Redeemed::Again(agent)));
        let second = token.redeem(now, &digest, other, AgentId::random());
        assert_eq!(second, Err(TokenProblem::Used));
        assert_eq!(
            token.info(now).state,
            JoinTokenState::Used { by: agent, at: now }
        );
    }

    #[test]
    fn nothing_is_told_without_the_secret() {
        let (mut token, _, now) = record();
        token.revoked_at = Some(now);
        let late = now.after(Duration::from_secs(3_600));
        let wrong = JoinSecret::new([8; 32]).digest();
        let answer = token.redeem(late, &wrong, Fingerprint([1; 32]), AgentId::random());
        assert_eq!(answer, Err(TokenProblem::Unknown));
    }

    #[test]
    fn time_and_operators_end_a_token() {
        let (mut token, digest, now) = record();
        let key = Fingerprint([1; 32]);
        let end = token.expires_at;
        assert_eq!(
            token.redeem(end, &digest, key, AgentId::random()),
            Err(TokenProblem::Expired)
        );
        assert_eq!(token.info(end).state, JoinTokenState::Expired);
        token.revoked_at = Some(now);
        assert_eq!(
            token.redeem(now, &digest, key, AgentId::random()),
            Err(TokenProblem::Revoked)
        );
        assert_eq!(token.used, None);
    }
}
