//! What events tell of faces and bodies, as a handler's detect policy asks for it.

use goshawk_coordinator_core::{
    code::{EmotionCode, LivenessCode},
    event::{EventEstimations, EventLiveness, FaceEstimations},
    handler::DetectPolicy,
    policy::{FaceFacts, FilterReason},
};
use goshawk_models::estimate::{BodyReport, Estimation, FaceReport, StillLiveness, Wanted};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    aggregate,
    body::BodyAttributes,
    checks::FaceChecks,
    face::{FaceTraits, Shown},
    genuine::{DeepfakeView, LivenessView, deepfake_at},
    occlusion::OcclusionView,
    traits::{EmotionWord, EmotionsView},
    worn::MaskView,
};

/// The fields of something that is written as an object.
fn fields(told: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(told) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// What is told of a face.
pub fn face(
    shown: Shown<'_>,
    policy: &DetectPolicy,
    checks: Option<&FaceChecks>,
    has_liveness: bool,
) -> FaceEstimations {
    let mut wanted = *shown.wanted;
    // Their thresholds are the handler's.
    wanted.remove(Estimation::Deepfake);
    let plain = Shown {
        wanted: &wanted,
        ..shown
    };
    let mut attributes = fields(&FaceTraits::of(plain, 0.0, false));
    let mut put = |name: &str, value: Value| attributes.insert(name.to_owned(), value);
    if has_liveness {
        let least = policy.estimate_liveness.liveness_threshold;
        put(
            "liveness",
            json!(LivenessView::at(shown.face.liveness, least)),
        );
    }
    if let Some(genuine) = shown.when(Estimation::Deepfake, shown.face.genuine) {
        let least = policy.estimate_deepfake.real_threshold;
        put("deepfake", json!(DeepfakeView::at(genuine, least)));
    }
    if let Some(found) = shown.when(Estimation::FaceOcclusion, shown.face.occlusion.as_ref()) {
        let view = OcclusionView::of(found, &policy.estimate_face_occlusion);
        put("face_occlusion", json!(view));
    }
    FaceEstimations {
        attributes,
        landmarks68: shown.landmarks68().map(|points| json!(points)),
        face_quality: checks.map(|checks| json!(checks)),
    }
}

/// What filters look at, besides angles and fitness.
pub fn facts(face: &FaceReport, policy: &DetectPolicy, checks: Option<&FaceChecks>) -> FaceFacts {
    let genuine_from = policy.estimate_deepfake.real_threshold;
    let covered = face
        .occlusion
        .as_ref()
        .map(|found| OcclusionView::of(found, &policy.estimate_face_occlusion).areas());
    let filtering = checks.filter(|_| policy.face_quality.filter.0);
    FaceFacts {
        mask: face
            .mask
            .map(|mask| MaskView::from(mask).predominant_mask.code()),
        deepfake: face
            .genuine
            .map(|genuine| deepfake_at(genuine, genuine_from)),
        covered,
        failed_checks: filtering.into_iter().flat_map(reasons).collect(),
        ..FaceFacts::default()
    }
}

fn reasons(checks: &FaceChecks) -> impl Iterator<Item = FilterReason> + '_ {
    let failures = checks.failures();
    failures.map(|(name, value, threshold)| FilterReason {
        name,
        value: json!(value),
        threshold: json!(threshold),
    })
}

/// What is told of a body.
pub fn body(body: &BodyReport, shown: &Wanted) -> Map<String, Value> {
    let mut wanted = *shown;
    wanted.remove(Estimation::BodyDescriptor);
    fields(&BodyAttributes::of(body, &wanted))
}

/// Liveness over several pictures of a face, decided by the handler's threshold.
pub fn liveness<'a>(
    faces: impl Iterator<Item = &'a FaceReport>,
    policy: &DetectPolicy,
) -> EventLiveness {
    let found = aggregate::liveness(faces.filter_map(|face| face.liveness));
    liveness_of(found, policy)
}

/// Liveness of one picture of a face.
pub fn liveness_of(found: Option<StillLiveness>, policy: &DetectPolicy) -> EventLiveness {
    let least = policy.estimate_liveness.liveness_threshold;
    let (prediction, score): (LivenessCode, _) = super::genuine::liveness_at(found, least);
    EventLiveness {
        prediction,
        score: score.map(|score| score.get()),
    }
}

/// What all pictures of a person tell together.
pub fn together(
    faces: &[&FaceReport],
    bodies: &[&BodyReport],
    shown: &Wanted,
    policy: &DetectPolicy,
) -> EventEstimations {
    let mut out = EventEstimations::default();
    let mut wanted = *shown;
    for estimation in [Estimation::Deepfake, Estimation::BodyDescriptor] {
        wanted.remove(estimation);
    }
    if let Some(face) = aggregate::face(faces, &wanted, 0.0, false) {
        let attributes = face.attributes;
        out.mask = attributes.mask.map(|mask| mask.predominant_mask.code());
        out.emotion = attributes.emotions.as_ref().map(emotion);
        out.face = fields(&attributes);
    }
    let genuine = aggregate::mean(faces.iter().filter_map(|face| face.genuine));
    if let Some(genuine) = genuine.filter(|_| shown.has(Estimation::Deepfake)) {
        let least = policy.estimate_deepfake.real_threshold;
        out.deepfake = Some(deepfake_at(genuine, least));
        let view = json!(DeepfakeView::at(genuine, least));
        out.face.insert("deepfake".to_owned(), view);
    }
    if let Some(body) = aggregate::body(bodies, &wanted) {
        out.body = fields(&body.attributes);
    }
    out
}

fn emotion(view: &EmotionsView) -> EmotionCode {
    match view.predominant_emotion {
        EmotionWord::Anger => EmotionCode::Anger,
        EmotionWord::Disgust => EmotionCode::Disgust,
        EmotionWord::Fear => EmotionCode::Fear,
        EmotionWord::Happiness => EmotionCode::Happiness,
        EmotionWord::Neutral => EmotionCode::Neutral,
        EmotionWord::Sadness => EmotionCode::Sadness,
        EmotionWord::Surprise => EmotionCode::Surprise,
    }
}
