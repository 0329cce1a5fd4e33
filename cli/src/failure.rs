//! What can go wrong, and the exit code that says so to a script.

use std::{fmt, process::ExitCode};

use serde_json::{Value, json};

/// A command that did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The coordinator answered with an error of its contract.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// Something on this side: a file that cannot be read, a list that is not there.
    #[error("{0}")]
    Failed(String),
    /// The command line or the configuration makes no sense.
    #[error("{0}")]
    Usage(String),
    /// No coordinator answers, or what answers is none.
    #[error("{0}")]
    Unreachable(String),
    /// There are no credentials, or they are not accepted.
    #[error("{0}")]
    Credentials(String),
    /// Whoever read our output has had enough; not an error for people.
    #[error("standard output was closed")]
    Closed,
}

/// An error of the contract, with what is needed to find it in the coordinator's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Method and path, such as `POST /6/lists`.
    pub request: String,
    /// HTTP status.
    pub status: u16,
    /// The contract's `error_code`.
    pub error_code: i64,
    /// The contract's short description.
    pub desc: String,
    /// What exactly was wrong.
    pub detail: String,
    /// `Luna-Request-Id` of the answer; empty when the answer had none.
    pub request_id: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            request,
            status,
            error_code,
            desc,
            detail,
            request_id,
        } = self;
        write!(
            f,
            "{request} was refused: {detail} ({desc}; code {error_code}, status {status}"
        )?;
        if !request_id.is_empty() {
            write!(f, ", request {request_id}")?;
        }
        f.write_str(")")
    }
}

impl Failure {
    /// A failure on this side with its cause.
    pub fn io(what: impl fmt::Display, error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::Closed;
        }
        Self::Failed(format!("{what}: {error}"))
    }

    /// The number that the program ends with.
    pub fn code(&self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Refused(refusal) if refusal.status == 401 => 4,
            Self::Refused(_) | Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
            Self::Credentials(_) => 4,
        }
    }

    /// The same for `main`.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    /// The error as a document for scripts. Fields of the contract keep their names.
    pub fn document(&self) -> Value {
        let mut document = json!({"exit_code": self.code(), "message": self.to_string()});
        if let (Self::Refused(refusal), Some(map)) = (self, document.as_object_mut()) {
            map.insert("request".to_owned(), json!(refusal.request));
            map.insert("status".to_owned(), json!(refusal.status));
            map.insert("error_code".to_owned(), json!(refusal.error_code));
            map.insert("desc".to_owned(), json!(refusal.desc));
            map.insert("detail".to_owned(), json!(refusal.detail));
            map.insert("request_id".to_owned(), json!(refusal.request_id));
        }
        document
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16) -> Failure {
        Failure::Refused(Box::new(Refusal {
            request: "GET /6/lists".to_owned(),
            status,
            error_code: 11065,
            desc: "Forbidden".to_owned(),
            detail: "No".to_owned(),
            request_id: "1,a".to_owned(),
        }))
    }

    #[test]
    fn every_failure_has_the_documented_code() {
        for (failure, code) in [
            (refused(404), 1),
            (refused(403), 1),
            (refused(500), 1),
            (refused(401), 4),
            (Failure::Failed(String::new()), 1),
            (Failure::Usage(String::new()), 2),
            (Failure::Unreachable(String::new()), 3),
            (Failure::Credentials(String::new()), 4),
            (Failure::Closed, 0),
        ] {
            assert_eq!(failure.code(), code, "{failure:?}");
        }
    }

    #[test]
    fn a_refusal_shows_code_detail_and_request() {
        let text = refused(403).to_string();
        for part in ["GET /6/lists", "No", "11065", "403", "1,a"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(refused(403).document()["error_code"], 11065);
    }
}
