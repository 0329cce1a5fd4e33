//! What web pages of other origins may do with a service.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

/// The rule of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pages {
    /// They may call it, as its clients prove who they are: the API.
    Welcome,
    /// They may do nothing: for services whose only protection is that they listen on loopback,
    /// where the browser of this machine gets through. Refused is a request with an `Origin`
    /// header, and one whose `Host` is a name other than `localhost`: a page whose name was made
    /// to point at this machine sends no `Origin` to what it takes for its own server.
    Refused,
    /// Nothing is said to browsers and nothing refused: a proxy before the service decides.
    Unguarded,
}

impl Pages {
    /// Whether a request with these headers is not served.
    pub fn refuses(self, headers: &HeaderMap) -> bool {
        self == Self::Refused
            && (headers.contains_key(header::ORIGIN)
                || headers.get_all(header::HOST).iter().any(is_foreign))
    }

    /// Adds what browsers want to know to an answer.
    pub fn tell(self, method: &Method, status: StatusCode, headers: &mut HeaderMap) {
        if self != Self::Welcome {
            return;
        }
        let any = HeaderValue::from_static("*");
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any.clone());
        if *method == Method::OPTIONS && status == StatusCode::OK {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, any.clone());
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, any);
            let day = HeaderValue::from_static("86400");
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, day);
        }
    }
}

/// Whether a `Host` is a name that anybody's DNS may have pointed at us.
fn is_foreign(host: &HeaderValue) -> bool {
    let Ok(host) = host.to_str() else {
        return true;
    };
    if host.is_empty() || host.starts_with('[') {
        return false;
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let ours = name == "localhost" || name.ends_with(".localhost");
    !ours && name.parse::<IpAddr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: header::HeaderName, value: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        assert!(!Pages::Welcome.refuses(&headers) && !Pages::Unguarded.refuses(&headers));
        Pages::Refused.refuses(&headers)
    }

    #[test]
    fn names_of_others_are_refused_on_loopback() {
        for host in [
            "localhost",
            "LocalHost:5080",
            "a.localhost:1",
            "127.0.0.1:5080",
            "[::1]:80",
            "",
        ] {
            assert!(!refused(header::HOST, host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:5080",
            "127.0.0.1.evil.example",
            "localhost.evil",
        ] {
            assert!(refused(header::HOST, host), "{host}");
        }
        assert!(refused(header::ORIGIN, "http://localhost"));
        assert!(!Pages::Refused.refuses(&HeaderMap::new()));
    }
}
