//! The checks that a handler asks for, with limits of its own.

use goshawk_coordinator_core::{bounds::Invalid, handler::sections::FaceQualityPolicy};
use serde_json::Value;

use super::{
    Check, FaceChecks, Facts, QualityList, judged,
    limit::{Found, Limit},
    table::CHECKS,
};
use goshawk_coordinator_core::code::Flag;

/// Checks with what of their values is allowed.
#[derive(Clone)]
pub struct Chosen(Vec<(&'static Check, Limit)>);

impl Chosen {
    /// The checks that a policy leaves on, at its limits where it sets some.
    pub fn of(policy: &FaceQualityPolicy) -> Result<Self, Invalid> {
        let known = |name: &str| CHECKS.iter().any(|check| check.name == name);
        if let Some(name) = policy.checks.keys().find(|name| !known(name)) {
            return Err(invalid(
                format!("checks.{name}"),
                "extra fields not permitted",
            ));
        }
        let mut chosen = Vec::with_capacity(CHECKS.len());
        for check in &CHECKS {
            let own = policy.checks.get(check.name);
            let limit = match own.and_then(|own| own.threshold.as_ref()) {
                Some(threshold) => limited(check, threshold)?,
                None => check.limit,
            };
            if own.is_none_or(|own| own.estimate.0) {
                chosen.push((check, limit));
            }
        }
        Ok(Self(chosen))
    }

    /// The checks of a face.
    pub fn judge(&self, facts: &Facts<'_>) -> FaceChecks {
        let (checks, passed) = judged(self.0.iter().copied(), facts);
        FaceChecks {
            status: Flag(passed),
            checks: QualityList(checks),
        }
    }
}

fn invalid(path: String, message: impl Into<String>) -> Invalid {
    Invalid {
        path,
        message: message.into(),
    }
}

/// The limit that a handler sets: a bound that it leaves out stays as it is.
fn limited(check: &Check, threshold: &Value) -> Result<Limit, Invalid> {
    let path = || format!("checks.{}.threshold", check.name);
    match check.limit {
        Limit::Share(min, max, ends) => {
            let (min, max) = bounds(&path(), threshold, min, Some(max))?;
            let max = max.unwrap_or(1.0);
            match (0.0..=1.0).contains(&min) && (0.0..=1.0).contains(&max) {
                true => Ok(Limit::Share(min, max, ends)),
                false => Err(invalid(path(), "bounds are not between 0 and 1")),
            }
        }
        Limit::Range(min, max, ends) => {
            let (min, max) = bounds(&path(), threshold, min, max)?;
            Ok(Limit::Range(min, max, ends))
        }
        Limit::Whole(min, max) => {
            let (min, max) = bounds(&path(), threshold, min as f64, max.map(|max| max as f64))?;
            let whole = |bound: f64| bound >= 0.0 && bound.fract() == 0.0 && bound < WHOLE;
            match whole(min) && max.is_none_or(whole) {
                true => Ok(Limit::Whole(min as u64, max.map(|max| max as u64))),
                false => Err(invalid(path(), "bounds are no whole numbers from 0")),
            }
        }
        Limit::Words(_) | Limit::Chosen(..) => words(&path(), check.form.words(), threshold),
        Limit::Is(_) => match threshold.as_u64() {
            Some(0) => Ok(Limit::Is(false)),
            Some(1) => Ok(Limit::Is(true)),
            _ => Err(invalid(path(), "unexpected value; permitted: 0, 1")),
        },
    }
}

/// Up to here every whole number is a floating point number of its own.
const WHOLE: f64 = 9_007_199_254_740_992.0;

/// `min` and `max` of a range, those that it has over the given ones; only a missing upper bound
/// may be null.
fn bounds(
    path: &str,
    range: &Value,
    min: f64,
    max: Option<f64>,
) -> Result<(f64, Option<f64>), Invalid> {
    let Value::Object(range) = range else {
        return Err(invalid(path.to_owned(), "value is not a valid dict"));
    };
    if let Some(name) = range
        .keys()
        .find(|name| !["min", "max"].contains(&name.as_str()))
    {
        return Err(invalid(
            format!("{path}.{name}"),
            "extra fields not permitted",
        ));
    }
    let number = |name: &str, value: &Value| {
        let finite = value.as_f64().filter(|number| number.is_finite());
        finite.ok_or_else(|| invalid(format!("{path}.{name}"), "value is not a valid number"))
    };
    let least = match range.get("min") {
        Some(value) => number("min", value)?,
        None => min,
    };
    let most = match range.get("max") {
        Some(Value::Null) if max.is_none() => None,
        Some(value) => Some(number("max", value)?),
        None => max,
    };
    Ok((least, most))
}

/// Some of the words of a check.
fn words(path: &str, all: &'static [&'static str], chosen: &Value) -> Result<Limit, Invalid> {
    let Some(chosen) = chosen.as_array().filter(|chosen| !chosen.is_empty()) else {
        return Err(invalid(
            path.to_owned(),
            "value is not a valid list of at least 1 items",
        ));
    };
    let mut set = 0u16;
    for (place, word) in chosen.iter().enumerate() {
        let known = all.iter().position(|known| word.as_str() == Some(known));
        let Some(known) = known else {
            return Err(invalid(format!("{path}.{place}"), "unexpected value"));
        };
        set |= 1 << known;
    }
    Ok(Limit::Chosen(all, set))
}

impl FaceChecks {
    /// Name, value and limit of the checks that were not passed. What could not be told is no
    /// failure.
    pub fn failures(&self) -> impl Iterator<Item = (&'static str, Found, Limit)> + '_ {
        let failed = self.checks.0.iter().filter(|checked| !checked.result.0);
        failed.filter_map(|checked| {
            Some((checked.name, checked.object_value?, checked.threshold_value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn chosen(checks: Value) -> Result<Chosen, Invalid> {
        let policy = json!({"estimate": 1, "checks": checks});
        Chosen::of(&serde_json::from_value(policy).unwrap())
    }

    fn limit(checks: Value, name: &str) -> Value {
        let chosen = chosen(checks).unwrap();
        let found = chosen.0.iter().find(|(check, _)| check.name == name);
        serde_json::to_value(found.unwrap().1).unwrap()
    }

    #[test]
    fn a_handler_sets_its_own_limits() {
        assert_eq!(chosen(json!({})).unwrap().0.len(), CHECKS.len());
        let off = json!({"head_yaw": {"estimate": 0}});
        assert_eq!(chosen(off).unwrap().0.len(), CHECKS.len() - 1);
        for (name, threshold, written) in [
            (
                "head_yaw",
                json!({"max": 20}),
                json!({"min": -5.0, "max": 20.0}),
            ),
            (
                "eye_distance",
                json!({"min": 30, "max": null}),
                json!({"min": 30.0, "max": null}),
            ),
            (
                "image_width",
                json!({"min": 1}),
                json!({"min": 1, "max": 1920}),
            ),
            (
                "glasses",
                json!(["sunglasses", "no_glasses"]),
                json!(["no_glasses", "sunglasses"]),
            ),
            ("natural_light", json!(0), json!(0)),
            (
                "dark_quality",
                json!({"min": 0.1, "max": 0.9}),
                json!({"min": 0.1, "max": 0.9}),
            ),
        ] {
            let checks = json!({name: {"threshold": threshold}});
            assert_eq!(limit(checks, name), written, "{name}");
        }
    }

    #[test]
    fn limits_that_do_not_fit_are_refused_by_name() {
        for (name, threshold, path) in [
            ("charm", json!(1), "checks.charm"),
            ("head_yaw", json!(5), "checks.head_yaw.threshold"),
            (
                "head_yaw",
                json!({"min": "x"}),
                "checks.head_yaw.threshold.min",
            ),
            (
                "head_yaw",
                json!({"most": 1}),
                "checks.head_yaw.threshold.most",
            ),
            (
                "head_yaw",
                json!({"max": null}),
                "checks.head_yaw.threshold.max",
            ),
            (
                "dark_quality",
                json!({"max": 2}),
                "checks.dark_quality.threshold",
            ),
            (
                "image_width",
                json!({"min": 1.5}),
                "checks.image_width.threshold",
            ),
            ("left_eye", json!([]), "checks.left_eye.threshold"),
            (
                "left_eye",
                json!(["open", "blue"]),
                "checks.left_eye.threshold.1",
            ),
            ("red_eyes", json!(2), "checks.red_eyes.threshold"),
        ] {
            let refused = chosen(json!({name: {"threshold": threshold}})).err();
            assert_eq!(refused.map(|invalid| invalid.path).as_deref(), Some(path));
        }
    }
}
