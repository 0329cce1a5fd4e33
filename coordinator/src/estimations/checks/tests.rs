//! Verdicts on made-up measures, and the table against the contract's numbers.

use std::collections::BTreeSet;

use goshawk_coordinator_core::code::Flag;
use goshawk_models::{
    PictureFormat,
    estimate::{FaceReport, Gaze, Mouth},
};
use goshawk_proto::{
    detection::{FaceQuality, HeadPose},
    geometry::Size,
    score::Score,
};
use serde_json::{Value, json};

use super::{table::CHECKS, *};

fn facts(face: &FaceReport) -> Facts<'_> {
    Facts {
        face,
        format: Some(PictureFormat::Jpeg),
        bytes: 100_000,
        size: Size::new(600, 800),
        is_sample: false,
    }
}

fn good() -> FaceReport {
    let one = Score::ONE;
    FaceReport {
        quality: Some(FaceQuality {
            sharpness: one,
            light: one,
            dark: one,
            illumination: one,
            specularity: one,
        }),
        head_pose: Some(HeadPose {
            yaw: 5.0,
            pitch: -4.0,
            roll: 8.5,
        }),
        gaze: Some(Gaze {
            yaw: 5.0,
            pitch: 0.0,
        }),
        mouth: Some(Mouth::default()),
        ..FaceReport::default()
    }
}

fn told(face: &FaceReport) -> Vec<Value> {
    let checks = FaceChecks::of(&facts(face));
    let written = serde_json::to_value(checks).unwrap();
    written["checks"].as_array().unwrap().clone()
}

fn of<'a>(all: &'a [Value], name: &str) -> &'a Value {
    let found = all.iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn verdicts_follow_from_measures_and_limits() {
    let all = told(&good());
    for (name, value, result) in [
        ("image_format", json!("JPEG"), 1),
        ("blurriness_quality", json!(1.0), 1),
        ("head_yaw", json!(5.0), 1),
        ("head_roll", json!(8.5), 0),
        ("gaze_yaw", json!(5.0), 0),
        ("mouth_open", json!(0.0), 1),
        ("image_width", json!(600), 1),
        ("aspect_ratio", json!(0.75), 1),
        ("image_size", json!(100_000), 1),
    ] {
        let check = of(&all, name);
        assert_eq!(
            (&check["object_value"], &check["result"]),
            (&value, &json!(result)),
            "{name}"
        );
    }
}

#[test]
fn what_cannot_be_told_is_not_passed() {
    let all = told(&good());
    for name in [
        "mouth_occluded",
        "headwear_type",
        "radial_distortion",
        "eye_distance",
    ] {
        let check = of(&all, name);
        assert_eq!(
            (&check["object_value"], &check["result"]),
            (&json!(null), &json!(0)),
            "{name}"
        );
    }
    // Null is not allowed for these.
    for name in ["glasses", "left_eye", "right_eye"] {
        assert!(all.iter().all(|check| check["name"] != name), "{name}");
    }
    assert_eq!(FaceChecks::of(&facts(&good())).status, Flag::OFF);
}

#[test]
fn nothing_about_the_frame_is_told_of_samples() {
    let face = good();
    let sample = Facts {
        is_sample: true,
        ..facts(&face)
    };
    let written = serde_json::to_value(IsoChecks::of(&sample)).unwrap();
    let names: Vec<&str> = written["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| check["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"head_yaw") && names.contains(&"natural_light"));
    assert!(!names.contains(&"head_width") && !names.contains(&"background_lightness"));
}

#[test]
fn the_table_is_whole() {
    let names: BTreeSet<&str> = CHECKS.iter().map(|check| check.name).collect();
    assert_eq!(names.len(), 44);
    assert_eq!(CHECKS.iter().filter(|check| check.iso).count(), 32);
    for check in &CHECKS {
        // Words that are allowed are words that can be found.
        if let Limit::Words(words) = check.limit {
            let known = check.form.words();
            assert!(
                words.iter().all(|word| known.contains(word)),
                "{}",
                check.name
            );
        }
    }
}
