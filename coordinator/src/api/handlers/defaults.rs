//! The detect policy as the contract shows it: parts that nothing here estimates appear at their
//! defaults, and none of them can be on.

use serde_json::{Map, Value, json};

/// Parts of the detect policy that a handler may leave out and that answers always show.
pub fn switched_off() -> [(&'static str, Value); 6] {
    [
        (
            "estimate_people_count",
            json!({"estimate": 0, "people_coordinates": 0}),
        ),
        (
            "estimate_deepfake",
            json!({"estimate": 0, "real_threshold": 0.5, "mode": 2}),
        ),
        (
            "estimate_face_occlusion",
            json!({
                "estimate": 0, "occlusion_threshold": 0.07, "hair_occlusion_threshold": 0.15,
                "forehead_threshold": 0.2, "eye_threshold": 0.15, "nose_threshold": 0.2,
                "mouth_threshold": 0.15, "lower_face_threshold": 0.2,
            }),
        ),
        ("face_occlusion_states", Value::Null),
        (
            "face_quality",
            json!({"estimate": 0, "filter": 0, "checks": checks()}),
        ),
        (
            "body_attributes",
            json!({
                "estimate_basic_attributes": 0, "estimate_upper_body": 0,
                "estimate_lower_body": 0, "estimate_accessories": 0,
            }),
        ),
    ]
}

/// Every check of face quality with the contract's default threshold. Each is on by itself, but
/// counts only where `face_quality.estimate` is.
fn checks() -> Map<String, Value> {
    let table = [
        ("image_format", json!(["JPEG", "JPEG2000", "PNG"])),
        ("illumination_quality", json!({"min": 0.3, "max": 1.0})),
        ("specularity_quality", json!({"min": 0.3, "max": 1.0})),
        ("blurriness_quality", json!({"min": 0.61, "max": 1.0})),
        ("dark_quality", json!({"min": 0.5, "max": 1.0})),
        ("light_quality", json!({"min": 0.57, "max": 1.0})),
        ("head_yaw", json!({"min": -5.0, "max": 5.0})),
        ("head_pitch", json!({"min": -5.0, "max": 5.0})),
        ("head_roll", json!({"min": -8.0, "max": 8.0})),
        ("gaze_yaw", json!({"min": -5.0, "max": 5.0})),
        ("gaze_pitch", json!({"min": -5.0, "max": 5.0})),
        ("mouth_smiling", json!({"min": 0.0, "max": 0.5})),
        ("mouth_occluded", json!({"min": 0.0, "max": 0.5})),
        ("mouth_open", json!({"min": 0.0, "max": 0.5})),
        ("glasses", json!(["no_glasses", "eyeglasses"])),
        ("left_eye", json!(["open"])),
        ("right_eye", json!(["open"])),
        ("head_horizontal_center", json!({"min": 0.45, "max": 0.55})),
        ("head_vertical_center", json!({"min": 0.3, "max": 0.5})),
        ("head_width", json!({"min": 0.5, "max": 0.75})),
        ("head_height", json!({"min": 0.6, "max": 0.9})),
        ("eye_distance", json!({"min": 90.0, "max": null})),
        ("image_width", json!({"min": 180, "max": 1920})),
        ("image_height", json!({"min": 180, "max": 1080})),
        ("aspect_ratio", json!({"min": 0.74, "max": 0.8})),
        ("face_width", json!({"min": 180, "max": null})),
        ("face_height", json!({"min": 180, "max": null})),
        ("indent_left", json!({"min": 20, "max": null})),
        ("indent_right", json!({"min": 20, "max": null})),
        ("indent_upper", json!({"min": 20, "max": null})),
        ("indent_lower", json!({"min": 20, "max": null})),
        ("image_size", json!({"min": 5120, "max": 2097152})),
        ("eyebrows_state", json!(["neutral"])),
        ("headwear_type", json!(["none"])),
        ("smile_properties", json!(["none"])),
        ("face_color_type", json!(["color"])),
        ("natural_light", json!(1)),
        ("red_eyes", json!(0)),
        ("radial_distortion", json!(0)),
        ("illumination_uniformity", json!({"min": 0.5, "max": 1.0})),
        ("dynamic_range", json!({"min": 0.5, "max": 1.0})),
        ("background_uniformity", json!({"min": 0.5, "max": 1.0})),
        ("background_lightness", json!({"min": 0.2, "max": 1.0})),
        ("shoulders_position", json!(["parallel"])),
    ];
    let entry = |(name, threshold): (&str, Value)| {
        (
            name.to_owned(),
            json!({"estimate": 1, "threshold": threshold}),
        )
    };
    table.into_iter().map(entry).collect()
}
