//! What a handler's policies ask of a picture.

use goshawk_coordinator_core::{code::Multiface, handler::Policies};
use goshawk_models::estimate::{Capabilities, Estimation, Wanted};

use super::extract::{Ask, PictureKind, PictureOptions, applicable};

/// What something that a detect policy can ask for, by its path there, comes from; `None` where
/// nothing here does it.
pub fn estimation(path: &str) -> Option<Estimation> {
    Some(match path {
        "detect_body" => Estimation::BodyDetection,
        "estimate_emotions" => Estimation::Emotions,
        "estimate_mask" | "mask_states" => Estimation::Mask,
        "estimate_gaze" => Estimation::Gaze,
        "estimate_glasses" => Estimation::Glasses,
        "estimate_eyes_attributes" => Estimation::Eyes,
        "estimate_mouth_attributes" => Estimation::Mouth,
        "detect_landmarks68" => Estimation::Landmarks68,
        "estimate_deepfake" | "deepfake_states" => Estimation::Deepfake,
        "estimate_face_occlusion" | "face_occlusion_states" => Estimation::FaceOcclusion,
        "face_quality" => Estimation::FaceChecks,
        "estimate_people_count" => Estimation::PeopleCount,
        "body_attributes.estimate_basic_attributes" => Estimation::BodyBasic,
        "body_attributes.estimate_upper_body" => Estimation::UpperBody,
        "body_attributes.estimate_lower_body" => Estimation::LowerBody,
        "body_attributes.estimate_accessories" => Estimation::Accessories,
        _ => return None,
    })
}

/// What policies ask for.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// What is told of each face and body.
    pub shown: Wanted,
    /// What has to be found out, also for filters and storage.
    pub ask: Ask,
}

impl Question {
    /// What `policies` ask of pictures. Liveness is left out where nothing can tell it.
    pub fn of(policies: &Policies, options: PictureOptions, can: &Capabilities) -> Self {
        let detect = &policies.detect_policy;
        let kind = options.kind;
        let mut shown = shown(policies, kind);
        if !can.has(Estimation::Liveness) {
            shown.remove(Estimation::Liveness);
        }
        let mut wanted = shown;
        // Angles and fitness are what shots are screened and chosen by.
        let faces = shown.has(Estimation::FaceDetection);
        for estimation in [Estimation::HeadPose, Estimation::Quality] {
            wanted.add_if(faces, estimation);
        }
        wanted.landmarks5 = faces;
        wanted.face_warp = faces;
        wanted.body_warp = shown.has(Estimation::BodyDetection);
        Self {
            shown,
            ask: Ask {
                wanted: applicable(wanted, kind),
                kind,
                use_exif: options.use_exif,
                extract_exif: detect.extract_exif.0,
                best_only: detect.multiface_policy == Multiface::Best,
                ..Ask::default()
            },
        }
    }
}

fn shown(policies: &Policies, kind: PictureKind) -> Wanted {
    let detect = &policies.detect_policy;
    let is_scene = kind == PictureKind::Scene;
    let faces = detect.detect_face.0 || kind == PictureKind::FaceSample;
    let bodies = detect.detect_body.0 || kind == PictureKind::BodySample;
    let mut shown = Wanted::none();
    shown.add_if(faces, Estimation::FaceDetection);
    shown.add_if(bodies, Estimation::BodyDetection);
    shown.add_if(
        is_scene && detect.estimate_people_count.estimate.0,
        Estimation::PeopleCount,
    );
    shown.add_if(faces && detect.estimate_head_pose.0, Estimation::HeadPose);
    shown.add_if(faces && detect.estimate_quality.0, Estimation::Quality);
    let live = detect.estimate_liveness.estimate.0;
    shown.add_if(faces && live, Estimation::Liveness);
    for path in detect.asked() {
        let Some(estimation) = estimation(path) else {
            continue;
        };
        let sought = match estimation.of_face() {
            true => faces,
            false => bodies && estimation.of_body(),
        };
        shown.add_if(sought, estimation);
    }
    applicable(shown, kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn question(detect: Value, kind: PictureKind) -> Question {
        let policies = serde_json::from_value(json!({"detect_policy": detect})).unwrap();
        let options = PictureOptions {
            kind,
            use_exif: true,
        };
        Question::of(&policies, options, &Capabilities::none())
    }

    #[test]
    fn every_path_that_can_be_asked_for_has_its_estimation() {
        let all = json!({
            "detect_body": 1, "estimate_emotions": 1, "estimate_mask": 1, "estimate_gaze": 1,
            "estimate_glasses": 1, "estimate_eyes_attributes": 1, "estimate_mouth_attributes": 1,
            "detect_landmarks68": 1, "mask_states": [1], "deepfake_states": [1],
            "face_occlusion_states": ["eye"], "estimate_deepfake": {"estimate": 1},
            "estimate_face_occlusion": {"estimate": 1}, "face_quality": {"estimate": 1},
            "estimate_people_count": {"estimate": 1},
            "body_attributes": {
                "estimate_basic_attributes": 1, "estimate_upper_body": 1,
                "estimate_lower_body": 1, "estimate_accessories": 1,
            },
        });
        let policies: Policies = serde_json::from_value(json!({"detect_policy": all})).unwrap();
        let asked = policies.detect_policy.asked();
        assert_eq!(asked.len(), 19);
        assert!(asked.iter().all(|path| estimation(path).is_some()));
        assert_eq!(estimation("estimate_charm"), None);
    }

    #[test]
    fn what_is_not_looked_for_is_not_asked_of() {
        let detect = json!({"detect_face": 0, "estimate_gaze": 1, "body_attributes": {"estimate_upper_body": 1}});
        let nothing = question(detect, PictureKind::Scene);
        assert_eq!(nothing.ask.wanted, Wanted::none());
        let bodies = json!({"detect_face": 0, "detect_body": 1, "estimate_mouth_attributes": 1,
            "body_attributes": {"estimate_upper_body": 1}});
        let bodies = question(bodies, PictureKind::Scene);
        assert!(bodies.shown.has(Estimation::UpperBody) && !bodies.ask.wanted.faces());
        assert!(bodies.ask.wanted.body_warp);
    }

    #[test]
    fn faces_are_always_measured_for_the_filters() {
        let plain = question(json!({}), PictureKind::Scene);
        assert!(plain.ask.wanted.has(Estimation::HeadPose));
        assert!(plain.ask.wanted.has(Estimation::Quality) && plain.ask.wanted.face_warp);
        assert!(!plain.shown.has(Estimation::HeadPose) && !plain.shown.has(Estimation::Quality));
    }

    #[test]
    fn samples_are_asked_what_applies_to_them() {
        let detect = json!({"detect_face": 0, "estimate_gaze": 1, "estimate_mouth_attributes": 1,
            "detect_body": 1, "estimate_people_count": {"estimate": 1}});
        let face = question(detect.clone(), PictureKind::FaceSample);
        assert!(face.shown.has(Estimation::Mouth) && !face.shown.has(Estimation::Gaze));
        assert!(!face.ask.wanted.bodies() && !face.shown.has(Estimation::PeopleCount));
        let body = question(detect, PictureKind::BodySample);
        assert!(body.ask.wanted.bodies() && !body.ask.wanted.faces());
    }
}
