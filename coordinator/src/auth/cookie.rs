//! The login cookie: a token that the browser sends by itself.
//!
//! A cookie is sent along whatever page makes the browser ask, so it must not count for pages of
//! others. The rule: a cookie is a credential only where there is no `Authorization` header, and
//! only for requests of a page of this very origin. The browser's word for that, which no page can
//! forge, is `Sec-Fetch-Site: same-origin`; browsers that do not say it send an `Origin`, which
//! must name the host that was asked. Where the browser says neither, as old ones do for plain
//! reading, a cookie counts for `GET` and `HEAD` only, and not for opening a WebSocket.
//! `SameSite=Strict` keeps most other requests from being sent with the cookie in the first place.

use http::{HeaderMap, HeaderValue, Method, header};

/// The cookie's name.
pub const NAME: &str = "goshawk_token";
/// Where it is sent: all the API.
const PATH: &str = "/";

/// The token in the login cookie, if it counts as a credential for this request.
pub fn token<'h>(method: &Method, headers: &'h HeaderMap) -> Option<&'h str> {
    let token = value(headers)?;
    own_page(method, headers).then_some(token)
}

/// The token in the login cookie, whether it counts or not.
pub(super) fn value(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE);
    let pairs = lines
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let found = pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == NAME);
    found
        .map(|(_, value)| value.trim_matches('"'))
        .filter(|value| !value.is_empty())
}

/// Whether a page of our own origin asks.
fn own_page(method: &Method, headers: &HeaderMap) -> bool {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let reads = reads && !headers.contains_key(header::UPGRADE);
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        Some(b"same-origin") => return true,
        // Typed by the user into the address bar, which can only read.
        Some(b"none") => return reads,
        Some(_) => return false,
        None => {}
    }
    match headers.get(header::ORIGIN) {
        Some(origin) => is_host(origin, headers),
        None => reads,
    }
}

fn is_host(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_ascii_lowercase);
    let (origin, host) = (text(origin), headers.get(header::HOST).and_then(text));
    let (Some(origin), Some(host)) = (origin, host) else {
        return false;
    };
    let bare = ["https://", "http://"]
        .iter()
        .find_map(|scheme| origin.strip_prefix(scheme));
    bare == Some(host.as_str())
}

/// The `Set-Cookie` value that hands the browser a token: for `max_age_s` seconds, or until it is
/// closed. `secure`: over TLS only.
pub fn set(token: &str, max_age_s: Option<u64>, secure: bool) -> Option<HeaderValue> {
    let age = max_age_s.map_or_else(String::new, |age| format!("; Max-Age={age}"));
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{NAME}={token}; Path={PATH}; HttpOnly; SameSite=Strict{age}{secure}");
    HeaderValue::from_str(&text).ok()
}

/// The `Set-Cookie` value that takes it away again.
pub fn clear(secure: bool) -> Option<HeaderValue> {
    set("", Some(0), secure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn counts(method: &Method, pairs: &[(&'static str, &str)]) -> bool {
        let mut all = vec![("cookie", "a=b; goshawk_token=x.y.z"), ("host", "cam:5000")];
        all.extend(pairs);
        token(method, &headers(&all)) == Some("x.y.z")
    }

    #[test]
    fn only_pages_of_this_origin_count() {
        let own = ("sec-fetch-site", "same-origin");
        for method in [Method::GET, Method::POST, Method::DELETE] {
            assert!(counts(&method, &[own]));
            assert!(counts(&method, &[("origin", "http://cam:5000")]));
            assert!(counts(&method, &[("origin", "https://CAM:5000")]));
            // Behind a proxy that changes `Host`, the browser's own word counts.
            assert!(counts(&method, &[own, ("origin", "https://cam.example")]));
            for foreign in [
                [("sec-fetch-site", "cross-site")],
                [("sec-fetch-site", "same-site")],
                [("origin", "http://evil.example")],
                [("origin", "http://cam:5001")],
                [("origin", "null")],
            ] {
                assert!(!counts(&method, &foreign), "{method} {foreign:?}");
            }
        }
    }

    #[test]
    fn without_a_word_of_the_browser_a_cookie_only_reads() {
        assert!(counts(&Method::GET, &[]) && counts(&Method::HEAD, &[]));
        assert!(counts(&Method::GET, &[("sec-fetch-site", "none")]));
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert!(!counts(&method, &[]), "{method}");
            assert!(!counts(&method, &[("sec-fetch-site", "none")]));
        }
        let socket = ("upgrade", "websocket");
        assert!(!counts(&Method::GET, &[socket]));
        assert!(counts(
            &Method::GET,
            &[socket, ("origin", "http://cam:5000")]
        ));
    }

    #[test]
    fn cookies_are_found_among_others() {
        let of = |line: &str| value(&headers(&[("cookie", line)])).map(str::to_owned);
        assert_eq!(of("goshawk_token=\"t\""), Some("t".to_owned()));
        for none in ["", "goshawk_token", "goshawk_token=", "x_goshawk_token=t"] {
            assert_eq!(of(none), None, "{none}");
        }
        let split = headers(&[("cookie", "a=b"), ("cookie", "goshawk_token=t")]);
        assert_eq!(value(&split), Some("t"));
    }

    #[test]
    fn cookies_are_out_of_reach_of_scripts() {
        let text = |value: Option<HeaderValue>| value.unwrap().to_str().unwrap().to_owned();
        assert_eq!(
            text(set("t", Some(60), true)),
            "goshawk_token=t; Path=/; HttpOnly; SameSite=Strict; Max-Age=60; Secure"
        );
        assert_eq!(
            text(clear(false)),
            "goshawk_token=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"
        );
        assert_eq!(set("t\r\nSet-Cookie: x=y", None, false), None);
    }
}
