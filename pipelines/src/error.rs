//! Why a source cannot give frames.

use goshawk_proto::stream::FailureKind;

/// A source's failure: what kind it is, for whoever decides about retries, and what to tell an
/// operator. The message never holds credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    kind: FailureKind,
    message: String,
}

impl SourceError {
    /// An error from its parts; `message` must be free of credentials already.
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// [`FailureKind::Other`].
    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Other, message)
    }

    /// What sort of failure it is.
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// What happened, for people.
    pub fn message(&self) -> &str {
        &self.message
    }
}
