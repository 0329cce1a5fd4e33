//! Errors as the contracts write them: `{error_code, desc, detail, link}`.
//!
//! One table, [`Code`], gives every code its usual HTTP status, description and detail. A handler
//! says which code and what goes into the detail; nothing else decides what a client sees, so no
//! internal message can leak. Internal failures are logged where they become an [`ApiError`] and
//! reach the client only as code 11009.

mod catalogue;
mod domain;
mod page;

pub use catalogue::Code;
pub use page::page;

use std::{fmt, time::Duration};

use http::StatusCode;
use serde_json::{Value, json};

/// An answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    code: Code,
    status: StatusCode,
    detail: String,
    retry_after: Option<Duration>,
    challenge: Challenge,
}

/// What an answer with status 401 asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Challenge {
    /// Login and password.
    #[default]
    Basic,
    /// Another token.
    Bearer,
}

impl Challenge {
    /// The value of `WWW-Authenticate`.
    pub fn header(self) -> &'static str {
        match self {
            Self::Basic => "Basic realm='login:password'",
            Self::Bearer => "Bearer",
        }
    }
}

impl ApiError {
    /// An error with a detail of its own; [`Code::plain`] and [`Code::with`] use the table's.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            status: code.status(),
            detail: detail.into(),
            retry_after: None,
            challenge: Challenge::default(),
        }
    }

    /// A failure of ours: logged in full here, told to the client only as such.
    pub fn internal(what: &str, error: &dyn fmt::Display) -> Self {
        tracing::error!("{what}: {error}");
        Code::Internal.plain()
    }

    /// The same error with another HTTP status, where an operation documents one.
    pub fn status_is(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same error as 400 where it is 404: an operation that documents no 404 because what is
    /// missing was named in its body.
    pub fn status_is_400_if_missing(self) -> Self {
        match self.status {
            StatusCode::NOT_FOUND => self.status_is(StatusCode::BAD_REQUEST),
            _ => self,
        }
    }

    /// The same error, telling the client when to come again.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The same error, asking for `challenge` where its status is 401.
    pub fn asking(mut self, challenge: Challenge) -> Self {
        self.challenge = challenge;
        self
    }

    /// What it asks for where its status is 401.
    pub fn challenge(&self) -> Challenge {
        self.challenge
    }

    /// The code of the catalogue.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Whole seconds after which to come again.
    pub fn retry_after_s(&self) -> Option<u64> {
        self.retry_after
            .map(|wait| wait.as_secs_f64().ceil() as u64)
    }

    /// The body of the answer.
    pub fn body(&self) -> Value {
        body(self.code, &self.detail)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.number(), self.detail)
    }
}

impl std::error::Error for ApiError {}

impl Code {
    /// The error with the table's detail, without values.
    pub fn plain(self) -> ApiError {
        self.fill(&[])
    }

    /// The error with `value` in the detail's `{}`.
    pub fn with(self, value: impl fmt::Display) -> ApiError {
        self.fill(&[&value])
    }

    /// The error with `values` in the detail's `{}`s, one after the other; what has no value
    /// stays empty.
    pub fn fill(self, values: &[&dyn fmt::Display]) -> ApiError {
        let mut parts = self.detail().split("{}");
        let mut detail = parts.next().unwrap_or_default().to_owned();
        let mut values = values.iter();
        for part in parts {
            if let Some(value) = values.next() {
                detail.push_str(&value.to_string());
            }
            detail.push_str(part);
        }
        ApiError::new(self, detail)
    }

    /// The error of a body that does not fit: `path` in the contract's dotted form, empty for the
    /// whole body.
    pub fn at(self, path: &str, message: impl fmt::Display) -> ApiError {
        let why = format!("Failed to validate input json. Path: '{path}', message: '{message}'");
        ApiError::new(self, why)
    }
}

fn body(code: Code, detail: &str) -> Value {
    json!({
        "error_code": code.number(),
        "desc": code.desc(),
        "detail": detail,
        "link": format!("/docs/errors#{}", code.number()),
    })
}

/// The list of `codes` in the description of an answer.
pub fn listed(codes: &[Code]) -> String {
    let line = |code: &Code| format!("- {}: {}\n", code.number(), code.desc());
    codes.iter().map(line).collect()
}

/// The `error` object beside a picture that was processed without one.
pub fn success() -> Value {
    body(Code::Success, Code::Success.detail())
}

#[cfg(test)]
mod tests;
