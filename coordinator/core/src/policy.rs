//! Evaluating a handler's policies: what is known of an event in, what is to be done out.
//!
//! Decide, then do: nothing here acts. What can only be learned by acting (a descriptor, a match)
//! is asked for by an effect, and the answer comes back as a fact with the next evaluation:
//!
//! ```text
//! evaluate(facts)                      -> [Extract]
//! evaluate(facts + what was extracted) -> [Match]
//! evaluate(facts + matches)            -> [Tag, StoreFaceSamples, …, Notify]
//! ```
//!
//! Each answer moves it on, so three evaluations are the most that an event needs. Equal facts
//! give equal effects, which is what makes processing an event a second time harmless.

pub mod screen;

use goshawk_proto::id::ListId;

use crate::{
    code::{DeepfakeCode, Flag, LivenessCode},
    event::LabelMatches,
    handler::{Candidates, EventConditions, Policies, filters::Seen, storage::Callback},
};

pub use screen::{FaceFacts, FilterReason, screen};

/// Something that may have to be found out first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Fact<T> {
    /// Nobody has looked yet.
    #[default]
    Unknown,
    /// Somebody has looked, and there is none.
    Absent,
    /// This is it.
    Is(T),
}

impl<T: Copy> Fact<T> {
    /// The value, when there is one.
    pub fn get(self) -> Option<T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Unknown | Self::Absent => None,
        }
    }
}

/// What is known of an event that passed [`screen()`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// Whether it has a descriptor of the version that is matched.
    pub descriptor: Fact<()>,
    /// Apparent age in whole years and gender.
    pub basic: Fact<(u8, crate::code::GenderCode)>,
    /// Liveness, when estimated.
    pub liveness: Option<LivenessCode>,
    /// Whether a machine made the face, when estimated.
    pub deepfake: Option<DeepfakeCode>,
    /// Whether there is a whole picture that could be kept.
    pub has_image: bool,
    /// Whether the caller said where the whole picture is.
    pub has_reference: bool,
    /// Results of matching; `None` before it.
    pub matches: Option<&'a [LabelMatches]>,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Extract this from the samples and come back with it as facts. Alone in its list.
    Extract {
        /// The descriptor.
        descriptor: bool,
        /// Age and gender.
        basic: bool,
    },
    /// Run the match policies of these numbers, in this order, and come back with the results as
    /// facts. Alone in its list.
    Match(Vec<usize>),
    /// Give the event this tag.
    Tag(String),
    /// Keep the face samples.
    StoreFaceSamples,
    /// Keep the body samples.
    StoreBodySamples,
    /// Keep the whole pictures.
    StoreImages,
    /// Keep a temporary attribute.
    StoreAttribute {
        /// For so many seconds.
        ttl_s: u32,
    },
    /// Keep a face.
    StoreFace {
        /// Make the sample its avatar.
        avatar: bool,
        /// Attach it to these lists.
        lists: Vec<ListId>,
    },
    /// Keep the event.
    StoreEvent,
    /// Tell subscribers.
    Notify,
}

/// What is to be done with an event, as far as the facts allow to say.
pub fn evaluate(policies: &Policies, facts: &Facts<'_>) -> Vec<Effect> {
    let extract = &policies.extract_policy;
    let descriptor = extract.extract_face_descriptor.0 && facts.descriptor == Fact::Unknown;
    let basic = extract.extract_basic_attributes.0 && facts.basic == Fact::Unknown;
    if descriptor || basic {
        return vec![Effect::Extract { descriptor, basic }];
    }
    let seen = seen(policies, facts);
    let runs = match_runs(policies, facts, seen);
    if facts.matches.is_none() && !runs.is_empty() {
        return vec![Effect::Match(runs)];
    }
    let best = |label: &str| best_under(facts.matches.unwrap_or_default(), label);
    settle(policies, facts, &|conditions| conditions.hold(seen, &best))
}

/// What conditions may look at: nothing that the extract policy did not ask for, even where an
/// agent has sent it along.
fn seen(policies: &Policies, facts: &Facts<'_>) -> Seen {
    let extract = &policies.extract_policy;
    let basic = facts
        .basic
        .get()
        .filter(|_| extract.extract_basic_attributes.0);
    Seen {
        gender: basic.map(|(_, gender)| gender),
        age: basic.map(|(age, _)| age),
        liveness: facts.liveness,
        deepfake: facts.deepfake,
    }
}

fn match_runs(policies: &Policies, facts: &Facts<'_>, seen: Seen) -> Vec<usize> {
    if !policies.extract_policy.extract_face_descriptor.0 || facts.descriptor.get().is_none() {
        return Vec::new();
    }
    let runs = policies
        .match_policy
        .iter()
        .enumerate()
        .filter(|(_, policy)| {
            matches!(policy.candidates, Candidates::Faces(_)) && policy.filters.hold(seen)
        });
    runs.map(|(number, _)| number).collect()
}

fn best_under(matches: &[LabelMatches], label: &str) -> Option<f32> {
    let found = matches.iter().filter(|m| m.label == label);
    found
        .filter_map(|m| m.candidates.first().map(|c| c.similarity))
        .reduce(f32::max)
}

/// The last step: everything is known.
fn settle(
    policies: &Policies,
    facts: &Facts<'_>,
    holds: &dyn Fn(&EventConditions) -> bool,
) -> Vec<Effect> {
    let storage = &policies.storage_policy;
    let applies = |on: Flag, filters: &EventConditions| on.0 && holds(filters);
    let mut out = Vec::new();
    for tag in policies
        .conditional_tags_policy
        .iter()
        .filter(|tag| holds(&tag.filters))
    {
        out.push(Effect::Tag(tag.tag.clone()));
    }
    let samples = applies(
        storage.face_sample_policy.store_sample,
        &storage.face_sample_policy.filters,
    );
    if samples {
        out.push(Effect::StoreFaceSamples);
    }
    if applies(
        storage.body_sample_policy.store_sample,
        &storage.body_sample_policy.filters,
    ) {
        out.push(Effect::StoreBodySamples);
    }
    let image = &storage.image_origin_policy;
    let elsewhere = image.use_external_references.0 && facts.has_reference;
    if facts.has_image && !elsewhere && applies(image.store_image, &image.filters) {
        out.push(Effect::StoreImages);
    }
    let attribute = &storage.attribute_policy;
    if attribute.ttl > 0 && applies(attribute.store_attribute, &attribute.filters) {
        out.push(Effect::StoreAttribute {
            ttl_s: attribute.ttl,
        });
    }
    let face = &storage.face_policy;
    if applies(face.store_face, &face.filters) {
        let links = face
            .link_to_lists_policy
            .iter()
            .filter(|link| holds(&link.filters));
        let mut lists: Vec<ListId> = links.map(|link| link.list_id).collect();
        lists.sort_unstable();
        lists.dedup();
        // An avatar refers to the sample, so there is none where the sample is not kept.
        out.push(Effect::StoreFace {
            avatar: face.set_sample_as_avatar.0 && samples,
            lists,
        });
    }
    if applies(
        storage.event_policy.store_event,
        &storage.event_policy.filters,
    ) {
        out.push(Effect::StoreEvent);
    }
    let notification = &storage.notification_policy;
    let called = storage.callbacks.iter().any(|callback| match callback {
        Callback::Subscribers(subscribers) => applies(subscribers.enable, &subscribers.filters),
        Callback::Http(_) => false,
    });
    if called || applies(notification.send_notification, &notification.filters) {
        out.push(Effect::Notify);
    }
    out
}

#[cfg(test)]
mod tests;
