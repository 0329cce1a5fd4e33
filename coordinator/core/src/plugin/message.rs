//! What is told of an event in a message to home automation: flat, small, without descriptors.

use serde_json::{Value, json};

use crate::{
    code::{GenderCode, LivenessCode},
    event::{MatchedFace, StoredEvent},
};

/// Longest name shown; Home Assistant takes no longer state.
pub const MAX_NAME: usize = 255;
/// Stands for a person who was looked for and not found.
pub const UNKNOWN: &str = "unknown";

/// What an event says about the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A stored face is like it.
    Recognized,
    /// Compared with stored faces, and like none.
    Unknown,
    /// A face that was compared with none.
    Face,
    /// No face, a body.
    Body,
}

impl EventKind {
    /// All, in the order of their meaning.
    pub const ALL: [Self; 4] = [Self::Recognized, Self::Unknown, Self::Face, Self::Body];

    /// As it is published.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recognized => "recognized",
            Self::Unknown => "unknown",
            Self::Face => "face",
            Self::Body => "body",
        }
    }

    /// Of an event.
    pub fn of(event: &StoredEvent) -> Self {
        match (&event.top_match, &event.matches) {
            (Some(_), _) => Self::Recognized,
            (None, Some(_)) => Self::Unknown,
            (None, None) if faces(event) > 0 => Self::Face,
            (None, None) => Self::Body,
        }
    }
}

/// Pictures with a face.
pub fn faces(event: &StoredEvent) -> usize {
    event.detections.iter().filter(|d| d.face.is_some()).count()
}

/// Pictures with a body.
pub fn bodies(event: &StoredEvent) -> usize {
    event.detections.iter().filter(|d| d.body.is_some()).count()
}

/// The stored face that the event's person is most like.
pub fn best(event: &StoredEvent) -> Option<&MatchedFace> {
    let top = event.top_match.as_ref()?;
    let label = event
        .matches
        .iter()
        .flatten()
        .find(|m| m.label == top.label)?;
    label
        .candidates
        .iter()
        .find(|candidate| candidate.face.face_id == top.face_id)
}

/// What to call the person: what the user wrote about the face, else its external id, else its id.
pub fn name(event: &StoredEvent) -> Option<String> {
    let top = event.top_match.as_ref()?;
    let told = best(event).map_or("", |found| found.face.user_data.trim());
    let name = [told, top.external_id.trim()]
        .into_iter()
        .find(|text| !text.is_empty())
        .map_or_else(|| top.face_id.to_string(), str::to_owned);
    Some(name.chars().take(MAX_NAME).collect())
}

/// The event's message. Without `identities` it says whether somebody was recognised, not who, and
/// leaves out what the user wrote.
pub fn event(event: &StoredEvent, identities: bool) -> Value {
    let mut message = json!({
        "event_type": EventKind::of(event).name(),
        "event_id": event.event_id,
        "account_id": event.account_id,
        "handler_id": event.handler_id,
        "stream_id": event.stream_id,
        "source": event.source,
        "track_id": event.track_id,
        "create_time": event.create_time,
        "end_time": event.end_time,
        "tags": event.tags,
        "faces": faces(event),
        "bodies": bodies(event),
        "age": event.age(),
        "gender": event.gender().map(gender),
        "liveness": event.liveness_code().map(liveness),
        "label": event.top_match.as_ref().map(|top| &top.label),
        "similarity": event.top_match.as_ref().map(|top| top.similarity),
    });
    if identities {
        message["name"] = json!(name(event));
        message["face_id"] = json!(event.top_match.as_ref().map(|top| top.face_id));
        message["external_id"] = json!(event.top_match.as_ref().map(|top| &top.external_id));
    }
    message
}

/// Who was seen; `None` where nobody was looked for.
pub fn person(event: &StoredEvent) -> Option<Value> {
    event.matches.as_ref()?;
    let found = best(event);
    Some(json!({
        "name": name(event).unwrap_or_else(|| UNKNOWN.to_owned()),
        "event_id": event.event_id,
        "time": event.end_time,
        "source": event.source,
        "label": event.top_match.as_ref().map(|top| &top.label),
        "similarity": event.top_match.as_ref().map(|top| top.similarity),
        "face_id": event.top_match.as_ref().map(|top| top.face_id),
        "external_id": event.top_match.as_ref().map(|top| &top.external_id),
        "user_data": found.map(|found| &found.face.user_data),
        "lists": found.map(|found| &found.face.lists),
    }))
}

/// A gender in words.
pub fn gender(code: GenderCode) -> &'static str {
    match code {
        GenderCode::Female => "female",
        GenderCode::Male => "male",
    }
}

/// A liveness in words.
pub fn liveness(code: LivenessCode) -> &'static str {
    match code {
        LivenessCode::Spoof => "spoof",
        LivenessCode::Real => "real",
        LivenessCode::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_person_is_called_by_what_the_user_wrote() {
        let mut event = testing::event(1);
        assert_eq!(name(&event).as_deref(), Some("first floor"));
        let candidate = &mut event.matches.as_mut().unwrap()[0].candidates[0];
        candidate.face.user_data = "  ".into();
        assert_eq!(name(&event).as_deref(), Some("ada"));
        event.top_match.as_mut().unwrap().external_id.clear();
        let id = event.top_match.as_ref().unwrap().face_id.to_string();
        assert_eq!(name(&event), Some(id));
        let candidate = &mut event.matches.as_mut().unwrap()[0].candidates[0];
        candidate.face.user_data = "é".repeat(300);
        assert_eq!(name(&event).unwrap().chars().count(), MAX_NAME);
    }

    #[test]
    fn kinds_follow_what_was_compared() {
        let mut event = testing::event(1);
        assert_eq!(EventKind::of(&event), EventKind::Recognized);
        event.top_match = None;
        assert_eq!(EventKind::of(&event), EventKind::Unknown);
        assert_eq!(person(&event).unwrap()["name"], UNKNOWN);
        event.matches = None;
        assert_eq!(EventKind::of(&event), EventKind::Face);
        assert_eq!(person(&event), None);
        event.detections.clear();
        assert_eq!(EventKind::of(&event), EventKind::Body);
    }

    #[test]
    fn without_identities_nobody_is_named() {
        let event = testing::event(1);
        let text = super::event(&event, false).to_string();
        let id = event.top_match.as_ref().unwrap().face_id.to_string();
        for told in ["ada", "first floor", "ground floor", &id] {
            assert!(!text.contains(told), "{told} in {text}");
        }
        let with = super::event(&event, true);
        assert_eq!(with["name"], "first floor");
        assert_eq!(with["event_type"], "recognized");
        assert_eq!(with["gender"], "male");
    }
}
