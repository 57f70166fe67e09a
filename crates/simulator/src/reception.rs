//! A request's way: arrive, read, check the caller, find the operation, answer.

use std::{io, sync::Arc};

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::{
    auth::{self, Scope, Signed},
    body::{self, Body},
    control, converse, count,
    dialect::{Dialect, Door},
    exchange, invoke,
    log::{Entry, Outcome, Verdict},
    openai,
    refusal::Refusal,
    request::{self, Form},
    script::Call,
    sim,
    state::State,
    watch::Watch,
};

/// The longest body that Bedrock takes.
pub(crate) const LONGEST_BODY: usize = 25_000_000;
/// How much of a longer one is still read, so that the client gets to see the answer.
const LONGEST_READ: usize = 100_000_000;

/// Answers one request. An error breaks the connection off, which is what some scripts want.
pub(crate) async fn answer(
    state: Arc<State>,
    door: Door,
    request: Request<Incoming>,
) -> Result<Response<Body>, io::Error> {
    let (mut parts, incoming) = request.into_parts();
    name_host(&mut parts);
    if parts.uri.path().starts_with("/_sim/") {
        return sim::answer(&state, &parts, incoming).await;
    }
    let request_id = state.chance.request_id();
    let number = state.log.arrive(entry(&state, &parts, &request_id));
    let watch = Watch::new(state.log.clone(), state.clock(), number);
    let body = read(&state, &parts, incoming).await?;
    state.log.complete(number, &body);
    let dialect = Dialect::of(door, parts.uri.path());
    let call = Arrived { parts: &parts, body: &body, request_id: &request_id, door, dialect };
    match operate(&state, call, watch).await {
        Answered::Response(response) => Ok(response),
        Answered::Nothing => {
            Err(io::Error::new(io::ErrorKind::ConnectionReset, "the script drops this connection"))
        }
    }
}

/// A request that was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) body: &'a Bytes,
    pub(crate) request_id: &'a str,
    pub(crate) door: Door,
    pub(crate) dialect: Dialect,
}

impl<'a> Arrived<'a> {
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        self.parts.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// How a request was answered.
#[derive(Debug)]
pub(crate) enum Answered {
    Response(Response<Body>),
    /// The connection is to break without a word.
    Nothing,
}

async fn operate(state: &Arc<State>, call: Arrived<'_>, watch: Watch) -> Answered {
    if let Err(refusal) = admit(state, call) {
        return Answered::Response(refuse(&refusal, call, watch));
    }
    let path = call.parts.uri.path();
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    if call.dialect != Dialect::Aws {
        return compatible(state, call, &segments, watch).await;
    }
    match (&call.parts.method, segments.as_slice()) {
        (&Method::POST, ["model", id, "count-tokens"]) => count::answer(state, call, id, watch).await,
        (&Method::POST, ["model", id, operation]) => match model_call(state, call, id, operation) {
            Some(request) => exchange::answer(state, call, request, watch).await,
            None => Answered::Response(refuse(&control::unknown_operation(), call, watch)),
        },
        (&Method::GET, segments) => {
            let answer = control::answer(&state.options(), segments, call.parts.uri.query());
            Answered::Response(match answer {
                Ok(value) => json(&value, call, watch),
                Err(refusal) => refuse(&refusal, call, watch),
            })
        }
        _ => Answered::Response(refuse(&control::unknown_operation(), call, watch)),
    }
}

/// The surfaces that look like somebody else's API.
async fn compatible(state: &Arc<State>, call: Arrived<'_>, segments: &[&str], watch: Watch) -> Answered {
    let request = match (&call.parts.method, segments) {
        (&Method::POST, ["v1", "chat", "completions"] | ["openai", "v1", "chat", "completions"]) => {
            openai::chat::request(state, call)
        }
        (&Method::POST, ["v1", "responses"] | ["openai", "v1", "responses"]) => {
            openai::responses::request(state, call)
        }
        (&Method::GET, ["v1", "models"] | ["openai", "v1", "models"]) => {
            return Answered::Response(json(&openai::models(call.door), call, watch));
        }
        _ => {
            Err(Refusal::not_found(format!("Invalid URL ({} {})", call.parts.method, call.parts.uri.path())))
        }
    };
    exchange::answer(state, call, request, watch).await
}

/// The calls that let a model answer; `None` where there is no such operation.
fn model_call(
    state: &State,
    call: Arrived<'_>,
    id: &str,
    operation: &str,
) -> Option<Result<request::Request, Refusal>> {
    let options = state.options();
    Some(match operation {
        "invoke" => invoke::request(&options, call, id, Form::Whole),
        "invoke-with-response-stream" => invoke::request(&options, call, id, Form::Stream),
        "converse" => converse::request(&options, call, id, Form::Whole),
        "converse-stream" => converse::request(&options, call, id, Form::Stream),
        _ => return None,
    })
}

/// The decoded model id in a path such as `/model/{id}/invoke`; empty without one.
pub(crate) fn model_of_path(path: &str) -> String {
    let id = path.strip_prefix("/model/").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    percent_decode_str(id).decode_utf8_lossy().into_owned()
}

/// Whether a path is that of a call that lets a model answer.
fn is_invocation(path: &str) -> bool {
    const ENDS: &[&str] = &[
        "/invoke",
        "/invoke-with-response-stream",
        "/converse",
        "/converse-stream",
        "/chat/completions",
        "/responses",
    ];
    ENDS.iter().any(|end| path.ends_with(end))
}

fn admit(state: &State, call: Arrived<'_>) -> Result<(), Refusal> {
    let signed = Signed {
        method: call.parts.method.as_str(),
        path: call.parts.uri.path(),
        query: call.parts.uri.query(),
        headers: &call.parts.headers,
        body: call.body,
    };
    let options = state.options();
    let scope = Scope { region: &options.region, service: call.door.service() };
    let has_key = call.dialect == Dialect::Anthropic
        && call
            .header("x-api-key")
            .is_some_and(|key| options.auth.bearer_tokens.iter().any(|known| known == key));
    if !has_key {
        auth::check(&options.auth, scope, &signed, options.clock.now())
            .map_err(|refusal| call.dialect.unknown_caller(refusal))?;
    }
    if call.body.len() > LONGEST_BODY {
        return Err(Refusal::validation(format!(
            "1 validation error detected: Value at 'body' failed to satisfy constraint: Member must have length less \
             than or equal to {LONGEST_BODY}"
        )));
    }
    Ok(())
}

/// HTTP/2 has the host in the URI only; the signature is over a `host` header either way.
fn name_host(parts: &mut Parts) {
    if parts.headers.contains_key(header::HOST) {
        return;
    }
    let host = parts.uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    if let Some(host) = host {
        parts.headers.insert(header::HOST, host);
    }
}

fn entry(state: &State, parts: &Parts, request_id: &str) -> Entry {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Entry {
        number: 0,
        at: state.clock().now(),
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(str::to_owned),
        headers: parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
        body: Bytes::new(),
        verdict: Verdict::Pending,
        status: None,
        request_id: request_id.to_owned(),
        outcome: Outcome::Open { events: 0 },
    }
}

async fn read(state: &State, parts: &Parts, mut incoming: Incoming) -> Result<Bytes, io::Error> {
    let path = parts.uri.path();
    let model = model_of_path(path);
    let call = Call {
        path,
        model: &model,
        is_invocation: is_invocation(path),
        stream: path.ends_with("-stream"),
        texts: None,
    };
    let delay = state.scripts.read_delay(call);
    let mut body = BytesMut::new();
    loop {
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let Some(frame) = incoming.frame().await else { return Ok(body.freeze()) };
        let frame = frame.map_err(io::Error::other)?;
        if let Ok(data) = frame.into_data() {
            body.extend_from_slice(&data);
        }
        if body.len() > LONGEST_READ {
            return Ok(body.freeze());
        }
    }
}

/// An AWS error as a response.
pub(crate) fn refuse(refusal: &Refusal, call: Arrived<'_>, watch: Watch) -> Response<Body> {
    watch.note(|entry| {
        if !matches!(entry.verdict, Verdict::Scripted { .. }) {
            entry.verdict = Verdict::Refused { kind: refusal.kind.clone(), message: refusal.message.clone() };
        }
    });
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let bytes = Bytes::from(call.dialect.body(refusal, call.request_id).to_string());
    let mut headers = match call.dialect {
        Dialect::Aws => vec![("x-amzn-errortype", refusal.kind.clone())],
        Dialect::OpenAi | Dialect::Anthropic => Vec::new(),
    };
    headers.extend(refusal.headers.iter().map(|(name, value)| (name.as_str(), value.clone())));
    let response = respond(status, "application/json", &headers, call, &watch);
    with_length(response, bytes.len()).map(|()| body::whole(bytes, watch))
}

/// A value as a response.
pub(crate) fn json(value: &Value, call: Arrived<'_>, watch: Watch) -> Response<Body> {
    watch.note(|entry| entry.verdict = Verdict::Good);
    let bytes = Bytes::from(value.to_string());
    let response = respond(StatusCode::OK, "application/json", &[], call, &watch);
    with_length(response, bytes.len()).map(|()| body::whole(bytes, watch))
}

/// The head of a response.
pub(crate) fn respond(
    status: StatusCode,
    content_type: &'static str,
    headers: &[(&str, String)],
    call: Arrived<'_>,
    watch: &Watch,
) -> Response<()> {
    watch.note(|entry| entry.status = Some(status.as_u16()));
    let mut response = Response::new(());
    *response.status_mut() = status;
    let map = response.headers_mut();
    map.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    let id = ("x-amzn-requestid", call.request_id.to_owned());
    for (name, value) in headers.iter().chain([&id]) {
        // A script may ask for a header that HTTP does not know; it is left out.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::try_from(value)) {
            map.insert(name, value);
        }
    }
    response
}

pub(crate) fn with_length(mut response: Response<()>, length: usize) -> Response<()> {
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}
