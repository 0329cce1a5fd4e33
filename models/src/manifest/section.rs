//! Reads TOML tables field by field, collecting every mistake with its path instead of stopping
//! at the first.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// One mistake in a manifest: where, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// File and key, such as `yunet.toml: input.mean`.
    pub path: String,
    /// What is wrong, for people.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// A table being read. `finish` reports the keys that nobody asked for.
pub(super) struct Section {
    file: String,
    keys: String,
    table: Table,
    asked: Vec<&'static str>,
}

impl Section {
    /// The top of the document `file`.
    pub(super) fn top(file: &str, table: Table) -> Self {
        Self {
            file: file.to_owned(),
            keys: String::new(),
            table,
            asked: Vec::new(),
        }
    }

    fn path(&self, key: &str) -> String {
        format!("{}: {}{key}", self.file, self.keys)
    }

    /// Notes a mistake at `key`.
    pub(super) fn complain(
        &self,
        key: &str,
        message: impl Into<String>,
        problems: &mut Vec<Problem>,
    ) {
        problems.push(Problem {
            path: self.path(key),
            message: message.into(),
        });
    }

    /// The value of `key`, or `None` where it is absent or (noted) malformed.
    pub(super) fn optional<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<T> {
        self.asked.push(key);
        match self.table.remove(key)?.try_into() {
            Ok(value) => Some(value),
            Err(error) => {
                let error: toml::de::Error = error;
                self.complain(key, error.message(), problems);
                None
            }
        }
    }

    /// The value of `key`; its absence is a mistake.
    pub(super) fn required<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<T> {
        if !self.table.contains_key(key) {
            self.asked.push(key);
            self.complain(key, "missing", problems);
            return None;
        }
        self.optional(key, problems)
    }

    /// The text of `key`, which must be there and not be empty.
    pub(super) fn text(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<String> {
        let text: String = self.required(key, problems)?;
        if text.trim().is_empty() {
            self.complain(key, "must not be empty", problems);
            return None;
        }
        self.shown(key, text, problems)
    }

    /// A text that may be absent.
    pub(super) fn optional_text(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<String> {
        let text: String = self.optional(key, problems)?;
        self.shown(key, text, problems)
    }

    /// Texts are shown on terminals, which obey control characters.
    fn shown(&self, key: &str, text: String, problems: &mut Vec<Problem>) -> Option<String> {
        if text.contains(char::is_control) {
            self.complain(key, "must be one line without control characters", problems);
            return None;
        }
        Some(text)
    }

    /// The table of `key`, or `None` where it is absent or (noted) no table.
    pub(super) fn section(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<Section> {
        let table = self.optional(key, problems)?;
        Some(self.child(&format!("{key}."), table))
    }

    /// The tables of the list `key`; empty where it is absent or (noted) no list of tables.
    pub(super) fn sections(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Vec<Section> {
        let tables: Vec<Table> = self.optional(key, problems).unwrap_or_default();
        tables
            .into_iter()
            .enumerate()
            .map(|(i, table)| self.child(&format!("{key}[{i}]."), table))
            .collect()
    }

    fn child(&self, keys: &str, table: Table) -> Section {
        Section {
            file: self.file.clone(),
            keys: format!("{}{keys}", self.keys),
            table,
            asked: Vec::new(),
        }
    }

    /// All remaining keys with their values, for tables whose keys are data.
    pub(super) fn rest(&mut self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.table).into_iter().collect()
    }

    /// Reports every key that was not asked for, with the nearest name that would have been.
    pub(super) fn finish(self, problems: &mut Vec<Problem>) {
        for key in self.table.keys() {
            self.complain(key, unknown(key, self.asked.iter().copied()), problems);
        }
    }
}

/// Says that `key` is unknown, and which of `valid` was probably meant.
pub(super) fn unknown<'a>(key: &str, valid: impl Iterator<Item = &'a str>) -> String {
    let nearest = valid
        .map(|name| (strsim::jaro_winkler(key, name), name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((_, name)) => format!("unknown key; did you mean `{name}`?"),
        None => "unknown key".to_owned(),
    }
}
