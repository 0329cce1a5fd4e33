//! Areas on Earth out of query strings.

use goshawk_proto::stream::GeoPosition;
use utoipa::{PartialSchema, openapi::path::Parameter};

use super::{GeoBox, GeoFilter};
use crate::{
    formats::{Latitude, Longitude, Real},
    query::{
        BadParameter, Pairs, Parameters, bad,
        parameters::{default_of, describe},
    },
};

/// How far east and north a place may be by default, in degrees.
const DEFAULT_DELTA: f64 = 0.01;

/// An area given by four parameters.
pub struct Area(pub Option<GeoFilter>);

impl Parameters for Area {
    const NAMES_FIELDS: bool = false;

    fn read(query: Pairs<'_>) -> Result<Self, BadParameter> {
        geo_parameters(query).map(Self)
    }

    fn describe() -> Vec<Parameter> {
        let delta = || default_of(Real::<0, 90>::schema(), &DEFAULT_DELTA);
        vec![
            describe("origin_longitude", ORIGIN, false, Longitude::schema()),
            describe("origin_latitude", ORIGIN, false, Latitude::schema()),
            describe("longitude_delta", DELTA, false, delta()),
            describe("latitude_delta", DELTA, false, delta()),
        ]
    }
}

const ORIGIN: &str = "Middle of an area in degrees; both, or `null` for events without a place.";
const DELTA: &str = "How far the area reaches either way, in degrees.";

/// The same as one list of names and numbers.
pub struct AreaList(pub Option<GeoFilter>);

impl Parameters for AreaList {
    const NAMES_FIELDS: bool = false;

    fn read(query: Pairs<'_>) -> Result<Self, BadParameter> {
        geo_list(query).map(Self)
    }

    fn describe() -> Vec<Parameter> {
        let about = "An area as names and numbers in turn: `origin_longitude,36.6,…`.";
        vec![describe("geo_position", about, false, String::schema())]
    }
}

fn geo_parameters(q: Pairs<'_>) -> Result<Option<GeoFilter>, BadParameter> {
    // Looked at also where there is no area for them.
    let deltas = (
        q.number("longitude_delta", 0.0, 90.0)?,
        q.number("latitude_delta", 0.0, 90.0)?,
    );
    let (longitude, latitude) = (q.get("origin_longitude"), q.get("origin_latitude"));
    match (longitude, latitude) {
        (None, None) => Ok(None),
        (Some("null"), Some("null")) => Ok(Some(GeoFilter::Absent)),
        (Some(_), Some(_)) => {
            let number = |name, most: f64| q.number(name, -most, most);
            geo_box(
                number("origin_longitude", 180.0)?,
                number("origin_latitude", 90.0)?,
                deltas.0,
                deltas.1,
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
