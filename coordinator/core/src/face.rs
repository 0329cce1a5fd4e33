//! Stored faces, the lists they belong to, and attributes (descriptor, age, gender).

use goshawk_proto::{
    descriptor::Descriptor,
    detection::BasicAttributes,
    id::{AccountId, AttributeId, EventId, FaceId, ListId, SampleId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    code::{EthnicityCode, GenderCode},
    formats::{ExternalId, Items, Nullable, Optional, UriReference, UserData},
    query::Target,
};

/// Longest user data in characters.
pub const MAX_USER_DATA: usize = 128;
/// Longest external id in characters.
pub const MAX_EXTERNAL_ID: usize = 36;
/// Longest avatar reference in characters.
pub const MAX_AVATAR: usize = 256;

/// What was extracted from one or more samples of one face.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attributes {
    /// The descriptor, when one was extracted.
    #[serde(default)]
    pub descriptor: Option<Descriptor>,
    /// Samples that the descriptor was extracted from.
    #[serde(default)]
    pub descriptor_samples: Vec<SampleId>,
    /// Age and gender, when estimated.
    #[serde(default)]
    pub basic: Option<BasicAttributes>,
    /// Samples that age and gender were estimated from.
    #[serde(default)]
    pub basic_samples: Vec<SampleId>,
    /// Ethnicity, where a client told it: nothing here estimates it or compares by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ethnicity: Option<EthnicityCode>,
    /// Fitness of the picture for recognition, 0 to 1.
    #[serde(default)]
    pub score: Option<f32>,
}

impl Attributes {
    /// Age in whole years as the contract writes it, 0 to 100.
    pub fn age(&self) -> Option<u8> {
        self.basic.map(|basic| whole_years(basic.age))
    }

    /// Gender as the contract writes it.
    pub fn gender(&self) -> Option<GenderCode> {
        self.basic.map(|basic| basic.gender.into())
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.descriptor.is_none() && self.basic.is_none()
    }
}

/// An estimated age rounded to the whole years 0 to 100 that the contract allows.
pub fn whole_years(age: f32) -> u8 {
    age.round().clamp(0.0, 100.0) as u8
}

/// Attributes that live for a while on their own, until a face takes them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TemporaryAttribute {
    /// Its id.
    pub attribute_id: AttributeId,
    /// Owner.
    pub account_id: AccountId,
    /// What it holds.
    pub attributes: Attributes,
    /// When it was made.
    pub create_time: Timestamp,
    /// From when on it does not exist any more.
    pub expires_at: Timestamp,
}

/// A face as stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaceRecord {
    /// Its id.
    pub face_id: FaceId,
    /// Owner.
    pub account_id: AccountId,
    /// The event that it was made from.
    #[serde(default)]
    pub event_id: Option<EventId>,
    /// Free text, at most [`MAX_USER_DATA`] characters.
    #[serde(default)]
    pub user_data: String,
    /// Given by the user, at most [`MAX_EXTERNAL_ID`] characters; links faces of one person.
    #[serde(default)]
    pub external_id: String,
    /// Reference to a picture, at most [`MAX_AVATAR`] characters.
    #[serde(default)]
    pub avatar: String,
    /// Lists that it belongs to, ascending, without repeats.
    #[serde(default)]
    pub lists: Vec<ListId>,
    /// When it was made.
    pub create_time: Timestamp,
    /// Descriptor, age and gender.
    #[serde(default)]
    pub attributes: Attributes,
}

/// Fields of a face that a caller may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields' own names")]
pub enum FaceTarget {
    FaceId,
    AccountId,
    EventId,
    UserData,
    CreateTime,
    ExternalId,
    Avatar,
    Lists,
    /// Only in answers of the matcher.
    Similarity,
}

impl FaceTarget {
    /// The field's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::FaceId => "face_id",
            Self::AccountId => "account_id",
            Self::EventId => "event_id",
            Self::UserData => "user_data",
            Self::CreateTime => "create_time",
            Self::ExternalId => "external_id",
            Self::Avatar => "avatar",
            Self::Lists => "lists",
            Self::Similarity => "similarity",
        }
    }

    /// The field of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        serde_json::from_value(serde_json::Value::from(name)).ok()
    }
}

/// What a query for faces may name: all but what only the matcher knows.
impl Target for FaceTarget {
    const OF: &'static str = "faces";
    const ALL: &'static [(&'static str, Self)] = &[
        ("face_id", Self::FaceId),
        ("account_id", Self::AccountId),
        ("event_id", Self::EventId),
        ("user_data", Self::UserData),
        ("create_time", Self::CreateTime),
        ("external_id", Self::ExternalId),
        ("avatar", Self::Avatar),
        ("lists", Self::Lists),
    ];
}

/// A reference to a picture of a face.
pub type Avatar = UriReference<MAX_AVATAR>;

/// Changes to a face; `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FacePatch {
    /// See [`FaceRecord::external_id`].
    pub external_id: Option<String>,
    /// See [`FaceRecord::user_data`].
    pub user_data: Option<String>,
    /// See [`FaceRecord::avatar`].
    pub avatar: Option<String>,
    /// See [`FaceRecord::event_id`].
    pub event_id: Option<Option<EventId>>,
}

/// Changes to a face.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct FaceChanges {
    /// A name of the person elsewhere; faces of one person may share it.
    #[serde(default)]
    pub external_id: Optional<ExternalId>,
    /// The event that the face was made from; null forgets it.
    #[serde(default)]
    pub event_id: Nullable<EventId>,
    /// Notes of the user.
    #[serde(default)]
    pub user_data: Optional<UserData>,
    /// Where a picture of the face is, for user interfaces.
    #[schema(default = "")]
    #[serde(default)]
    pub avatar: Optional<Avatar>,
}

impl From<FaceChanges> for FacePatch {
    fn from(changes: FaceChanges) -> Self {
        Self {
            external_id: changes.external_id.0.map(Into::into),
            user_data: changes.user_data.0.map(Into::into),
            avatar: changes.avatar.0.map(Into::into),
            event_id: changes.event_id.change(),
        }
    }
}

impl FaceRecord {
    /// Attaches it to a list; says whether it was not in it before.
    pub fn attach(&mut self, list: ListId) -> bool {
        match self.lists.binary_search(&list) {
            Ok(_) => false,
            Err(at) => {
                self.lists.insert(at, list);
                true
            }
        }
    }

    /// Detaches it from a list; says whether it was in it.
    pub fn detach(&mut self, list: ListId) -> bool {
        let found = self.lists.binary_search(&list);
        if let Ok(at) = found {
            self.lists.remove(at);
        }
        found.is_ok()
    }

    /// Applies changes.
    pub fn patch(&mut self, patch: &FacePatch) {
        if let Some(value) = &patch.external_id {
            self.external_id.clone_from(value);
        }
        if let Some(value) = &patch.user_data {
            self.user_data.clone_from(value);
        }
        if let Some(value) = &patch.avatar {
            self.avatar.clone_from(value);
        }
        if let Some(value) = patch.event_id {
            self.event_id = value;
        }
    }

    /// The contract's face object with the wanted fields; all of them when none are named.
    pub fn view(&self, targets: &[FaceTarget]) -> serde_json::Map<String, serde_json::Value> {
        let wanted = |target| targets.is_empty() || targets.contains(&target);
        let mut out = serde_json::Map::new();
        let mut put = |target: FaceTarget, value: serde_json::Value| {
            if wanted(target) {
                out.insert(target.name().to_owned(), value);
            }
        };
        put(FaceTarget::FaceId, serde_json::json!(self.face_id));
        put(FaceTarget::AccountId, serde_json::json!(self.account_id));
        put(FaceTarget::EventId, serde_json::json!(self.event_id));
        put(FaceTarget::UserData, serde_json::json!(self.user_data));
        put(FaceTarget::CreateTime, serde_json::json!(self.create_time));
        put(FaceTarget::ExternalId, serde_json::json!(self.external_id));
        put(FaceTarget::Avatar, serde_json::json!(self.avatar));
        put(FaceTarget::Lists, serde_json::json!(self.lists));
        out
    }
}

/// A face as clients see it; a query may ask for some of the fields only.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Face)]
pub struct FaceView {
    /// Its id.
    pub face_id: Optional<FaceId>,
    /// A name of the person elsewhere; faces of one person may share it.
    #[schema(default = "")]
    pub external_id: Optional<ExternalId>,
    /// Notes of the user.
    #[schema(default = "")]
    pub user_data: Optional<UserData>,
    /// Where a picture of the face is, for user interfaces.
    #[schema(default = "")]
    pub avatar: Optional<Avatar>,
    /// Lists that it belongs to.
    pub lists: Optional<Items<ListId, 0, { usize::MAX }>>,
    /// The event that it was made from.
    pub event_id: Option<EventId>,
    /// Whose it is.
    pub account_id: Optional<AccountId>,
    /// When it was made.
    pub create_time: Optional<Timestamp>,
}

/// A named set of faces, in exactly the contract's shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = List)]
pub struct FaceList {
    /// Its id.
    pub list_id: ListId,
    /// Whose it is.
    pub account_id: AccountId,
    /// Notes of the user.
    #[schema(max_length = 128, default = "")]
    pub user_data: String,
    /// When it was made.
    pub create_time: Timestamp,
    /// When a face was attached or detached or the notes were changed.
    pub last_update_time: Timestamp,
}

/// A new list.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(default)]
pub struct NewList {
    /// Notes of the user.
    pub user_data: UserData,
}

/// Changes to a list.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct ListChanges {
    /// Notes of the user.
    #[serde(default)]
    pub user_data: Optional<UserData>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn face() -> FaceRecord {
        FaceRecord {
            face_id: FaceId(Uuid::nil()),
            account_id: AccountId(Uuid::nil()),
            event_id: None,
            user_data: String::new(),
            external_id: String::new(),
            avatar: String::new(),
            lists: Vec::new(),
            create_time: Timestamp::default(),
            attributes: Attributes::default(),
        }
    }

    proptest! {
        #[test]
        fn lists_stay_a_sorted_set(ops in prop::collection::vec((any::<bool>(), 0u128..6), 0..40)) {
            let mut face = face();
            let mut model = std::collections::BTreeSet::new();
            for (attach, n) in ops {
                let list = ListId(Uuid::from_u128(n));
                let changed = if attach { face.attach(list) } else { face.detach(list) };
                let expected = if attach { model.insert(list) } else { model.remove(&list) };
                prop_assert_eq!(changed, expected);
            }
            prop_assert_eq!(face.lists, model.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_view_holds_only_what_was_asked_for() {
        let all = face().view(&[]);
        assert_eq!(all.len(), 8);
        let some = face().view(&[FaceTarget::FaceId, FaceTarget::Lists]);
        assert_eq!(some.keys().collect::<Vec<_>>(), ["face_id", "lists"]);
    }
}
