//! What a gateway says when it says no, in whichever API's words.

use http::response::Parts;
use serde::Deserialize;

use crate::trouble::Trouble;

/// Our own APIs and the vendors' say `{"error": {"type", "message"}}`, OAuth says `{"error", "error_description"}`.
#[derive(Deserialize)]
struct Said {
    error: Error,
    error_description: Option<String>,
    request_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Error {
    Told {
        #[serde(rename = "type")]
        kind: Option<String>,
        code: Option<String>,
        message: String,
        request_id: Option<String>,
    },
    Code(String),
}

/// The refusal in an answer that is no success.
pub(super) fn of(head: &Parts, body: &[u8]) -> Trouble {
    let status = head.status.as_u16();
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (code, message, request_id) = match serde_json::from_slice::<Said>(body) {
        Ok(Said { error: Error::Told { kind, code, message, request_id }, request_id: outer, .. }) => {
            (kind.or(code), message, request_id.or(outer))
        }
        Ok(Said { error: Error::Code(code), error_description, request_id }) => {
            let message = error_description.unwrap_or_else(|| code.clone());
            (Some(code), message, request_id)
        }
        Err(_no_json) => (None, plain(head.status, header("location"), body), None),
    };
    if head.status == http::StatusCode::UNAUTHORIZED {
        return Trouble::SignedOut(format!("the gateway takes no such credential: {message}"));
    }
    Trouble::Refused { status, code, message, request_id: request_id.or_else(|| header("request-id")) }
}

/// What somebody says who is no gateway: a proxy, a load balancer, another server.
fn plain(status: http::StatusCode, location: Option<String>, body: &[u8]) -> String {
    if let Some(location) = location {
        return format!("sent on to {location}; use that address instead");
    }
    let text = String::from_utf8_lossy(body);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    let short: String =
        line.unwrap_or_default().chars().filter(|char| !char.is_control()).take(200).collect();
    if short.is_empty() { status.to_string() } else { format!("{status}: {short}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_apis_refusal_is_read() {
        for (status, body, code, message) in [
            (
                403,
                r#"{"error":{"type":"permission","message":"no","request_id":"req_1"}}"#,
                "permission",
                "no",
            ),
            (
                404,
                r#"{"type":"error","error":{"type":"not_found_error","message":"model: x"}}"#,
                "not_found_error",
                "model: x",
            ),
            (400, r#"{"error":"slow_down"}"#, "slow_down", "slow_down"),
            (
                400,
                r#"{"error":"access_denied","error_description":"She said no."}"#,
                "access_denied",
                "She said no.",
            ),
            (502, "<html>\n <b>Bad", "", "502 Bad Gateway: <html>"),
            (503, "", "", "503 Service Unavailable"),
        ] {
            let (head, ()) = http::Response::builder().status(status).body(()).expect("a head").into_parts();
            let Trouble::Refused { status: found, code: kind, message: told, .. } =
                of(&head, body.as_bytes())
            else {
                panic!("{status} is a refusal")
            };
            assert_eq!(
                (found, kind.unwrap_or_default(), told),
                (status, code.to_owned(), message.to_owned())
            );
        }
    }

    #[test]
    fn an_unknown_credential_is_a_kind_of_its_own() {
        let (head, ()) = http::Response::builder().status(401).body(()).expect("a head").into_parts();
        assert_eq!(of(&head, b"").exit_code(), 3);
    }
}
