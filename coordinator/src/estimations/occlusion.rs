//! Which parts of a face are covered.

use goshawk_coordinator_core::{
    code::Flag,
    handler::sections::{EstimateFaceOcclusion, FaceArea},
};
use goshawk_models::estimate::OcclusionScores;
use goshawk_proto::score::Score;
use serde::Serialize;
use utoipa::ToSchema;

/// How much of each part is covered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct CoveredShares {
    /// Of the whole face.
    #[schema(minimum = 0, maximum = 1)]
    pub overall_score: f32,
    /// Of the face, by hair.
    #[schema(minimum = 0, maximum = 1)]
    pub hair_score: f32,
    /// Of the lower face.
    #[schema(minimum = 0, maximum = 1)]
    pub lower_face_score: f32,
    /// Of the nose.
    #[schema(minimum = 0, maximum = 1)]
    pub nose_score: f32,
    /// Of the mouth.
    #[schema(minimum = 0, maximum = 1)]
    pub mouth_score: f32,
    /// Of the forehead.
    #[schema(minimum = 0, maximum = 1)]
    pub forehead_score: f32,
    /// Of the eye on the left.
    #[schema(minimum = 0, maximum = 1)]
    pub left_eye_score: f32,
    /// Of the eye on the right.
    #[schema(minimum = 0, maximum = 1)]
    pub right_eye_score: f32,
}

/// Which parts count as covered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct CoveredParts {
    /// The lower face.
    pub lower_face_occluded: Flag,
    /// The mouth.
    pub mouth_occluded: Flag,
    /// The nose.
    pub nose_occluded: Flag,
    /// The eye on the left.
    pub left_eye_occluded: Flag,
    /// The eye on the right.
    pub right_eye_occluded: Flag,
    /// The forehead.
    pub forehead_occluded: Flag,
}

/// What of a face is covered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct OcclusionView {
    /// Whether the face as a whole counts as covered.
    pub prediction: Flag,
    /// How much of each part is.
    pub estimations: CoveredShares,
    /// Which parts count as covered.
    pub face_occlusion: CoveredParts,
}

fn over(share: Score, threshold: f64) -> Flag {
    // Shares are of single precision: what is at the threshold shall be so here.
    Flag(share.get() > threshold as f32)
}

impl OcclusionView {
    /// The shares against a handler's thresholds.
    pub fn of(found: &OcclusionScores, policy: &EstimateFaceOcclusion) -> Self {
        Self {
            prediction: over(found.overall, policy.occlusion_threshold),
            estimations: CoveredShares {
                overall_score: found.overall.get(),
                hair_score: found.hair.get(),
                lower_face_score: found.lower_face.get(),
                nose_score: found.nose.get(),
                mouth_score: found.mouth.get(),
                forehead_score: found.forehead.get(),
                left_eye_score: found.left_eye.get(),
                right_eye_score: found.right_eye.get(),
            },
            face_occlusion: CoveredParts {
                lower_face_occluded: over(found.lower_face, policy.lower_face_threshold),
                mouth_occluded: over(found.mouth, policy.mouth_threshold),
                nose_occluded: over(found.nose, policy.nose_threshold),
                left_eye_occluded: over(found.left_eye, policy.eye_threshold),
                right_eye_occluded: over(found.right_eye, policy.eye_threshold),
                forehead_occluded: over(found.forehead, policy.forehead_threshold),
            },
        }
    }

    /// The parts that count as covered, as filters name them.
    pub fn areas(&self) -> Vec<FaceArea> {
        let parts = &self.face_occlusion;
        [
            (FaceArea::Face, self.prediction.0),
            (FaceArea::Forehead, parts.forehead_occluded.0),
            (
                FaceArea::Eye,
                parts.left_eye_occluded.0 || parts.right_eye_occluded.0,
            ),
            (FaceArea::Nose, parts.nose_occluded.0),
            (FaceArea::Mouth, parts.mouth_occluded.0),
            (FaceArea::LowerFace, parts.lower_face_occluded.0),
        ]
        .into_iter()
        .filter(|(_, covered)| *covered)
        .map(|(area, _)| area)
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_over_their_thresholds_are_covered() {
        let share = Score::saturating;
        let found = OcclusionScores {
            overall: share(0.07),
            hair: share(0.9),
            lower_face: share(0.3),
            nose: share(0.1),
            mouth: share(0.16),
            forehead: share(0.0),
            left_eye: share(0.0),
            right_eye: share(0.5),
        };
        let view = OcclusionView::of(&found, &EstimateFaceOcclusion::default());
        assert_eq!(
            view.areas(),
            [FaceArea::Eye, FaceArea::Mouth, FaceArea::LowerFace]
        );
        let strict = EstimateFaceOcclusion {
            occlusion_threshold: 0.06,
            ..EstimateFaceOcclusion::default()
        };
        assert_eq!(
            OcclusionView::of(&found, &strict).areas()[0],
            FaceArea::Face
        );
    }
}
