//! Filters by what was estimated of a face's expression, mask and origin, and of a body.

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    code::{DeepfakeCode, EmotionCode, EthnicityCode, MaskCode},
    event::EventEstimations,
    query::OneOf,
};

/// Conditions on estimations; an absent one holds.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "each is named as its query parameter")]
pub struct EstimationFilters {
    pub emotions: Option<OneOf<EmotionCode>>,
    pub masks: Option<OneOf<MaskCode>>,
    pub ethnic_groups: Option<OneOf<EthnicityCode>>,
    pub deepfake: Option<OneOf<DeepfakeCode>>,
    pub apparent_age_gte: Option<u8>,
    pub apparent_age_lt: Option<u8>,
    pub body: Vec<BodyFilter>,
}

/// A condition on one attribute of a body.
#[derive(Clone, Debug, PartialEq)]
pub struct BodyFilter {
    /// Where it stands among the attributes, as a JSON pointer.
    place: &'static str,
    /// What passes; where a body has several values, one of them is enough.
    wanted: OneOf<Value>,
}

impl BodyFilter {
    /// One of these values at `place`, if any are wanted.
    pub fn of<T: Serialize>(place: &'static str, wanted: Option<OneOf<T>>) -> Option<Self> {
        let OneOf { values, absent } = wanted?;
        let values = values.iter().map(|value| json!(value)).collect();
        Some(Self {
            place,
            wanted: OneOf { values, absent },
        })
    }

    fn accept(&self, body: &Value) -> bool {
        match body.pointer(self.place) {
            Some(Value::Array(several)) => several.iter().any(|one| self.wanted.accept(Some(one))),
            one => self.wanted.accept(one),
        }
    }
}

impl EstimationFilters {
    /// Whether an event meets them.
    pub fn accept(&self, found: &EventEstimations) -> bool {
        fn holds<T: PartialEq>(wanted: Option<&OneOf<T>>, value: Option<&T>) -> bool {
            wanted.is_none_or(|wanted| wanted.accept(value))
        }
        holds(self.emotions.as_ref(), found.emotion.as_ref())
            && holds(self.masks.as_ref(), found.mask.as_ref())
            && holds(self.ethnic_groups.as_ref(), None)
            && holds(self.deepfake.as_ref(), found.deepfake.as_ref())
            && self.accept_body(found)
    }

    fn accept_body(&self, found: &EventEstimations) -> bool {
        let nothing = self.body.is_empty()
            && self.apparent_age_gte.is_none()
            && self.apparent_age_lt.is_none();
        if nothing {
            return true;
        }
        let body = Value::Object(found.body.clone());
        let age = body
            .pointer("/basic_attributes/apparent_age")
            .and_then(Value::as_u64);
        self.apparent_age_gte
            .is_none_or(|least| age.is_some_and(|age| age >= u64::from(least)))
            && self
                .apparent_age_lt
                .is_none_or(|end| age.is_some_and(|age| age < u64::from(end)))
            && self.body.iter().all(|filter| filter.accept(&body))
    }
}
