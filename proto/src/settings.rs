//! Daemon settings: one list of keys, filled from a TOML file, the environment and flags.
//!
//! A daemon declares its keys once with [`settings!`](crate::settings!); from that come the typed
//! struct, the defaults, the documentation ([`sample`]), the names of environment variables and
//! the command-line flags. Later sources win: default, file, environment, flag. All mistakes are
//! reported together, and an unknown key is refused with the nearest valid name.
//!
//! Nothing here reads a file or the environment: the caller does and hands the text in.

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

/// One documented key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Dotted name, as in `[agents] listen` → `agents.listen`.
    pub name: &'static str,
    /// Default as it would be written; empty: none.
    pub default: &'static str,
    /// What it does, one or more lines.
    pub doc: &'static str,
}

impl Key {
    /// Name of the environment variable: `PREFIX_AGENTS_LISTEN` for `agents.listen`.
    pub fn variable(&self, prefix: &str) -> String {
        format!("{prefix}_{}", self.name.replace('.', "_").to_uppercase())
    }
}

/// One mistake in the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: the key, or the file when it cannot be read at all.
    pub key: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

/// Everything that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} mistake(s) in the settings:", self.0.len())?;
        for problem in &self.0 {
            write!(f, "\n  {}: {}", problem.key, problem.reason)?;
        }
        Ok(())
    }
}

/// A value that can be written as one setting.
pub trait Value: Sized {
    /// Whether nobody may see it.
    const SECRET: bool = false;

    /// Reads it; the error says what would be right. Empty text means "not set".
    fn parse(text: &str) -> Result<Self, String>;
}

macro_rules! from_str_values {
    ($($kind:ty = $want:literal),* $(,)?) => {$(
        impl Value for $kind {
            fn parse(text: &str) -> Result<Self, String> {
                <$kind>::from_str(text).map_err(|_| format!(concat!("`{}` is not ", $want), text))
            }
        }
    )*};
}

from_str_values! {
    bool = "`true` or `false`",
    f32 = "a number",
    std::net::SocketAddr = "an address with a port such as 127.0.0.1:5000",
    std::path::PathBuf = "a path",
    String = "text",
    u16 = "a whole number from 0 to 65535",
    u32 = "a whole number from 0 to 4294967295",
    u64 = "a whole number",
    usize = "a whole number",
    uuid::Uuid = "a UUID",
}

/// Nothing, or a value: an empty text is nothing.
impl<T: Value> Value for Option<T> {
    const SECRET: bool = T::SECRET;

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            Ok(None)
        } else {
            T::parse(text).map(Some)
        }
    }
}

/// A list: separated by commas in text, an array in TOML.
impl<T: Value> Value for Vec<T> {
    const SECRET: bool = T::SECRET;

    fn parse(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(T::parse)
            .collect()
    }
}

/// A span of time: `250ms`, `30s`, `5m`, `12h`, `7d`.
impl Value for Duration {
    fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a span of time such as 250ms, 30s, 5m, 12h or 7d");
        let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let number: u64 = text[..split].parse().map_err(|_| bad())?;
        let millis = match &text[split..] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(bad()),
        };
        number
            .checked_mul(millis)
            .map(Self::from_millis)
            .ok_or_else(bad)
    }
}

/// A number of bytes: `512KiB`, `64MiB`, `2GiB` or a plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl Value for ByteSize {
    fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a size such as 512KiB, 64MiB or 2GiB");
        let split = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let number: u64 = text[..split].parse().map_err(|_| bad())?;
        let unit: u64 = match &text[split..] {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "TiB" => 1 << 40,
            _ => return Err(bad()),
        };
        number.checked_mul(unit).map(Self).ok_or_else(bad)
    }
}

/// What is shown of a secret.
pub const HIDDEN: &str = "********";

/// A value that must not be shown: its `Debug` hides it, and nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

impl Value for Secret {
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }
}

/// Declares a settings struct:
///
/// ```
/// goshawk_proto::settings! {
///     /// What a door bell can be told.
///     pub struct Bell {
///         /// How loud, 0 to 10.
///         volume: u16 = "bell.volume", "5";
///         /// Where the chime is; none by default.
///         chime: Option<String> = "bell.chime", "";
///     }
/// }
/// let env = [("BELL_BELL_VOLUME".to_owned(), "7".to_owned())];
/// let bell = Bell::load("BELL", None, env, []).unwrap();
/// assert_eq!((bell.volume, bell.chime), (7, None));
/// assert_eq!(bell.written[0], ("bell.volume", "7".to_owned()));
/// ```
#[macro_export]
macro_rules! settings {
    (
        $(#[doc = $struct_doc:literal])*
        pub struct $name:ident {
            $($(#[doc = $doc:literal])* $field:ident: $kind:ty = $key:literal, $default:literal;)*
        }
    ) => {
        $(#[doc = $struct_doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            $($(#[doc = $doc])* pub $field: $kind,)*
            /// Every key as it is set, as text; those that nobody may see are stars.
            pub written: Vec<(&'static str, String)>,
        }

        impl $name {
            /// Every key with its default and documentation.
            pub const KEYS: &'static [$crate::settings::Key] = &[
                $($crate::settings::Key { name: $key, default: $default, doc: concat!($($doc, "\n"),*) },)*
            ];

            /// Fills the settings from the text of a file, environment variables (others than
            /// `PREFIX_…` are ignored) and flags given as dotted key and value.
            pub fn load(
                prefix: &str,
                file: Option<&str>,
                environment: impl IntoIterator<Item = (String, String)>,
                flags: impl IntoIterator<Item = (String, String)>,
            ) -> Result<Self, $crate::settings::Problems> {
                let mut gathered = $crate::settings::Gathered::new(Self::KEYS, prefix, file, environment, flags);
                let written = vec![$(($key, gathered.written::<$kind>($key))),*];
                $(let $field: Option<$kind> = gathered.take($key);)*
                gathered.finish()?;
                match ($($field,)*) {
                    ($(Some($field),)*) => Ok(Self { $($field,)* written }),
                    _ => Err($crate::settings::Problems(Vec::new())),
                }
            }

            /// The same for who wants to know everything that is wrong: a value that cannot be read
            /// gives way to its default. `None` where a key without a default is not set.
            pub fn examine(
                prefix: &str,
                file: Option<&str>,
                environment: impl IntoIterator<Item = (String, String)>,
                flags: impl IntoIterator<Item = (String, String)>,
            ) -> (Option<Self>, Vec<$crate::settings::Problem>) {
                let mut gathered = $crate::settings::Gathered::new(Self::KEYS, prefix, file, environment, flags);
                let written = vec![$(($key, gathered.written::<$kind>($key))),*];
                $(let $field: Option<$kind> = gathered.take_or_default($key);)*
                let problems = gathered.finish().err().map_or_else(Vec::new, |problems| problems.0);
                match ($($field,)*) {
                    ($(Some($field),)*) => (Some(Self { $($field,)* written }), problems),
                    _ => (None, problems),
                }
            }
        }
    };
}

/// The values found for every key, before they are parsed. Used by [`settings!`](crate::settings!).
pub struct Gathered {
    keys: &'static [Key],
    found: BTreeMap<&'static str, String>,
    problems: Vec<Problem>,
}

impl Gathered {
    /// Collects the text of every key, later sources over earlier ones.
    pub fn new(
        keys: &'static [Key],
        prefix: &str,
        file: Option<&str>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let found = keys
            .iter()
            .map(|key| (key.name, key.default.to_owned()))
            .collect();
        let mut gathered = Self {
            keys,
            found,
            problems: Vec::new(),
        };
        match file.map(toml::from_str::<toml::Table>) {
            None => {}
            Some(Ok(table)) => gathered.add_table("", &table),
            // The error's own text quotes the line, which may hold a password.
            Some(Err(error)) => {
                let start = error.span().map_or(0, |span| span.start);
                let line = file.unwrap_or_default()[..start].matches('\n').count() + 1;
                gathered.problem("file", format!("line {line}: {}", error.message()));
            }
        }
        for (name, value) in environment {
            if let Some(key) = keys.iter().find(|key| key.variable(prefix) == name) {
                gathered.found.insert(key.name, value);
            }
        }
        for (name, value) in flags {
            gathered.set(&name, value);
        }
        gathered
    }

    fn add_table(&mut self, path: &str, table: &toml::Table) {
        for (name, value) in table {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            match value {
                toml::Value::Table(inner) => self.add_table(&path, inner),
                toml::Value::Array(items) => {
                    let text: Vec<String> = items.iter().map(scalar).collect();
                    self.set(&path, text.join(","));
                }
                other => self.set(&path, scalar(other)),
            }
        }
    }

    fn set(&mut self, name: &str, value: String) {
        if let Some(key) = self.keys.iter().find(|key| key.name == name) {
            self.found.insert(key.name, value);
            return;
        }
        let near = self.keys.iter().max_by(|a, b| {
            strsim::jaro_winkler(a.name, name).total_cmp(&strsim::jaro_winkler(b.name, name))
        });
        let hint = near
            .map(|key| format!("; did you mean `{}`?", key.name))
            .unwrap_or_default();
        self.problem(name, format!("unknown key{hint}"));
    }

    fn problem(&mut self, key: &str, reason: String) {
        self.problems.push(Problem {
            key: key.to_owned(),
            reason,
        });
    }

    /// The typed value of `key`; a value that cannot be read is noted and reported by [`Self::finish`].
    pub fn take<T: Value>(&mut self, key: &'static str) -> Option<T> {
        let text = self.found.get(key).cloned().unwrap_or_default();
        match T::parse(text.trim()) {
            Ok(value) => Some(value),
            Err(_) if text.trim().is_empty() => {
                self.problem(key, "must be set".to_owned());
                None
            }
            Err(reason) => {
                self.problem(key, reason);
                None
            }
        }
    }

    /// The typed value of `key`; one that cannot be read is noted too, and the default taken.
    pub fn take_or_default<T: Value>(&mut self, key: &'static str) -> Option<T> {
        let default = || self.keys.iter().find(|known| known.name == key);
        let default = default().and_then(|known| T::parse(known.default).ok());
        self.take(key).or(default)
    }

    /// The text of `key` for people to see.
    pub fn written<T: Value>(&self, key: &'static str) -> String {
        let text = self.found.get(key).map_or("", |text| text.trim());
        if T::SECRET && !text.is_empty() {
            return HIDDEN.to_owned();
        }
        text.to_owned()
    }

    /// All problems noted, if any.
    pub fn finish(self) -> Result<(), Problems> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(Problems(self.problems))
        }
    }
}

fn scalar(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A commented TOML file with every key at its default.
pub fn sample(keys: &[Key], prefix: &str) -> String {
    let mut sections: BTreeMap<&str, Vec<&Key>> = BTreeMap::new();
    for key in keys {
        let section = key.name.rsplit_once('.').map_or("", |(section, _)| section);
        sections.entry(section).or_default().push(key);
    }
    let mut text = String::new();
    for (section, keys) in sections {
        if !section.is_empty() {
            text.push_str(&format!("[{section}]\n"));
        }
        for key in keys {
            for line in key.doc.lines() {
                text.push_str(&format!("#{}\n", line.trim_end()));
            }
            let name = key.name.rsplit('.').next().unwrap_or(key.name);
            let comment = if key.default.is_empty() { "# " } else { "" };
            text.push_str(&format!("# (environment: {})\n", key.variable(prefix)));
            text.push_str(&format!("{comment}{name} = {:?}\n\n", key.default));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::settings! {
        /// For these tests.
        pub struct Sample {
            /// Where to listen.
            listen: std::net::SocketAddr = "api.listen", "127.0.0.1:5000";
            /// How long to wait.
            wait: Duration = "api.wait", "30s";
            /// How much to keep.
            budget: ByteSize = "outbox.max_bytes", "1GiB";
            /// Names.
            names: Vec<String> = "agents.names", "localhost";
            /// A password.
            password: Option<Secret> = "api.password", "";
            /// Has no default.
            data_dir: std::path::PathBuf = "data_dir", "/var/lib/goshawk";
        }
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect()
    }

    #[test]
    fn later_sources_win() {
        let file = "data_dir = '/a'\n[api]\nwait = '1s'\nlisten = '127.0.0.1:1'\n[agents]\nnames = ['a', 'b']";
        let env = pairs(&[("T_API_WAIT", "2s"), ("T_DATA_DIR", "/b"), ("OTHER", "x")]);
        let flags = pairs(&[("data_dir", "/c")]);
        let got = Sample::load("T", Some(file), env, flags).unwrap();
        assert_eq!(got.listen.port(), 1);
        assert_eq!(got.wait, Duration::from_secs(2));
        assert_eq!(got.data_dir, std::path::PathBuf::from("/c"));
        assert_eq!(got.names, ["a", "b"]);
        assert_eq!(got.budget, ByteSize(1 << 30));
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let file = "[api]\nlisen = 'x'\nwait = 'soon'\n[outbox]\nmax_bytes = '1XB'";
        let Problems(problems) = Sample::load("T", Some(file), [], []).unwrap_err();
        let keys: Vec<&str> = problems.iter().map(|p| p.key.as_str()).collect();
        assert_eq!(keys, ["api.lisen", "api.wait", "outbox.max_bytes"]);
        assert!(
            problems[0].reason.contains("api.listen"),
            "{}",
            problems[0].reason
        );
    }

    #[test]
    fn who_wants_all_mistakes_gets_the_defaults_for_what_is_wrong() {
        let file = "data_dir = '/a'\n[api]\nlisen = 'x'\nwait = 'soon'";
        let (got, problems) = Sample::examine("T", Some(file), [], []);
        let keys: Vec<&str> = problems.iter().map(|p| p.key.as_str()).collect();
        assert_eq!(keys, ["api.lisen", "api.wait"]);
        let got = got.unwrap();
        assert_eq!(got.wait, Duration::from_secs(30));
        assert_eq!(got.data_dir, std::path::PathBuf::from("/a"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let got = Sample::load("T", None, pairs(&[("T_API_PASSWORD", "hunter2")]), []).unwrap();
        assert!(!format!("{got:?}").contains("hunter2"));
        assert!(got.written.contains(&("api.password", HIDDEN.to_owned())));
        assert_eq!(got.password.unwrap().expose(), "hunter2");
    }

    #[test]
    fn the_sample_file_loads() {
        let text = sample(Sample::KEYS, "T");
        Sample::load("T", Some(&text), [], []).unwrap();
        assert!(text.contains("T_OUTBOX_MAX_BYTES"));
    }
}
