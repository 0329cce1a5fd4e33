//! Which events: the filters of `/6/events` and of subscriptions, all of which must hold.

use goshawk_proto::{
    id::{EventId, FaceId, HandlerId, StreamId},
    stream::{GeoPosition, Location},
    time::Timestamp,
};

use crate::{
    code::{GenderCode, LivenessCode},
    event::{StoredEvent, view::EVENT_TARGETS},
    query::{BadParameter, OneOf, Page, Pairs, bad},
};

/// Filters that can only ever meet an absent value here, as no model estimates it: an event
/// passes only where `null` is wanted.
const NEVER_ESTIMATED: [&str; 13] = [
    "emotions",
    "masks",
    "ethnic_groups",
    "deepfake",
    "apparent_gender",
    "headwear_states",
    "headwear_apparent_colors",
    "sleeve_lengths",
    "upper_clothing_colors",
    "lower_garment_colors",
    "lower_garment_types",
    "shoes_apparent_colors",
    "backpack_states",
];

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
    /// Something is wanted that no model estimates, so nothing passes.
    pub impossible: bool,
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
    /// Which.
    pub filters: EventFilters,
    /// In which direction: by id when a bound on ids is given, else by creation time.
    pub direction: Direction,
    /// Which page.
    pub page: Page,
    /// Which fields; empty is all.
    pub targets: Vec<String>,
}

impl EventFilters {
    /// Whether an event meets them.
    pub fn accept(&self, event: &StoredEvent) -> bool {
        !self.impossible
            && self.accept_ids(event)
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

impl EventQuery {
    /// Reads the query of `GET /6/events`.
    pub fn from_query(pairs: &[(String, String)]) -> Result<Self, BadParameter> {
        let q = Pairs(pairs);
        let mut filters = common(q)?;
        filters.create_time_gte = q.value("create_time__gte")?;
        filters.create_time_lt = q.value("create_time__lt")?;
        filters.end_time_gte = q.value("end_time__gte")?;
        filters.end_time_lt = q.value("end_time__lt")?;
        filters.event_ids = q.list("event_ids")?;
        filters.event_id_gte = q.value("event_id__gte")?;
        filters.event_id_lt = q.value("event_id__lt")?;
        filters.face_ids = q.list("face_ids")?;
        filters.external_ids = q.texts("external_ids");
        filters.track_ids = q.one_of("track_ids")?;
        filters.geo = geo_parameters(q)?;
        filters.top_label = q.value("top_matching_candidates_label")?;
        filters.top_ids = q.list("top_similar_object_ids")?;
        filters.top_external_ids = q.texts("top_similar_external_ids");
        filters.top_similarity_gte = q.value("top_similar_object_similarity__gte")?;
        filters.top_similarity_lt = q.value("top_similar_object_similarity__lt")?;
        let direction = match q.get("order") {
            None | Some("desc") => Direction::Descending,
            Some("asc") => Direction::Ascending,
            Some(other) => return Err(bad("order", format!("`{other}` is neither asc nor desc"))),
        };
        let targets = q
            .texts("targets")
            .or_else(|| q.texts("target"))
            .unwrap_or_default();
        if let Some(odd) = targets
            .iter()
            .find(|t| !EVENT_TARGETS.contains(&t.as_str()))
        {
            return Err(bad("target", format!("`{odd}` is no field of an event")));
        }
        Ok(Self {
            filters,
            direction,
            page: q.page()?,
            targets,
        })
    }
}

impl EventFilters {
    /// Reads the query of a subscription (`/6/ws`, and the Sender's `/1/ws` and `/2/ws`).
    pub fn from_subscription(pairs: &[(String, String)]) -> Result<Self, BadParameter> {
        let q = Pairs(pairs);
        let mut filters = common(q)?;
        filters.any_labels = q.texts("matching_candidates_labels");
        filters.top_similarity_gte = q.value("object_similarity__gte")?;
        filters.top_similarity_lt = q.value("object_similarity__lt")?;
        filters.geo = geo_list(q)?;
        Ok(filters)
    }
}

/// What both kinds of query share.
fn common(q: Pairs<'_>) -> Result<EventFilters, BadParameter> {
    let bodies = ["apparent_age__gte", "apparent_age__lt"];
    let mut impossible = bodies.iter().any(|name| q.get(name).is_some());
    for name in NEVER_ESTIMATED {
        if let Some(wanted) = q.one_of::<String>(name)? {
            impossible |= !wanted.absent;
        }
    }
    Ok(EventFilters {
        handler_ids: q.list("handler_ids")?,
        stream_ids: q.one_of("stream_ids")?,
        sources: q.one_of("sources")?,
        cities: q.one_of("cities")?,
        areas: q.one_of("areas")?,
        districts: q.one_of("districts")?,
        streets: q.one_of("streets")?,
        house_numbers: q.one_of("house_numbers")?,
        gender: q.one_of("gender")?,
        age_gte: q.number("age__gte", 0, 100)?,
        age_lt: q.number("age__lt", 0, 100)?,
        liveness: q.one_of("liveness")?,
        tags: q.texts("tags"),
        user_data: q.value("user_data")?,
        impossible,
        ..EventFilters::default()
    })
}

fn geo_parameters(q: Pairs<'_>) -> Result<Option<GeoFilter>, BadParameter> {
    let (longitude, latitude) = (q.get("origin_longitude"), q.get("origin_latitude"));
    match (longitude, latitude) {
        (None, None) => Ok(None),
        (Some("null"), Some("null")) => Ok(Some(GeoFilter::Absent)),
        (Some(_), Some(_)) => {
            let number = |name, most: f64| q.number(name, -most, most);
            geo_box(
                number("origin_longitude", 180.0)?,
                number("origin_latitude", 90.0)?,
                q.number("longitude_delta", 0.0, 90.0)?,
                q.number("latitude_delta", 0.0, 90.0)?,
            )
        }
        _ => Err(bad(
            "origin_longitude",
            "longitude and latitude go together",
        )),
    }
}

/// `geo_position=origin_longitude,36.6,origin_latitude,55.7[,longitude_delta,…]`.
fn geo_list(q: Pairs<'_>) -> Result<Option<GeoFilter>, BadParameter> {
    const NAME: &str = "geo_position";
    let Some(items) = q.texts(NAME) else {
        return Ok(None);
    };
    let (named, rest) = items.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(bad(NAME, "want names and numbers in turn"));
    }
    let find = |name: &str, least: f64, most: f64| -> Result<Option<f64>, BadParameter> {
        let Some([_, text]) = named.iter().find(|[key, _]| key == name) else {
            return Ok(None);
        };
        match text.parse::<f64>() {
            Ok(value) if (least..=most).contains(&value) => Ok(Some(value)),
            _ => Err(bad(
                NAME,
                format!("{name} is not between {least} and {most}"),
            )),
        }
    };
    let wanted = (
        find("origin_longitude", -180.0, 180.0)?,
        find("origin_latitude", -90.0, 90.0)?,
    );
    if wanted.0.is_none() || wanted.1.is_none() {
        return Err(bad(
            NAME,
            "origin_longitude and origin_latitude are required",
        ));
    }
    let deltas = (
        find("longitude_delta", 0.0, 90.0)?,
        find("latitude_delta", 0.0, 90.0)?,
    );
    geo_box(wanted.0, wanted.1, deltas.0, deltas.1)
}

fn geo_box(
    longitude: Option<f64>,
    latitude: Option<f64>,
    longitude_delta: Option<f64>,
    latitude_delta: Option<f64>,
) -> Result<Option<GeoFilter>, BadParameter> {
    const DEFAULT_DELTA: f64 = 0.01;
    let (Some(longitude), Some(latitude)) = (longitude, latitude) else {
        return Ok(None);
    };
    Ok(Some(GeoFilter::Within(GeoBox {
        origin: GeoPosition {
            longitude,
            latitude,
        },
        longitude_delta: longitude_delta.unwrap_or(DEFAULT_DELTA),
        latitude_delta: latitude_delta.unwrap_or(DEFAULT_DELTA),
    })))
}

#[cfg(test)]
mod tests;
