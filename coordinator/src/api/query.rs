//! Query parameters: typed, bounded, with the contract's error naming the parameter.

use std::{ops::RangeInclusive, str::FromStr};

use goshawk_coordinator_core::query::{Page, Pairs};
use goshawk_proto::time::Timestamp;

use crate::errors::{ApiError, Code};

/// Longest list in one parameter.
const MAX_ITEMS: usize = 1000;

/// The parameters of one request. Unknown ones are ignored, as in the contract's service.
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the part of a URI after `?`. Of a repeated parameter the last one counts, or all of
    /// them where a list is wanted.
    pub fn parse(text: &str) -> Self {
        Self(
            form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The decoded pairs, for the domain's own queries.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// The raw text of a parameter.
    pub fn raw(&self, name: &str) -> Option<&str> {
        Pairs(&self.0).get(name)
    }

    fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        match self.raw(name) {
            None => Ok(None),
            Some(text) => read(text)
                .map(Some)
                .ok_or_else(|| Code::BadQuery.with(name)),
        }
    }

    /// Text of at most `longest` characters.
    pub fn text(&self, name: &str, longest: usize) -> Result<Option<String>, ApiError> {
        self.read(name, |text| {
            (text.chars().count() <= longest).then(|| text.to_owned())
        })
    }

    /// Anything that reads from text, ids above all.
    pub fn value<T: FromStr>(&self, name: &str) -> Result<Option<T>, ApiError> {
        self.read(name, |text| text.parse().ok())
    }

    /// A moment.
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, ApiError> {
        // A `+` of a zone that the client did not escape has become a blank.
        self.read(name, |text| text.replace(' ', "+").parse().ok())
    }

    /// A whole number.
    pub fn integer(&self, name: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, ApiError> {
        self.read(name, |text| {
            text.parse().ok().filter(|number| range.contains(number))
        })
    }

    /// A number.
    pub fn number(&self, name: &str, range: RangeInclusive<f64>) -> Result<Option<f64>, ApiError> {
        self.read(name, |text| {
            text.parse().ok().filter(|number| range.contains(number))
        })
    }

    /// 0 or 1.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, ApiError> {
        let read = |text: &str| match text {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        };
        Ok(self.read(name, read)?.unwrap_or(default))
    }

    /// One of some words.
    pub fn one_of<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, ApiError> {
        self.read(name, |text| {
            words
                .iter()
                .find(|(word, _)| *word == text)
                .map(|(_, value)| *value)
        })
    }

    /// A comma-separated list.
    pub fn list<T: FromStr>(&self, name: &str) -> Result<Option<Vec<T>>, ApiError> {
        self.read(name, |text| {
            let items: Vec<&str> = text.split(',').collect();
            if items.len() > MAX_ITEMS {
                return None;
            }
            items
                .into_iter()
                .map(|item| item.trim().parse().ok())
                .collect()
        })
    }

    /// A comma-separated list of words out of `known`; the error is the contract's for targets.
    pub fn targets(
        &self,
        name: &str,
        what: &str,
        known: &'static [&'static str],
    ) -> Result<Option<Vec<&'static str>>, ApiError> {
        let Some(text) = self.raw(name) else {
            return Ok(None);
        };
        let mut chosen = Vec::new();
        for word in text.split(',').map(str::trim).take(MAX_ITEMS) {
            match known.iter().find(|known| **known == word) {
                Some(word) => chosen.push(*word),
                None => {
                    let word: String = word.chars().take(64).collect();
                    let known: Vec<String> =
                        known.iter().map(|known| format!("'{known}'")).collect();
                    let detail = format!(
                        "'{word}' is not valid target to get {what}. Valid target should be one of [{}].",
                        known.join(", ")
                    );
                    return Err(ApiError::new(Code::BadTarget, detail));
                }
            }
        }
        Ok(Some(chosen))
    }

    /// `page` and `page_size`.
    pub fn page(&self) -> Result<Page, ApiError> {
        Ok(Pairs(&self.0).page()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use goshawk_proto::id::FaceId;

    #[test]
    fn bad_values_name_their_parameter() {
        let query = Query::parse("page_size=5000&face_ids=x&flag=2&create_time__lt=now");
        let name = |result: Result<(), ApiError>| {
            result.unwrap_err().body()["detail"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        assert_eq!(
            name(query.page().map(drop)),
            "Bad query parameters 'page_size'"
        );
        assert_eq!(
            name(query.list::<FaceId>("face_ids").map(drop)),
            "Bad query parameters 'face_ids'"
        );
        assert_eq!(
            name(query.flag("flag", false).map(drop)),
            "Bad query parameters 'flag'"
        );
        assert_eq!(
            name(query.time("create_time__lt").map(drop)),
            "Bad query parameters 'create_time__lt'"
        );
    }

    #[test]
    fn good_values_are_read() {
        let query = Query::parse("page=3&page_size=7&user_data=a%20b&t=2026-11-20T12:00:00+03:00");
        let page = query.page().unwrap();
        assert_eq!((page.number, page.size, page.skip()), (3, 7, 14));
        assert_eq!(query.text("user_data", 10).unwrap().as_deref(), Some("a b"));
        assert_eq!(
            query.time("t").unwrap().unwrap().to_string(),
            "2026-11-20T09:00:00Z"
        );
        assert_eq!(
            Query::parse("").page().unwrap(),
            Page {
                number: 1,
                size: 10
            }
        );
    }

    #[test]
    fn targets_are_checked_against_the_list() {
        const KNOWN: &[&str] = &["face_id", "lists"];
        let error = Query::parse("targets=not_a_target")
            .targets("targets", "faces", KNOWN)
            .unwrap_err();
        assert_eq!(
            error.body()["detail"],
            "'not_a_target' is not valid target to get faces. Valid target should be one of ['face_id', 'lists']."
        );
    }
}
