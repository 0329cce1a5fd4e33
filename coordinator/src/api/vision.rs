//! Questions about pictures: what may be asked, and what failures look like from outside.

use std::time::Duration;

use goshawk_models::estimate::{Estimation, Wanted};
use goshawk_proto::id::AccountId;

use super::{Api, call::Call, estimations::feature, named, upload::Upload};
use crate::{
    errors::{ApiError, Code},
    process::{Analyzer, Ask, ExtractError, PictureFault, PictureKind, Seen},
};

/// Estimations that cannot be made of samples and are left out there, as the contract says.
const OF_SCENES: [Estimation; 6] = [
    Estimation::Landmarks68,
    Estimation::HeadPose,
    Estimation::Gaze,
    Estimation::Eyes,
    Estimation::Liveness,
    Estimation::Deepfake,
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

/// A question without what does not apply to pictures of that kind.
pub fn applicable(mut wanted: Wanted, kind: PictureKind) -> Wanted {
    if kind != PictureKind::Scene {
        wanted.landmarks5 = false;
        OF_SCENES.iter().for_each(|one| wanted.remove(*one));
        wanted.remove(Estimation::PeopleCount);
    }
    let of_others = |estimation: &Estimation| match kind {
        PictureKind::Scene => false,
        PictureKind::FaceSample => estimation.of_body(),
        PictureKind::BodySample => estimation.of_face(),
    };
    for estimation in Estimation::ALL.into_iter().filter(of_others) {
        wanted.remove(estimation);
    }
    match kind {
        PictureKind::Scene => {}
        PictureKind::FaceSample => wanted.body_warp = false,
        PictureKind::BodySample => wanted.face_warp = false,
    }
    wanted
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_apply_to_samples_is_left_out() {
        let all = Wanted::these(&Estimation::ALL);
        let face = applicable(all, PictureKind::FaceSample);
        assert!(face.has(Estimation::Basic) && face.has(Estimation::FaceDescriptor));
        assert!(!face.has(Estimation::Gaze) && !face.has(Estimation::PeopleCount));
        assert!(!face.bodies());
        let body = applicable(all, PictureKind::BodySample);
        assert!(body.has(Estimation::UpperBody) && !body.faces());
        assert_eq!(applicable(all, PictureKind::Scene), all);
    }
}
