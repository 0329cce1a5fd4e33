//! What failures of picture analysis look like from outside.

use std::time::Duration;

use super::Api;
use crate::{
    errors::{ApiError, Code},
    process::{Analyzer, ExtractError, PictureFault},
};

impl Api {
    /// The models, or the contract's error when none are installed.
    pub fn analyzer(&self) -> Result<&Analyzer, ApiError> {
        self.analyzer
            .as_ref()
            .ok_or_else(|| Code::FeatureDisabled.with("Face detection and extraction"))
    }
}

/// The error of one picture, to be put beside it; failures that are not the picture's fault end
/// the whole request.
pub fn outcome(error: ExtractError) -> Result<ApiError, ApiError> {
    match error {
        ExtractError::Picture { fault, message } => Ok(at_fault(fault, message)),
        error => Err(failure(error)),
    }
}

/// The error of a request that stands or falls with the analysis.
pub fn failure(error: ExtractError) -> ApiError {
    match error {
        ExtractError::Picture { fault, message } => at_fault(fault, message),
        ExtractError::Model(message) => ApiError::internal("inference", &message),
        ExtractError::Busy => {
            let wait = Duration::from_secs(1);
            Code::ProcessingTimeout
                .with(wait.as_secs())
                .retry_after(wait)
        }
    }
}

fn at_fault(fault: PictureFault, message: String) -> ApiError {
    match fault {
        PictureFault::UnknownFormat => Code::UnsupportedImage.plain(),
        PictureFault::TooLarge => ApiError::new(Code::BadImage, message),
        PictureFault::Empty | PictureFault::Broken => Code::BadImage.plain(),
    }
}
