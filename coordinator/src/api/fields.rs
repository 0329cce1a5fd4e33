//! Reading a JSON body field by field, so that every mistake names its path in the contract's
//! manner (`policies.match_policy.0.label`) and unknown fields are refused.

use std::{ops::RangeInclusive, str::FromStr};

use goshawk_proto::time::Timestamp;
use serde_json::{Map, Value};

use crate::errors::{ApiError, Code};

/// The fields of one JSON object.
pub struct Fields<'a> {
    code: Code,
    path: String,
    map: &'a Map<String, Value>,
    known: Vec<&'static str>,
}

/// One value somewhere in a body.
#[derive(Clone)]
pub struct Field<'a> {
    code: Code,
    path: String,
    value: &'a Value,
}

impl<'a> Fields<'a> {
    /// The fields of a whole body; mistakes are reported under `code`.
    pub fn of(body: &'a Value, code: Code) -> Result<Self, ApiError> {
        Field::root(body, code).object()
    }

    /// The field, if it is there. An explicit null counts as there.
    pub fn get(&mut self, name: &'static str) -> Option<Field<'a>> {
        self.known.push(name);
        let value = self.map.get(name)?;
        Some(Field {
            code: self.code,
            path: join(&self.path, name),
            value,
        })
    }

    /// The field, if it is there and not null.
    pub fn some(&mut self, name: &'static str) -> Option<Field<'a>> {
        self.get(name).filter(|field| !field.value.is_null())
    }

    /// The field; an error when it is missing.
    pub fn need(&mut self, name: &'static str) -> Result<Field<'a>, ApiError> {
        let missing = self.code.at(&join(&self.path, name), "field required");
        self.get(name).ok_or(missing)
    }

    /// Notes fields that are fine but not looked at.
    pub fn allow(&mut self, names: &[&'static str]) {
        self.known.extend_from_slice(names);
    }

    /// Refuses fields that nobody asked for.
    pub fn finish(self) -> Result<(), ApiError> {
        match self
            .map
            .keys()
            .find(|key| !self.known.contains(&key.as_str()))
        {
            None => Ok(()),
            Some(key) => {
                let key: String = key.chars().take(64).collect();
                let message =
                    format!("Additional properties are not allowed ('{key}' was unexpected)");
                Err(self.code.at(&self.path, message))
            }
        }
    }
}

impl<'a> Field<'a> {
    /// A whole body.
    pub fn root(value: &'a Value, code: Code) -> Self {
        Self {
            code,
            path: String::new(),
            value,
        }
    }

    /// The error of this field.
    pub fn wrong(&self, message: impl std::fmt::Display) -> ApiError {
        self.code.at(&self.path, message)
    }

    /// The value as it is.
    pub fn value(&self) -> &'a Value {
        self.value
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        self.value.is_null()
    }

    /// An object.
    pub fn object(&self) -> Result<Fields<'a>, ApiError> {
        let map = self
            .value
            .as_object()
            .ok_or_else(|| self.wrong("value is not a valid dict"))?;
        Ok(Fields {
            code: self.code,
            path: self.path.clone(),
            map,
            known: Vec::new(),
        })
    }

    /// An array of `count` items.
    pub fn array(&self, count: RangeInclusive<usize>) -> Result<Vec<Field<'a>>, ApiError> {
        let items = self
            .value
            .as_array()
            .ok_or_else(|| self.wrong("value is not a valid list"))?;
        if items.len() < *count.start() {
            return Err(self.wrong(format!(
                "ensure this value has at least {} items",
                count.start()
            )));
        }
        if items.len() > *count.end() {
            return Err(self.wrong(format!(
                "ensure this value has at most {} items",
                count.end()
            )));
        }
        let item = |(at, value): (usize, &'a Value)| Field {
            code: self.code,
            path: join(&self.path, &at.to_string()),
            value,
        };
        Ok(items.iter().enumerate().map(item).collect())
    }

    /// Text of `length` characters.
    pub fn text(&self, length: RangeInclusive<usize>) -> Result<String, ApiError> {
        let text = self
            .value
            .as_str()
            .ok_or_else(|| self.wrong("str type expected"))?;
        let have = text.chars().count();
        if have < *length.start() {
            return Err(self.wrong(format!(
                "ensure this value has at least {} characters",
                length.start()
            )));
        }
        if have > *length.end() {
            return Err(self.wrong(format!(
                "ensure this value has at most {} characters",
                length.end()
            )));
        }
        Ok(text.to_owned())
    }

    /// An id, or anything else in hyphenated UUID form.
    pub fn id<T: FromStr>(&self) -> Result<T, ApiError> {
        let text = self
            .value
            .as_str()
            .ok_or_else(|| self.wrong("str type expected"))?;
        text.parse()
            .map_err(|_| self.wrong("value is not a valid uuid"))
    }

    /// An array of ids without repetitions being an error.
    pub fn ids<T: FromStr>(&self, count: RangeInclusive<usize>) -> Result<Vec<T>, ApiError> {
        self.array(count)?.iter().map(Field::id).collect()
    }

    /// A whole number.
    pub fn integer(&self, range: RangeInclusive<i64>) -> Result<i64, ApiError> {
        let number = self
            .value
            .as_i64()
            .ok_or_else(|| self.wrong("value is not a valid integer"))?;
        self.bounded(number as f64, *range.start() as f64, *range.end() as f64)?;
        Ok(number)
    }

    /// A number.
    pub fn number(&self, range: RangeInclusive<f64>) -> Result<f64, ApiError> {
        let number = self
            .value
            .as_f64()
            .ok_or_else(|| self.wrong("value is not a valid float"))?;
        self.bounded(number, *range.start(), *range.end())?;
        Ok(number)
    }

    fn bounded(&self, number: f64, low: f64, high: f64) -> Result<(), ApiError> {
        if number < low {
            return Err(self.wrong(format!(
                "ensure this value is greater than or equal to {low}"
            )));
        }
        if number > high {
            return Err(self.wrong(format!("ensure this value is less than or equal to {high}")));
        }
        Ok(())
    }

    /// 0 or 1.
    pub fn flag(&self) -> Result<bool, ApiError> {
        match self.value.as_i64() {
            Some(0) => Ok(false),
            Some(1) => Ok(true),
            _ => Err(self.wrong("unexpected value; permitted: 0, 1")),
        }
    }

    /// true or false.
    pub fn boolean(&self) -> Result<bool, ApiError> {
        self.value
            .as_bool()
            .ok_or_else(|| self.wrong("value could not be parsed to a boolean"))
    }

    /// One of some words.
    pub fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, ApiError> {
        let found = words
            .iter()
            .find(|(word, _)| self.value.as_str() == Some(word));
        found.map(|(_, value)| *value).ok_or_else(|| {
            let permitted: Vec<String> =
                words.iter().map(|(word, _)| format!("'{word}'")).collect();
            self.wrong(format!(
                "unexpected value; permitted: {}",
                permitted.join(", ")
            ))
        })
    }

    /// A moment in RFC 3339.
    pub fn time(&self) -> Result<Timestamp, ApiError> {
        let text = self
            .value
            .as_str()
            .ok_or_else(|| self.wrong("str type expected"))?;
        text.parse()
            .map_err(|_| self.wrong("invalid datetime format"))
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn detail(result: Result<impl Sized, ApiError>) -> String {
        let body = result.err().expect("an error").body();
        body["detail"].as_str().unwrap().to_owned()
    }

    #[test]
    fn mistakes_name_their_path() {
        let body = json!({"a": {"b": [1, "x"]}, "n": 7, "extra": 1});
        let mut fields = Fields::of(&body, Code::BadJson).unwrap();
        let items = fields
            .need("a")
            .unwrap()
            .object()
            .unwrap()
            .need("b")
            .unwrap()
            .array(1..=5)
            .unwrap();
        assert!(
            detail(items[1].integer(0..=5))
                .contains("Path: 'a.b.1', message: 'value is not a valid integer'")
        );
        assert!(
            detail(items[0].text(0..=5)).contains("Path: 'a.b.0', message: 'str type expected'")
        );
        assert!(
            detail(fields.need("n").unwrap().integer(0..=5)).contains("less than or equal to 5")
        );
        assert!(
            detail(fields.need("missing")).contains("Path: 'missing', message: 'field required'")
        );
        assert!(detail(fields.finish()).contains("('extra' was unexpected)"));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert!(
            detail(Fields::of(&json!([]), Code::BadJson))
                .contains("Path: '', message: 'value is not a valid dict'")
        );
    }
}
