//! Who asks: HTTP Basic credentials, tokens, and the cookie that holds one.
//!
//! * **Passwords** are kept as Argon2id hashes ([`password`]). Verifying costs tens of milliseconds
//!   on purpose, so a verified pair is remembered for a short time under a keyed hash, never the
//!   password itself.
//! * **Tokens** are signed texts ([`jwt`], [`keys`]) that name a row of the store. The row is the
//!   authority: it holds the hash of the one text that is good now, so a token that was deleted or
//!   replaced is refused from the next request on. Only the check of the signature is remembered.
//! * **The cookie** counts for pages of our own origin only ([`cookie`]).
//!
//! Every request looks the account, and the token's row, up in the store: a changed password or
//! type and a revoked token count at once. Whoever keeps failing has to wait ([`guard`]).

pub mod backoff;
mod basic;
mod bearer;
pub mod caller;
mod claim;
pub mod cookie;
pub mod guard;
pub mod jwt;
pub mod keys;
mod known;
pub mod metrics;
pub mod password;
mod refusal;

use std::{net::IpAddr, sync::Arc, time::Instant};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::future::BoxFuture;
use goshawk_coordinator_core::token::TokenRecord;
use goshawk_proto::id::{AccountId, TokenId};
use http::{HeaderMap, HeaderValue, Method, header};
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    blocking,
    errors::{ApiError, Challenge, Code},
};
use basic::Passwords;
use bearer::Tokens;
pub use caller::{Caller, CallerAccess, Scope};
pub use claim::Claim;
use guard::{Guard, Network, Place};
use keys::KeyRing;
use metrics::AuthMetrics;
pub use metrics::{Reason, Shown};
pub use refusal::Refusal;

/// What an account may do.
pub use goshawk_coordinator_core::account::AccountType as Role;

/// Passwords hashed at once.
const HASHERS: usize = 2;
const BAD_FORMAT: &str = "Bad format basic authorization header";

/// What is stored of an account.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The account.
    pub account_id: AccountId,
    /// What it may do.
    pub role: Role,
    /// Its password, hashed.
    pub password_hash: String,
}

/// Where accounts and tokens are kept.
pub trait Credentials: Send + Sync + 'static {
    /// The account with this login. Errors are logged and refused as internal.
    fn by_login<'a>(&'a self, login: &'a str) -> BoxFuture<'a, Result<Option<Stored>, ApiError>>;
    /// The account with this id.
    fn by_id(&self, id: AccountId) -> BoxFuture<'_, Result<Option<Stored>, ApiError>>;
    /// The token of that account with this id, and what its account may do. A row that cannot be
    /// read is error 11062.
    fn by_token(
        &self,
        account: AccountId,
        id: TokenId,
    ) -> BoxFuture<'_, Result<Option<(TokenRecord, Role)>, ApiError>>;
}

/// Checks credentials.
pub struct Authenticator {
    credentials: Arc<dyn Credentials>,
    /// Makes remembered hashes useless outside this process.
    key: [u8; 32],
    /// Verified when a login is unknown, so that the answer takes as long as for a known one.
    decoy: String,
    hashers: Arc<Semaphore>,
    passwords: Passwords,
    keys: KeyRing,
    tokens: Tokens,
    guard: Guard,
    metrics: AuthMetrics,
}

impl Authenticator {
    /// Checks against `credentials`. Hashes once: not on an async worker.
    pub fn new(
        credentials: Arc<dyn Credentials>,
        keys: KeyRing,
        metrics: AuthMetrics,
    ) -> Result<Self, argon2::password_hash::Error> {
        Ok(Self {
            credentials,
            key: rand::random(),
            decoy: password::hash(&STANDARD.encode(rand::random::<[u8; 18]>()))?,
            hashers: Arc::new(Semaphore::new(HASHERS)),
            passwords: Passwords::default(),
            keys,
            tokens: Tokens::default(),
            guard: Guard::default(),
            metrics,
        })
    }

    /// Who makes a request: the `Authorization` header's account or token, else the login
    /// cookie's. `None`: neither is there.
    pub async fn request(
        &self,
        method: &Method,
        headers: &HeaderMap,
        peer: IpAddr,
    ) -> Result<Option<Caller>, ApiError> {
        let mut shown = headers.get_all(header::AUTHORIZATION).iter();
        match (shown.next(), shown.next()) {
            (Some(value), None) => self.header(value, peer).await.map(Some),
            // Which of two is meant cannot be told.
            (Some(_), Some(_)) => Err(self.malformed()),
            (None, _) => match cookie::token(method, headers) {
                Some(token) => self.bearer(token, peer).await.map(Some),
                None => Ok(None),
            },
        }
    }

    /// Who shows this `Authorization` header.
    pub async fn header(&self, value: &HeaderValue, peer: IpAddr) -> Result<Caller, ApiError> {
        let value = value.to_str().unwrap_or_default();
        if let Some(token) = bearer_token(value) {
            return self.bearer(token, peer).await;
        }
        let Some((login, password)) = basic_pair(value) else {
            return Err(self.malformed());
        };
        let caller = self.login(&login, &password, peer).await;
        caller.map_err(Refusal::of_login)
    }

    /// Counts a request that was refused for what it showed, where that is not counted here.
    pub fn count_refused(&self, shown: Shown, reason: Reason) {
        self.metrics.refused(shown, reason);
    }

    fn malformed(&self) -> ApiError {
        self.metrics.refused(Shown::Password, Reason::Malformed);
        failed(BAD_FORMAT)
    }

    async fn bearer(&self, token: &str, peer: IpAddr) -> Result<Caller, ApiError> {
        self.token(token, peer).await.map_err(Refusal::of_bearer)
    }

    /// The account that trusted services name.
    pub async fn named(&self, id: AccountId) -> Result<Caller, ApiError> {
        let stored = self.credentials.by_id(id).await?;
        let stored = stored.ok_or_else(|| Refusal::Wrong.of_login())?;
        Ok(Caller::named(stored.account_id, stored.role))
    }

    /// The account of that id, asked for by somebody who need not show anything.
    pub async fn account(&self, id: AccountId, peer: IpAddr) -> Result<Caller, Refusal> {
        let (network, now) = (Network::of(peer), Instant::now());
        let place = (self.digest(&["account", &id.to_string()]), network);
        self.unlocked(&place, Shown::AccountId, now)?;
        match self.credentials.by_id(id).await? {
            Some(stored) => Ok(Caller::whole(stored.account_id, stored.role)),
            None => {
                self.guard.missed_by(network, now);
                self.metrics.refused(Shown::AccountId, Reason::Wrong);
                Err(Refusal::Wrong)
            }
        }
    }

    /// The stored form of a new password. Shares the turns of the checks, so that making accounts
    /// cannot take all of the machine.
    pub async fn hash(&self, password: String) -> Result<String, ApiError> {
        let slot = self.slot().await?;
        let hash = move || {
            // Held until the work is done, even when the client has left.
            let _slot = slot;
            password::hash(&password)
        };
        let hashed = blocking::spawn(hash).await;
        hashed
            .map_err(|error| ApiError::internal("password", &error))?
            .map_err(|error| ApiError::internal("password", &error))
    }

    async fn slot(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let slot = Arc::clone(&self.hashers).acquire_owned().await;
        slot.map_err(|error| ApiError::internal("password check", &error))
    }

    fn digest(&self, parts: &[&str]) -> [u8; 32] {
        let mut hasher = Sha256::new_with_prefix(self.key);
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize().into()
    }

    fn unlocked(&self, place: &Place, shown: Shown, now: Instant) -> Result<(), Refusal> {
        match self.guard.wait(place, now) {
            Some(wait) => {
                self.metrics.refused(shown, Reason::Locked);
                Err(Refusal::Locked(wait))
            }
            None => Ok(()),
        }
    }
}

/// The token in an `Authorization` header of that scheme.
pub fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Login and password in an `Authorization` header of that scheme.
fn basic_pair(value: &str) -> Option<(String, String)> {
    let (scheme, rest) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (login, password) = decoded.split_once(':')?;
    Some((login.to_owned(), password.to_owned()))
}

fn failed(detail: &str) -> ApiError {
    Code::AuthorizationFailed
        .with(detail)
        .asking(Challenge::Basic)
}

#[cfg(test)]
mod tests;
