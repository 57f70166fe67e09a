//! The operations on a model: invoke, invoke with a stream, count tokens.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::StatusCode;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::{
    answer::{self, Answer, talk},
    body,
    check::{self, Purpose},
    directive,
    log::Verdict,
    models::{self, NameKind},
    play,
    prompt::{Prompt, text},
    reception::{self, Answered, Arrived},
    refusal::{Refusal, status_of, usual_message},
    render,
    script::{Behaviour, Call, Cut, ErrorAnswer},
    state::State,
    tokens,
    watch::Watch,
};

/// How the answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Whole,
    Stream,
}

/// The decoded model id in a path such as `/model/{id}/invoke`; empty without one.
pub(crate) fn model_of_path(path: &str) -> String {
    let id = path.strip_prefix("/model/").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    percent_decode_str(id).decode_utf8_lossy().into_owned()
}

pub(crate) async fn answer(
    state: &Arc<State>,
    call: Arrived<'_>,
    id: &str,
    form: Form,
    watch: Watch,
) -> Answered {
    let body = match checked(state, call, id) {
        Ok(body) => body,
        Err(refusal) => return Answered::Response(reception::refuse(&refusal, call, watch)),
    };
    let prompt = body.prompt();
    let behaviour = behaviour(state, call, prompt, form);
    tokio::time::sleep(Duration::from_millis(behaviour.delay_ms)).await;
    if let Some(error) = &behaviour.error {
        watch.note(|entry| entry.verdict = Verdict::Scripted { kind: error.kind.clone() });
        return Answered::Response(reception::refuse(&scripted(error), call, watch));
    }
    watch.note(|entry| entry.verdict = Verdict::Good);
    if behaviour.drop == Some(Cut::BeforeHeaders) {
        watch.drop_connection();
        return Answered::Nothing;
    }
    let options = state.options();
    let input = state.cache.account(prompt, options.cache_minimum_tokens, options.clock.now());
    let outline = behaviour.answer.clone().unwrap_or_else(|| talk::reply(prompt));
    let answer = answer::compose(prompt, outline, input, &state.chance);
    match form {
        Form::Stream => Answered::Response(stream(state, call, &answer, &behaviour, watch)),
        Form::Whole => whole(call, &answer, &behaviour, watch).await,
    }
}

/// A body that passed.
struct Checked {
    body: Value,
    model: &'static models::Model,
}

impl Checked {
    fn prompt(&self) -> Prompt<'_> {
        Prompt { body: &self.body, model: self.model }
    }
}

fn checked(state: &State, call: Arrived<'_>, id: &str) -> Result<Checked, Refusal> {
    let options = state.options();
    let (model, _) = models::find(id, &options)?;
    let body = parse(call.body)?;
    check::body(&body, model, &options, Purpose::Answer)?;
    Ok(Checked { body, model })
}

fn parse(bytes: &[u8]) -> Result<Value, Refusal> {
    let malformed =
        || Refusal::validation("Malformed input request, please reformat your input and try again.");
    let body: Value = serde_json::from_slice(bytes).map_err(|_not_json| malformed())?;
    if body.is_object() { Ok(body) } else { Err(malformed()) }
}

/// What this call meets: a script, else a directive in its text, else nothing in particular.
fn behaviour(state: &State, call: Arrived<'_>, prompt: Prompt<'_>, form: Form) -> Behaviour {
    let path = call.parts.uri.path();
    let scripted = state.scripts.take(Call {
        path,
        model: &model_of_path(path),
        is_invocation: true,
        stream: form == Form::Stream,
        texts: Some(&prompt.new_texts()),
    });
    if let Some(scripted) = scripted {
        return scripted;
    }
    let Some(directed) = directive::find(prompt) else { return Behaviour::default() };
    if let Some(missing) = unknown_tool(&directed, prompt) {
        return Behaviour::text(&format!("I have no tool named {missing}."));
    }
    match directed.times.filter(|_| directed.is_faulty()) {
        Some(times) if !state.fails_again(conversation(prompt), times) => directed.without_faults(),
        _ => directed,
    }
}

/// A model cannot call what it was not given.
fn unknown_tool(directed: &Behaviour, prompt: Prompt<'_>) -> Option<String> {
    let calls = &directed.answer.as_ref()?.tools;
    let is_known = |name: &str| prompt.tools().iter().any(|tool| text(tool, "name") == name);
    calls.iter().find(|call| !is_known(&call.name)).map(|call| call.name.clone())
}

/// Tells conversations apart: by what was said, and by whom where the client says so.
fn conversation(prompt: Prompt<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    prompt.messages().len().hash(&mut hasher);
    prompt.new_texts().hash(&mut hasher);
    prompt.body.get("metadata").map(|metadata| text(metadata, "user_id")).hash(&mut hasher);
    hasher.finish()
}

fn scripted(error: &ErrorAnswer) -> Refusal {
    let status = error.status.unwrap_or_else(|| status_of(&error.kind));
    let message = error.message.clone().unwrap_or_else(|| usual_message(&error.kind).to_owned());
    let mut refusal = Refusal::new(status, &error.kind, message);
    refusal.details = error.details.clone();
    refusal.headers = error.headers.clone();
    match error.retry_after {
        Some(seconds) => refusal.with_header("retry-after", seconds.to_string()),
        None => refusal,
    }
}

/// Request headers that Bedrock repeats in its answer.
const REPEATED: &[&str] = &["x-amzn-bedrock-service-tier", "x-amzn-bedrock-performanceconfig-latency"];

fn repeated(call: Arrived<'_>) -> Vec<(&'static str, String)> {
    REPEATED.iter().filter_map(|name| Some((*name, call.header(name)?.to_owned()))).collect()
}

fn stream(
    state: &State,
    call: Arrived<'_>,
    answer: &Answer,
    behaviour: &Behaviour,
    watch: Watch,
) -> http::Response<body::Body> {
    let mut headers = repeated(call);
    headers.push(("x-amzn-bedrock-content-type", "application/json".to_owned()));
    let head =
        reception::respond(StatusCode::OK, "application/vnd.amazon.eventstream", &headers, call, &watch);
    let course = play::course(answer, behaviour, state.options().pace, behaviour.delay_ms);
    head.map(|()| body::streamed(course, behaviour.drop, state.chance.number(), watch))
}

async fn whole(call: Arrived<'_>, answer: &Answer, behaviour: &Behaviour, watch: Watch) -> Answered {
    if behaviour.endless {
        // It is never ready; the guard notes when the caller gives up.
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(time_to_write(answer, behaviour)).await;
    if let Some(failure) = &behaviour.exception {
        let message = failure.message.clone().unwrap_or_else(|| usual_message(&failure.kind).to_owned());
        let mut kind = failure.kind.clone();
        if let Some(first) = kind.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        watch.note(|entry| entry.verdict = Verdict::Scripted { kind: kind.clone() });
        return Answered::Response(reception::refuse(
            &Refusal::new(status_of(&kind), &kind, message),
            call,
            watch,
        ));
    }
    let text = behaviour.body.as_ref().map_or_else(|| render::message(answer), |body| body.get().to_owned());
    let bytes = Bytes::from(text);
    let number = |member, computed| render::reported(answer, member, computed).to_string();
    let mut headers = repeated(call);
    headers.extend([
        ("x-amzn-bedrock-input-token-count", number("input_tokens", answer.input.fresh)),
        ("x-amzn-bedrock-output-token-count", number("output_tokens", answer.output_tokens)),
        ("x-amzn-bedrock-cache-read-input-token-count", number("cache_read_input_tokens", answer.input.read)),
        (
            "x-amzn-bedrock-cache-write-input-token-count",
            number("cache_creation_input_tokens", answer.input.written()),
        ),
        ("x-amzn-bedrock-invocation-latency", behaviour.delay_ms.to_string()),
    ]);
    let head = reception::respond(StatusCode::OK, "application/json", &headers, call, &watch);
    let head = reception::with_length(head, bytes.len());
    Answered::Response(head.map(|()| match behaviour.drop {
        Some(cut) => body::broken_off(bytes, cut, watch),
        None if behaviour.garbage_after_events.is_some() => {
            body::broken_off(bytes, Cut::AfterEvents(0), watch)
        }
        None => body::whole(bytes, watch),
    }))
}

/// How long a script lets the model write, when the answer comes in one piece.
fn time_to_write(answer: &Answer, behaviour: &Behaviour) -> Duration {
    let silence = behaviour.silence.map_or(0, |silence| silence.ms);
    let events = behaviour
        .event_delay_ms
        .map_or(0, |pace| pace.saturating_mul(render::block_events(answer).len() as u64));
    Duration::from_millis(silence.saturating_add(events))
}

/// `CountTokens`.
pub(crate) async fn count(state: &Arc<State>, call: Arrived<'_>, id: &str, watch: Watch) -> Answered {
    let path = call.parts.uri.path();
    let scripted_behaviour = state.scripts.take(Call {
        path,
        model: &model_of_path(path),
        is_invocation: false,
        stream: false,
        texts: None,
    });
    let behaviour = scripted_behaviour.unwrap_or_default();
    tokio::time::sleep(Duration::from_millis(behaviour.delay_ms)).await;
    if let Some(error) = &behaviour.error {
        watch.note(|entry| entry.verdict = Verdict::Scripted { kind: error.kind.clone() });
        return Answered::Response(reception::refuse(&scripted(error), call, watch));
    }
    Answered::Response(match counted(state, call, id) {
        Ok(tokens) => reception::json(&json!({ "inputTokens": tokens }), call, watch),
        Err(refusal) => reception::refuse(&refusal, call, watch),
    })
}

fn counted(state: &State, call: Arrived<'_>, id: &str) -> Result<u64, Refusal> {
    let options = state.options();
    let (model, kind) = models::find(id, &options)?;
    if kind != NameKind::Foundation {
        return Err(Refusal::validation("The provided model doesn't support counting tokens."));
    }
    let request = parse(call.body)?;
    let input = request.get("input").and_then(Value::as_object).filter(|input| input.len() == 1);
    let input = input.ok_or_else(|| Refusal::validation("Exactly one member of 'input' must be set."))?;
    if let Some(converse) = input.get("converse") {
        return Ok(tokens::of_text(&converse.to_string()));
    }
    let encoded = input.get("invokeModel").map(|invoke| text(invoke, "body")).unwrap_or_default();
    let body = STANDARD.decode(encoded).ok().filter(|body| !body.is_empty());
    let body =
        body.ok_or_else(|| Refusal::validation("Value at 'input.invokeModel.body' must be base64."))?;
    let body = parse(&body)?;
    check::body(&body, model, &options, Purpose::Count)?;
    Ok(tokens::of_prompt(&body))
}
