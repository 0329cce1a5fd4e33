//! Text within bounds.

use std::{borrow::Cow, fmt, ops::Deref, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use utoipa::openapi::{ObjectBuilder, SchemaFormat, Type};
use zeroize::Zeroize;

use super::Wrong;

/// Declares a text format: its check and its schema.
macro_rules! text {
    (
        $(#[$doc:meta])*
        $name:ident [$($bound:ident),*], $schema:expr, |$text:ident| $check:expr
    ) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name<$(const $bound: usize),*>(String);

        impl<$(const $bound: usize),*> $name<$($bound),*> {
            /// `text`, if it has this form.
            pub fn new(text: impl Into<String>) -> Result<Self, Wrong> {
                let text = text.into();
                Self::check(&text).map(|()| Self(text))
            }

            fn check($text: &str) -> Result<(), Wrong> {
                $check
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            fn name() -> String {
                let bounds: &[usize] = &[$($bound),*];
                let bounds = bounds.iter().map(|bound| format!(".{bound}"));
                std::iter::once(stringify!($name).to_owned()).chain(bounds).collect()
            }
        }

        impl<$(const $bound: usize),*> FromStr for $name<$($bound),*> {
            type Err = Wrong;

            fn from_str(text: &str) -> Result<Self, Wrong> {
                Self::check(text).map(|()| Self(text.to_owned()))
            }
        }

        impl<$(const $bound: usize),*> TryFrom<String> for $name<$($bound),*> {
            type Error = Wrong;

            fn try_from(text: String) -> Result<Self, Wrong> {
                Self::new(text)
            }
        }

        impl<'de, $(const $bound: usize),*> Deserialize<'de> for $name<$($bound),*> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(D::Error::custom)
            }
        }

        $crate::published!(@[$(const $bound: usize),*] $name<$($bound),*>, Self::name(), $schema);
    };
}

/// What open texts have and secrets do not.
macro_rules! open {
    ($name:ident [$($bound:ident),*]) => {
        impl<$(const $bound: usize),*> $name<$($bound),*> {
            /// The text by itself.
            pub fn into_inner(self) -> String {
                self.0
            }
        }

        impl<$(const $bound: usize),*> From<$name<$($bound),*>> for String {
            fn from(text: $name<$($bound),*>) -> Self {
                text.0
            }
        }

        impl<$(const $bound: usize),*> Deref for $name<$($bound),*> {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl<$(const $bound: usize),*> AsRef<str> for $name<$($bound),*> {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl<$(const $bound: usize),*> fmt::Debug for $name<$($bound),*> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl<$(const $bound: usize),*> fmt::Display for $name<$($bound),*> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<$(const $bound: usize),*> Serialize for $name<$($bound),*> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

text! {
    /// Text of `MIN` to `MAX` characters.
    Text [MIN, MAX], string(MIN, MAX), |text| length(text, MIN, MAX)
}
open!(Text [MIN, MAX]);

impl<const MAX: usize> Default for Text<0, MAX> {
    fn default() -> Self {
        Self(String::new())
    }
}

text! {
    /// 1 to `MAX` letters, digits, underscores and hyphens: names of tracks, groups, analytics.
    Slug [MAX],
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(slug_pattern(MAX))),
    |text| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let fits = (1..=MAX).contains(&text.len()) && text.bytes().all(plain);
        matches(fits, || slug_pattern(MAX).into())
    }
}
open!(Slug[MAX]);

text! {
    /// `LONG` decimal digits.
    Digits [LONG],
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(digits_pattern(LONG))),
    |text| {
        let fits = text.len() == LONG && text.bytes().all(|byte| byte.is_ascii_digit());
        matches(fits, || digits_pattern(LONG).into())
    }
}
open!(Digits[LONG]);

/// The form of a [`Login`].
const LOGIN: &str = r"^[a-z0-9_\-\.]+@[a-z]+\.[a-z]{2,}$";
/// The form of a [`Password`].
const PASSWORD: &str = "^.{3,128}$";

text! {
    /// The name of an account: `name@domain.zone` in lower case, 3 to 128 characters.
    Login [], string(3, 128).pattern(Some(LOGIN)), |text| {
        length(text, 3, 128)?;
        matches(is_login(text), || LOGIN.into())
    }
}
open!(Login []);

text! {
    /// A password: 3 to 128 characters on one line. It never shows in logs and leaves no copy of
    /// its own in memory.
    Password [], string(3, 128).pattern(Some(PASSWORD)), |text| {
        length(text, 3, 128)?;
        matches(!text.contains('\n'), || PASSWORD.into())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Drop for Password {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

text! {
    /// An address, whole or relative, of at most `MAX` characters.
    UriReference [MAX], string(0, MAX).format(named("uri-reference")), |text| {
        length(text, 0, MAX)?;
        is_reference(text).then_some(()).ok_or(Wrong(NO_URI))
    }
}
open!(UriReference[MAX]);

impl<const MAX: usize> Default for UriReference<MAX> {
    fn default() -> Self {
        Self(String::new())
    }
}

text! {
    /// An address with its scheme, of at most `MAX` characters.
    Uri [MAX], string(0, MAX).format(named("uri")), |text| {
        length(text, 0, MAX)?;
        (has_scheme(text) && is_reference(text)).then_some(()).ok_or(Wrong(NO_URI))
    }
}
open!(Uri[MAX]);

const NO_URI: Cow<'static, str> = Cow::Borrowed("value is not a valid uri");

fn slug_pattern(most: usize) -> String {
    format!(r"^[a-zA-Z0-9_\-]{{1,{most}}}$")
}

fn digits_pattern(long: usize) -> String {
    format!("^[0-9]{{{long}}}$")
}

fn named(format: &str) -> Option<SchemaFormat> {
    Some(SchemaFormat::Custom(format.into()))
}

fn string(least: usize, most: usize) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length((least > 0).then_some(least))
        .max_length((most < usize::MAX).then_some(most))
}

fn length(text: &str, least: usize, most: usize) -> Result<(), Wrong> {
    // Bytes are never fewer than characters: most texts need no counting.
    if text.len() > most && text.chars().count() > most {
        return Err(Wrong::new(format!(
            "ensure this value has at most {most} characters"
        )));
    }
    if text.chars().take(least).count() < least {
        return Err(Wrong::new(format!(
            "ensure this value has at least {least} characters"
        )));
    }
    Ok(())
}

fn matches(fits: bool, pattern: impl FnOnce() -> Cow<'static, str>) -> Result<(), Wrong> {
    if fits {
        return Ok(());
    }
    Err(Wrong::new(format!(
        "string does not match regex '{}'",
        pattern()
    )))
}

fn is_login(text: &str) -> bool {
    let Some((name, domain)) = text.split_once('@') else {
        return false;
    };
    let Some((host, zone)) = domain.split_once('.') else {
        return false;
    };
    let lower = |part: &str| part.bytes().all(|b| b.is_ascii_lowercase());
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b);
    !name.is_empty()
        && name.bytes().all(plain)
        && !host.is_empty()
        && lower(host)
        && zone.len() >= 2
        && lower(zone)
}

/// Whether text has only the characters of an address, percent signs before two hex digits.
fn is_reference(text: &str) -> bool {
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    bytes.iter().enumerate().all(|(at, byte)| match byte {
        b'%' => hex(at + 1) && hex(at + 2),
        byte => byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(byte),
    })
}

fn has_scheme(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else {
        return false;
    };
    let part = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
    scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(part)
}
