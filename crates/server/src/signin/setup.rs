//! `GET /setup`: a script that connects a new developer's Claude Code, for `curl -fsSL https://gateway/setup | sh`.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, StatusCode, Uri};

use super::{Base, SignIn};

const SCRIPT: &str = include_str!("setup.sh");

const HEADERS: [(http::HeaderName, &str); 3] = [
    (CONTENT_TYPE, "text/x-shellscript; charset=utf-8"),
    (CACHE_CONTROL, "no-store"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

/// The script, for the address that the settings give; without one, a script that says so.
pub(super) async fn setup(State(at): State<SignIn>, headers: HeaderMap, uri: Uri) -> Response {
    let base = std::future::ready(at.base(&headers, &uri)).await;
    match base.as_ref().map(Base::as_str).filter(|base| is_plain(base)) {
        Some(base) => (HEADERS, script(base)).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, HEADERS, NOWHERE).into_response(),
    }
}

/// `curl -f` shows the status alone; whoever leaves the flag out gets a script that fails.
const NOWHERE: &str = "echo 'This gateway does not know its own address: its operator has to set server.public_url.' >&2; exit 1\n";

fn script(base: &str) -> String {
    SCRIPT.replace("'GATEWAY'", &format!("'{base}'")).replace("'GATEWAY/setup'", &format!("'{base}/setup'"))
}

/// Whether an address is nothing but that to a shell, a JSON text and a comment.
fn is_plain(base: &str) -> bool {
    base.chars().all(|char| char.is_ascii_alphanumeric() || ":/.-_[]~".contains(char))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_stands_where_it_belongs_and_nowhere_else() {
        let script = script("https://gw.example.org/ai");
        assert!(script.contains("\ngateway='https://gw.example.org/ai'\n"), "{script}");
        assert!(script.contains("curl -fsSL 'https://gw.example.org/ai/setup' | less"), "{script}");
        assert!(!script.contains("'GATEWAY"), "{script}");
    }

    #[test]
    fn an_address_that_a_shell_could_take_for_more_is_not_written() {
        for (base, expected) in [
            ("https://gw.example.org:8443/ai", true),
            ("http://[::1]:80", true),
            ("https://gw/'$(id)", false),
            ("https://gw/`id`", false),
            ("https://gw/a b", false),
            ("https://gw/\"", false),
            ("https://gw/\n", false),
        ] {
            assert_eq!(is_plain(base), expected, "{base}");
        }
    }
}
