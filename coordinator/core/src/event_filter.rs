//! Which events: the filters of `/6/events` and of subscriptions, all of which must hold.

mod area;
mod estimated;
mod parse;

use goshawk_proto::{
    id::{AccountId, EventId, FaceId, HandlerId, StreamId},
    stream::{GeoPosition, Location},
    time::Timestamp,
};

use crate::{
    code::{GenderCode, LivenessCode},
    event::{StoredEvent, view::EventTarget},
    query::{OneOf, Page},
};

pub use estimated::{BodyFilter, EstimationFilters};
pub use parse::{Subscription, Wanted};

/// A box about a place on Earth, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeoBox {
    /// Its centre.
    pub origin: GeoPosition,
    /// Half its width.
    pub longitude_delta: f64,
    /// Half its height.
    pub latitude_delta: f64,
}

/// What is asked of a place on Earth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GeoFilter {
    /// None may be given.
    Absent,
    /// It must lie in the box.
    Within(GeoBox),
}

/// Conditions on an event; an absent one holds.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(
    missing_docs,
    reason = "each is named as its query parameter; gte: not below, lt: below"
)]
pub struct EventFilters {
    pub create_time_gte: Option<Timestamp>,
    pub create_time_lt: Option<Timestamp>,
    pub end_time_gte: Option<Timestamp>,
    pub end_time_lt: Option<Timestamp>,
    pub event_ids: Option<Vec<EventId>>,
    pub event_id_gte: Option<EventId>,
    pub event_id_lt: Option<EventId>,
    pub face_ids: Option<Vec<FaceId>>,
    pub handler_ids: Option<Vec<HandlerId>>,
    pub external_ids: Option<Vec<String>>,
    pub stream_ids: Option<OneOf<StreamId>>,
    pub sources: Option<OneOf<String>>,
    pub track_ids: Option<OneOf<String>>,
    pub cities: Option<OneOf<String>>,
    pub areas: Option<OneOf<String>>,
    pub districts: Option<OneOf<String>>,
    pub streets: Option<OneOf<String>>,
    pub house_numbers: Option<OneOf<String>>,
    pub geo: Option<GeoFilter>,
    pub top_label: Option<String>,
    pub top_ids: Option<Vec<FaceId>>,
    pub top_external_ids: Option<Vec<String>>,
    pub top_similarity_gte: Option<f32>,
    pub top_similarity_lt: Option<f32>,
    /// Subscriptions: at least one of these labels has candidates.
    pub any_labels: Option<Vec<String>>,
    pub gender: Option<OneOf<GenderCode>>,
    pub age_gte: Option<u8>,
    pub age_lt: Option<u8>,
    pub liveness: Option<OneOf<LivenessCode>>,
    /// All of these.
    pub tags: Option<Vec<String>>,
    /// Part of it.
    pub user_data: Option<String>,
    /// What else was estimated.
    pub estimated: EstimationFilters,
}

/// Which way listings go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Oldest or smallest first.
    Ascending,
    /// Newest or greatest first.
    #[default]
    Descending,
}

/// A listing of events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventQuery {
    /// Of which account, where the caller may choose.
    pub account_id: Option<AccountId>,
    /// Which.
    pub filters: EventFilters,
    /// In which direction: by id when a bound on ids is given, else by creation time.
    pub direction: Direction,
    /// Which page.
    pub page: Page,
    /// Which fields; empty is all.
    pub targets: Vec<EventTarget>,
}

impl EventQuery {
    /// Sorts rows of several accounts as each account's own listing is sorted.
    pub fn sort(&self, rows: &mut [StoredEvent]) {
        let by_id = self.filters.event_id_gte.is_some() || self.filters.event_id_lt.is_some();
        if by_id {
            rows.sort_by_key(|event| event.event_id);
        } else {
            rows.sort_by_key(|event| (event.create_time, event.event_id));
        }
        if self.direction == Direction::Descending {
            rows.reverse();
        }
    }
}

impl EventFilters {
    /// Whether an event meets them.
    pub fn accept(&self, event: &StoredEvent) -> bool {
        self.accept_ids(event)
            && self.accept_times(event)
            && self.accept_place(&event.location)
            && self.accept_match(event)
            && self.accept_person(event)
            && self
                .sources
                .as_ref()
                .is_none_or(|s| s.accept(event.source.as_ref()))
            && self
                .tags
                .iter()
                .flatten()
                .all(|tag| event.tags.contains(tag))
            && self
                .user_data
                .as_ref()
                .is_none_or(|part| event.user_data.contains(part.as_str()))
    }

    fn accept_ids(&self, event: &StoredEvent) -> bool {
        let id = event.event_id;
        let face = event.face.as_ref().map(|face| face.face_id);
        within(id, self.event_id_gte, self.event_id_lt)
            && self.event_ids.as_ref().is_none_or(|ids| ids.contains(&id))
            && self
                .face_ids
                .as_ref()
                .is_none_or(|ids| face.is_some_and(|face| ids.contains(&face)))
            && self
                .handler_ids
                .as_ref()
                .is_none_or(|ids| ids.contains(&event.handler_id))
            && self
                .external_ids
                .as_ref()
                .is_none_or(|ids| ids.contains(&event.external_id))
            && self
                .stream_ids
                .as_ref()
                .is_none_or(|s| s.accept(event.stream_id.as_ref()))
            && self
                .track_ids
                .as_ref()
                .is_none_or(|t| t.accept(event.track_id.as_ref()))
    }

    fn accept_times(&self, event: &StoredEvent) -> bool {
        within(event.create_time, self.create_time_gte, self.create_time_lt)
            && within(event.end_time, self.end_time_gte, self.end_time_lt)
    }

    fn accept_place(&self, at: &Location) -> bool {
        let parts = [
            (&self.cities, &at.city),
            (&self.areas, &at.area),
            (&self.districts, &at.district),
            (&self.streets, &at.street),
            (&self.house_numbers, &at.house_number),
        ];
        parts
            .iter()
            .all(|(wanted, is)| wanted.as_ref().is_none_or(|w| w.accept(is.as_ref())))
            && self.geo.is_none_or(|geo| match geo {
                GeoFilter::Absent => at.geo_position.is_none(),
                GeoFilter::Within(area) => at.geo_position.is_some_and(|p| area.covers(p)),
            })
    }

    fn accept_match(&self, event: &StoredEvent) -> bool {
        let top = event.top_match.as_ref();
        let has = |label: &String| {
            let found =
                |m: &crate::event::LabelMatches| m.label == *label && !m.candidates.is_empty();
            event.matches.iter().flatten().any(found)
        };
        self.top_label
            .as_ref()
            .is_none_or(|label| top.is_some_and(|t| t.label == *label))
            && self
                .top_ids
                .as_ref()
                .is_none_or(|ids| top.is_some_and(|t| ids.contains(&t.face_id)))
            && self
                .top_external_ids
                .as_ref()
                .is_none_or(|ids| top.is_some_and(|t| ids.contains(&t.external_id)))
            && self
                .top_similarity_gte
                .is_none_or(|v| top.is_some_and(|t| t.similarity >= v))
            && self
                .top_similarity_lt
                .is_none_or(|v| top.is_some_and(|t| t.similarity < v))
            && self
                .any_labels
                .as_ref()
                .is_none_or(|labels| labels.iter().any(has))
    }

    fn accept_person(&self, event: &StoredEvent) -> bool {
        let age = event.age();
        self.gender
            .as_ref()
            .is_none_or(|g| g.accept(event.gender().as_ref()))
            && self
                .age_gte
                .is_none_or(|least| age.is_some_and(|age| age >= least))
            && self
                .age_lt
                .is_none_or(|end| age.is_some_and(|age| age < end))
            && self
                .liveness
                .as_ref()
                .is_none_or(|l| l.accept(event.liveness_code().as_ref()))
            && self.estimated.accept(&event.estimated)
    }
}

fn within<T: PartialOrd>(value: T, least: Option<T>, end: Option<T>) -> bool {
    least.is_none_or(|least| value >= least) && end.is_none_or(|end| value < end)
}

impl GeoBox {
    /// Whether a place lies in it; across the date line as well.
    pub fn covers(&self, place: GeoPosition) -> bool {
        let mut east = (place.longitude - self.origin.longitude).abs();
        if east > 180.0 {
            east = 360.0 - east;
        }
        let north = (place.latitude - self.origin.latitude).abs();
        east <= self.longitude_delta && north <= self.latitude_delta
    }
}

#[cfg(test)]
mod tests;
