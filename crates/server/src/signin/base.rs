//! Where the gateway is, as its clients see it: what links and metadata are made of.
//!
//! It is a setting. Without one, a request's own `Host` is taken only where it names this very machine: elsewhere whoever
//! sends the request would choose where other people's links lead.

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Uri};

/// The gateway's address without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base(String);

impl Base {
    /// The address that a setting gives.
    pub(crate) fn of_setting(url: &str) -> Self {
        Self(url.trim_end_matches('/').to_owned())
    }

    /// The address by which a request from this very machine reached it; `None` for any other.
    pub(crate) fn of_request(headers: &HeaderMap, uri: &Uri, is_tls: bool) -> Option<Self> {
        let named = headers.get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
        let authority = named.or_else(|| uri.authority().cloned())?;
        if authority.as_str().contains('@') || !is_this_machine(authority.host()) {
            return None;
        }
        Some(Self(format!("{}://{authority}", if is_tls { "https" } else { "http" })))
    }

    /// The address itself.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// An address below it.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Scheme, host and port, as browsers write them into `Origin`.
    pub(crate) fn origin(&self) -> &str {
        let after_scheme = self.0.find("://").map_or(0, |at| at + 3);
        let path = self.0.get(after_scheme..).and_then(|rest| rest.find('/'));
        path.and_then(|at| self.0.get(..after_scheme + at)).unwrap_or(&self.0)
    }

    /// Whether browsers may be told to come by TLS alone: what holds for this very machine's name would hold for every other
    /// program on it.
    pub(crate) fn is_bound_to_tls(&self) -> bool {
        let host = self
            .0
            .strip_prefix("https://")
            .and_then(|rest| rest.split('/').next()?.parse::<Authority>().ok());
        host.is_some_and(|authority| !is_this_machine(authority.host()))
    }

    /// Whether browsers reach it by TLS, so that cookies can be bound to that.
    pub(crate) fn is_secure(&self) -> bool {
        self.0.starts_with("https://")
    }
}

fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_this_machines_host_is_believed() {
        for (host, expected) in [
            ("localhost:8080", Some("http://localhost:8080")),
            ("127.0.0.1:9", Some("http://127.0.0.1:9")),
            ("[::1]:9", Some("http://[::1]:9")),
            ("localhost", Some("http://localhost")),
            ("evil.example", None),
            ("localhost.evil.example", None),
            ("127.0.0.1.evil.example", None),
            ("localhost@evil.example", None),
            ("evil@localhost", None),
            ("10.0.0.1", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_str(host).unwrap());
            let found = Base::of_request(&headers, &Uri::from_static("/"), false);
            assert_eq!(found.as_ref().map(Base::as_str), expected, "{host}");
        }
    }

    #[test]
    fn only_a_name_of_its_own_is_bound_to_tls() {
        for (url, expected) in [
            ("https://gw.example.org", true),
            ("https://gw.example.org:8443/ai/", true),
            ("http://gw.example.org", false),
            ("https://localhost:8443", false),
            ("https://127.0.0.1", false),
            ("https://[::1]:9/", false),
        ] {
            assert_eq!(Base::of_setting(url).is_bound_to_tls(), expected, "{url}");
        }
    }

    #[test]
    fn an_origin_has_no_path() {
        for (url, origin) in [
            ("https://gw.example.org", "https://gw.example.org"),
            ("https://gw.example.org/", "https://gw.example.org"),
            ("https://gw.example.org:8443/ai/", "https://gw.example.org:8443"),
        ] {
            assert_eq!(Base::of_setting(url).origin(), origin);
        }
        assert_eq!(
            Base::of_setting("https://gw.example.org/ai/").at("/device"),
            "https://gw.example.org/ai/device"
        );
    }
}
