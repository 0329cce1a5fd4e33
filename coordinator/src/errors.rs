//! Errors as the contracts write them: `{error_code, desc, detail, link}`.
//!
//! One table, [`Code`], gives every code its usual HTTP status, description and detail. A handler
//! says which code and what goes into the detail; nothing else decides what a client sees, so no
//! internal message can leak. Internal failures are logged where they become an [`ApiError`] and
//! reach the client only as code 11009.

mod catalogue;
mod domain;

pub use catalogue::Code;

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
}

impl ApiError {
    /// An error with a detail of its own; [`Code::plain`] and [`Code::with`] use the table's.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            status: code.status(),
            detail: detail.into(),
            retry_after: None,
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
    /// The error with the table's detail as it stands.
    pub fn plain(self) -> ApiError {
        ApiError::new(self, self.detail())
    }

    /// The error with `value` in the detail's `{}`.
    pub fn with(self, value: impl fmt::Display) -> ApiError {
        ApiError::new(self, self.detail().replacen("{}", &value.to_string(), 1))
    }

    /// The error of a body that does not fit: `path` in the contract's dotted form, empty for the
    /// whole body.
    pub fn at(self, path: &str, message: impl fmt::Display) -> ApiError {
        ApiError::new(
            self,
            format!("Failed to validate input json. Path: '{path}', message: '{message}'"),
        )
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

/// The `error` object beside a picture that was processed without one.
pub fn success() -> Value {
    body(Code::Success, Code::Success.detail())
}

/// The page that every error's `link` points at.
pub fn page() -> String {
    let mut html = String::from(
        "<!doctype html><meta charset=utf-8><title>Goshawk error codes</title>\
         <h1>Error codes</h1><table border=1><tr><th>code<th>status<th>description<th>detail",
    );
    for (at, code) in Code::ALL.iter().enumerate() {
        let number = code.number();
        // A few numbers have two descriptions in the contract; the first row carries the anchor.
        let first = Code::ALL[..at].iter().all(|other| other.number() != number);
        let anchor = if first {
            format!(" id={number}")
        } else {
            String::new()
        };
        html.push_str(&format!(
            "<tr{anchor}><td>{number}<td>{}<td>{}<td>{}",
            code.status().as_u16(),
            escape(code.desc()),
            escape(code.detail())
        ));
    }
    html.push_str("</table>");
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_contracts_four_fields() {
        let error = Code::ListNotFound.with("7acc35cf-a3b2-4f87-8d8b-5496a2782d37");
        assert_eq!(
            error.body(),
            json!({
                "error_code": 22003,
                "desc": "Object not found",
                "detail": "List with id '7acc35cf-a3b2-4f87-8d8b-5496a2782d37' not found",
                "link": "/docs/errors#22003",
            })
        );
        assert_eq!(error.status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn validation_errors_name_the_path() {
        let error = Code::BadJson.at("action", "field required");
        assert_eq!(
            error.body()["detail"],
            "Failed to validate input json. Path: 'action', message: 'field required'"
        );
    }

    #[test]
    fn codes_are_unique_and_on_the_page() {
        let page = page();
        for (at, code) in Code::ALL.iter().enumerate() {
            assert!(
                page.contains(&format!("<tr id={}>", code.number())),
                "{code:?}"
            );
            let same =
                |other: &Code| other.number() == code.number() && other.desc() == code.desc();
            assert!(!Code::ALL[at + 1..].iter().any(same), "{code:?}");
        }
    }
}
