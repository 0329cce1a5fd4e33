//! Questions about pictures: what may be asked, and what failures look like from outside.

use std::time::Duration;

use goshawk_models::estimate::{Estimation, Wanted};
use goshawk_proto::id::AccountId;

use super::{Api, call::Call, named, upload::Upload};
use crate::{
    errors::{ApiError, Code},
    estimations::feature,
    process::{Analyzer, Ask, ExtractError, PictureFault, Seen},
};

/// What can be wrong with one picture of several, told beside it.
pub const OF_PICTURES: [Code; 5] = [
    Code::ManyFaces,
    Code::BadImage,
    Code::UnsupportedImage,
    Code::InvalidImageSize,
    Code::BadRectangle,
];

impl Api {
    /// The models, or the contract's error when none are installed.
    pub fn analyzer(&self) -> Result<&Analyzer, ApiError> {
        self.analyzer
            .as_ref()
            .ok_or_else(|| Code::FeatureDisabled.with("Face detection and extraction"))
    }

    /// Refuses what no installed model or formula can tell.
    pub fn possible(&self, wanted: &Wanted) -> Result<(), ApiError> {
        match wanted.first_missing(self.analyzer()?.can()) {
            Some(missing) => Err(Code::FeatureDisabled.with(feature(missing))),
            None => Ok(()),
        }
    }

    /// Whether an estimation can be made here.
    pub fn can(&self, estimation: Estimation) -> bool {
        let analyzer = self.analyzer.as_ref();
        analyzer.is_some_and(|analyzer| analyzer.can().has(estimation))
    }
}

/// Whose pictures a request means: the caller's, or, where a service asks for no credentials, those
/// of the account in the header.
pub fn account(call: &Call) -> Result<AccountId, ApiError> {
    match &call.caller {
        Some(caller) => Ok(caller.account_id),
        None => named(&call.headers),
    }
}

/// Asks about a picture. The inner error is that of the picture, to be put beside the others.
pub async fn look(
    api: &Api,
    upload: Upload,
    ask: &Ask,
) -> Result<Result<Seen, ApiError>, ApiError> {
    let ask = Ask {
        faces: upload.faces,
        bodies: upload.bodies,
        ..ask.clone()
    };
    match api.analyzer()?.look(upload.bytes, ask).await {
        Ok(seen) => Ok(Ok(seen)),
        Err(error) => outcome(error).map(Err),
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
        PictureFault::NoSample => Code::InvalidImageSize.plain(),
        PictureFault::BoxOutside => Code::BadRectangle.plain(),
    }
}
