//! Which stored faces are candidates: the filters of matching and of face queries.

use goshawk_proto::{
    id::{AccountId, EventId, FaceId, ListId},
    time::Timestamp,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use utoipa::{
    ToSchema,
    openapi::{ObjectBuilder, Type},
};

use crate::{
    bounds::{self, Check, Invalid},
    face::{FaceRecord, MAX_EXTERNAL_ID, MAX_USER_DATA},
};

/// The form of a [`TimeBound`] in text.
const TIME_BOUND: &str = r"^((\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2}))|(now-\d+[smhdwMy]))$";

/// Most ids that one filter may name.
pub const MAX_IDS: usize = 1000;

/// A bound on a time: a moment, or an age to be counted back from now (`now-15m`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeBound {
    /// This moment.
    At(Timestamp),
    /// This many microseconds before now, with the text's number and unit kept for answers.
    Ago {
        /// How many units.
        count: u32,
        /// `s`, `m`, `h`, `d`, `w`, `M` (30 days) or `y` (365 days).
        unit: char,
    },
}

impl TimeBound {
    /// The moment it means at `now`.
    pub fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(moment) => moment,
            Self::Ago { count, unit } => {
                let seconds = u64::from(count).saturating_mul(unit_seconds(unit).unwrap_or(0));
                now.before(std::time::Duration::from_secs(seconds))
            }
        }
    }
}

fn unit_seconds(unit: char) -> Option<u64> {
    const DAY: u64 = 86_400;
    Some(match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => DAY,
        'w' => 7 * DAY,
        'M' => 30 * DAY,
        'y' => 365 * DAY,
        _ => return None,
    })
}

impl std::str::FromStr for TimeBound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(age) = text.strip_prefix("now-") else {
            return text.parse().map(Self::At).map_err(|e| format!("{e}"));
        };
        let unit = age.chars().last().filter(|u| unit_seconds(*u).is_some());
        let count = unit.and_then(|u| age[..age.len() - u.len_utf8()].parse().ok());
        match (count, unit) {
            (Some(count), Some(unit)) => Ok(Self::Ago { count, unit }),
            _ => Err(format!("`{text}` is no age such as now-15m")),
        }
    }
}

impl std::fmt::Display for TimeBound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::At(moment) => moment.fmt(f),
            Self::Ago { count, unit } => write!(f, "now-{count}{unit}"),
        }
    }
}

impl Serialize for TimeBound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeBound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

crate::published!(
    TimeBound,
    "TimeBound",
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(TIME_BOUND))
);

/// Conditions that a stored face must meet, all of them; an absent one is met.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct FaceFilters {
    /// One of these faces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub face_ids: Option<Vec<FaceId>>,
    /// Of this account. The caller's own account binds in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    /// One of these external ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_ids: Option<Vec<String>>,
    /// Part of the user data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_data: Option<String>,
    /// Not below this id.
    #[serde(rename = "face_id__gte", skip_serializing_if = "Option::is_none")]
    pub face_id_gte: Option<FaceId>,
    /// Below this id.
    #[serde(rename = "face_id__lt", skip_serializing_if = "Option::is_none")]
    pub face_id_lt: Option<FaceId>,
    /// In this list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_id: Option<ListId>,
    /// Made from this event (face queries only).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// Made at this time or later.
    #[serde(rename = "create_time__gte", skip_serializing_if = "Option::is_none")]
    pub create_time_gte: Option<TimeBound>,
    /// Made before this time.
    #[serde(rename = "create_time__lt", skip_serializing_if = "Option::is_none")]
    pub create_time_lt: Option<TimeBound>,
}

impl Check for FaceFilters {
    fn check(&self) -> Result<(), Invalid> {
        bounds::maybe_items("face_ids", self.face_ids.as_ref(), 1, MAX_IDS)?;
        bounds::maybe_items("external_ids", self.external_ids.as_ref(), 1, MAX_IDS)?;
        for id in self.external_ids.iter().flatten() {
            bounds::text("external_ids", id, MAX_EXTERNAL_ID)?;
        }
        self.user_data
            .as_ref()
            .map_or(Ok(()), |u| bounds::text("user_data", u, MAX_USER_DATA))
    }
}

/// What filters look at; borrowed, so that the matcher can keep its own compact rows.
#[derive(Clone, Copy, Debug)]
pub struct FaceTraits<'a> {
    /// The face.
    pub face_id: FaceId,
    /// Its external id.
    pub external_id: &'a str,
    /// Its user data.
    pub user_data: &'a str,
    /// Its lists, ascending.
    pub lists: &'a [ListId],
    /// When it was made.
    pub create_time: Timestamp,
    /// The event that it was made from.
    pub event_id: Option<EventId>,
}

impl<'a> From<&'a FaceRecord> for FaceTraits<'a> {
    fn from(face: &'a FaceRecord) -> Self {
        Self {
            face_id: face.face_id,
            external_id: &face.external_id,
            user_data: &face.user_data,
            lists: &face.lists,
            create_time: face.create_time,
            event_id: face.event_id,
        }
    }
}

impl FaceFilters {
    /// Whether a face of the right account meets them at `now`.
    pub fn accept(&self, face: FaceTraits<'_>, now: Timestamp) -> bool {
        let FaceTraits {
            face_id,
            external_id,
            user_data,
            lists,
            create_time,
            event_id,
        } = face;
        self.face_ids
            .as_ref()
            .is_none_or(|ids| ids.contains(&face_id))
            && self.face_id_gte.is_none_or(|least| face_id >= least)
            && self.face_id_lt.is_none_or(|end| face_id < end)
            && self
                .list_id
                .is_none_or(|list| lists.binary_search(&list).is_ok())
            && self.event_id.is_none_or(|event| event_id == Some(event))
            && self
                .external_ids
                .as_ref()
                .is_none_or(|ids| ids.iter().any(|id| id == external_id))
            && self
                .user_data
                .as_ref()
                .is_none_or(|part| user_data.contains(part.as_str()))
            && self
                .create_time_gte
                .is_none_or(|least| create_time >= least.resolve(now))
            && self
                .create_time_lt
                .is_none_or(|end| create_time < end.resolve(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_micros(seconds * 1_000_000)
    }

    fn traits(lists: &[ListId]) -> FaceTraits<'_> {
        FaceTraits {
            face_id: FaceId(uuid::Uuid::from_u128(5)),
            external_id: "ada",
            user_data: "first floor",
            lists,
            create_time: at(100),
            event_id: None,
        }
    }

    fn check(filters: serde_json::Value, expect: bool) {
        let lists = [ListId(uuid::Uuid::from_u128(7))];
        let parsed: FaceFilters = serde_json::from_value(filters.clone()).unwrap();
        assert_eq!(parsed.accept(traits(&lists), at(160)), expect, "{filters}");
    }

    #[test]
    fn every_filter_can_pass_and_fail() {
        let id = |n| uuid::Uuid::from_u128(n).to_string();
        check(serde_json::json!({}), true);
        check(serde_json::json!({"list_id": id(7)}), true);
        check(serde_json::json!({"list_id": id(8)}), false);
        check(serde_json::json!({"face_ids": [id(1), id(5)]}), true);
        check(serde_json::json!({"face_ids": [id(1)]}), false);
        check(
            serde_json::json!({"face_id__gte": id(5), "face_id__lt": id(6)}),
            true,
        );
        check(serde_json::json!({"face_id__lt": id(5)}), false);
        check(serde_json::json!({"external_ids": ["ada"]}), true);
        check(serde_json::json!({"external_ids": ["bob"]}), false);
        check(serde_json::json!({"user_data": "floor"}), true);
        check(serde_json::json!({"user_data": "roof"}), false);
        check(serde_json::json!({"create_time__gte": "now-1m"}), true);
        check(serde_json::json!({"create_time__gte": "now-59s"}), false);
        check(
            serde_json::json!({"create_time__lt": "1970-01-01T00:01:40Z"}),
            false,
        );
    }

    #[test]
    fn ages_read_and_write_alike() {
        for text in ["now-15m", "now-1y", "1970-01-01T00:01:40Z"] {
            assert_eq!(text.parse::<TimeBound>().unwrap().to_string(), text);
        }
        for text in ["now-", "now-5", "now-m", "now--1m", "now-5x", "soon"] {
            assert!(text.parse::<TimeBound>().is_err(), "{text}");
        }
    }
}
