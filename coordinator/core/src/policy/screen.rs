//! Which detections count: the thresholds of the detect and extract policies.

use goshawk_proto::detection::HeadPose;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    code::{DeepfakeCode, LivenessCode, MaskCode},
    handler::{Policies, sections::FaceArea},
};

/// What is known of one detected face before anything is extracted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaceFacts {
    /// Angles of the head, when known.
    pub head_pose: Option<HeadPose>,
    /// Fitness for recognition, 0 to 1, when known.
    pub fitness: Option<f32>,
    /// Liveness, when it was asked for.
    pub liveness: Option<LivenessCode>,
    /// Its mask, when estimated.
    pub mask: Option<MaskCode>,
    /// Whether a machine made it, when estimated.
    pub deepfake: Option<DeepfakeCode>,
    /// Which parts are covered, when estimated.
    pub covered: Option<Vec<FaceArea>>,
    /// Checks of face quality that it failed, where they filter.
    pub failed_checks: Vec<FilterReason>,
}

/// Why a detection does not count, in the contract's names.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterReason {
    /// Which filter: `yaw_threshold`, `liveness_states`, …
    pub name: &'static str,
    /// What the detection has.
    pub value: Value,
    /// What the filter wants.
    pub threshold: Value,
}

/// Every reason why a face does not count; it counts where there is none. What is not known of a
/// face lets it through.
pub fn screen(policies: &Policies, face: &FaceFacts) -> Vec<FilterReason> {
    let detect = &policies.detect_policy;
    let pose = face.head_pose;
    let angles = [
        ("yaw_threshold", detect.yaw_threshold, pose.map(|p| p.yaw)),
        (
            "pitch_threshold",
            detect.pitch_threshold,
            pose.map(|p| p.pitch),
        ),
        (
            "roll_threshold",
            detect.roll_threshold,
            pose.map(|p| p.roll),
        ),
    ];
    let mut out = Vec::new();
    for (name, threshold, angle) in angles {
        let (Some(threshold), Some(angle)) = (threshold, angle) else {
            continue;
        };
        if angle.abs() > f32::from(threshold) {
            out.push(FilterReason {
                name,
                value: json!(angle),
                threshold: json!(threshold),
            });
        }
    }
    out.extend(not_among(
        "mask_states",
        detect.mask_states.as_deref(),
        face.mask,
    ));
    out.extend(not_among(
        "liveness_states",
        detect.liveness_states.as_deref(),
        face.liveness,
    ));
    out.extend(not_among(
        "deepfake_states",
        detect.deepfake_states.as_deref(),
        face.deepfake,
    ));
    if let (Some(free), Some(covered)) = (&detect.face_occlusion_states, &face.covered) {
        let over: Vec<FaceArea> = free
            .iter()
            .copied()
            .filter(|area| covered.contains(area))
            .collect();
        if !over.is_empty() {
            out.push(FilterReason {
                name: "face_occlusion_states",
                value: json!(over),
                threshold: json!(free),
            });
        }
    }
    out.extend(face.failed_checks.iter().cloned());
    let least = policies.extract_policy.fd_score_threshold;
    if let Some(fitness) = face.fitness
        && fitness < least
    {
        out.push(FilterReason {
            name: "score_threshold",
            value: json!(fitness),
            threshold: json!(least),
        });
    }
    out
}

/// The reason of a state that is none of those wanted.
fn not_among<T: PartialEq + Serialize>(
    name: &'static str,
    wanted: Option<&[T]>,
    state: Option<T>,
) -> Option<FilterReason> {
    let (wanted, state) = (wanted?, state?);
    (!wanted.contains(&state)).then(|| FilterReason {
        name,
        value: json!(state),
        threshold: json!(wanted),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(policies: Value, face: &FaceFacts, expect: &[&str]) {
        let policies: Policies = serde_json::from_value(policies).unwrap();
        let reasons = screen(&policies, face);
        assert_eq!(reasons.iter().map(|r| r.name).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn thresholds_let_through_what_is_at_them() {
        let pose = HeadPose {
            yaw: -30.0,
            pitch: 10.0,
            roll: 5.0,
        };
        let face = FaceFacts {
            head_pose: Some(pose),
            fitness: Some(0.5),
            ..FaceFacts::default()
        };
        check(json!({"detect_policy": {"yaw_threshold": 30}}), &face, &[]);
        check(
            json!({"detect_policy": {"yaw_threshold": 29}}),
            &face,
            &["yaw_threshold"],
        );
        check(
            json!({"detect_policy": {"pitch_threshold": 9, "roll_threshold": 4}}),
            &face,
            &["pitch_threshold", "roll_threshold"],
        );
        check(
            json!({"extract_policy": {"fd_score_threshold": 0.5}}),
            &face,
            &[],
        );
        check(
            json!({"extract_policy": {"fd_score_threshold": 0.6}}),
            &face,
            &["score_threshold"],
        );
        let unknown = FaceFacts::default();
        check(
            json!({"detect_policy": {"yaw_threshold": 0}}),
            &unknown,
            &[],
        );
    }

    #[test]
    fn states_that_are_not_wanted_are_reasons() {
        let face = FaceFacts {
            liveness: Some(LivenessCode::Unknown),
            mask: Some(MaskCode::MedicalMask),
            deepfake: Some(DeepfakeCode::Real),
            covered: Some(vec![FaceArea::Nose, FaceArea::Mouth]),
            ..FaceFacts::default()
        };
        for (policy, expect) in [
            (json!({"liveness_states": [2]}), &[][..]),
            (json!({"liveness_states": [1]}), &["liveness_states"]),
            (json!({"mask_states": [2, 3]}), &[]),
            (json!({"mask_states": [1]}), &["mask_states"]),
            (json!({"deepfake_states": [1]}), &[]),
            (json!({"deepfake_states": [0]}), &["deepfake_states"]),
            (json!({"face_occlusion_states": ["eye"]}), &[]),
            (
                json!({"face_occlusion_states": ["eye", "nose"]}),
                &["face_occlusion_states"],
            ),
        ] {
            check(json!({"detect_policy": policy}), &face, expect);
            check(json!({"detect_policy": policy}), &FaceFacts::default(), &[]);
        }
    }

    #[test]
    fn failed_checks_are_reasons() {
        let reason = FilterReason {
            name: "head_yaw",
            value: json!(12.0),
            threshold: json!({"min": -5.0, "max": 5.0}),
        };
        let face = FaceFacts {
            failed_checks: vec![reason],
            ..FaceFacts::default()
        };
        check(json!({}), &face, &["head_yaw"]);
    }
}
