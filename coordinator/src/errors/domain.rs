//! What the domain's failures look like from outside.

use std::time::Duration;

use goshawk_coordinator_core::query::BadParameter;
use http::StatusCode;

use super::{ApiError, Code};
use crate::{
    api::service::Service,
    matcher::{MatchError, MatchingError},
    store::StoreError,
};

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { what, id } => missing(what).with(id),
            StoreError::Unavailable { after, message } => {
                tracing::warn!("store not available: {message}");
                Code::ProcessingTimeout
                    .with(after.as_secs().max(1))
                    .retry_after(after)
            }
            StoreError::Conflict { what, message } => Code::BadJson
                .at(what, message)
                .status_is(StatusCode::CONFLICT),
            error @ StoreError::Corrupt { .. } => ApiError::internal("store", &error),
        }
    }
}

impl From<BadParameter> for ApiError {
    fn from(bad: BadParameter) -> Self {
        if bad.target {
            return Self::new(Code::BadTarget, bad.message);
        }
        Code::BadQuery.with(bad.name)
    }
}

impl ApiError {
    /// The same error in the numbers of the service that tells it: what is one thing to the
    /// domain has a number of its own in some contracts.
    pub fn told_by(mut self, service: Service) -> Self {
        self.code = match (service, self.code) {
            (Service::Api, Code::StreamNotFound) => Code::ApiStreamNotFound,
            (Service::Streams, Code::Internal) => {
                self.detail = Code::StreamsInternal.detail().into();
                Code::StreamsInternal
            }
            (_, code) => code,
        };
        self
    }
}

/// The code of a missing object of some kind.
fn missing(what: &str) -> Code {
    match what {
        "face" => Code::FaceNotFound,
        "list" => Code::ListNotFound,
        "handler" => Code::HandlerNotFound,
        "stream" => Code::StreamNotFound,
        "event" => Code::EventNotFound,
        "attribute" => Code::AttributeNotFound,
        "account" => Code::AccountNotFound,
        _ => Code::ImageNotFound,
    }
}

impl From<MatchingError> for ApiError {
    fn from(error: MatchingError) -> Self {
        match error {
            MatchingError::Store(error) => error.into(),
            MatchingError::Match(MatchError::Timeout(limit)) => {
                Code::ProcessingTimeout.with(limit.as_secs())
            }
            MatchingError::Match(MatchError::Busy | MatchError::Stopped) => {
                let wait = Duration::from_secs(1);
                Code::ProcessingTimeout
                    .with(wait.as_secs())
                    .retry_after(wait)
            }
        }
    }
}
