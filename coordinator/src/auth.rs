//! Who asks: HTTP Basic credentials against stored Argon2id hashes.
//!
//! Verifying costs tens of milliseconds on purpose, so a verified pair is remembered for a short
//! time under a keyed hash (never the password itself), and a login that keeps failing from one
//! address has to wait, as has an address that keeps failing with any login. The latter would
//! lock out everybody behind one proxy, so a login that succeeded from an address lately is
//! excused from it. Every request looks the account up, so a changed password or a removed
//! account counts at once.

pub mod backoff;
mod known;
pub mod password;

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::future::BoxFuture;
use goshawk_proto::id::AccountId;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::errors::{ApiError, Code};
use backoff::Backoff;
use known::Known;

/// How long a verified pair is remembered after its last use.
const REMEMBER: Duration = Duration::from_secs(60);
/// Most remembered pairs.
const MAX_REMEMBERED: usize = 1024;
/// Passwords hashed at once.
const HASHERS: usize = 2;
/// Misses of one address, whatever the login, before it has to wait.
const FREE_MISSES_OF_ADDRESS: u32 = 30;
const WRONG: &str = "Account login or password are incorrect";
const BAD_FORMAT: &str = "Bad format basic authorization header";

/// What an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sees and changes its own objects.
    User,
    /// Sees everybody's objects, changes its own.
    AdvancedUser,
    /// Also administers the installation.
    Admin,
}

/// Somebody whose credentials were right, or whom a trusted service names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub account_id: AccountId,
    /// What it may do.
    pub role: Role,
}

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

/// Where accounts are kept.
pub trait Credentials: Send + Sync + 'static {
    /// The account with this login. Errors are logged and refused as internal.
    fn by_login<'a>(&'a self, login: &'a str) -> BoxFuture<'a, Result<Option<Stored>, ApiError>>;
    /// The account with this id.
    fn by_id(&self, id: AccountId) -> BoxFuture<'_, Result<Option<Stored>, ApiError>>;
}

struct Remembered {
    password_hash: String,
    until: Instant,
}

#[derive(Default)]
struct State {
    remembered: HashMap<[u8; 32], Remembered>,
    logins: Backoff<Place>,
    /// Where logins succeeded lately.
    known: Known<Place>,
}

/// A login, hashed, and the network it comes from.
type Place = ([u8; 32], IpAddr);

/// Checks credentials.
pub struct Authenticator {
    credentials: Arc<dyn Credentials>,
    /// Makes remembered keys useless outside this process.
    key: [u8; 32],
    /// Verified when a login is unknown, so that the answer takes as long as for a known one.
    decoy: String,
    hashers: Arc<Semaphore>,
    state: Mutex<State>,
    addresses: Mutex<Backoff<IpAddr>>,
}

impl Authenticator {
    /// Checks against `credentials`. Hashes once: not on an async worker.
    pub fn new(credentials: Arc<dyn Credentials>) -> Result<Self, argon2::password_hash::Error> {
        let key: [u8; 32] = rand::random();
        Ok(Self {
            credentials,
            decoy: password::hash(&STANDARD.encode(rand::random::<[u8; 18]>()))?,
            key,
            hashers: Arc::new(Semaphore::new(HASHERS)),
            state: Mutex::default(),
            addresses: Mutex::new(Backoff::allowing(FREE_MISSES_OF_ADDRESS)),
        })
    }

    /// The account that trusted services name.
    pub async fn named(&self, id: AccountId) -> Result<Caller, ApiError> {
        let stored = self.credentials.by_id(id).await?;
        let stored = stored.ok_or_else(|| failed(WRONG))?;
        Ok(Caller {
            account_id: stored.account_id,
            role: stored.role,
        })
    }

    /// Who shows the `Authorization` header `value`.
    pub async fn header(&self, value: &str, peer: IpAddr) -> Result<Caller, ApiError> {
        let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
        if scheme.eq_ignore_ascii_case("bearer") {
            // Tokens are not issued by this installation, so none can be right.
            return Err(failed("Specified token corrupted"));
        }
        let decoded = scheme
            .eq_ignore_ascii_case("basic")
            .then(|| STANDARD.decode(rest.trim()).ok())
            .flatten();
        let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        let Some((login, password)) = decoded.as_deref().and_then(|text| text.split_once(':'))
        else {
            return Err(failed(BAD_FORMAT));
        };
        self.login(login, password, peer).await
    }

    /// Who has this login and password.
    pub async fn login(
        &self,
        login: &str,
        password: &str,
        peer: IpAddr,
    ) -> Result<Caller, ApiError> {
        let stored = if login.len() <= 512 {
            self.credentials.by_login(login).await?
        } else {
            None
        };
        let pair = self.digest(&[login, password]);
        let peer = network(peer);
        let key = (self.digest(&[login]), peer);
        if let Some(stored) = &stored
            && self.recall(&pair, &stored.password_hash, &key)
        {
            return Ok(Caller {
                account_id: stored.account_id,
                role: stored.role,
            });
        }
        let slot = self.slot().await?;
        // Looked at with the slot in hand, so that guesses sent at once do not slip through.
        if let Some(wait) = self.waits(&key, peer) {
            return Err(failed(WRONG).retry_after(wait));
        }
        let hash = stored
            .as_ref()
            .map_or_else(|| self.decoy.clone(), |stored| stored.password_hash.clone());
        let right =
            password.len() <= password::MAX_PASSWORD_BYTES && verify(password, hash).await?;
        match stored.filter(|_| right) {
            Some(stored) => {
                self.remember(pair, &stored.password_hash, &key);
                Ok(Caller {
                    account_id: stored.account_id,
                    role: stored.role,
                })
            }
            None => {
                self.missed(key, peer);
                drop(slot);
                Err(failed(WRONG))
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
        let hashed = tokio::task::spawn_blocking(hash).await;
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

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn addresses(&self) -> std::sync::MutexGuard<'_, Backoff<IpAddr>> {
        self.addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the pair was verified lately against this very hash; remembers it longer if so.
    fn recall(&self, pair: &[u8; 32], hash: &str, key: &Place) -> bool {
        let now = Instant::now();
        let mut state = self.state();
        let Some(known) = state.remembered.get_mut(pair) else {
            return false;
        };
        let same = bool::from(known.password_hash.as_bytes().ct_eq(hash.as_bytes()));
        let fresh = same && known.until > now;
        if fresh {
            known.until = now + REMEMBER;
            state.known.note(*key, now);
        }
        fresh
    }

    fn waits(&self, key: &Place, peer: IpAddr) -> Option<Duration> {
        let now = Instant::now();
        let state = self.state();
        let of_login = state.logins.wait(key, now);
        if state.known.is_known(key, now) {
            return of_login;
        }
        of_login.max(self.addresses().wait(&peer, now))
    }

    fn missed(&self, key: Place, peer: IpAddr) {
        tracing::warn!(%peer, "wrong credentials");
        self.state().logins.missed(key, Instant::now());
        self.addresses().missed(peer, Instant::now());
    }

    fn remember(&self, pair: [u8; 32], hash: &str, key: &Place) {
        let now = Instant::now();
        let mut state = self.state();
        state.logins.succeeded(key);
        state.known.note(*key, now);
        if state.remembered.len() >= MAX_REMEMBERED {
            state.remembered.retain(|_, known| known.until > now);
        }
        if state.remembered.len() < MAX_REMEMBERED {
            state.remembered.insert(
                pair,
                Remembered {
                    password_hash: hash.to_owned(),
                    until: now + REMEMBER,
                },
            );
        }
    }
}

async fn verify(password: &str, hash: String) -> Result<bool, ApiError> {
    let password = password.to_owned();
    let check = move || password::verify(&password, &hash);
    tokio::task::spawn_blocking(check)
        .await
        .map_err(|error| ApiError::internal("password check", &error))
}

/// What counts as one client: an address, or in IPv6 the /64 that one client usually gets whole.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        v4 => v4,
    }
}

fn failed(detail: &str) -> ApiError {
    ApiError::new(Code::AuthorizationFailed, detail)
}

#[cfg(test)]
mod tests;
