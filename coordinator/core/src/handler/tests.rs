//! Tests of handler bodies against the contract's defaults and bounds.

use serde_json::{Value, json};

use super::*;
use crate::code::{DeepfakeCode, Flag, LivenessCode, Multiface};
use filters::Seen;

#[test]
fn an_empty_body_takes_the_contracts_defaults() {
    let new: NewHandler = serde_json::from_value(json!({"policies": {}})).unwrap();
    let policies = new.policies.unwrap();
    assert_eq!(policies.detect_policy.detect_face, Flag::ON);
    assert_eq!(policies.detect_policy.detect_body, Flag::OFF);
    assert_eq!(policies.detect_policy.multiface_policy, Multiface::All);
    assert_eq!(policies.extract_policy.extract_face_descriptor, Flag::ON);
    assert_eq!(policies.extract_policy.extract_basic_attributes, Flag::OFF);
    assert!(policies.match_policy.is_empty());
    let storage = &policies.storage_policy;
    assert_eq!(storage.face_sample_policy.store_sample, Flag::ON);
    assert_eq!(storage.image_origin_policy.store_image, Flag::OFF);
    assert_eq!(storage.attribute_policy.store_attribute, Flag::OFF);
    assert_eq!(storage.attribute_policy.ttl, 300);
    assert_eq!(storage.face_policy.store_face, Flag::OFF);
    assert_eq!(storage.face_policy.set_sample_as_avatar, Flag::ON);
    assert_eq!(storage.event_policy.store_event, Flag::ON);
    assert_eq!(storage.notification_policy.send_notification, Flag::ON);
    assert!(policies.check().is_ok());
    assert!(policies.unsupported(|_| false).is_empty());
}

#[test]
fn a_match_policy_takes_its_defaults_and_needs_candidates() {
    let list = "0b61258c-434f-45d6-964f-2131e58cd58c";
    let policy: MatchPolicy =
        serde_json::from_value(json!({"candidates": {"origin": "faces", "list_id": list}}))
            .unwrap();
    assert_eq!(
        (policy.limit, policy.threshold, policy.label.as_str()),
        (3, 0.0, "")
    );
    assert!(serde_json::from_value::<MatchPolicy>(json!({"label": "x"})).is_err());
    assert!(serde_json::from_value::<MatchPolicy>(json!({"candidates": {}})).is_err());
    let back: MatchPolicy = serde_json::from_value(serde_json::to_value(&policy).unwrap()).unwrap();
    assert_eq!(back, policy);
}

/// Bodies that the contract bounds, and the path that the complaint must name.
#[test]
fn what_is_out_of_bounds_is_named() {
    let faces = json!({"origin": "faces"});
    let list = "0b61258c-434f-45d6-964f-2131e58cd58c";
    let cases: Vec<(Value, &str)> = vec![
        (
            json!({"match_policy": [{"candidates": faces, "limit": 101}]}),
            "match_policy.0.limit",
        ),
        (
            json!({"match_policy": [{"candidates": faces, "limit": 0}]}),
            "match_policy.0.limit",
        ),
        (
            json!({"match_policy": [{"candidates": faces, "threshold": 1.1}]}),
            "match_policy.0.threshold",
        ),
        (
            json!({"match_policy": [{"candidates": faces, "targets": ["name"]}]}),
            "match_policy.0.targets",
        ),
        (
            json!({"match_policy": [{"candidates": {"origin": "faces", "face_ids": []}}]}),
            "match_policy.0.candidates.face_ids",
        ),
        (
            json!({"detect_policy": {"yaw_threshold": 181}}),
            "detect_policy.yaw_threshold",
        ),
        (
            json!({"extract_policy": {"fd_score_threshold": 2}}),
            "extract_policy.fd_score_threshold",
        ),
        (
            json!({"storage_policy": {"face_sample_policy": {"ttl": 8}}}),
            "storage_policy.face_sample_policy.ttl",
        ),
        (
            json!({"storage_policy": {"attribute_policy": {"ttl": 86401}}}),
            "storage_policy.attribute_policy.ttl",
        ),
        (
            json!({"storage_policy": {"face_policy": {"link_to_lists_policy":
                vec![json!({"list_id": list}); 31]}}}),
            "storage_policy.face_policy.link_to_lists_policy",
        ),
        (
            json!({"conditional_tags_policy": [{"tag": "t".repeat(37)}]}),
            "conditional_tags_policy.0.tag",
        ),
        (
            json!({"conditional_tags_policy": [{"tag": "t", "filters": {"age__lt": 101}}]}),
            "conditional_tags_policy.0.filters.age__lt",
        ),
    ];
    for (body, path) in cases {
        let policies: Policies = serde_json::from_value(body.clone()).unwrap();
        assert_eq!(policies.check().unwrap_err().path, path, "{body}");
    }
}

#[test]
fn what_no_model_estimates_is_said() {
    let policies: Policies = serde_json::from_value(json!({
        "detect_policy": {
            "estimate_mask": 1, "face_quality": {"estimate": 1}, "estimate_deepfake": {"estimate": 0},
            "detect_body": 1, "body_attributes": {"estimate_upper_body": 1}, "face_occlusion_states": ["nose"],
        },
        "match_policy": [{"candidates": {"origin": "events"}}],
    }))
    .unwrap();
    assert_eq!(
        policies.unsupported(|path| path == "detect_body"),
        [
            "detect_policy.estimate_mask",
            "detect_policy.face_quality",
            "detect_policy.body_attributes.estimate_upper_body",
            "detect_policy.face_occlusion_states",
            "match_policy.0.candidates.origin"
        ]
    );
}

fn holds(filters: Value, seen: Seen, best: Option<f32>) -> bool {
    let filters: EventConditions = serde_json::from_value(filters).unwrap();
    filters.hold(seen, &|label| if label == "staff" { best } else { None })
}

#[test]
fn conditions_on_what_was_not_estimated_do_not_hold() {
    let known = Seen {
        gender: None,
        age: Some(30),
        liveness: Some(LivenessCode::Real),
        deepfake: Some(DeepfakeCode::Real),
    };
    assert!(holds(json!({}), Seen::default(), None));
    assert!(holds(json!({"age__gte": 30, "age__lt": 31}), known, None));
    assert!(!holds(json!({"age__lt": 30}), known, None));
    assert!(!holds(json!({"age__gte": 0}), Seen::default(), None));
    assert!(!holds(json!({"gender": 1}), known, None));
    assert!(holds(json!({"liveness": [1, 2]}), known, None));
    assert!(!holds(json!({"liveness": [0]}), known, None));
    assert!(!holds(json!({"ethnicities": [1]}), known, None));
    assert!(holds(json!({"deepfake": [1]}), known, None));
    assert!(!holds(json!({"deepfake": [0]}), known, None));
    assert!(!holds(json!({"deepfake": [0, 1]}), Seen::default(), None));
}

#[test]
fn conditions_on_matches_look_at_the_best_of_their_label() {
    let seen = Seen::default();
    assert!(holds(json!({"match": []}), seen, None));
    assert!(!holds(json!({"match": [{"label": "staff"}]}), seen, None));
    assert!(holds(
        json!({"match": [{"label": "staff"}]}),
        seen,
        Some(0.1)
    ));
    assert!(holds(
        json!({"match": [{"label": "staff", "similarity__gte": 0.6}]}),
        seen,
        Some(0.6)
    ));
    assert!(!holds(
        json!({"match": [{"label": "staff", "similarity__gte": 0.6}]}),
        seen,
        Some(0.59)
    ));
    assert!(!holds(
        json!({"match": [{"label": "staff", "similarity__lte": 0.5}]}),
        seen,
        Some(0.6)
    ));
    assert!(!holds(
        json!({"match": [{"label": "staff"}, {"label": "guests"}]}),
        seen,
        Some(0.9)
    ));
}
