//! Tests of policy evaluation.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    code::GenderCode,
    event::{LabelMatches, MatchedFace},
    testing,
};

fn policies(body: Value) -> Policies {
    serde_json::from_value(body).unwrap()
}

fn matches(label: &str, similarity: f32) -> Vec<LabelMatches> {
    let candidates = vec![MatchedFace {
        face: testing::face(1, None),
        similarity,
    }];
    vec![LabelMatches {
        label: label.into(),
        candidates,
        targets: Vec::new(),
    }]
}

fn staff() -> Value {
    json!([{"label": "staff", "candidates": {"origin": "faces"}}])
}

#[test]
fn what_is_missing_is_asked_for_in_turn() {
    let policies = policies(json!({
        "extract_policy": {"extract_basic_attributes": 1},
        "match_policy": staff(),
    }));
    let mut facts = Facts {
        descriptor: Fact::Is(()),
        ..Facts::default()
    };
    assert_eq!(
        evaluate(&policies, &facts),
        [Effect::Extract {
            descriptor: false,
            basic: true
        }]
    );
    facts.basic = Fact::Is((30, GenderCode::Male));
    assert_eq!(evaluate(&policies, &facts), [Effect::Match(vec![0])]);
    let found = matches("staff", 0.9);
    facts.matches = Some(&found);
    let effects = evaluate(&policies, &facts);
    let expected = [
        Effect::StoreFaceSamples,
        Effect::StoreBodySamples,
        Effect::StoreEvent,
        Effect::Notify,
    ];
    assert_eq!(effects, expected);
}

#[test]
fn without_a_descriptor_nothing_is_matched() {
    let policies = policies(json!({"match_policy": staff()}));
    let facts = Facts {
        descriptor: Fact::Absent,
        ..Facts::default()
    };
    assert!(evaluate(&policies, &facts).contains(&Effect::StoreEvent));
}

#[test]
fn what_the_policy_did_not_ask_for_is_not_looked_at() {
    let policies = policies(json!({
        "extract_policy": {"extract_basic_attributes": 0, "extract_face_descriptor": 0},
        "match_policy": staff(),
        "conditional_tags_policy": [{"tag": "adult", "filters": {"age__gte": 18}}],
    }));
    // The agent has sent everything along.
    let basic = Fact::Is((30, GenderCode::Male));
    let facts = Facts {
        descriptor: Fact::Is(()),
        basic,
        ..Facts::default()
    };
    let effects = evaluate(&policies, &facts);
    assert!(
        !effects
            .iter()
            .any(|e| matches!(e, Effect::Match(_) | Effect::Tag(_))),
        "{effects:?}"
    );
}

#[test]
fn a_match_policy_with_conditions_runs_only_when_they_hold() {
    let body = json!({
        "extract_policy": {"extract_basic_attributes": 1},
        "match_policy": [
            {"label": "a", "candidates": {"origin": "faces"}, "filters": {"gender": 0}},
            {"label": "b", "candidates": {"origin": "faces"}, "filters": {"gender": 1}},
        ],
    });
    let basic = Fact::Is((30, GenderCode::Male));
    let facts = Facts {
        descriptor: Fact::Is(()),
        basic,
        ..Facts::default()
    };
    assert_eq!(evaluate(&policies(body), &facts), [Effect::Match(vec![1])]);
}

#[test]
fn strangers_are_kept_and_linked_and_acquaintances_tagged() {
    let list = "0b61258c-434f-45d6-964f-2131e58cd58c";
    let stranger = json!({"match": [{"label": "staff", "similarity__lte": 0.5}]});
    let policies = policies(json!({
        "match_policy": staff(),
        "storage_policy": {
            "face_policy": {
                "store_face": 1,
                "filters": stranger,
                "link_to_lists_policy": [{"list_id": list}, {"list_id": list}],
            },
            "event_policy": {"filters": {"match": [{"label": "staff", "similarity__gte": 0.5}]}},
            "notification_policy": {"send_notification": 0},
        },
        "conditional_tags_policy":
            [{"tag": "known", "filters": {"match": [{"label": "staff", "similarity__gte": 0.8}]}}],
    }));
    let evaluated = |similarity| {
        let found = matches("staff", similarity);
        let facts = Facts {
            descriptor: Fact::Is(()),
            matches: Some(&found),
            ..Facts::default()
        };
        evaluate(&policies, &facts)
    };
    let lists = vec![list.parse().unwrap()];
    let stored = Effect::StoreFace {
        avatar: true,
        lists,
    };
    assert_eq!(
        evaluated(0.3),
        [Effect::StoreFaceSamples, Effect::StoreBodySamples, stored]
    );
    let known = [
        Effect::Tag("known".into()),
        Effect::StoreFaceSamples,
        Effect::StoreBodySamples,
        Effect::StoreEvent,
    ];
    assert_eq!(evaluated(0.9), known);
}

#[test]
fn an_avatar_needs_its_sample() {
    let policies = policies(json!({"storage_policy": {
        "face_sample_policy": {"store_sample": 0},
        "face_policy": {"store_face": 1},
    }}));
    let facts = Facts {
        descriptor: Fact::Absent,
        ..Facts::default()
    };
    let stored = Effect::StoreFace {
        avatar: false,
        lists: Vec::new(),
    };
    assert!(evaluate(&policies, &facts).contains(&stored));
}

#[test]
fn a_picture_that_is_kept_elsewhere_is_not_copied() {
    let body = |external: u8| {
        policies(json!({"storage_policy": {
            "image_origin_policy": {"store_image": 1, "use_external_references": external},
        }}))
    };
    let facts = Facts {
        descriptor: Fact::Absent,
        has_image: true,
        has_reference: true,
        ..Facts::default()
    };
    assert!(!evaluate(&body(1), &facts).contains(&Effect::StoreImages));
    assert!(evaluate(&body(0), &facts).contains(&Effect::StoreImages));
}

fn flag() -> impl Strategy<Value = u8> {
    0u8..2
}

prop_compose! {
    fn any_policies()(
        flags in prop::collection::vec(flag(), 8),
        labels in prop::collection::vec(0u8..3, 0..4),
        ttl in 0u32..400,
        gte in 0u8..10,
    ) -> Policies {
        let condition = json!({"match": [{"label": "l0", "similarity__gte": f32::from(gte) / 10.0}]});
        policies(json!({
            "extract_policy": {"extract_face_descriptor": flags[0], "extract_basic_attributes": flags[1]},
            "match_policy": labels
                .iter()
                .map(|l| json!({"label": format!("l{l}"), "candidates": {"origin": "faces"}}))
                .collect::<Vec<_>>(),
            "storage_policy": {
                "face_sample_policy": {"store_sample": flags[2]},
                "image_origin_policy": {"store_image": flags[3]},
                "attribute_policy": {"store_attribute": flags[4], "ttl": ttl},
                "face_policy": {"store_face": flags[5], "filters": condition},
                "event_policy": {"store_event": flags[6]},
                "notification_policy": {"send_notification": flags[7]},
                "callbacks": [{"type": "luna-ws-notification", "filters": condition}],
            },
        }))
    }
}

proptest! {
    #[test]
    fn it_settles_within_three_steps_and_asks_for_nothing_twice(
        policies in any_policies(),
        found in any::<bool>(),
        extracted in any::<bool>(),
        similarity in 0.0f32..1.0,
    ) {
        let answer = matches("l0", similarity);
        let mut facts = Facts { has_image: true, ..Facts::default() };
        let mut last = Vec::new();
        for step in 0..3 {
            last = evaluate(&policies, &facts);
            prop_assert_eq!(&last, &evaluate(&policies, &facts), "equal facts, equal effects");
            match last.first() {
                Some(Effect::Extract { descriptor, basic }) => {
                    prop_assert_eq!(last.len(), 1);
                    prop_assert_eq!(step, 0);
                    if *descriptor {
                        facts.descriptor = if extracted { Fact::Is(()) } else { Fact::Absent };
                    }
                    if *basic {
                        facts.basic = Fact::Absent;
                    }
                }
                Some(Effect::Match(runs)) => {
                    prop_assert_eq!(last.len(), 1);
                    prop_assert!(!runs.is_empty() && extracted);
                    facts.matches = Some(if found { &answer } else { &[] });
                }
                _ => break,
            }
        }
        let asks = |e: &Effect| matches!(e, Effect::Extract { .. } | Effect::Match(_));
        prop_assert!(!last.iter().any(asks), "settled");
        let storage = &policies.storage_policy;
        let has = |e: Effect| last.contains(&e);
        prop_assert_eq!(has(Effect::StoreEvent), storage.event_policy.store_event.0);
        prop_assert_eq!(has(Effect::StoreImages), storage.image_origin_policy.store_image.0);
        prop_assert!(last.iter().filter(|e| **e == Effect::Notify).count() <= 1);
        let stored = last.iter().any(|e| matches!(e, Effect::StoreFace { .. }));
        prop_assert!(!stored || storage.face_policy.store_face.0);
    }
}
