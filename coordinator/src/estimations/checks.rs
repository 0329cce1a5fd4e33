//! The checks of portraits: `/6/iso`, and `face_quality` of `/6/detector`.
//!
//! [`table::CHECKS`] is the one list of them: name, kind of value, limit, for which pictures, and
//! how the value is read from what was measured. Answers, verdicts and the schemas of API documents
//! come from it.
//!
//! A check whose value nothing here can tell is not passed: its value is null and its result 0.
//! Where the contract does not allow null, the check is left out and the whole is not passed.

pub mod chosen;
pub mod limit;
mod schema;
pub mod table;

use goshawk_coordinator_core::{code::Flag, published};
use goshawk_models::{PictureFormat, estimate::FaceReport};
use goshawk_proto::geometry::Size;
use serde::Serialize;
use utoipa::ToSchema;

pub use limit::{Found, Limit};
use table::{CHECKS, Check};

/// What the checks are made on.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The face with its measures.
    pub face: &'a FaceReport,
    /// Kind of the file.
    pub format: Option<PictureFormat>,
    /// Bytes of the file.
    pub bytes: usize,
    /// The picture in pixels.
    pub size: Size,
    /// Whether the picture is a sample, of which nothing about the frame can be told.
    pub is_sample: bool,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Checked {
    name: &'static str,
    object_value: Option<Found>,
    threshold_value: Limit,
    result: Flag,
}

/// The checks that are made of every face by `/6/detector`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct QualityList(Vec<Checked>);

published!(QualityList, "QualityList", schema::quality());

/// The checks of `/6/iso`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct IsoList(Vec<Checked>);

published!(IsoList, "IsoList", schema::iso());

/// Whether a face would do for a passport.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FaceChecks {
    /// Whether every check was passed.
    pub status: Flag,
    /// Check by check; what nothing here can tell is null, or left out, and not passed.
    pub checks: QualityList,
}

impl FaceChecks {
    /// All checks of a face.
    pub fn of(facts: &Facts<'_>) -> Self {
        let (checks, passed) = judged(all().map(|check| (check, check.limit)), facts);
        Self {
            status: Flag(passed),
            checks: QualityList(checks),
        }
    }
}

/// Whether a face is as ISO/IEC 19794-5 wants it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct IsoChecks {
    /// Whether every check was passed.
    pub status: Flag,
    /// Check by check; what nothing here can tell is null, or left out, and not passed.
    pub checks: IsoList,
}

impl IsoChecks {
    /// The checks of a face that `/6/iso` makes.
    pub fn of(facts: &Facts<'_>) -> Self {
        let (checks, passed) = judged(
            all()
                .filter(|check| check.iso)
                .map(|check| (check, check.limit)),
            facts,
        );
        Self {
            status: Flag(passed),
            checks: IsoList(checks),
        }
    }
}

fn all() -> impl Iterator<Item = &'static Check> {
    CHECKS.iter()
}

/// The checks that apply, and whether all of them are passed.
fn judged(
    checks: impl Iterator<Item = (&'static Check, Limit)>,
    facts: &Facts<'_>,
) -> (Vec<Checked>, bool) {
    let (mut told, mut passed) = (Vec::new(), true);
    for (check, limit) in checks.filter(|(check, _)| !facts.is_sample || check.of_samples) {
        let value = (check.read)(facts);
        let result = value.is_some_and(|value| limit.admits(&value));
        passed &= result;
        if value.is_none() && !check.form.takes_null() {
            continue;
        }
        told.push(Checked {
            name: check.name,
            object_value: value,
            threshold_value: limit,
            result: Flag(result),
        });
    }
    (told, passed)
}

#[cfg(test)]
mod tests;
