//! Who may ask.
//!
//! With a token set, everything but `/healthz` and `/readyz` wants it: as `Authorization: Bearer`,
//! or as the password of `Basic` for a browser, whose user name says nothing. Without a token the
//! agent listens on loopback only; pictures are then shown only to those who ask this machine by
//! its own name, so that no page of the web can point a name of its own at it (DNS rebinding).

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE},
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::health::{Answer, say};

/// Shortest token in bytes: it can be tried as fast as this machine answers.
const MIN_TOKEN: usize = 16;

/// Why the token cannot be used. Does not quote it.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: std::io::Error,
    },
    /// Easy to guess.
    #[error("{}: want a token of at least {MIN_TOKEN} characters without spaces", path.display())]
    Weak {
        /// Which.
        path: PathBuf,
    },
}

/// Who may ask.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// SHA-256 of the token: two of these can be compared in a time that tells nothing, whatever
    /// the lengths.
    token: Option<[u8; 32]>,
}

impl Guard {
    /// Asks for what the file holds; without a file, for nothing.
    pub fn new(file: Option<&Path>) -> Result<Self, TokenError> {
        let Some(path) = file else {
            return Ok(Self::default());
        };
        let text = std::fs::read_to_string(path).map_err(|source| TokenError::File {
            path: path.to_owned(),
            source,
        })?;
        let token = text.trim();
        if token.len() < MIN_TOKEN || token.contains(char::is_whitespace) {
            return Err(TokenError::Weak {
                path: path.to_owned(),
            });
        }
        Ok(Self {
            token: Some(digest(token.as_bytes())),
        })
    }

    /// `Err`: the refusal.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<(), Box<Answer>> {
        let Some(token) = &self.token else {
            return Ok(());
        };
        let shown = headers.get(AUTHORIZATION).and_then(credential);
        let right = shown.is_some_and(|shown| bool::from(digest(&shown).ct_eq(token)));
        if right {
            return Ok(());
        }
        let mut refusal = say(StatusCode::UNAUTHORIZED, "want the token of this agent");
        let challenges = [
            r#"Bearer realm="goshawk-agent""#,
            r#"Basic realm="goshawk-agent", charset="UTF-8""#,
        ];
        for challenge in challenges {
            refusal
                .headers_mut()
                .append(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        Err(Box::new(refusal))
    }

    /// The same for pictures.
    pub(super) fn admit_viewer(&self, headers: &HeaderMap) -> Result<(), Box<Answer>> {
        self.admit(headers)?;
        if self.token.is_some() || headers.get(HOST).is_some_and(is_this_machine) {
            return Ok(());
        }
        Err(Box::new(say(
            StatusCode::FORBIDDEN,
            "ask for pictures by a loopback address",
        )))
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The token in an `Authorization` header.
fn credential(header: &HeaderValue) -> Option<Vec<u8>> {
    let (scheme, value) = header.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(value.trim().as_bytes().to_vec());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = STANDARD.decode(value.trim()).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some(pair[colon + 1..].to_vec())
}

/// Whether a `Host` header names this machine and nothing that a stranger could have made.
fn is_this_machine(host: &HeaderValue) -> bool {
    let Ok(host) = host.to_str() else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef-gate";

    fn guarded() -> Guard {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, format!("{TOKEN}\n")).unwrap();
        Guard::new(Some(&path)).unwrap()
    }

    fn with(authorization: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, authorization.parse().unwrap())])
    }

    #[test]
    fn only_the_token_opens() {
        let guard = guarded();
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        assert!(guard.admit(&with(&format!("Bearer {TOKEN}"))).is_ok());
        assert!(guard.admit(&with(&basic(&format!("me:{TOKEN}")))).is_ok());
        for wrong in [
            "Bearer",
            "Bearer ",
            "Bearer 0123456789abcdef-gat",
            "Bearer 0123456789abcdef-gatee",
            "Digest 0123456789abcdef-gate",
            "Basic !!!",
            &basic(TOKEN),
        ] {
            let refusal = guard.admit(&with(wrong)).unwrap_err();
            assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED, "{wrong}");
            assert_eq!(
                refusal.headers().get_all(WWW_AUTHENTICATE).iter().count(),
                2
            );
        }
        assert!(guard.admit(&HeaderMap::new()).is_err());
    }

    #[test]
    fn weak_tokens_and_missing_files_are_refused_without_a_quote() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let missing = Guard::new(Some(&path)).unwrap_err();
        assert!(matches!(missing, TokenError::File { .. }));
        for weak in ["", "hunter2", "two words and many letters"] {
            std::fs::write(&path, weak).unwrap();
            let error = Guard::new(Some(&path)).unwrap_err().to_string();
            assert!(weak.is_empty() || !error.contains(weak), "{error}");
        }
    }

    #[test]
    fn without_a_token_pictures_are_for_this_machine_alone() {
        let guard = Guard::default();
        let host = |name: &str| HeaderMap::from_iter([(HOST, name.parse().unwrap())]);
        for ours in [
            "127.0.0.1:9470",
            "localhost",
            "LocalHost:1",
            "[::1]:9470",
            "127.9.0.1",
        ] {
            assert!(guard.admit_viewer(&host(ours)).is_ok(), "{ours}");
        }
        for foreign in ["rebound.example:9470", "10.0.0.1", "localhost.example", ""] {
            let refusal = guard.admit_viewer(&host(foreign)).unwrap_err();
            assert_eq!(refusal.status(), StatusCode::FORBIDDEN, "{foreign}");
            assert!(guard.admit(&host(foreign)).is_ok(), "{foreign}");
        }
        assert!(guard.admit_viewer(&HeaderMap::new()).is_err());
    }
}
