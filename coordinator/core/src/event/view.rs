//! The published faces of a stored event, field by field as the contracts have them.

use serde_json::{Map, Value, json};

use super::{DetectedBody, DetectedFace, EventDetection, LabelMatches, StoredEvent};
use crate::face::FaceTarget;
use goshawk_proto::{
    detection::BasicAttributes,
    id::{EventId, ImageId, SampleId},
};

crate::words! {
    /// Fields of `/6/events` rows that a caller may ask for, in the contract's order.
    pub enum EventTarget: "events" {
        EventId = "event_id",
        AccountId = "account_id",
        CreateTime = "create_time",
        EndTime = "end_time",
        ExternalId = "external_id",
        HandlerId = "handler_id",
        StreamId = "stream_id",
        Source = "source",
        TopMatch = "top_match",
        MatchResult = "match_result",
        FaceDetections = "face_detections",
        BodyDetections = "body_detections",
        FaceId = "face_id",
        AttachResult = "attach_result",
        Gender = "gender",
        Age = "age",
        Emotion = "emotion",
        EthnicGroup = "ethnic_group",
        Tags = "tags",
        UserData = "user_data",
        Location = "location",
        Mask = "mask",
        Liveness = "liveness",
        Deepfake = "deepfake",
        TrackId = "track_id",
        BodyBasicAttributes = "body_basic_attributes",
        UpperBody = "upper_body",
        LowerBody = "lower_body",
        Accessories = "accessories",
        Meta = "meta",
    }
}

/// Relative address of a face sample.
pub fn face_sample_url(id: SampleId) -> String {
    format!("/6/samples/faces/{id}")
}

/// Relative address of a body sample.
pub fn body_sample_url(id: SampleId) -> String {
    format!("/6/samples/bodies/{id}")
}

/// Relative address of a stored picture.
pub fn image_url(id: ImageId) -> String {
    format!("/6/images/{id}")
}

/// Relative address of an event.
pub fn event_url(id: EventId) -> String {
    format!("/6/events/{id}")
}

impl StoredEvent {
    /// The row of `/6/events` with the wanted fields; all of them when none are named.
    pub fn row(&self, targets: &[EventTarget]) -> Map<String, Value> {
        let mut row = self.whole_row();
        if !targets.is_empty() {
            row.retain(|name, _| targets.iter().any(|target| target.as_str() == name));
        }
        row
    }

    fn whole_row(&self) -> Map<String, Value> {
        let face = |d: &EventDetection| d.face.as_ref().map(|f| (f.stored, f.sample_id, f.rect));
        let body = |d: &EventDetection| d.body.as_ref().map(|b| (b.stored, b.sample_id, b.rect));
        let top = self.top_match.as_ref().map(|top| {
            json!({"face_id": top.face_id, "similarity": top.similarity,
                   "label": top.label, "external_id": top.external_id})
        });
        let matches = self
            .matches
            .as_ref()
            .map(|all| all.iter().map(match_row).collect::<Vec<_>>());
        let fields = json!({
            "event_id": self.event_id,
            "account_id": self.account_id,
            "handler_id": self.handler_id,
            "create_time": self.create_time,
            "end_time": self.end_time,
            "external_id": self.external_id,
            "user_data": self.user_data,
            "source": self.source,
            "stream_id": self.stream_id,
            "track_id": self.track_id,
            "top_match": top,
            "match_result": matches,
            "face_detections": detection_rows(&self.detections, face),
            "body_detections": detection_rows(&self.detections, body),
            "face_id": self.face.as_ref().map(|face| face.face_id),
            "attach_result": self.face.as_ref().map(|face| face.lists.clone()).unwrap_or_default(),
            "gender": self.gender(),
            "age": self.age(),
            "emotion": self.estimated.emotion,
            "mask": self.estimated.mask,
            "ethnic_group": null,
            "liveness": self.liveness_code(),
            "deepfake": self.estimated.deepfake,
            "tags": self.tags,
            "meta": self.meta,
            "location": self.location,
            "body_basic_attributes": self.estimated.body.get("basic_attributes"),
            "upper_body": self.estimated.body.get("upper_body"),
            "lower_body": self.estimated.body.get("lower_body"),
            "accessories": self.estimated.body.get("accessories"),
        });
        match fields {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }

    /// The event object that handlers answer and subscribers receive.
    pub fn emitted(&self) -> Value {
        let matches = self
            .matches
            .as_ref()
            .map(|all| all.iter().map(match_emitted).collect::<Vec<_>>());
        json!({
            "event_id": self.event_id,
            "url": self.stored.then(|| event_url(self.event_id)),
            "source": self.source,
            "stream_id": self.stream_id,
            "track_id": self.track_id,
            "tags": self.tags,
            "external_id": self.external_id,
            "user_data": self.user_data,
            "location": self.location,
            "meta": self.meta,
            "matches": matches,
            "face": self.emitted_face(),
            "face_attributes": self.emitted_attributes(),
            "body_attributes": null,
            "aggregate_estimations": {
                "face": {"attributes": self.emitted_estimations()},
                "body": {"attributes": self.estimated.body},
            },
            "detections": self.detections.iter().map(|d| self.emitted_detection(d)).collect::<Vec<_>>(),
        })
    }

    /// The whole message of `/6/ws` and of the Sender service.
    pub fn message(&self) -> Value {
        json!({
            "event": self.emitted(),
            "handler_id": self.handler_id,
            "event-create-time": self.create_time,
            "event-end-time": self.end_time,
            "Luna-Request-id": self.request_id,
        })
    }

    fn emitted_face(&self) -> Option<Value> {
        let face = self.face.as_ref()?;
        Some(json!({
            "face_id": face.face_id,
            "event_id": self.event_id,
            "user_data": face.user_data,
            "external_id": face.external_id,
            "avatar": face.avatar,
            "lists": face.lists,
            "url": format!("/6/faces/{}", face.face_id),
        }))
    }

    fn emitted_attributes(&self) -> Option<Value> {
        let attributes = self.attributes.as_ref()?;
        let mut out = json!({
            "attribute_id": attributes.attribute_id,
            "url": attributes.attribute_id.map(|id| format!("/6/attributes/{id}")),
            "samples": attributes.samples,
        });
        if let Some(score) = attributes.score {
            out["score"] = json!(score);
        }
        if let Some(basic) = attributes.basic {
            out["basic_attributes"] = basic_attributes(basic);
        }
        Some(out)
    }

    fn emitted_estimations(&self) -> Value {
        let mut out = self.emitted_liveness();
        put_all(&mut out, &self.estimated.face);
        out
    }

    fn emitted_liveness(&self) -> Value {
        let Some(liveness) = self.liveness else {
            return json!({});
        };
        json!({"liveness": {
            "prediction": liveness.prediction.word(),
            "estimations": {"score": liveness.score, "quality": null},
        }})
    }

    fn emitted_detection(&self, detection: &EventDetection) -> Value {
        json!({
            "filename": detection.filename,
            "samples": {
                "face": detection.face.as_ref().map(|face| self.emitted_face_sample(face)),
                "body": detection.body.as_ref().map(emitted_body_sample),
            },
            "detect_time": detection.detect_time,
            "detect_ts": detection.detect_ts,
            "image_origin": image_origin(detection),
        })
    }

    fn emitted_face_sample(&self, face: &DetectedFace) -> Value {
        json!({
            "sample_id": face.sample_id,
            "url": face.stored.then(|| face_sample_url(face.sample_id)),
            "detection": face.detection(self.emitted_liveness()),
        })
    }
}

impl DetectedFace {
    /// Where it is and what was estimated of it, `attributes` among it.
    pub fn detection(&self, mut attributes: Value) -> Value {
        put_all(&mut attributes, &self.estimated.attributes);
        if let Some(pose) = self.head_pose {
            attributes["head_pose"] =
                json!({"yaw": pose.yaw, "pitch": pose.pitch, "roll": pose.roll});
        }
        let mut detection = json!({"attributes": attributes});
        if let Some(rect) = self.rect {
            detection["rect"] = json!(rect);
        }
        if let Some(points) = self.landmarks5 {
            detection["landmarks5"] = json!(points);
        }
        if let Some(points) = &self.estimated.landmarks68 {
            detection["landmarks68"] = points.clone();
        }
        if let Some(checks) = &self.estimated.face_quality {
            detection["face_quality"] = checks.clone();
        }
        if let Some(q) = self.quality {
            detection["quality"] = json!({
                "blurriness": q.sharpness, "dark": q.dark, "light": q.light,
                "illumination": q.illumination, "specularity": q.specularity,
            });
        }
        detection
    }
}

/// Puts fields into an object, over those of the same names.
fn put_all(object: &mut Value, fields: &Map<String, Value>) {
    for (name, value) in fields {
        object[name] = value.clone();
    }
}

/// Age and gender in the contract's form. Ethnicity is required there and estimated by no model
/// of the default pack, so it is null rather than made up.
pub fn basic_attributes(basic: BasicAttributes) -> Value {
    json!({
        "age": crate::face::whole_years(basic.age),
        "gender": crate::code::GenderCode::from(basic.gender),
        "ethnicities": null,
    })
}

fn image_origin(detection: &EventDetection) -> Option<String> {
    detection
        .image_id
        .map(image_url)
        .or_else(|| detection.image_reference.clone())
}

fn emitted_body_sample(body: &DetectedBody) -> Value {
    let mut detection = json!({"attributes": body.attributes});
    if let Some(rect) = body.rect {
        detection["rect"] = json!(rect);
    }
    json!({
        "sample_id": body.sample_id,
        "url": body.stored.then(|| body_sample_url(body.sample_id)),
        "detection": detection,
    })
}

fn match_emitted(label: &LabelMatches) -> Value {
    let one = |c: &super::MatchedFace| json!({"face": c.face.view(&label.targets), "similarity": c.similarity});
    json!({"label": label.label, "candidates": label.candidates.iter().map(one).collect::<Vec<_>>()})
}

fn match_row(label: &LabelMatches) -> Value {
    const FIELDS: [FaceTarget; 4] = [
        FaceTarget::FaceId,
        FaceTarget::UserData,
        FaceTarget::CreateTime,
        FaceTarget::ExternalId,
    ];
    let one =
        |c: &super::MatchedFace| json!({"face": c.face.view(&FIELDS), "similarity": c.similarity});
    json!({"label": label.label, "candidates": label.candidates.iter().map(one).collect::<Vec<_>>()})
}

type RowParts = (bool, SampleId, Option<goshawk_proto::geometry::Rect>);

/// Rows of one kind; null when nothing of that kind was seen.
fn detection_rows(
    detections: &[EventDetection],
    part: impl Fn(&EventDetection) -> Option<RowParts>,
) -> Option<Vec<Value>> {
    let rows: Vec<Value> = detections
        .iter()
        .filter_map(|detection| {
            let (stored, sample_id, rect) = part(detection)?;
            let mut row = json!({
                "sample_id": stored.then_some(sample_id),
                "detect_time": detection.detect_time,
                "detect_ts": detection.detect_ts,
                "image_origin": image_origin(detection),
            });
            if let Some(rect) = rect {
                row["detection"] = json!({"rect": rect});
            }
            Some(row)
        })
        .collect();
    (!rows.is_empty()).then_some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{query::Target, testing};

    #[test]
    fn a_row_has_exactly_the_contracts_fields() {
        let row = testing::event(1).row(&[]);
        let mut names: Vec<&str> = row.keys().map(String::as_str).collect();
        let mut expected: Vec<&str> = EventTarget::ALL.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        expected.sort_unstable();
        assert_eq!(names, expected);
        let some = testing::event(1).row(&[EventTarget::EventId, EventTarget::Age]);
        assert_eq!(some.len(), 2);
    }

    #[test]
    fn a_message_has_the_required_fields() {
        let message = testing::event(1).message();
        for name in [
            "event",
            "handler_id",
            "event-create-time",
            "event-end-time",
            "Luna-Request-id",
        ] {
            assert!(message.get(name).is_some(), "{name}");
        }
        let required = [
            "matches",
            "url",
            "event_id",
            "face",
            "tags",
            "source",
            "stream_id",
            "face_attributes",
            "aggregate_estimations",
            "body_attributes",
            "location",
            "user_data",
            "external_id",
            "detections",
            "track_id",
            "meta",
        ];
        for name in required {
            assert!(message["event"].get(name).is_some(), "{name}");
        }
        for name in [
            "city",
            "area",
            "district",
            "street",
            "house_number",
            "geo_position",
        ] {
            assert!(message["event"]["location"].get(name).is_some(), "{name}");
        }
        let sample = &message["event"]["detections"][0]["samples"]["face"];
        assert!(sample["detection"]["rect"]["x"].is_number());
    }
}
