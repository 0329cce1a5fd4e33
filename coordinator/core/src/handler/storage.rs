//! The storage policy: what of an event is kept, and who is told.

use goshawk_proto::id::ListId;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::filters::EventConditions;
use crate::{
    bounds::{self, Check, Invalid},
    code::Flag,
    formats::Tagged,
};

/// Lifetimes in days that the contract allows for samples and images; -1 is without end.
pub const TTL_DAYS: [i32; 14] = [-1, 1, 2, 3, 4, 5, 6, 7, 14, 30, 60, 90, 180, 365];
/// One of [`TTL_DAYS`], for documents.
pub struct DaysToLive;

crate::published!(
    DaysToLive,
    "DaysToLive",
    utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::Type::Integer)
        .enum_values(Some(TTL_DAYS))
);

/// Longest life of a temporary attribute in seconds.
pub const MAX_ATTRIBUTE_TTL_S: u32 = 86_400;
/// Most lists that a face may be linked to by a handler.
pub const MAX_LINKS: usize = 30;

/// What is kept of an event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(default)]
pub struct StoragePolicy {
    /// Samples of faces; on by default.
    pub face_sample_policy: SamplePolicy,
    /// Samples of bodies; on by default.
    pub body_sample_policy: SamplePolicy,
    /// Whole pictures; off by default.
    pub image_origin_policy: ImageOriginPolicy,
    /// Temporary attributes; off by default.
    pub attribute_policy: AttributePolicy,
    /// Faces and their lists; off by default.
    pub face_policy: FacePolicy,
    /// Events; on by default.
    pub event_policy: EventPolicy,
    /// Messages to subscribers; on by default.
    pub notification_policy: NotificationPolicy,
    /// Further receivers.
    pub callbacks: Vec<Callback>,
}

/// Keeping samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(default)]
pub struct SamplePolicy {
    /// Whether.
    pub store_sample: Flag,
    /// When.
    pub filters: EventConditions,
    /// For how many days, see [`TTL_DAYS`]; `None`: as long as the store's own rule says.
    #[schema(value_type = Option<DaysToLive>)]
    pub ttl: Option<i32>,
}

impl Default for SamplePolicy {
    fn default() -> Self {
        Self {
            store_sample: Flag::ON,
            filters: EventConditions::default(),
            ttl: None,
        }
    }
}

/// Keeping whole pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(default)]
pub struct ImageOriginPolicy {
    /// Whether.
    pub store_image: Flag,
    /// Where the caller named a place of the picture, refer to that and keep no copy.
    pub use_external_references: Flag,
    /// When.
    pub filters: EventConditions,
    /// See [`SamplePolicy::ttl`].
    #[schema(value_type = Option<DaysToLive>)]
    pub ttl: Option<i32>,
}

impl Default for ImageOriginPolicy {
    fn default() -> Self {
        Self {
            store_image: Flag::OFF,
            use_external_references: Flag::ON,
            filters: EventConditions::default(),
            ttl: None,
        }
    }
}

/// Keeping temporary attributes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(default)]
pub struct AttributePolicy {
    /// Whether.
    pub store_attribute: Flag,
    /// When.
    pub filters: EventConditions,
    /// For how many seconds, up to [`MAX_ATTRIBUTE_TTL_S`].
    #[schema(maximum = 86400)]
    pub ttl: u32,
}

impl Default for AttributePolicy {
    fn default() -> Self {
        Self {
            store_attribute: Flag::OFF,
            filters: EventConditions::default(),
            ttl: 300,
        }
    }
}

/// Keeping faces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(default)]
pub struct FacePolicy {
    /// Whether.
    pub store_face: Flag,
    /// When.
    pub filters: EventConditions,
    /// Whether the sample becomes the face's avatar, where the sample is kept.
    pub set_sample_as_avatar: Flag,
    /// Lists to link the face to, each under conditions.
    #[schema(max_items = 30)]
    pub link_to_lists_policy: Vec<ListLink>,
}

impl Default for FacePolicy {
    fn default() -> Self {
        Self {
            store_face: Flag::OFF,
            filters: EventConditions::default(),
            set_sample_as_avatar: Flag::ON,
            link_to_lists_policy: Vec::new(),
        }
    }
}

/// A list that a stored face is linked to under conditions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ListLink {
    /// The list.
    pub list_id: ListId,
    /// When.
    #[serde(default)]
    pub filters: EventConditions,
}

/// Keeping events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(default)]
pub struct EventPolicy {
    /// Whether.
    pub store_event: Flag,
    /// When.
    pub filters: EventConditions,
    /// Kept for old clients: we always answer after the commit.
    pub wait_saving: Flag,
}

impl Default for EventPolicy {
    fn default() -> Self {
        Self {
            store_event: Flag::ON,
            filters: EventConditions::default(),
            wait_saving: Flag::ON,
        }
    }
}

/// Messages to subscribers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(default)]
pub struct NotificationPolicy {
    /// Whether.
    pub send_notification: Flag,
    /// When.
    pub filters: EventConditions,
}

impl Default for NotificationPolicy {
    fn default() -> Self {
        Self {
            send_notification: Flag::ON,
            filters: EventConditions::default(),
        }
    }
}

/// A further receiver of events.
#[derive(Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type")]
pub enum Callback {
    /// An HTTP request to somebody else.
    #[serde(rename = "http")]
    Http(HttpCallback),
    /// A message to subscribers, as the notification policy sends it.
    #[serde(rename = "luna-ws-notification")]
    Subscribers(SubscribersCallback),
}

impl<'de> Deserialize<'de> for Callback {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const KINDS: &[&str] = &["http", "luna-ws-notification"];
        let tagged = Tagged::read(deserializer, "type")?;
        match tagged.kind.as_str() {
            "http" => tagged.rest().map(Self::Http),
            "luna-ws-notification" => tagged.rest().map(Self::Subscribers),
            other => Err(D::Error::unknown_variant(other, KINDS)),
        }
    }
}

impl std::fmt::Debug for Callback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Http(_) => "Callback::Http(..)",
            Self::Subscribers(_) => "Callback::Subscribers(..)",
        })
    }
}

/// An HTTP request to somebody else. Holds credentials: never logged.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HttpCallback {
    /// Where to; may hold credentials.
    pub url: String,
    /// Basic authorisation, kept as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<Map<String, Value>>,
    /// Time-out, content type and headers, kept as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Map<String, Value>>,
    /// Whether it is on.
    #[serde(default = "on")]
    #[schema(default = 1)]
    pub enable: Flag,
    /// When.
    #[serde(default)]
    pub filters: EventConditions,
}

/// A message to subscribers.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SubscribersCallback {
    /// Whether it is on.
    #[serde(default = "on")]
    #[schema(default = 1)]
    pub enable: Flag,
    /// When.
    #[serde(default)]
    pub filters: EventConditions,
}

fn on() -> Flag {
    Flag::ON
}

fn check_ttl(ttl: Option<i32>) -> Result<(), Invalid> {
    match ttl {
        Some(days) if !TTL_DAYS.contains(&days) => Err(Invalid::new(
            "ttl",
            format!("{days} is none of {TTL_DAYS:?}"),
        )),
        _ => Ok(()),
    }
}

impl Check for SamplePolicy {
    fn check(&self) -> Result<(), Invalid> {
        check_ttl(self.ttl)?;
        bounds::part("filters", &self.filters)
    }
}

impl Check for ImageOriginPolicy {
    fn check(&self) -> Result<(), Invalid> {
        check_ttl(self.ttl)?;
        bounds::part("filters", &self.filters)
    }
}

impl Check for AttributePolicy {
    fn check(&self) -> Result<(), Invalid> {
        bounds::number("ttl", self.ttl, 0, MAX_ATTRIBUTE_TTL_S)?;
        bounds::part("filters", &self.filters)
    }
}

impl Check for ListLink {
    fn check(&self) -> Result<(), Invalid> {
        bounds::part("filters", &self.filters)
    }
}

impl Check for FacePolicy {
    fn check(&self) -> Result<(), Invalid> {
        bounds::part("filters", &self.filters)?;
        bounds::items(
            "link_to_lists_policy",
            &self.link_to_lists_policy,
            0,
            MAX_LINKS,
        )?;
        bounds::part("link_to_lists_policy", &self.link_to_lists_policy)
    }
}

impl Check for Callback {
    fn check(&self) -> Result<(), Invalid> {
        let filters = match self {
            Self::Http(http) => &http.filters,
            Self::Subscribers(subscribers) => &subscribers.filters,
        };
        bounds::part("filters", filters)
    }
}

impl Check for StoragePolicy {
    fn check(&self) -> Result<(), Invalid> {
        bounds::part("face_sample_policy", &self.face_sample_policy)?;
        bounds::part("body_sample_policy", &self.body_sample_policy)?;
        bounds::part("image_origin_policy", &self.image_origin_policy)?;
        bounds::part("attribute_policy", &self.attribute_policy)?;
        bounds::part("face_policy", &self.face_policy)?;
        bounds::part("event_policy.filters", &self.event_policy.filters)?;
        bounds::part(
            "notification_policy.filters",
            &self.notification_policy.filters,
        )?;
        bounds::part("callbacks", &self.callbacks)
    }
}
