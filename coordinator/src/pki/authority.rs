//! The authority: hands out join tokens, enrols agents, revokes them.

use std::{
    collections::HashMap,
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use goshawk_proto::{
    id::{AgentId, JoinTokenId},
    link::{
        Fingerprint, JoinSecret, JoinToken,
        control::{Renew, Renewed},
        enrol::{Enrol, EnrolRefusal, EnrolRefused, Enrolled, MAX_NAME_CHARS},
    },
    time::Timestamp,
};
use rustls::{pki_types::CertificateDer, sign::CertifiedKey};
use serde_bytes::ByteBuf;
use tokio::sync::watch;

use super::{
    certificates::{CertificateAuthority, SigningRequest},
    records::{AgentInfo, AgentRecord, JoinTokenInfo, JoinTokenRecord, Redeemed, TokenProblem},
};
use crate::{
    files,
    store::{AgentRegistry, JoinTokenStore, StoreError},
};

/// Most join tokens that are remembered at once; older spent ones are forgotten first.
pub const MAX_JOIN_TOKENS: usize = 1_000;
/// Longest label of a join token in characters.
const MAX_LABEL_CHARS: usize = 128;

/// Why the authority cannot do something. For the coordinator's log and for operators.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file cannot be read or written, or holds something else.
    #[error("{path}: {reason}")]
    File {
        /// Which file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The CA's files do not fit.
    #[error("the coordinator's CA is unusable: {0}")]
    Ca(&'static str),
    /// A certificate cannot be made.
    #[error("a certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS settings cannot be made.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The store failed.
    #[error("agents and join tokens: {0}")]
    Store(#[from] StoreError),
    /// All remembered tokens are still usable.
    #[error("{MAX_JOIN_TOKENS} join tokens are still unused; revoke some first")]
    TooManyTokens,
}

/// Why an agent gets no new certificate.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// The agent's fault, in words for it.
    #[error("{0}")]
    Request(&'static str),
    /// Ours.
    #[error(transparent)]
    Pki(#[from] PkiError),
}

impl PkiError {
    pub(super) fn file(path: &Path, reason: &dyn fmt::Display) -> Self {
        Self::File {
            path: path.display().to_string(),
            reason: reason.to_string(),
        }
    }
}

struct Server {
    key: Arc<CertifiedKey>,
    renew_at: SystemTime,
}

/// Where agents and join tokens are kept.
pub trait Registry: JoinTokenStore + AgentRegistry + Send + Sync {}

impl<T: JoinTokenStore + AgentRegistry + Send + Sync> Registry for T {}

/// See the module.
pub struct Authority {
    ca: CertificateAuthority,
    server: Mutex<Server>,
    store: Arc<dyn Registry>,
    /// Held while an agent is admitted or revoked: neither may happen in the middle of the other,
    /// or the later write of an enrolment would undo a revocation.
    membership: Mutex<()>,
    /// Every enrolled agent and whether it is revoked: what the handshake asks.
    standing: RwLock<HashMap<AgentId, bool>>,
    /// Counts revocations, so that live connections look again.
    revocations: watch::Sender<u64>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({})", self.ca_fingerprint())
    }
}

fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

impl Authority {
    /// Opens the CA in `dir/pki`, made at the first start, with what the store remembers.
    pub fn open(dir: &Path, store: Arc<dyn Registry>) -> Result<Arc<Self>, PkiError> {
        let dir = dir.join("pki");
        files::private_folder(&dir).map_err(|e| PkiError::file(&dir, &e))?;
        let ca = CertificateAuthority::open(&dir)?;
        let (key, renew_at) = ca.issue_server(SystemTime::now())?;
        let agents = store.agents()?;
        let standing = agents
            .iter()
            .map(|agent| (agent.agent_id, agent.revoked_at.is_some()));
        Ok(Arc::new(Self {
            ca,
            server: Mutex::new(Server {
                key: Arc::new(key),
                renew_at,
            }),
            store,
            membership: Mutex::new(()),
            standing: RwLock::new(standing.collect()),
            revocations: watch::Sender::new(0),
        }))
    }

    /// SHA-256 of the CA certificate, as it is in join tokens.
    pub fn ca_fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.ca.der())
    }

    /// The CA certificate.
    pub fn ca_pem(&self) -> &str {
        self.ca.pem()
    }

    pub(crate) fn ca_der(&self) -> &CertificateDer<'static> {
        self.ca.der()
    }

    /// Makes a join token that is good for `ttl`. The token is shown once and not kept.
    pub fn create_join_token(
        &self,
        ttl: Duration,
        label: &str,
    ) -> Result<(JoinToken, JoinTokenInfo), PkiError> {
        let now = now();
        let secret = JoinSecret::new(rand::random());
        let record = JoinTokenRecord {
            id: JoinTokenId::random(),
            digest: secret.digest(),
            label: label.chars().take(MAX_LABEL_CHARS).collect(),
            created_at: now,
            expires_at: now.after(ttl),
            used: None,
            revoked_at: None,
        };
        let info = record.info(now);
        let token = JoinToken {
            ca: self.ca_fingerprint(),
            id: record.id,
            secret,
        };
        match self.store.create_join_token(&record, MAX_JOIN_TOKENS)? {
            true => Ok((token, info)),
            false => Err(PkiError::TooManyTokens),
        }
    }

    /// Every remembered token, newest first, without secrets.
    pub fn join_tokens(&self) -> Result<Vec<JoinTokenInfo>, PkiError> {
        let now = now();
        let tokens = self.store.join_tokens()?;
        let mut tokens: Vec<_> = tokens.iter().map(|token| token.info(now)).collect();
        tokens.sort_by_key(|token| std::cmp::Reverse(token.created_at));
        Ok(tokens)
    }

    /// Takes a token back; `false`: there is no such token. One that was used stays used.
    pub fn revoke_join_token(&self, id: JoinTokenId) -> Result<bool, PkiError> {
        let now = now();
        let revoke = &mut |token: &mut JoinTokenRecord| {
            token.revoked_at.get_or_insert(now);
        };
        found(self.store.update_join_token(id, revoke))
    }

    /// Every agent, by name and id.
    pub fn agents(&self) -> Result<Vec<AgentInfo>, PkiError> {
        let mut agents = self.store.agents()?;
        agents.sort_by(|a, b| (&a.name, a.agent_id).cmp(&(&b.name, b.agent_id)));
        Ok(agents)
    }

    /// Revokes an agent for good: its connection is cut and it does not come in again. `false`:
    /// there is no such agent.
    pub fn revoke_agent(&self, id: AgentId) -> Result<bool, PkiError> {
        let now = now();
        let revoke = &mut |agent: &mut AgentRecord| {
            agent.revoked_at.get_or_insert(now);
        };
        let _alone = self.lock_membership();
        if !found(self.store.update_agent(id, revoke))? {
            return Ok(false);
        }
        self.set_standing(id, true);
        self.revocations.send_modify(|count| *count += 1);
        Ok(true)
    }

    fn lock_membership(&self) -> MutexGuard<'_, ()> {
        // It guards no data of its own, so a panic under it leaves nothing half-done.
        self.membership
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the agent was enrolled here and not revoked since.
    pub fn is_welcome(&self, id: AgentId) -> bool {
        let standing = self.standing.read().unwrap_or_else(PoisonError::into_inner);
        standing.get(&id) == Some(&false)
    }

    /// Changes whenever an agent is revoked.
    pub(crate) fn revocations(&self) -> watch::Receiver<u64> {
        self.revocations.subscribe()
    }

    fn set_standing(&self, id: AgentId, revoked: bool) {
        let mut standing = self
            .standing
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        standing.insert(id, revoked);
    }

    /// The server's certificate, renewed first if its end is near. A failed renewal leaves the old
    /// one, which is good for weeks yet, and is tried again at the next connection.
    pub(crate) fn server_key(&self) -> Arc<CertifiedKey> {
        self.server_key_at(SystemTime::now())
    }

    pub(super) fn server_key_at(&self, now: SystemTime) -> Arc<CertifiedKey> {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        if now >= server.renew_at {
            match self.ca.issue_server(now) {
                Ok((key, renew_at)) => {
                    *server = Server {
                        key: Arc::new(key),
                        renew_at,
                    }
                }
                Err(error) => tracing::warn!(%error, "the server certificate cannot be renewed"),
            }
        }
        server.key.clone()
    }

    /// Enrols an agent against its join token, or says why not.
    pub fn enrol(&self, request: &Enrol) -> Result<Enrolled, EnrolRefused> {
        let now = now();
        let digest = request.secret.digest();
        // Nothing is parsed for someone who does not hold a token.
        match self.store.join_token(request.token_id) {
            Ok(token) if token.has_digest(&digest) => {}
            Ok(_) | Err(StoreError::NotFound { .. }) => {
                return Err(refused(TokenProblem::Unknown));
            }
            Err(error) => return Err(internal(&error.into())),
        }
        check_name(&request.name)?;
        let signing = SigningRequest::parse(&request.csr).map_err(bad_request)?;
        let _alone = self.lock_membership();
        let agent_id = self.redeem(now, request.token_id, &digest, signing.key())?;
        self.admit(now, agent_id, request, &signing)
            .map_err(|error| internal(&error))
    }

    /// A new certificate for an agent, over the key of its request; nothing else about it changes.
    /// The caller knows who it is by its old certificate.
    pub fn renew(&self, agent: AgentId, request: &Renew) -> Result<Renewed, RenewError> {
        let signing = SigningRequest::parse(&request.csr).map_err(RenewError::Request)?;
        let _alone = self.lock_membership();
        if !self.is_welcome(agent) {
            return Err(RenewError::Request("the agent is revoked"));
        }
        let issued = self.ca.issue_agent(agent, &signing, SystemTime::now());
        let (certificate, ends) = issued?;
        let ends = Timestamp::from_system(ends);
        let note = &mut |record: &mut AgentRecord| record.certificate_expires_at = ends;
        self.store
            .update_agent(agent, note)
            .map_err(PkiError::from)?;
        Ok(Renewed {
            certificate: ByteBuf::from(certificate.to_vec()),
            ca: ByteBuf::from(self.ca.der().to_vec()),
        })
    }

    fn redeem(
        &self,
        now: Timestamp,
        token: JoinTokenId,
        digest: &[u8; 32],
        key: Fingerprint,
    ) -> Result<AgentId, EnrolRefused> {
        let fresh = AgentId::random();
        let mut outcome = Err(TokenProblem::Unknown);
        let change = &mut |record: &mut JoinTokenRecord| {
            outcome = record.redeem(now, digest, key, fresh);
        };
        // One that was forgotten in the meantime leaves the outcome at unknown.
        found(self.store.update_join_token(token, change)).map_err(|e| internal(&e))?;
        match outcome.map_err(refused)? {
            Redeemed::First(agent) => Ok(agent),
            // Revoked in the meantime: a lost answer must not bring it back.
            Redeemed::Again(agent) if self.is_revoked(agent) => Err(refused(TokenProblem::Revoked)),
            Redeemed::Again(agent) => Ok(agent),
        }
    }

    fn is_revoked(&self, id: AgentId) -> bool {
        let standing = self.standing.read().unwrap_or_else(PoisonError::into_inner);
        standing.get(&id) == Some(&true)
    }

    /// Remembers the agent before its certificate leaves the house.
    fn admit(
        &self,
        now: Timestamp,
        agent_id: AgentId,
        request: &Enrol,
        signing: &SigningRequest,
    ) -> Result<Enrolled, PkiError> {
        let (certificate, ends) = self.ca.issue_agent(agent_id, signing, SystemTime::now())?;
        self.store.put_agent(&AgentRecord {
            agent_id,
            name: request.name.trim().to_owned(),
            enrolled_at: now,
            certificate_expires_at: Timestamp::from_system(ends),
            join_token_id: request.token_id,
            revoked_at: None,
        })?;
        self.set_standing(agent_id, false);
        Ok(Enrolled {
            agent_id,
            certificate: ByteBuf::from(certificate.to_vec()),
            ca: ByteBuf::from(self.ca.der().to_vec()),
        })
    }
}

/// Whether there was something to change.
fn found<T>(changed: Result<T, StoreError>) -> Result<bool, PkiError> {
    match changed {
        Ok(_) => Ok(true),
        Err(StoreError::NotFound { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn check_name(name: &str) -> Result<(), EnrolRefused> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS {
        return Err(bad_request(
            "the agent's name must have 1 to 128 characters",
        ));
    }
    if name.chars().any(char::is_control) {
        return Err(bad_request("the agent's name has control characters"));
    }
    Ok(())
}

fn bad_request(reason: &str) -> EnrolRefused {
    EnrolRefused {
        code: EnrolRefusal::BadRequest,
        reason: reason.to_owned(),
    }
}

fn refused(problem: TokenProblem) -> EnrolRefused {
    let code = match problem {
        TokenProblem::Unknown => EnrolRefusal::UnknownToken,
        TokenProblem::Used => EnrolRefusal::UsedToken,
        TokenProblem::Expired => EnrolRefusal::ExpiredToken,
        TokenProblem::Revoked => EnrolRefusal::RevokedToken,
    };
    EnrolRefused {
        code,
        reason: problem.to_string(),
    }
}

/// The reason stays in our log.
fn internal(error: &PkiError) -> EnrolRefused {
    tracing::error!(%error, "an agent could not be enrolled");
    EnrolRefused {
        code: EnrolRefusal::Internal,
        reason: "the coordinator failed; its log says why".to_owned(),
    }
}
