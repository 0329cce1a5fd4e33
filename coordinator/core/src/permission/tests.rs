//! Permissions as sets, and their published form.

use std::collections::BTreeSet;

use goshawk_proto::id::HandlerId;
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::*;

fn handler(n: u8) -> HandlerId {
    HandlerId(Uuid::from_u128(u128::from(n)))
}

fn list() -> impl Strategy<Value = Option<BTreeSet<HandlerId>>> {
    prop::option::of(prop::collection::btree_set(
        (0..5u8).prop_map(handler),
        1..4,
    ))
}

fn any_rule() -> impl Strategy<Value = UseRule<HandlerId>> {
    let parts = (any::<bool>(), list(), list());
    parts.prop_map(|(allowed, white_list, black_list)| UseRule {
        allowed,
        white_list,
        black_list,
    })
}

fn any_actions() -> impl Strategy<Value = Actions> {
    (0..32u8).prop_map(Actions)
}

prop_compose! {
    fn any_permissions()(
        objects in prop::collection::vec(any_actions(), Resource::COUNT),
        tools in prop::array::uniform3(any::<bool>()),
        rule in any_rule(),
        own in prop::collection::btree_map("[a-z_]{3,16}", any_actions(), 0..4),
    ) -> Permissions {
        let mut out = Permissions::default();
        out.emit_events = rule;
        for (kind, actions) in Resource::ALL.iter().zip(objects) {
            out.set(*kind, actions);
        }
        for (tool, allowed) in Tool::ALL.into_iter().zip(tools) {
            out.set_tool(tool, allowed);
        }
        for (name, actions) in own {
            if let Some(name) = CustomName::new(&name) {
                assert!(out.set_custom(name, actions));
            }
        }
        out
    }
}

proptest! {
    #[test]
    fn the_published_form_says_everything(permissions in any_permissions()) {
        let text = serde_json::to_string(&permissions).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Permissions>(&text).unwrap(), &permissions);
        let form = serde_json::to_value(&permissions).unwrap();
        for kind in Resource::ALL {
            prop_assert!(form[kind.name()].is_array());
        }
    }

    #[test]
    fn what_is_within_allows_nothing_more(a in any_permissions(), b in any_permissions()) {
        let within = a.within(&b).is_ok();
        let mut more = false;
        for kind in Resource::ALL {
            for action in Action::ALL {
                more |= a.allows(*kind, action).is_ok() && b.allows(*kind, action).is_err();
            }
        }
        for tool in Tool::ALL {
            more |= a.allows_tool(tool).is_ok() && b.allows_tool(tool).is_err();
        }
        // Ids 0 to 4 are on lists, 5 stands for all others.
        for n in 0..=5 {
            let id = handler(n);
            more |= a.allows_events(id).is_ok() && b.allows_events(id).is_err();
        }
        for (name, actions) in a.custom() {
            let others = b.custom().find(|(other, _)| *other == name);
            let have = others.map(|(_, actions)| actions).unwrap_or_default();
            more |= actions.without(have) != Actions::NONE;
        }
        prop_assert_eq!(within, !more);
    }

    #[test]
    fn a_rule_within_another_allows_nothing_more(a in any_rule(), b in any_rule()) {
        let more = (0..=5).map(handler).any(|id| a.allows(&id) && !b.allows(&id));
        prop_assert_eq!(a.within(&b), !more);
    }

    #[test]
    fn everything_is_within_all(permissions in any_permissions()) {
        let widened = permissions.clone().widened();
        prop_assert!(permissions.within(&widened).is_ok());
        prop_assert!(Permissions::all().within(&widened).is_ok());
    }
}

#[test]
fn what_is_left_out_gets_its_default() {
    let read: Permissions = serde_json::from_value(json!({})).unwrap();
    assert_eq!(read, Permissions::default());
    assert_eq!(
        serde_json::to_value(&read).unwrap(),
        json!({
            "account": [], "face": [], "list": [], "event": [], "attribute": [], "handler": [],
            "verifier": [], "task": [], "face_sample": [], "body_sample": [], "image": [],
            "object": [], "token": ["view"], "resources": [], "lambdas": [],
            "emit_events": {"allowed": 1, "white_list": null, "black_list": null},
            "verify": {"allowed": 1, "white_list": null, "black_list": null},
            "video_stream": [], "video_group": [], "video_analytic": [],
        })
    );
}

#[test]
fn everything_permitted_names_everything() {
    let all = serde_json::to_value(Permissions::all()).unwrap();
    assert_eq!(
        all["face"],
        json!(["creation", "view", "modification", "deletion", "matching"])
    );
    assert_eq!(all["event"], json!(["creation", "view", "matching"]));
    assert_eq!(all["image"], json!(["creation", "view", "deletion"]));
    assert_eq!(all["account"], json!(["view"]));
    assert_eq!(all["resources"], json!(["iso", "sdk", "liveness"]));
}

#[test]
fn what_is_not_permissions_is_refused() {
    for bad in [
        json!([]),
        json!({"face": "view"}),
        json!({"face": ["looking"]}),
        json!({"face": [1]}),
        json!({"account": ["creation"]}),
        json!({"event": ["deletion"]}),
        json!({"resources": ["face"]}),
        json!({"emit_events": {"allowed": 2}}),
        json!({"emit_events": {"allowed": true}}),
        json!({"emit_events": {"white_list": []}}),
        json!({"emit_events": {"white_list": ["x"]}}),
        json!({"verify": {"black_list": vec![Uuid::nil().to_string(); 101]}}),
        json!({"verify": {"grey_list": null}}),
        json!({"ab": ["view"]}),
        json!({"Own": ["view"]}),
        json!({"a_name_that_is_too_long": ["view"]}),
        json!({"own": ["matching"]}),
        json!(
            (0..=64)
                .map(|n| (
                    format!("own{}", "_".repeat(n % 13) + &letters(n)),
                    json!([])
                ))
                .collect::<serde_json::Map<_, _>>()
        ),
    ] {
        assert!(
            serde_json::from_value::<Permissions>(bad.clone()).is_err(),
            "{bad}"
        );
    }
    assert!(serde_json::from_str::<Permissions>(r#"{"face": [], "face": []}"#).is_err());
}

fn letters(n: usize) -> String {
    let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap());
    [letter(n / 26), letter(n)].iter().collect()
}

#[test]
fn refusals_name_what_is_missing() {
    let permissions = Permissions::default();
    let missing = |resource: &str, action| {
        Err(Denied::Permission {
            resource: resource.to_owned(),
            action,
        })
    };
    assert_eq!(
        permissions.allows(Resource::Face, Action::Creation),
        missing("face", "creation")
    );
    assert_eq!(
        permissions.allows_tool(Tool::Sdk),
        missing("resources", "sdk")
    );
    assert_eq!(permissions.allows(Resource::Token, Action::View), Ok(()));
    let mut limited = Permissions::default();
    limited.emit_events.black_list = Some([handler(1)].into());
    assert_eq!(limited.allows_events(handler(1)), Err(Denied::Handler));
    assert_eq!(limited.allows_events(handler(2)), Ok(()));
    limited.emit_events.allowed = false;
    assert_eq!(limited.allows_events(handler(2)), Err(Denied::Events));
    assert_eq!(limited.within(&permissions), Ok(()));
    assert_eq!(permissions.within(&limited), Err(Denied::Handler));
}

#[test]
fn every_kind_can_be_found_by_its_name() {
    for kind in Resource::ALL {
        assert_eq!(Resource::from_name(kind.name()), Some(*kind));
        assert_eq!(CustomName::new(kind.name()), None);
        assert_eq!(kind.usual().without(kind.actions()), Actions::NONE);
    }
}
