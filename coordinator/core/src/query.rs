//! Reading query strings into typed filters. Pure: the caller has decoded the pairs already.

pub mod parameters;
pub mod values;

use std::str::FromStr;

pub use parameters::{Parameters, QueryValue};
pub use values::{CommaList, Moment, Switch, Target, Targets};

/// A query parameter that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("parameter '{name}': {message}")]
pub struct BadParameter {
    /// The parameter's name.
    pub name: String,
    /// What is wrong, for people.
    pub message: String,
    /// Whether a field was asked for that the object does not have: the contract has an error of
    /// its own for that.
    pub target: bool,
}

/// Decoded pairs of a query string.
#[derive(Clone, Copy, Debug)]
pub struct Pairs<'a>(pub &'a [(String, String)]);

/// Most objects on one page.
pub const MAX_PAGE_SIZE: usize = 1000;

/// A page of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: u64,
    /// Items a page, 1 to 1000.
    pub size: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            number: 1,
            size: 10,
        }
    }
}

impl Page {
    /// How many items come before this page.
    pub fn skip(self) -> usize {
        let before = (self.number.saturating_sub(1)).saturating_mul(self.size as u64);
        usize::try_from(before).unwrap_or(usize::MAX)
    }
}

/// One of some values, where the absence of a value may be among the wanted ones.
#[derive(Clone, Debug, PartialEq)]
pub struct OneOf<T> {
    /// The wanted values.
    pub values: Vec<T>,
    /// Whether absence is wanted as well.
    pub absent: bool,
}

impl<T: PartialEq> OneOf<T> {
    /// Whether `value` is among them.
    pub fn accept(&self, value: Option<&T>) -> bool {
        value.map_or(self.absent, |value| self.values.contains(value))
    }
}

impl<'a> Pairs<'a> {
    /// The value of `name`; the last one where it is given more than once.
    pub fn get(self, name: &str) -> Option<&'a str> {
        self.0
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// All values of `name` in the order given.
    pub fn all(self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of `name` as a `T`.
    pub fn value<T: FromStr>(self, name: &str) -> Result<Option<T>, BadParameter>
    where
        T::Err: std::fmt::Display,
    {
        self.get(name).map(|text| parse(name, text)).transpose()
    }

    /// The number `name` between `least` and `most`, both included.
    pub fn number<T>(self, name: &str, least: T, most: T) -> Result<Option<T>, BadParameter>
    where
        T: FromStr<Err: std::fmt::Display> + PartialOrd + std::fmt::Display,
    {
        match self.value::<T>(name)? {
            Some(value) if !(value >= least && value <= most) => Err(bad(
                name,
                format!("{value} is not between {least} and {most}"),
            )),
            value => Ok(value),
        }
    }

    /// The items of `name`, separated by commas or given by repeating the parameter.
    pub fn texts(self, name: &str) -> Option<Vec<String>> {
        let mut given = self.0.iter().filter(|(key, _)| key == name).peekable();
        given.peek()?;
        Some(
            given
                .flat_map(|(_, value)| value.split(','))
                .map(str::to_owned)
                .collect(),
        )
    }

    /// The items of `name` as `T`s.
    pub fn list<T: FromStr>(self, name: &str) -> Result<Option<Vec<T>>, BadParameter>
    where
        T::Err: std::fmt::Display,
    {
        let Some(texts) = self.texts(name) else {
            return Ok(None);
        };
        texts
            .iter()
            .map(|text| parse(name, text))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// The items of `name` where `null` stands for absence.
    pub fn one_of<T: FromStr>(self, name: &str) -> Result<Option<OneOf<T>>, BadParameter>
    where
        T::Err: std::fmt::Display,
    {
        let Some(texts) = self.texts(name) else {
            return Ok(None);
        };
        let (absent, present): (Vec<_>, Vec<_>) = texts.iter().partition(|text| *text == "null");
        let values = present
            .iter()
            .map(|text| parse(name, text))
            .collect::<Result<_, _>>()?;
        Ok(Some(OneOf {
            values,
            absent: !absent.is_empty(),
        }))
    }

    /// The page that `page` and `page_size` name.
    pub fn page(self) -> Result<Page, BadParameter> {
        let number = self.number("page", 1, u64::MAX)?.unwrap_or(1);
        let size = self.number("page_size", 1, MAX_PAGE_SIZE)?.unwrap_or(10);
        Ok(Page { number, size })
    }
}

/// A complaint about parameter `name`.
pub fn bad(name: &str, message: impl Into<String>) -> BadParameter {
    BadParameter {
        name: name.into(),
        message: message.into(),
        target: false,
    }
}

/// A complaint about a field that the answers about `of` do not have.
pub fn unknown_target(name: &str, item: &str, of: &str, known: &[&str]) -> BadParameter {
    let item: String = item.chars().take(64).collect();
    let known: Vec<String> = known.iter().map(|known| format!("'{known}'")).collect();
    BadParameter {
        name: name.into(),
        message: format!(
            "'{item}' is not valid target to get {of}. Valid target should be one of [{}].",
            known.join(", ")
        ),
        target: true,
    }
}

fn parse<T: FromStr<Err: std::fmt::Display>>(name: &str, text: &str) -> Result<T, BadParameter> {
    text.parse().map_err(|e| bad(name, format!("{e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(given: &[(&str, &str)]) -> Vec<(String, String)> {
        given
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn pages_have_defaults_and_bounds() {
        let page = |given: &[(&str, &str)]| Pairs(&pairs(given)).page();
        assert_eq!(
            page(&[]).unwrap(),
            Page {
                number: 1,
                size: 10
            }
        );
        assert_eq!(
            page(&[("page", "3"), ("page_size", "7")]).unwrap().skip(),
            14
        );
        for wrong in [
            ("page", "0"),
            ("page_size", "1001"),
            ("page_size", "0"),
            ("page", "x"),
        ] {
            assert_eq!(page(&[wrong]).unwrap_err().name, wrong.0);
        }
    }

    #[test]
    fn null_is_absence() {
        let given = pairs(&[("age", "1,null"), ("age", "2")]);
        let set: OneOf<u8> = Pairs(&given).one_of("age").unwrap().unwrap();
        assert_eq!(set.values, [1, 2]);
        assert!(set.accept(None) && set.accept(Some(&2)) && !set.accept(Some(&3)));
    }
}
