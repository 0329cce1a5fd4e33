//! Event filters out of query strings.

use goshawk_proto::stream::GeoPosition;

use super::{Direction, EventFilters, EventQuery, GeoBox, GeoFilter};
use crate::{
    event::view::EVENT_TARGETS,
    query::{BadParameter, Pairs, bad},
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
