//! Bounds of stream bodies.

use goshawk_proto::stream::{Location, StreamData, StreamStatus};

use super::{MAX_DESCRIPTION, MAX_NAME, MAX_REFERENCE, NewStream};
use crate::{
    bounds::{self, Check, Invalid},
    event::MAX_LOCATION,
};

impl Check for NewStream {
    fn check(&self) -> Result<(), Invalid> {
        bounds::text("name", &self.name, MAX_NAME)?;
        bounds::text("description", &self.description, MAX_DESCRIPTION)?;
        if self.autorestart.restart > 1 {
            return Err(Invalid::new("autorestart.restart", "want 0 or 1"));
        }
        let most = i32::MAX as u32;
        bounds::number(
            "autorestart.attempt_count",
            self.autorestart.attempt_count,
            1,
            most,
        )?;
        bounds::number("autorestart.delay", self.autorestart.delay, 1, most)?;
        if !matches!(
            self.status,
            None | Some(StreamStatus::Pending | StreamStatus::Pause)
        ) {
            return Err(Invalid::new("status", "want pending or pause"));
        }
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
    bounds::items("analytics", &data.analytics, 1, 100)?;
    if ![0, 90, 180, 270].contains(&data.rotation) {
        return Err(Invalid::new("rotation", "want 0, 90, 180 or 270"));
    }
    for (index, analytics) in data.analytics.iter().enumerate() {
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
            bounds::number(name, angle, 0.0, 180.0).map_err(|e| {
                e.under("filtering")
                    .under(&index.to_string())
                    .under("analytics")
            })?;
        }
        let sending = &analytics.sending;
        if sending.time_period_of_searching.0 < -1 || sending.silent_period < -1 {
            return Err(Invalid::new(
                format!("analytics.{index}.sending"),
                "periods are -1 or more",
            ));
        }
    }
    Ok(())
}
