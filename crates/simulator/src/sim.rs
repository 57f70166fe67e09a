//! The simulator's own doors, under `/_sim/`: queue scripts, read and clear the log. They need no credentials.

use std::io;

use bytes::Bytes;
use http::{Method, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::{
    body::Body,
    script,
    seal::{self, Sealed},
    state::State,
};

pub(crate) async fn answer(
    state: &State,
    parts: &Parts,
    incoming: Incoming,
) -> Result<Response<Body>, io::Error> {
    let body = incoming.collect().await.map_err(io::Error::other)?.to_bytes();
    let (status, value) = match (&parts.method, parts.uri.path()) {
        (&Method::POST, "/_sim/script") => queue(state, &body),
        (&Method::GET, "/_sim/script") => (StatusCode::OK, json!({ "waiting": state.scripts.waiting() })),
        (&Method::DELETE, "/_sim/script") => {
            state.scripts.clear();
            (StatusCode::OK, json!({ "waiting": 0 }))
        }
        (&Method::GET, "/_sim/log") => (StatusCode::OK, state.log.to_json(after(parts.uri.query()))),
        (&Method::DELETE, "/_sim/log") => {
            state.log.clear();
            (StatusCode::OK, json!([]))
        }
        (&Method::POST, "/_sim/sign") => sign(state, &body),
        (&Method::GET, "/_sim/health") => (StatusCode::OK, json!({ "status": "ok" })),
        _ => (StatusCode::NOT_FOUND, json!({ "message": "No such door; see the simulator's manual." })),
    };
    let bytes = Bytes::from(value.to_string());
    let mut response = Response::new(Full::new(bytes).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    let json_type = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json_type);
    Ok(response)
}

/// `?after=N` leaves out the first N requests.
fn after(query: Option<&str>) -> u64 {
    let after = query.unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("after="));
    after.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn queue(state: &State, body: &[u8]) -> (StatusCode, Value) {
    let parsed = std::str::from_utf8(body).map_err(|error| error.to_string());
    match parsed.and_then(|text| script::parse(text).map_err(|error| error.to_string())) {
        Ok(behaviours) => {
            state.scripts.add(behaviours);
            (StatusCode::OK, json!({ "waiting": state.scripts.waiting() }))
        }
        Err(error) => (StatusCode::BAD_REQUEST, json!({ "message": format!("not a script: {error}") })),
    }
}

/// Signs a thinking text, for tests that bring their own history.
fn sign(state: &State, body: &[u8]) -> (StatusCode, Value) {
    let thinking = serde_json::from_slice::<Value>(body).ok();
    match thinking.as_ref().and_then(|value| value.get("thinking")).and_then(Value::as_str) {
        Some(text) => {
            let signature = seal::sign(Sealed::Thinking, text, state.chance.nonce());
            (StatusCode::OK, json!({ "type": "thinking", "thinking": text, "signature": signature }))
        }
        None => (StatusCode::BAD_REQUEST, json!({ "message": "wanted: {\"thinking\": \"…\"}" })),
    }
}
