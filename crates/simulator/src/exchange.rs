//! A request to a model and its answer, whatever the surface: script or directive, delays and faults, the cache, the
//! words, and the answer in the surface's own form.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::StatusCode;

use crate::{
    answer::{self, Answer, talk},
    body, directive,
    face::{self, Headers, Latency},
    log::Verdict,
    play,
    prompt::{Prompt, text},
    reception::{self, Answered, Arrived},
    refusal::{Refusal, status_of, usual_message},
    request::{Form, Request},
    script::{Behaviour, Call, Cut, ErrorAnswer},
    state::State,
    watch::Watch,
};

pub(crate) async fn answer(
    state: &Arc<State>,
    call: Arrived<'_>,
    request: Result<Request, Refusal>,
    watch: Watch,
) -> Answered {
    let request = match request {
        Ok(request) => request,
        Err(refusal) => return Answered::Response(reception::refuse(&refusal, call, watch)),
    };
    let behaviour = behaviour(state, call, &request);
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
    let answer = composed(state, &request, &behaviour);
    match request.form {
        Form::Stream => Answered::Response(stream(state, call, &request, &answer, &behaviour, watch)),
        Form::Whole => whole(call, &request, &answer, &behaviour, watch).await,
    }
}

fn composed(state: &State, request: &Request, behaviour: &Behaviour) -> Answer {
    let prompt = request.prompt();
    let options = state.options();
    let input = state.cache.account(prompt, options.cache_minimum_tokens, options.clock.now());
    let outline = behaviour.answer.clone().unwrap_or_else(|| talk::reply(prompt));
    let mut answer = answer::compose(prompt, outline, input, request.face.ids(), &state.chance);
    if let Some(guarded) = &request.guarded {
        let finding = guarded.find(behaviour.guardrail, &answer.text(), &options);
        answer.meet(finding);
    }
    request.face.keep(&answer);
    answer
}

/// What this call meets: a script, else a directive in its text, else nothing in particular.
fn behaviour(state: &State, call: Arrived<'_>, request: &Request) -> Behaviour {
    let prompt = request.prompt();
    let named = reception::model_of_path(call.parts.uri.path());
    let scripted = state.scripts.take(Call {
        path: call.parts.uri.path(),
        model: if named.is_empty() { &request.named } else { &named },
        is_invocation: true,
        stream: request.form == Form::Stream,
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

pub(crate) fn scripted(error: &ErrorAnswer) -> Refusal {
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

fn repeated(call: Arrived<'_>) -> Headers {
    REPEATED.iter().filter_map(|name| Some((*name, call.header(name)?.to_owned()))).collect()
}

fn stream(
    state: &State,
    call: Arrived<'_>,
    request: &Request,
    answer: &Answer,
    behaviour: &Behaviour,
    watch: Watch,
) -> http::Response<body::Body> {
    let (content_type, own) = request.face.stream_head();
    let mut headers = repeated(call);
    headers.extend(own);
    let head = reception::respond(StatusCode::OK, content_type, &headers, call, &watch);
    let course = play::course(answer, &request.face, behaviour, state.options().pace);
    let face = request.face.clone();
    head.map(|()| body::streamed(course, face, behaviour.drop, state.chance.number(), watch))
}

async fn whole(
    call: Arrived<'_>,
    request: &Request,
    answer: &Answer,
    behaviour: &Behaviour,
    watch: Watch,
) -> Answered {
    if behaviour.endless {
        // It is never ready; the guard notes when the caller gives up.
        std::future::pending::<()>().await;
    }
    let to_write = time_to_write(request, answer, behaviour);
    tokio::time::sleep(Duration::from_millis(to_write)).await;
    if let Some(failure) = &behaviour.exception {
        let message = failure.message.clone().unwrap_or_else(|| usual_message(&failure.kind).to_owned());
        let mut kind = failure.kind.clone();
        if let Some(first) = kind.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        watch.note(|entry| entry.verdict = Verdict::Scripted { kind: kind.clone() });
        let refusal = Refusal::new(status_of(&kind), &kind, message);
        return Answered::Response(reception::refuse(&refusal, call, watch));
    }
    let latency =
        Latency { first_byte_ms: behaviour.delay_ms, total_ms: behaviour.delay_ms.saturating_add(to_write) };
    let text = match &behaviour.body {
        Some(body) => body.get().to_owned(),
        None => request.face.whole(answer, latency),
    };
    let bytes = Bytes::from(text);
    let mut headers = repeated(call);
    headers.extend(request.face.whole_headers(answer, latency));
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

/// For how many milliseconds a script lets the model write, when the answer comes in one piece.
fn time_to_write(request: &Request, answer: &Answer, behaviour: &Behaviour) -> u64 {
    let silence = behaviour.silence.map_or(0, |silence| silence.ms);
    let pace = behaviour.event_delay_ms.unwrap_or(0);
    let events = if pace == 0 { 0 } else { face::block_events(request.face.as_ref(), answer).len() as u64 };
    silence.saturating_add(pace.saturating_mul(events))
}
