//! Signatures of webhooks, after the Standard Webhooks specification 1.0: HMAC-SHA256 over
//! `id.timestamp.body`, as `v1,` and base64.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Fewest bytes of a key.
pub const LEAST_KEY: usize = 24;
/// Most bytes of a key.
pub const MOST_KEY: usize = 64;
/// Most keys at once: the current one and, while keys are changed, the one before.
pub const MOST_KEYS: usize = 4;

/// Text that is no signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing was given.
    #[error("want `whsec_` and 24 to 64 bytes in base64")]
    Missing,
    /// Not the form that receivers' libraries read.
    #[error("a key is `whsec_` and then base64")]
    NotBase64,
    /// Too easily guessed, or too long.
    #[error("a key has 24 to 64 bytes, this one has {0}")]
    Length(usize),
    /// Over [`MOST_KEYS`].
    #[error("at most {MOST_KEYS} keys at once")]
    TooMany,
}

/// Keys that sign, the current one first.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys(Vec<Vec<u8>>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({} hidden)", self.0.len())
    }
}

impl Keys {
    /// Reads keys separated by white space, each `whsec_` and base64.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let keys: Vec<Vec<u8>> = text
            .split_whitespace()
            .map(parse_key)
            .collect::<Result<_, _>>()?;
        match keys.len() {
            0 => Err(KeyError::Missing),
            1..=MOST_KEYS => Ok(Self(keys)),
            _ => Err(KeyError::TooMany),
        }
    }

    /// The value of `webhook-signature`: one signature by each key. `timestamp` is in seconds since
    /// the epoch, of this attempt.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let signatures: Vec<String> = self
            .0
            .iter()
            .filter_map(|key| {
                // HMAC takes keys of any length, so no key is left out.
                let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
                mac.update(id.as_bytes());
                mac.update(b".");
                mac.update(timestamp.to_string().as_bytes());
                mac.update(b".");
                mac.update(body);
                Some(format!(
                    "v1,{}",
                    STANDARD.encode(mac.finalize().into_bytes())
                ))
            })
            .collect();
        signatures.join(" ")
    }
}

fn parse_key(text: &str) -> Result<Vec<u8>, KeyError> {
    let encoded = text.strip_prefix("whsec_").ok_or(KeyError::NotBase64)?;
    let key = STANDARD.decode(encoded).map_err(|_| KeyError::NotBase64)?;
    match key.len() {
        LEAST_KEY..=MOST_KEY => Ok(key),
        other => Err(KeyError::Length(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn the_published_example_comes_out() {
        let keys = Keys::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = keys.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn old_and_new_key_sign_side_by_side() {
        let (old, new) = (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        );
        let both = Keys::parse(&format!("{new}\n{old}\n")).unwrap();
        let signed = both.sign("a", 1, b"x");
        let parts: Vec<&str> = signed.split(' ').collect();
        assert_eq!(parts[0], Keys::parse(new).unwrap().sign("a", 1, b"x"));
        assert_eq!(parts[1], Keys::parse(old).unwrap().sign("a", 1, b"x"));
    }

    #[test]
    fn weak_keys_are_refused_and_none_is_shown() {
        assert_eq!(Keys::parse(" "), Err(KeyError::Missing));
        assert_eq!(Keys::parse("secret"), Err(KeyError::NotBase64));
        assert_eq!(Keys::parse("whsec_AAAA"), Err(KeyError::Length(3)));
        let keys = Keys::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(format!("{keys:?}"), "Keys(1 hidden)");
    }
}
