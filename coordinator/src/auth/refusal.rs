//! Why credentials do not count, and the contract's words for it.

use std::time::Duration;

use goshawk_proto::id::AccountId;
use http::StatusCode;

use crate::errors::{ApiError, Challenge, Code};

/// Why credentials do not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Too many wrong ones came from there: not looked at before this time has passed.
    Locked(Duration),
    /// No such account, a wrong password, or no token that this installation signed.
    Wrong,
    /// A token that this installation signed, but that was deleted or replaced.
    Revoked,
    /// A token that has ended.
    Expired,
    /// They could not be checked.
    Failed(ApiError),
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

impl Refusal {
    /// The answer to a login and password in a header.
    pub fn of_login(self) -> ApiError {
        let wrong = || Code::AuthorizationFailed.with("Account login or password are incorrect");
        self.told(wrong, wrong, Challenge::Basic)
    }

    /// The answer to a token in a header or cookie.
    pub fn of_bearer(self) -> ApiError {
        let wrong = || Code::AuthorizationFailed.with("Specified token corrupted");
        self.told(wrong, wrong, Challenge::Bearer)
    }

    /// The answer to a login and password that are to be verified.
    pub fn of_verified_login(self) -> ApiError {
        let wrong = || Code::CredentialsWrong.plain();
        self.told(wrong, wrong, Challenge::Basic)
    }

    /// The answer to a token that is to be verified.
    pub fn of_verified_token(self) -> ApiError {
        let wrong = || Code::TokenUnknown.plain();
        self.told(wrong, || Code::TokenExpired.plain(), Challenge::Bearer)
    }

    /// The answer to an account's id that is to be verified.
    pub fn of_verified_account(self, id: AccountId) -> ApiError {
        let unauthorized = StatusCode::UNAUTHORIZED;
        let wrong = || Code::AccountNotFound.with(id).status_is(unauthorized);
        self.told(wrong, wrong, Challenge::Basic)
    }

    fn told(
        self,
        wrong: impl FnOnce() -> ApiError,
        expired: impl FnOnce() -> ApiError,
        challenge: Challenge,
    ) -> ApiError {
        match self {
            Self::Locked(wait) => wrong().retry_after(wait).asking(challenge),
            Self::Wrong | Self::Revoked => wrong().asking(challenge),
            Self::Expired => expired().asking(challenge),
            Self::Failed(error) => error,
        }
    }
}
