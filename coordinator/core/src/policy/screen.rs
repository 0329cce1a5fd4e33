//! Which detections count: the thresholds of the detect and extract policies.

use goshawk_proto::detection::HeadPose;
use serde_json::{Value, json};

use crate::{code::LivenessCode, handler::Policies};

/// What is known of one detected face before anything is extracted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FaceFacts {
    /// Angles of the head, when known.
    pub head_pose: Option<HeadPose>,
    /// Fitness for recognition, 0 to 1, when known.
    pub fitness: Option<f32>,
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

/// Every reason why a face does not count; it counts where there is none. A threshold on
/// something unknown lets the face through; a wanted state that is not among them does not.
pub fn screen(
    policies: &Policies,
    face: FaceFacts,
    liveness: Option<LivenessCode>,
) -> Vec<FilterReason> {
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
    if let (Some(wanted), Some(state)) = (&detect.liveness_states, liveness)
        && !wanted.contains(&state)
    {
        out.push(FilterReason {
            name: "liveness_states",
            value: json!(state),
            threshold: json!(wanted),
        });
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(policies: Value, face: FaceFacts, liveness: Option<LivenessCode>, expect: &[&str]) {
        let policies: Policies = serde_json::from_value(policies).unwrap();
        let reasons = screen(&policies, face, liveness);
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
        };
        check(
            json!({"detect_policy": {"yaw_threshold": 30}}),
            face,
            None,
            &[],
        );
        check(
            json!({"detect_policy": {"yaw_threshold": 29}}),
            face,
            None,
            &["yaw_threshold"],
        );
        check(
            json!({"detect_policy": {"pitch_threshold": 9, "roll_threshold": 4}}),
            face,
            None,
            &["pitch_threshold", "roll_threshold"],
        );
        check(
            json!({"extract_policy": {"fd_score_threshold": 0.5}}),
            face,
            None,
            &[],
        );
        check(
            json!({"extract_policy": {"fd_score_threshold": 0.6}}),
            face,
            None,
            &["score_threshold"],
        );
        let unknown = FaceFacts::default();
        check(
            json!({"detect_policy": {"yaw_threshold": 0}}),
            unknown,
            None,
            &[],
        );
        let real = json!({"detect_policy": {"liveness_states": [1]}});
        check(real.clone(), face, Some(LivenessCode::Real), &[]);
        check(
            real,
            face,
            Some(LivenessCode::Unknown),
            &["liveness_states"],
        );
    }
}
