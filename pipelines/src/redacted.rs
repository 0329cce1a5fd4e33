//! Addresses of sources that do not give their credentials away when printed.
//!
//! Camera addresses carry secrets in three places: before the `@` of the authority, in query
//! parameters (`?password=…`), and, with some makers, in the path (`/user=admin_password=…`). All
//! three are hidden. Where an address is ambiguous (an unescaped `/` or `#` in a password), more
//! is hidden rather than less.

use std::fmt;

/// What stands for a hidden part.
const HIDDEN: &str = "***";
/// Names whose values are hidden, looked for inside longer names too.
const SECRET_NAMES: [&str; 10] = [
    "pass", "pwd", "token", "secret", "key", "auth", "sig", "cred", "user", "login",
];
/// Secrets shorter than this cannot be replaced inside a text without showing what they were.
const SHORTEST_REPLACEABLE: usize = 3;

/// The address of a source. `Display` and `Debug` hide user names, passwords and other secrets;
/// whoever must connect asks for [`Redacted::expose`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Redacted(String);

/// User name and password of an address, percent-decoded.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub user: String,
    pub password: String,
}

/// An address cut at its userinfo.
struct Parts<'a> {
    scheme: &'a str,
    userinfo: Option<&'a str>,
    /// Host and everything after it.
    rest: &'a str,
}

impl Redacted {
    /// Wraps an address, path or device name.
    pub fn new(reference: impl Into<String>) -> Self {
        Self(reference.into())
    }

    /// The whole text, credentials included. Not for logs, errors or answers.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The scheme in lower case; `None` for paths.
    pub(crate) fn scheme(&self) -> Option<String> {
        split(&self.0).map(|parts| parts.scheme.to_ascii_lowercase())
    }

    /// The address without its userinfo, for elements that take credentials separately. Secrets
    /// in the query are still in it.
    pub(crate) fn without_userinfo(&self) -> String {
        match split(&self.0) {
            Some(parts) => format!("{}://{}", parts.scheme, parts.rest),
            None => self.0.clone(),
        }
    }

    /// User name and password, if the address has any.
    pub(crate) fn credentials(&self) -> Option<Credentials> {
        let userinfo = split(&self.0)?.userinfo?;
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        Some(Credentials {
            user: percent_decode(user),
            password: percent_decode(password),
        })
    }

    /// `text` with every trace of this address's secrets replaced. Meant for messages of
    /// libraries that like to quote the address.
    pub fn scrub(&self, text: &str) -> String {
        let mut secrets = self.secrets();
        if secrets
            .iter()
            .any(|s| s.len() < SHORTEST_REPLACEABLE && text.contains(s.as_str()))
        {
            return "(details hidden)".to_owned();
        }
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let mut clean = text.replace(&self.0, &self.to_string());
        for secret in &secrets {
            clean = clean.replace(secret.as_str(), HIDDEN);
        }
        hide_foreign_userinfo(&clean)
    }

    /// Every text that must not appear anywhere, as written and percent-decoded.
    fn secrets(&self) -> Vec<String> {
        let Some(parts) = split(&self.0) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        if let Some(userinfo) = parts.userinfo {
            found.push(userinfo.to_owned());
            found.extend(userinfo.splitn(2, ':').map(str::to_owned));
        }
        for span in secret_values(parts.rest) {
            found.push(parts.rest[span].to_owned());
        }
        let decoded: Vec<String> = found.iter().map(|secret| percent_decode(secret)).collect();
        found.extend(decoded);
        found.retain(|secret| !secret.is_empty());
        found.sort();
        found.dedup();
        found
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(parts) = split(&self.0) else {
            return f.write_str(&self.0);
        };
        write!(f, "{}://", parts.scheme)?;
        let mut rest = parts.rest;
        if parts.userinfo.is_some() {
            write!(f, "{HIDDEN}@")?;
        } else if let Some(at) = doubtful_at(rest) {
            write!(f, "{HIDDEN}@")?;
            rest = &rest[at + 1..];
        }
        let mut written = 0;
        for span in secret_values(rest) {
            f.write_str(&rest[written..span.start])?;
            f.write_str(HIDDEN)?;
            written = span.end;
        }
        f.write_str(&rest[written..])
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redacted({self})")
    }
}

fn split(text: &str) -> Option<Parts<'_>> {
    let (scheme, after) = text.split_once("://")?;
    if scheme.is_empty()
        || !scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    {
        return None;
    }
    let end = after.find(['/', '?', '#']).unwrap_or(after.len());
    let authority = &after[..end];
    let at = match authority.rfind('@') {
        Some(at) => Some(at),
        // No userinfo so far. Unless the port is a number, what looks like host and port is the
        // beginning of a user name and a password with an unescaped delimiter in it.
        None if !has_plain_port(authority) || after[end..].starts_with(['#', '?']) => {
            after.rfind('@').filter(|_| authority.contains(':'))
        }
        None => None,
    };
    Some(match at {
        Some(at) => Parts {
            scheme,
            userinfo: Some(&after[..at]),
            rest: &after[at + 1..],
        },
        None => Parts {
            scheme,
            userinfo: None,
            rest: after,
        },
    })
}

/// Whether an authority without userinfo is a host, or a host and a number.
fn has_plain_port(authority: &str) -> bool {
    match authority.rsplit_once(':') {
        Some((host, port)) => {
            port.chars().all(|c| c.is_ascii_digit()) || host.starts_with('[') && port.ends_with(']')
        }
        None => true,
    }
}

/// An `@` behind something like `host:12/`: probably a path, possibly a password that begins with
/// digits. To connect we read it as a path; shown it is not.
fn doubtful_at(rest: &str) -> Option<usize> {
    let end = rest.find('/')?;
    rest[..end].contains(':').then(|| rest.rfind('@')).flatten()
}

/// Where the values of secret parameters are in `rest` (host, path and query), in order.
fn secret_values(rest: &str) -> Vec<std::ops::Range<usize>> {
    let query_from = rest.find('?').unwrap_or(rest.len());
    let mut spans: Vec<std::ops::Range<usize>> = Vec::new();
    for (equals, _) in rest.match_indices('=') {
        if spans.last().is_some_and(|last| equals < last.end) {
            continue;
        }
        let name_from = rest[..equals]
            .rfind(['/', '?', '&', ';', '_'])
            .map_or(0, |at| at + 1);
        let name = rest[name_from..equals].to_ascii_lowercase();
        if !SECRET_NAMES.iter().any(|secret| name.contains(secret)) {
            continue;
        }
        let ends: &[char] = if equals > query_from {
            &['&', ';']
        } else {
            &['/', '?', '&', ';']
        };
        let from = equals + 1;
        let to = rest[from..].find(ends).map_or(rest.len(), |at| from + at);
        if to > from {
            spans.push(from..to);
        }
    }
    spans
}

/// Hides what stands between `://` and `@` in any word of `text`.
fn hide_foreign_userinfo(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut left = text;
    while let Some(scheme_end) = left.find("://") {
        let from = scheme_end + 3;
        let word_end = left[from..]
            .find(|c: char| c.is_whitespace() || "\"'`<>".contains(c))
            .map_or(left.len(), |at| from + at);
        clean.push_str(&left[..from]);
        match left[from..word_end].rfind('@') {
            Some(at) => {
                clean.push_str(HIDDEN);
                clean.push_str(&left[from + at..word_end]);
            }
            None => clean.push_str(&left[from..word_end]),
        }
        left = &left[word_end..];
    }
    clean.push_str(left);
    clean
}

/// Percent-decodes; what is no valid escape stays as it is.
fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escape {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests;
