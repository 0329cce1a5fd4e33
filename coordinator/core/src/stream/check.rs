//! Bounds of stream bodies.

use goshawk_proto::stream::{Analytics, Location, Region, StreamData};

use super::{MAX_DESCRIPTION, MAX_NAME, MAX_REFERENCE, NewStream};
use crate::{
    bounds::{self, Check, Invalid},
    event::MAX_LOCATION,
};

/// Most analytics of one stream.
const MAX_ANALYTICS: usize = 100;
/// Longest side of a region in pixels.
const MAX_SIDE: u32 = 65_536;
/// Shortest side of a region in per cent.
const LEAST_SHARE: f32 = 1e-5;

impl Check for NewStream {
    fn check(&self) -> Result<(), Invalid> {
        bounds::text("name", &self.name, MAX_NAME)?;
        bounds::text("description", &self.description, MAX_DESCRIPTION)?;
        if self.group_name.is_some() && self.group_id.is_some() {
            let message = "a group is named once, by its name or by its id";
            return Err(Invalid::new("group_name", message));
        }
        bounds::one_of("autorestart.restart", self.autorestart.restart, &[0, 1])?;
        let most = i32::MAX as u32;
        bounds::number(
            "autorestart.attempt_count",
            self.autorestart.attempt_count,
            1,
            most,
        )?;
        bounds::number("autorestart.delay", self.autorestart.delay, 1, most)?;
        if let Some(location) = &self.location {
            check_location(location).map_err(|e| e.under("location"))?;
        }
        check_data(&self.data).map_err(|e| e.under("data"))
    }
}

/// Checks a place against the contract's bounds.
pub fn check_location(location: &Location) -> Result<(), Invalid> {
    let parts = [
        ("city", &location.city),
        ("area", &location.area),
        ("district", &location.district),
        ("street", &location.street),
        ("house_number", &location.house_number),
    ];
    for (name, part) in parts {
        bounds::text(name, part.as_deref().unwrap_or(""), MAX_LOCATION)?;
    }
    let Some(geo) = location.geo_position else {
        return Ok(());
    };
    bounds::number("geo_position.longitude", geo.longitude, -180.0, 180.0)?;
    bounds::number("geo_position.latitude", geo.latitude, -90.0, 90.0)
}

fn check_data(data: &StreamData) -> Result<(), Invalid> {
    bounds::text("reference", &data.reference, MAX_REFERENCE)?;
    bounds::text("mask", data.mask.as_deref().unwrap_or(""), MAX_NAME)?;
    bounds::items("analytics", &data.analytics, 1, MAX_ANALYTICS)?;
    bounds::one_of("rotation", data.rotation, &[0, 90, 180, 270])?;
    check_region("roi", data.roi)?;
    for (index, analytics) in data.analytics.iter().enumerate() {
        let under = |wrong: Invalid| wrong.under(&index.to_string()).under("analytics");
        check_analytics(analytics).map_err(under)?;
    }
    Ok(())
}

fn check_analytics(analytics: &Analytics) -> Result<(), Invalid> {
    check_region("droi", analytics.droi)?;
    let filtering = &analytics.filtering;
    let angles = [
        ("detection_yaw_threshold", filtering.detection_yaw_threshold),
        (
            "detection_pitch_threshold",
            filtering.detection_pitch_threshold,
        ),
        (
            "detection_roll_threshold",
            filtering.detection_roll_threshold,
        ),
    ];
    for (name, angle) in angles {
        bounds::number(name, angle, 0.0, 180.0).map_err(|e| e.under("filtering"))?;
    }
    let least = filtering.min_body_size_threshold;
    bounds::number("filtering.min_body_size_threshold", least, 0.0, f32::MAX)?;
    let sending = &analytics.sending;
    let periods = [
        (
            "time_period_of_searching",
            sending.time_period_of_searching.0,
        ),
        ("silent_period", sending.silent_period),
    ];
    for (name, period) in periods {
        bounds::number(name, period, -1, i64::MAX).map_err(|e| e.under("sending"))?;
    }
    let timeout = analytics.healthcheck.timeout;
    bounds::maybe_number("healthcheck.timeout", timeout, 0, i32::MAX as u32)?;
    bounds::one_of(
        "liveness.liveness_mode",
        analytics.liveness.liveness_mode,
        &[0, 1, 2],
    )
}

/// Sides up to 65536 pixels, or up to 100 per cent where a side is not nothing.
fn check_region(name: &str, region: Option<Region>) -> Result<(), Invalid> {
    let sides = ["x", "y", "width", "height"];
    let checked = match region {
        None => Ok(()),
        Some(Region::Abs {
            x,
            y,
            width,
            height,
        }) => sides
            .iter()
            .zip([x, y, width, height])
            .try_for_each(|(side, value)| bounds::number(side, value, 0, MAX_SIDE)),
        Some(Region::Percent {
            x,
            y,
            width,
            height,
        }) => sides
            .iter()
            .zip([
                (x, 0.0),
                (y, 0.0),
                (width, LEAST_SHARE),
                (height, LEAST_SHARE),
            ])
            .try_for_each(|(side, (value, least))| bounds::number(side, value, least, 100.0)),
    };
    checked.map_err(|wrong| wrong.under(name))
}
