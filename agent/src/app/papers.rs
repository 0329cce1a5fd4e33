//! Who this agent is: the certificate it has, or the token it can have one for.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use goshawk_proto::link::JoinToken;
use tokio_util::sync::CancellationToken;

use super::AppError;
use crate::{
    config::Config,
    enrol::{EnrolRequest, Identity, enrol},
    notify,
};

/// First and longest pause between attempts to enrol.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// What the agent can show for itself.
pub(crate) enum Papers {
    /// A certificate.
    Identity(Identity),
    /// A join token.
    Token(Box<EnrolRequest>),
}

impl Papers {
    /// Looks in the state folder, then in the settings.
    pub fn find(config: &Config) -> Result<Self, AppError> {
        let dir = identity_dir(config);
        if let Some(identity) = Identity::load(&dir)? {
            return Ok(Self::Identity(identity));
        }
        Ok(Self::Token(Box::new(EnrolRequest {
            coordinator: config.coordinator.clone(),
            token: join_token(config)?,
            name: agent_name(config),
            dir,
        })))
    }

    /// The identity, got for the token where need be; `None` when stopped meanwhile.
    pub async fn identity(self, cancel: &CancellationToken) -> Result<Option<Identity>, AppError> {
        let request = match self {
            Self::Identity(identity) => return Ok(Some(identity)),
            Self::Token(request) => request,
        };
        let mut pause = PAUSE.0;
        loop {
            let outcome = tokio::select! {
                () = cancel.cancelled() => return Ok(None),
                outcome = enrol(&request) => outcome,
            };
            match outcome {
                Ok(identity) => {
                    tracing::info!(agent = %identity.agent_id(), coordinator = %request.coordinator, "enrolled");
                    return Ok(Some(identity));
                }
                Err(error) if error.is_temporary() => {
                    tracing::warn!(%error, ?pause, "enrolment has to wait");
                    notify::tell(notify::State::Status("waits to be enrolled"));
                }
                Err(error) => return Err(error.into()),
            }
            tokio::select! {
                () = cancel.cancelled() => return Ok(None),
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(PAUSE.1);
        }
    }
}

/// Where the certificate and its key lie.
pub(super) fn identity_dir(config: &Config) -> PathBuf {
    config.state_dir.join("identity")
}

fn join_token(config: &Config) -> Result<JoinToken, AppError> {
    let text = match (&config.join_token, &config.join_token_file) {
        (Some(token), _) => token.expose().to_owned(),
        (None, Some(path)) => read_token(path)?,
        (None, None) => return Err(AppError::NoToken),
    };
    // The parser's own message does not show the token.
    text.trim()
        .parse()
        .map_err(|error| AppError::Token(format!("{error}")))
}

fn read_token(path: &Path) -> Result<String, AppError> {
    std::fs::read_to_string(path)
        .map_err(|error| AppError::Token(format!("{}: {error}", path.display())))
}

/// The name that people see: as set, else the host's.
pub(crate) fn agent_name(config: &Config) -> String {
    if !config.name.is_empty() {
        return config.name.clone();
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match host.trim() {
        "" => "agent".to_owned(),
        host => host.to_owned(),
    }
}
