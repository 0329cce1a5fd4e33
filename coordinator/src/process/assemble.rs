//! Putting together what is stored of an event: pure, out of a draft and the policies' effects.

use std::time::Duration;

use goshawk_coordinator_core::{
    event::{
        DetectedBody, DetectedFace, EventAttributes, EventDetection, EventFace, LabelMatches,
        StoredEvent, view::face_sample_url,
    },
    face::{Attributes, FaceRecord, TemporaryAttribute},
    handler::DetectPolicy,
    policy::Effect,
};
use goshawk_proto::{
    descriptor::Descriptor,
    detection::BasicAttributes,
    id::{AttributeId, FaceId, ImageId, ListId, SampleId},
    time::Timestamp,
};

use super::{
    draft::{BodyView, Draft, Shot},
    ids::derived,
};

/// The effects, sorted.
#[derive(Default)]
pub(super) struct Plan {
    pub tags: Vec<String>,
    pub face_samples: bool,
    pub body_samples: bool,
    pub images: bool,
    pub attribute_ttl_s: Option<u32>,
    pub face: Option<(bool, Vec<ListId>)>,
    pub event: bool,
    pub notify: bool,
}

impl Plan {
    pub fn of(effects: Vec<Effect>) -> Self {
        let mut plan = Self::default();
        for effect in effects {
            match effect {
                Effect::Tag(tag) => plan.tags.push(tag),
                Effect::StoreFaceSamples => plan.face_samples = true,
                Effect::StoreBodySamples => plan.body_samples = true,
                Effect::StoreImages => plan.images = true,
                Effect::StoreAttribute { ttl_s } => plan.attribute_ttl_s = Some(ttl_s),
                Effect::StoreFace { avatar, lists } => plan.face = Some((avatar, lists)),
                Effect::StoreEvent => plan.event = true,
                Effect::Notify => plan.notify = true,
                Effect::Extract { .. } | Effect::Match(_) => {}
            }
        }
        plan
    }
}

/// The event as it will be stored and sent.
pub(super) fn assemble(
    draft: &Draft,
    matches: Option<Vec<LabelMatches>>,
    plan: &Plan,
) -> StoredEvent {
    let details = &draft.details;
    let mut tags = details.tags.clone();
    for tag in &plan.tags {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    StoredEvent {
        event_id: draft.event_id,
        account_id: draft.account_id,
        handler_id: draft.handler.handler_id,
        create_time: draft.create_time,
        end_time: draft.end_time,
        external_id: details.external_id.clone(),
        user_data: details.user_data.clone(),
        source: details.source.clone(),
        stream_id: details.stream_id,
        track_id: details.track_id.clone(),
        location: details.location.clone(),
        tags,
        meta: details.meta.clone(),
        detections: detections(draft, plan),
        attributes: event_attributes(draft, plan),
        liveness: draft.liveness,
        estimated: draft.estimated.clone(),
        top_match: matches.as_deref().and_then(StoredEvent::best_of),
        matches,
        face: event_face(draft, plan),
        stored: plan.event,
        request_id: details.request_id.clone(),
    }
}

fn sample_id(draft: &Draft, index: usize) -> SampleId {
    SampleId(derived(draft.event_id, "face-sample", index))
}

fn detections(draft: &Draft, plan: &Plan) -> Vec<EventDetection> {
    let mut bodies = 0..;
    let mut body = |view: &BodyView| DetectedBody {
        sample_id: SampleId(derived(
            draft.event_id,
            "body-sample",
            bodies.next().unwrap_or_default(),
        )),
        stored: plan.body_samples && view.warp.is_some(),
        rect: view.rect,
        attributes: view.attributes.clone(),
    };
    let image = |number: Option<usize>| {
        let kept = number.filter(|_| plan.images);
        kept.map(|number| ImageId(derived(draft.event_id, "image", number)))
    };
    let mut out = Vec::with_capacity(draft.shots.len() + draft.bodies.len());
    for (index, shot) in draft.shots.iter().enumerate() {
        out.push(EventDetection {
            filename: shot.filename.clone(),
            detect_time: shot.detect_time,
            detect_ts: shot.detect_ts,
            image_id: image(shot.image),
            image_reference: shot.reference.clone(),
            face: Some(detected_face(draft, plan, shot, sample_id(draft, index))),
            body: shot.body.as_ref().map(&mut body),
        });
    }
    for view in &draft.bodies {
        out.push(EventDetection {
            filename: view.filename.clone(),
            detect_time: view.detect_time,
            detect_ts: view.detect_ts,
            image_id: image(view.image),
            image_reference: view.reference.clone(),
            face: None,
            body: Some(body(view)),
        });
    }
    out
}

fn detected_face(draft: &Draft, plan: &Plan, shot: &Shot, sample_id: SampleId) -> DetectedFace {
    DetectedFace {
        stored: plan.face_samples && shot.warp.is_some(),
        ..shot.detected(&draft.handler.policies.detect_policy, sample_id)
    }
}

impl Shot {
    /// The face as it is told of: a sample that is not kept.
    pub fn detected(&self, detect: &DetectPolicy, sample_id: SampleId) -> DetectedFace {
        DetectedFace {
            sample_id,
            stored: false,
            rect: self.rect,
            landmarks5: relative_landmarks(self),
            head_pose: self.head_pose.filter(|_| detect.estimate_head_pose.0),
            quality: Some(self.quality).filter(|_| detect.estimate_quality.0),
            estimated: self.estimated.clone(),
        }
    }
}

/// Landmarks in whole pixels from the box's corner, as the contract has them.
fn relative_landmarks(shot: &Shot) -> Option<[[i32; 2]; 5]> {
    let (rect, points) = (shot.rect?, shot.landmarks?);
    Some(points.map(|p| {
        [
            (p.x - rect.x as f32).round() as i32,
            (p.y - rect.y as f32).round() as i32,
        ]
    }))
}

fn event_attributes(draft: &Draft, plan: &Plan) -> Option<EventAttributes> {
    let (descriptor, basic) = wanted(draft);
    if descriptor.is_none() && basic.is_none() {
        return None;
    }
    Some(EventAttributes {
        attribute_id: plan
            .attribute_ttl_s
            .map(|_| AttributeId(derived(draft.event_id, "attribute", 0))),
        basic,
        score: draft.shots.iter().map(|shot| shot.fitness).reduce(f32::max),
        samples: if plan.face_samples {
            samples(draft)
        } else {
            Vec::new()
        },
    })
}

/// What was extracted, as far as the policy asks for it.
fn wanted(draft: &Draft) -> (Option<Descriptor>, Option<BasicAttributes>) {
    let policy = &draft.handler.policies.extract_policy;
    let descriptor = draft
        .descriptor()
        .filter(|_| policy.extract_face_descriptor.0);
    (
        descriptor,
        draft.basic().filter(|_| policy.extract_basic_attributes.0),
    )
}

/// The shots that have a picture.
fn kept(draft: &Draft) -> impl Iterator<Item = usize> {
    let shots = draft.shots.iter().enumerate();
    shots.filter_map(|(index, shot)| shot.warp.as_ref().map(|_| index))
}

fn samples(draft: &Draft) -> Vec<SampleId> {
    kept(draft).map(|index| sample_id(draft, index)).collect()
}

fn event_face(draft: &Draft, plan: &Plan) -> Option<EventFace> {
    let (avatar, lists) = plan.face.clone()?;
    if !draft.has_face() {
        // A body alone makes no face.
        return None;
    }
    Some(EventFace {
        face_id: FaceId(derived(draft.event_id, "face", 0)),
        external_id: draft.details.external_id.clone(),
        user_data: draft.details.user_data.clone(),
        avatar: kept(draft)
            .next()
            .filter(|_| avatar)
            .map(|index| face_sample_url(sample_id(draft, index)))
            .unwrap_or_default(),
        lists,
    })
}

fn attributes(draft: &Draft, samples: &[SampleId]) -> Attributes {
    let (descriptor, basic) = wanted(draft);
    let samples_if = |has: bool| if has { samples.to_vec() } else { Vec::new() };
    Attributes {
        descriptor_samples: samples_if(descriptor.is_some()),
        basic_samples: samples_if(basic.is_some()),
        score: draft.shots.iter().map(|shot| shot.fitness).reduce(f32::max),
        descriptor,
        basic,
        ethnicity: None,
    }
}

/// The face to keep.
pub(super) fn face_record(draft: &Draft, face: &EventFace) -> FaceRecord {
    FaceRecord {
        face_id: face.face_id,
        account_id: draft.account_id,
        event_id: Some(draft.event_id),
        user_data: face.user_data.clone(),
        external_id: face.external_id.clone(),
        avatar: face.avatar.clone(),
        lists: face.lists.clone(),
        // The event's own moment, not the clock's: a second run makes the same face.
        create_time: draft.create_time,
        attributes: attributes(draft, &samples(draft)),
    }
}

/// The temporary attribute to keep, when the policies ask for one.
pub(super) fn attribute(
    draft: &Draft,
    event: &StoredEvent,
    plan: &Plan,
    now: Timestamp,
) -> Option<TemporaryAttribute> {
    let (stored, ttl_s) = (event.attributes.as_ref()?, plan.attribute_ttl_s?);
    Some(TemporaryAttribute {
        attribute_id: stored.attribute_id?,
        account_id: draft.account_id,
        attributes: attributes(draft, &stored.samples),
        create_time: now,
        expires_at: now.after(Duration::from_secs(u64::from(ttl_s))),
    })
}
