//! Logins and passwords.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use subtle::ConstantTimeEq;

use super::{
    Authenticator, Caller, Refusal, Stored,
    guard::{Network, Place},
    metrics::{Reason, Shown},
    password,
};
use crate::{blocking, errors::ApiError};

/// How long a verified pair is remembered after its last use.
const REMEMBER: Duration = Duration::from_secs(60);
/// Most remembered pairs.
const MAX_REMEMBERED: usize = 1024;
/// Longest login that is looked for, in bytes.
const MAX_LOGIN: usize = 512;

/// Pairs that were verified lately, each with the hash it was verified against.
#[derive(Default)]
pub(super) struct Passwords(Mutex<HashMap<[u8; 32], Remembered>>);

struct Remembered {
    password_hash: String,
    until: Instant,
}

impl Passwords {
    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the pair was verified lately against this very hash; remembers it longer if so.
    pub(super) fn recall(&self, pair: &[u8; 32], hash: &str, now: Instant) -> bool {
        let mut pairs = self.lock();
        let Some(known) = pairs.get_mut(pair) else {
            return false;
        };
        let same = bool::from(known.password_hash.as_bytes().ct_eq(hash.as_bytes()));
        let fresh = same && known.until > now;
        if fresh {
            known.until = now + REMEMBER;
        }
        fresh
    }

    /// Remembers a verified pair, if there is room.
    pub(super) fn remember(&self, pair: [u8; 32], hash: &str, now: Instant) {
        let mut pairs = self.lock();
        if pairs.len() >= MAX_REMEMBERED {
            pairs.retain(|_, known| known.until > now);
        }
        if pairs.len() < MAX_REMEMBERED {
            let known = Remembered {
                password_hash: hash.to_owned(),
                until: now + REMEMBER,
            };
            pairs.insert(pair, known);
        }
    }
}

impl Authenticator {
    /// Who has this login and password.
    pub async fn login(
        &self,
        login: &str,
        password: &str,
        peer: IpAddr,
    ) -> Result<Caller, Refusal> {
        let stored = match login.len() {
            0..=MAX_LOGIN => self.credentials.by_login(login).await?,
            _ => None,
        };
        let pair = self.digest(&["pair", login, password]);
        let place = (self.digest(&["login", login]), Network::of(peer));
        if let Some(stored) = &stored
            && self
                .passwords
                .recall(&pair, &stored.password_hash, Instant::now())
        {
            self.guard.used(place, Instant::now());
            return Ok(Caller::whole(stored.account_id, stored.role));
        }
        let slot = self.slot().await?;
        // Looked at with the slot in hand, so that guesses sent at once do not slip through.
        self.unlocked(&place, Shown::Password, Instant::now())?;
        let right = self.fits(password, stored.as_ref()).await?;
        let found = stored.filter(|_| right);
        match &found {
            Some(stored) => self.right(pair, place, stored),
            None => self.wrong(place),
        }
        drop(slot);
        let stored = found.ok_or(Refusal::Wrong)?;
        Ok(Caller::whole(stored.account_id, stored.role))
    }

    /// Takes as long for an unknown login as for a known one.
    async fn fits(&self, password: &str, stored: Option<&Stored>) -> Result<bool, ApiError> {
        if password.len() > password::MAX_PASSWORD_BYTES {
            return Ok(false);
        }
        let hash = stored.map_or(&self.decoy, |stored| &stored.password_hash);
        let (password, hash) = (password.to_owned(), hash.clone());
        let check = move || password::verify(&password, &hash);
        blocking::spawn(check)
            .await
            .map_err(|error| ApiError::internal("password check", &error))
    }

    fn right(&self, pair: [u8; 32], place: Place, stored: &Stored) {
        let now = Instant::now();
        self.guard.succeeded(place, now);
        self.passwords.remember(pair, &stored.password_hash, now);
    }

    fn wrong(&self, place: Place) {
        tracing::warn!(network = %place.1, "wrong login or password");
        self.metrics.refused(Shown::Password, Reason::Wrong);
        self.guard.missed(place, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn use_keeps_a_pair_in_mind_while_its_hash_stays() {
        let (passwords, start) = (Passwords::default(), Instant::now());
        let pair = [7; 32];
        passwords.remember(pair, "hash", start);
        let later = start + REMEMBER / 2;
        assert!(!passwords.recall(&pair, "changed", later));
        assert!(passwords.recall(&pair, "hash", later));
        assert!(passwords.recall(&pair, "hash", start + REMEMBER));
        assert!(!passwords.recall(&pair, "hash", start + 3 * REMEMBER));
        assert!(!passwords.recall(&[8; 32], "hash", start));
    }

    #[test]
    fn what_is_remembered_stays_bounded() {
        let (passwords, now) = (Passwords::default(), Instant::now());
        for n in 0..=MAX_REMEMBERED {
            let mut pair = [0; 32];
            pair[..8].copy_from_slice(&n.to_be_bytes());
            passwords.remember(pair, "hash", now);
        }
        assert_eq!(passwords.lock().len(), MAX_REMEMBERED);
        passwords.remember([9; 32], "hash", now + 2 * REMEMBER);
        assert_eq!(passwords.lock().len(), 1);
    }
}
