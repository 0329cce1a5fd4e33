//! The join token: what an operator carries from the coordinator to a new agent.
//!
//! Text: `goshawk1.<fingerprint>.<id>.<secret>`, each part unpadded base64url. The fingerprint is
//! the SHA-256 of the coordinator's CA certificate (DER), so that an agent knows whom it talks to
//! before it says the secret. The coordinator keeps only [`JoinSecret::digest`].

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::id::JoinTokenId;

/// First part of a token's text; another version has another word.
const PREFIX: &str = "goshawk1";

/// SHA-256 of a certificate's DER bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint(#[serde(with = "serde_bytes")] pub [u8; 32]);

impl Fingerprint {
    /// Of a certificate in DER.
    pub fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }
}

impl fmt::Display for Fingerprint {
    /// Lower-case hexadecimal, as `openssl x509 -fingerprint -sha256` but without colons.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// The secret part of a join token: 256 random bits. Never printed by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinSecret(#[serde(with = "serde_bytes")] [u8; 32]);

impl JoinSecret {
    /// From 32 bytes that the caller drew from the system's random source.
    pub fn new(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// What the coordinator stores. A plain hash does, because the secret is uniformly random:
    /// there is no dictionary to try.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

impl fmt::Debug for JoinSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinSecret(redacted)")
    }
}

/// A whole join token. `Display` gives the secret away; `Debug` does not.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// The coordinator's CA certificate.
    pub ca: Fingerprint,
    /// Which token.
    pub id: JoinTokenId,
    /// The proof.
    pub secret: JoinSecret,
}

/// Text that is no join token. Says nothing about the text, which may hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a join token: want the whole text that begins with `{PREFIX}.`, as it was printed when the token was made"
)]
pub struct ParseTokenError;

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [ca, id, secret] = [&self.ca.0[..], self.id.as_bytes(), &self.secret.0]
            .map(|part| URL_SAFE_NO_PAD.encode(part));
        write!(f, "{PREFIX}.{ca}.{id}.{secret}")
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinToken({}, redacted)", self.id)
    }
}

impl FromStr for JoinToken {
    type Err = ParseTokenError;

    /// Leading and trailing white space is allowed, as it comes with pasting.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.trim().splitn(5, '.').collect();
        let [PREFIX, ca, id, secret] = parts[..] else {
            return Err(ParseTokenError);
        };
        Ok(Self {
            ca: Fingerprint(part(ca)?),
            id: JoinTokenId(uuid::Uuid::from_bytes(part(id)?)),
            secret: JoinSecret(part(secret)?),
        })
    }
}

fn part<const N: usize>(text: &str) -> Result<[u8; N], ParseTokenError> {
    // Longer text cannot decode to N bytes; do not decode what could be a whole file.
    if text.len() > 64 {
        return Err(ParseTokenError);
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| ParseTokenError)?;
    bytes.try_into().map_err(|_| ParseTokenError)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(ca: [u8; 32], id: u128, secret: [u8; 32]) -> JoinToken {
        JoinToken {
            ca: Fingerprint(ca),
            id: JoinTokenId(uuid::Uuid::from_u128(id)),
            secret: JoinSecret::new(secret),
        }
    }

    #[test]
    fn debug_and_errors_keep_the_secret() {
        let token = token([1; 32], 7, [0xab; 32]);
        let secret = URL_SAFE_NO_PAD.encode([0xab; 32]);
        let shown = format!("{token:?} {:?}", token.secret);
        assert!(
            !shown.contains(&secret) && !shown.contains("171"),
            "{shown}"
        );
        assert!(token.to_string().contains(&secret));
        let broken = token.to_string().replace("goshawk1", "goshawk9");
        let error = broken.parse::<JoinToken>().unwrap_err().to_string();
        assert!(!error.contains(&secret), "{error}");
    }

    proptest! {
        #[test]
        fn text_and_token_agree(ca: [u8; 32], id: u128, secret: [u8; 32]) {
            let token = token(ca, id, secret);
            prop_assert_eq!(format!(" {token}\n").parse::<JoinToken>().unwrap(), token);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}", cut in 0usize..150) {
            let _ = text.parse::<JoinToken>();
            let whole = token([3; 32], 9, [4; 32]).to_string();
            prop_assume!(cut < whole.len());
            prop_assert_eq!(whole[..cut].parse::<JoinToken>(), Err(ParseTokenError));
        }
    }
}
