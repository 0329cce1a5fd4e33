//! What policies and filters leave of made-up people, and how they are told.

use goshawk_coordinator_core::query::{Pairs, Parameters};
use goshawk_models::estimate::{BodyReport, StillLiveness};
use goshawk_proto::{
    descriptor::{Descriptor, DescriptorVersion},
    detection::HeadPose,
    geometry::{BBox, Size},
    score::Score,
};
use serde_json::{Value, json};

use super::*;
use crate::api::query::Query;

fn sdk(text: &str) -> Sdk {
    let query = Query::parse(text);
    let read = <(Wanted, WantedOfApi)>::read(Pairs(query.pairs()));
    let (common, own) = read.unwrap_or_else(|error| panic!("{}", error.name));
    Sdk::new(common, own.into(), false)
}

fn face(live: f32, yaw: f32) -> FaceReport {
    let descriptor = Descriptor::from_values(DescriptorVersion(46), &[0.6, 0.8]).unwrap();
    FaceReport {
        bbox: Some(BBox::new(10.0, 20.0, 30.0, 40.0)),
        head_pose: Some(HeadPose {
            yaw,
            ..HeadPose::default()
        }),
        liveness: Some(StillLiveness::Probability(Score::saturating(live))),
        descriptor: Some((descriptor, Score::saturating(0.7))),
        ..FaceReport::default()
    }
}

fn person(face: Option<FaceReport>, has_body: bool) -> SeenPerson {
    SeenPerson {
        face,
        body: has_body.then(BodyReport::default),
        ..SeenPerson::default()
    }
}

fn told(sdk: &Sdk, person: &SeenPerson) -> Value {
    let seen = Seen {
        size: Size::new(100, 100),
        ..Seen::default()
    };
    serde_json::to_value(sdk.person(person, &seen)).unwrap()
}

#[test]
fn faces_in_other_states_are_left_out_and_their_bodies_stay() {
    let sdk = sdk("detect_face=1&detect_body=1&liveness_states=1&yaw_threshold=30");
    let left = sdk.remaining(vec![
        person(Some(face(0.9, 10.0)), false),
        person(Some(face(0.2, 10.0)), false),
        person(Some(face(0.9, 40.0)), true),
        person(None, true),
    ]);
    let kept: Vec<(bool, bool)> = left
        .iter()
        .map(|one| (one.face.is_some(), one.body.is_some()))
        .collect();
    assert_eq!(kept, [(true, false), (false, true), (false, true)]);
}

#[test]
fn what_a_filter_is_about_must_be_known() {
    let unknown = FaceReport::default();
    assert!(!sdk("mask_states=1").passes(&unknown));
    assert!(!sdk("deepfake_states=1").passes(&unknown));
    assert!(!sdk("liveness_states=0,1").passes(&unknown));
    assert!(sdk("liveness_states=2").passes(&unknown));
    // It is not told of samples, so that nothing would pass.
    assert!(sdk("image_type=1&liveness_states=1").passes(&unknown));
}

#[test]
fn one_face_and_its_body_are_left_where_only_one_may_be() {
    let alone = || vec![person(None, true), person(Some(face(0.9, 0.0)), true)];
    for policy in ["0", "2"] {
        let query = format!("detect_face=1&detect_body=1&multiface_policy={policy}");
        assert_eq!(sdk(&query).remaining(alone()).len(), 1, "{policy}");
    }
    assert_eq!(
        sdk("detect_body=1&multiface_policy=2")
            .remaining(alone())
            .len(),
        2
    );
}

#[test]
fn only_what_was_asked_for_is_told() {
    let one = person(Some(face(0.9, 5.0)), false);
    let rect = json!({"x": 10, "y": 20, "width": 30, "height": 40});
    assert_eq!(
        told(&sdk("detect_face=1&yaw_threshold=20"), &one),
        json!({"face": {"detection": {"attributes": {}, "rect": rect}}, "body": null})
    );
    let asked = "detect_face=1&estimate_liveness=1&estimate_face_descriptor=1";
    let attributes = &told(&sdk(asked), &one)["face"]["detection"]["attributes"];
    assert_eq!(attributes["liveness"]["prediction"], "real");
    assert_eq!(attributes["liveness"]["estimations"]["quality"], 1.0);
    assert!(attributes["descriptor"]["sdk_descriptor"].is_array());
    let fit = format!("{asked}&score_threshold=0.8");
    assert!(told(&sdk(&fit), &one)["face"]["detection"]["attributes"]["descriptor"].is_null());
}

#[test]
fn liveness_without_a_model_is_unknown() {
    let one = person(Some(FaceReport::default()), false);
    let asked = "detect_face=1&estimate_liveness=1";
    assert_eq!(
        told(&sdk(asked), &one)["face"]["detection"]["attributes"]["liveness"],
        json!({"prediction": "unknown", "estimations": {"quality": null, "score": null}})
    );
}

#[test]
fn nothing_is_asked_of_what_is_not_looked_for() {
    let sdk = sdk("detect_body=1&estimate_gaze=1&estimate_face_warp=1&estimate_upper_body=1");
    let found = sdk.wanted.found(sdk.shown);
    assert!(!found.faces() && found.has(Estimation::UpperBody));
}
