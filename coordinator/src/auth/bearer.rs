//! Tokens as they are shown.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use goshawk_coordinator_core::token::{Seal, TokenDraft};
use goshawk_proto::{
    id::{AccountId, TokenId},
    time::Timestamp,
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{
    Authenticator, Caller, CallerAccess, Refusal,
    guard::Network,
    jwt::{Claims, JwtError},
    keys::Keys,
    metrics::{Reason, Shown},
};
use crate::errors::ApiError;

/// How long a checked signature is remembered.
const REMEMBER: Duration = Duration::from_secs(60);
/// Most remembered signatures.
const MAX_REMEMBERED: usize = 1024;

/// Texts whose signature was found right lately, by their hash: that they are ours, and which
/// token they are of. Whether the token is still good is never remembered.
#[derive(Default)]
pub(super) struct Tokens(Mutex<HashMap<[u8; 32], Checked>>);

#[derive(Clone, Copy)]
struct Checked {
    account_id: AccountId,
    token_id: TokenId,
    /// The keys it was checked with: others may have been taken away since.
    generation: u64,
    until: Instant,
}

impl Tokens {
    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Checked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recall(&self, digest: &[u8; 32], generation: u64, now: Instant) -> Option<Checked> {
        let found = self.lock().get(digest).copied()?;
        (found.generation == generation && found.until > now).then_some(found)
    }

    fn remember(&self, digest: [u8; 32], checked: Checked, now: Instant) {
        let mut texts = self.lock();
        if texts.len() >= MAX_REMEMBERED {
            texts.retain(|_, known| known.until > now);
        }
        if texts.len() < MAX_REMEMBERED {
            texts.insert(digest, checked);
        }
    }
}

impl Authenticator {
    /// Who shows this token.
    pub async fn token(&self, text: &str, peer: IpAddr) -> Result<Caller, Refusal> {
        let digest: [u8; 32] = Sha256::digest(text).into();
        let claimed = self.signed(text, digest, Network::of(peer))?;
        let found = self
            .credentials
            .by_token(claimed.account_id, claimed.token_id)
            .await?;
        let good = found.filter(|(token, _)| bool::from(token.seal.digest.ct_eq(&digest)));
        let Some((token, role)) = good else {
            self.metrics.refused(Shown::Token, Reason::Revoked);
            return Err(Refusal::Revoked);
        };
        if token.is_expired(Timestamp::from_system(SystemTime::now())) {
            self.metrics.refused(Shown::Token, Reason::Expired);
            return Err(Refusal::Expired);
        }
        Ok(Caller {
            account_id: token.account_id,
            role,
            access: CallerAccess::Token(Arc::new(token)),
        })
    }

    /// Which token a text says it is of, if we signed it.
    fn signed(&self, text: &str, digest: [u8; 32], network: Network) -> Result<Checked, Refusal> {
        let (keys, now, place) = (self.keys.keys(), Instant::now(), (digest, network));
        if let Some(checked) = self.tokens.recall(&digest, keys.generation, now) {
            self.guard.used(place, now);
            return Ok(checked);
        }
        self.unlocked(&place, Shown::Token, now)?;
        let claims = self.read(&keys, text, network, now)?;
        let checked = Checked {
            account_id: claims.account_id,
            token_id: claims.token_id,
            generation: keys.generation,
            until: now + REMEMBER,
        };
        self.tokens.remember(digest, checked, now);
        self.guard.used(place, now);
        Ok(checked)
    }

    fn read(
        &self,
        keys: &Keys,
        text: &str,
        network: Network,
        now: Instant,
    ) -> Result<Claims, Refusal> {
        keys.read(text).map_err(|error| match error {
            JwtError::Foreign => {
                tracing::warn!(%network, "a token that is none of ours");
                self.metrics.refused(Shown::Token, Reason::Wrong);
                self.guard.missed_by(network, now);
                Refusal::Wrong
            }
            JwtError::Unusable(_) => ApiError::internal("token check", &error).into(),
        })
    }

    /// The text of a new token, and what is kept of it.
    pub fn issue(
        &self,
        token_id: TokenId,
        account_id: AccountId,
        draft: &TokenDraft,
    ) -> Result<(String, Seal), ApiError> {
        use goshawk_coordinator_core::token::VisibilityArea::Account;
        let claims = Claims {
            token_id,
            account_id,
            expiration_time: draft.expiration_time,
            visibility_area: draft.visibility_area.unwrap_or(Account),
            jti: uuid::Uuid::new_v4().to_string(),
        };
        let signed = self.keys.keys().sign(&claims);
        let (key_id, text) = signed.map_err(|error| ApiError::internal("token", &error))?;
        let digest = Sha256::digest(&text).into();
        Ok((text, Seal { key_id, digest }))
    }
}
