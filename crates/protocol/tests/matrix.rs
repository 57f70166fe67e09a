//! The same conversations from each client dialect to each model family: what goes upstream, what the client gets, and that
//! nothing is dropped in silence. From it comes the table in `docs/compatibility.md`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test cannot go on without may stop it")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value};
use stonegate_protocol::framing::eventstream::Frame;
use stonegate_protocol::{
    Answering, Bounds, Carried, Ending, Learned, Surface, Unsupported, UpstreamEnd, carry,
};

#[path = "matrix/clients.rs"]
mod clients;
#[path = "matrix/targets.rs"]
mod targets;

use clients::{CLIENTS, ends_with_an_error, request, shown, streamed, whole};
use targets::{MODELS, Model, surface_name};

const CONVERSATIONS: &str = include_str!("matrix/conversations.json");
const ANSWERS: &str = include_str!("matrix/answers.json");
const PROBES: &str = include_str!("matrix/probes.json");
const BOUNDS: Bounds = Bounds { input_tokens: 100, output_tokens: 4_000 };

fn read(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap()
}

fn called(client: &str, members: Value, model: &Model, stream: bool) -> Result<Carried, Unsupported> {
    let answering = Answering { call: "req_1".to_owned(), created_at: 1_800_000_000, ..Answering::default() };
    let inbound = request(client, members, stream);
    carry(&*inbound, &model.target(), &Learned::default(), BOUNDS, &answering)
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({ snapshot_path => "golden/snapshots/matrix", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, text);
    });
}

#[test]
fn every_conversation_reaches_every_family() {
    let conversations = read(CONVERSATIONS);
    for client in CLIENTS {
        for (name, model) in &*MODELS {
            let mut text = String::new();
            for (conversation, by_client) in &conversations {
                writeln!(text, "== {conversation}").unwrap();
                let bodies: Vec<_> =
                    [false, true].map(|stream| outcome(client, &by_client[client], model, stream)).into();
                text.push_str(&bodies[0]);
                if bodies[0] != bodies[1] {
                    write!(text, "-- streamed\n{}", bodies[1]).unwrap();
                }
            }
            snapshot(&format!("{client}__to__{name}"), &text);
        }
    }
}

fn outcome(client: &str, members: &Value, model: &Model, stream: bool) -> String {
    match called(client, members.clone(), model, stream) {
        Ok(carried) => {
            let mut text = String::new();
            for dropped in &carried.dropped {
                writeln!(text, "(dropped) {dropped}").unwrap();
            }
            let body = carried.outbound.body.to_bytes();
            let body = str::from_utf8(&body).unwrap();
            serde_json::from_str::<Value>(body).unwrap();
            writeln!(text, "{body}").unwrap();
            text
        }
        Err(refused) => format!("refused at {}: {}\n", refused.member, refused.message),
    }
}

/// What a client gets of an upstream's bytes that come in these chunks.
fn answered(client: &str, model: &Model, chunks: &[Bytes], stream: bool) -> (Bytes, Ending) {
    let base = read(PROBES)[client]["base"].clone();
    let mut relay = called(client, base, model, stream).unwrap().relay;
    let mut out = BytesMut::new();
    for chunk in chunks {
        if !relay.is_over() {
            relay.push(chunk.clone(), &mut out);
        }
    }
    let ending = relay.finish(UpstreamEnd::Eof, &mut out);
    (out.freeze(), ending)
}

/// The bytes of a stream of events, one chunk for each, as the surface frames them.
fn framed(surface: Surface, events: &[Value], is_complete: bool) -> Vec<Bytes> {
    let mut chunks: Vec<Bytes> = events.iter().map(|event| frame(surface, event)).collect();
    if surface == Surface::OpenaiChat && is_complete {
        chunks.push(Bytes::from_static(b"data: [DONE]\n\n"));
    }
    chunks
}

fn frame(surface: Surface, event: &Value) -> Bytes {
    let (kind, payload) = match surface {
        Surface::InvokeModel => {
            ("chunk".to_owned(), format!(r#"{{"bytes":"{}"}}"#, STANDARD.encode(event.to_string())))
        }
        Surface::Converse => {
            let (kind, payload) = event.as_object().unwrap().iter().next().unwrap();
            (kind.clone(), payload.to_string())
        }
        Surface::OpenaiChat | Surface::OpenaiResponses => {
            return Bytes::from(format!("data: {event}\n\n"));
        }
    };
    let headers =
        [(":event-type", kind.as_str()), (":content-type", "application/json"), (":message-type", "event")];
    let mut bytes = BytesMut::new();
    Frame::new(&headers, payload).encode(&mut bytes).unwrap();
    bytes.freeze()
}

/// One model for each surface.
fn by_surface() -> BTreeMap<&'static str, &'static Model> {
    MODELS.values().rev().map(|model| (surface_name(model.surface), model)).collect()
}

#[test]
fn a_streamed_and_a_whole_answer_mean_the_same_to_every_client() {
    for client in CLIENTS {
        for (surface, model) in by_surface() {
            let mut text = String::new();
            for (answer, by_surface) in read(ANSWERS) {
                let upstream = &by_surface[surface];
                let body = Bytes::from(upstream["whole"].to_string());
                let (whole_body, whole_ending) = answered(client, model, &[body], false);
                let chunks = framed(model.surface, upstream["stream"].as_array().unwrap(), true);
                let (stream_body, stream_ending) = answered(client, model, &chunks, true);
                let place = format!("{client} {surface} {answer}");
                assert_eq!((&whole_ending.failure, &stream_ending.failure), (&None, &None), "{place}");
                assert_eq!(streamed(client, &stream_body), whole(client, &whole_body), "{place}");
                assert_eq!(whole_ending.usage, stream_ending.usage, "{place}");
                assert_eq!(whole_ending.stop_reason, stream_ending.stop_reason, "{place}");
                writeln!(text, "== {answer}\n{}\n", str::from_utf8(&whole_body).unwrap()).unwrap();
                text.push_str(&shown(client, &stream_body));
            }
            snapshot(&format!("{client}__from__{surface}"), &text);
        }
    }
}

#[test]
fn every_answer_means_the_same_whichever_family_gave_it() {
    for client in CLIENTS {
        for (answer, by_answer) in read(ANSWERS) {
            let mut meanings = by_surface().into_iter().map(|(surface, model)| {
                let body = Bytes::from(by_answer[surface]["whole"].to_string());
                (surface, whole(client, &answered(client, model, &[body], false).0))
            });
            let (_, expected) = meanings.next().unwrap();
            for (surface, meaning) in meanings {
                assert_eq!(meaning, expected, "{client} {surface} {answer}");
            }
        }
    }
}

#[test]
fn a_stream_that_is_cut_ends_with_an_error_for_every_client() {
    for client in CLIENTS {
        for (surface, model) in by_surface() {
            let answers = read(ANSWERS);
            let events = answers["parallel_tools"][surface]["stream"].as_array().unwrap();
            for kept in 0..events.len() - 2 {
                let chunks = framed(model.surface, &events[..kept], false);
                let (body, ending) = answered(client, model, &chunks, true);
                let place = format!("{client} {surface} after {kept} events");
                assert!(ending.failure.is_some() && ends_with_an_error(client, &body), "{place}");
            }
        }
    }
}

#[test]
fn a_stream_is_the_same_wherever_it_is_cut() {
    for client in CLIENTS {
        for (surface, model) in by_surface() {
            let answers = read(ANSWERS);
            let events = answers["parallel_tools"][surface]["stream"].as_array().unwrap();
            let whole: Bytes = framed(model.surface, events, true).concat().into();
            let expected = answered(client, model, std::slice::from_ref(&whole), true);
            for cut in (0..whole.len()).step_by(7) {
                let got = answered(client, model, &[whole.slice(..cut), whole.slice(cut..)], true);
                assert_eq!(got, expected, "{client} {surface} cut at {cut}");
            }
        }
    }
}

/// Members that say how the gateway itself shall answer.
const OF_THE_GATEWAY: [&str; 3] =
    ["include: reasoning.encrypted_content", "store", "stream_options.include_usage"];
/// Members with a value that asks for what some models do anyway.
const ANYWAY: [&str; 3] = ["reasoning.summary", "thinking: adaptive", "thinking: disabled"];

/// What becomes of a member: in which way the request that has it differs from one that has not.
fn fate(client: &str, member: &str, base: &Value, probe: &Value, model: &Model) -> &'static str {
    let laid_over = |base: &Value, members: &Value| {
        let mut body = base.clone();
        for (name, value) in members.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body
    };
    let base = laid_over(base, &probe["beside"]);
    let stream = base["stream"] == true;
    let without = called(client, base.clone(), model, stream).unwrap();
    let carried = match called(client, laid_over(&base, &probe["with"]), model, stream) {
        Ok(carried) => carried,
        Err(refused) => {
            assert!(refused.message.starts_with(&refused.member), "{client} {member}: {refused:?}");
            return "refused";
        }
    };
    let is_reported = carried.dropped.iter().any(|dropped| !without.dropped.contains(dropped));
    let is_sent = carried.outbound != without.outbound;
    match (is_sent, is_reported) {
        (true, false) => "carried",
        (true, true) => "adapted",
        (false, true) => "left out",
        (false, false) if OF_THE_GATEWAY.contains(&member) => "the gateway",
        (false, false) if ANYWAY.contains(&member) => "anyway",
        (false, false) => panic!("{client}: `{member}` is dropped in silence"),
    }
}

fn table() -> String {
    let mut text = String::from(
        "# What becomes of every member of a request\n\n\
         Written by the test matrix (`crates/protocol/tests/matrix.rs`), which fails when this page is not what the code \
         does. One model stands for each family and door.\n\n\
         * **carried**: it reaches the model, in the form that the model's API has for it.\n\
         * **adapted**: it reaches the model in part, or as the nearest thing that the model has; what is missing or was \
         sent in its place is in the `x-stonegate-dropped` header.\n\
         * **left out**: a hint that the model does not take; named in the `x-stonegate-dropped` header.\n\
         * **refused**: it would change the meaning of the call; the answer is a 400 that names it.\n\
         * **the gateway**: the gateway itself does it.\n\
         * **anyway**: the model does so without being asked.\n",
    );
    for (client, probes) in read(PROBES) {
        let names: Vec<&str> = MODELS.keys().map(String::as_str).collect();
        write!(text, "\n## {}\n\n| member | {} |\n|---|", title(&client), names.join(" | ")).unwrap();
        text.push_str(&"---|".repeat(names.len()));
        text.push('\n');
        for (member, probe) in probes["members"].as_object().unwrap() {
            let fates = MODELS.values().map(|model| fate(&client, member, &probes["base"], probe, model));
            writeln!(text, "| `{member}` | {} |", fates.collect::<Vec<_>>().join(" | ")).unwrap();
        }
    }
    text
}

fn title(client: &str) -> &'static str {
    match client {
        "anthropic" => "Anthropic Messages",
        "openai_chat" => "OpenAI Chat Completions",
        "openai_responses" => "OpenAI Responses",
        "converse" => "Bedrock Converse",
        _ => panic!("no such client: {client}"),
    }
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/compatibility.md")
}

#[test]
fn nothing_is_dropped_in_silence_and_the_page_says_what_is_done() {
    let written = fs::read_to_string(page()).unwrap_or_default();
    assert!(
        written == table(),
        "docs/compatibility.md is not what the code does; renew it with `cargo test -p stonegate-protocol --test matrix \
         -- --ignored write_the_page`, and read the difference"
    );
}

#[test]
#[ignore = "writes docs/compatibility.md"]
fn write_the_page() {
    fs::write(page(), table()).unwrap();
}
