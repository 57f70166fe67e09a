//! The same conversations from each client dialect to each model family: what goes upstream, what the client gets, and that
//! nothing is dropped in silence. From it comes the table in `docs/compatibility.md`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test cannot go on without may stop it")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::{Value, json};

#[path = "matrix/calls.rs"]
mod calls;
#[path = "matrix/clients.rs"]
mod clients;
#[path = "matrix/records.rs"]
mod records;
#[path = "matrix/targets.rs"]
mod targets;

use calls::{ANSWERS, PROBES, answered, by_surface, called, framed, read};
use clients::{CLIENTS, ends_with_an_error, shown, streamed, whole, writes};
use targets::{MODELS, Model, surface_name};

const CONVERSATIONS: &str = include_str!("matrix/conversations.json");

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
                let bodies: Vec<_> = [false, true]
                    .map(|stream| outcome(client, &by_client[writes(client)], model, stream))
                    .into();
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
            records::sent(&carried.outbound);
            let body = carried.outbound.body.to_bytes();
            let body = str::from_utf8(&body).unwrap();
            serde_json::from_str::<Value>(body).unwrap();
            writeln!(text, "{body}").unwrap();
            text
        }
        Err(refused) => format!("refused at {}: {}\n", refused.member, refused.message),
    }
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
                records::given(client, &place, false, true, &whole_body);
                records::given(client, &place, true, true, &stream_body);
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

/// Where an answer says why it stopped, and the words that an upstream has for it.
fn stop_words(surface: &str) -> (&'static [&'static str], &'static [&'static str], &'static [&'static str]) {
    match surface {
        "invoke_model" => (
            &["stop_reason"],
            &["delta", "stop_reason"],
            &[
                "end_turn",
                "max_tokens",
                "stop_sequence",
                "tool_use",
                "pause_turn",
                "refusal",
                "model_context_window_exceeded",
                "brand_new",
            ],
        ),
        "converse" => (
            &["stopReason"],
            &["messageStop", "stopReason"],
            &[
                "end_turn",
                "tool_use",
                "max_tokens",
                "stop_sequence",
                "guardrail_intervened",
                "content_filtered",
                "malformed_model_output",
                "malformed_tool_use",
                "model_context_window_exceeded",
                "brand_new",
            ],
        ),
        "openai_chat" => (
            &["choices", "0", "finish_reason"],
            &["choices", "0", "finish_reason"],
            &["stop", "length", "tool_calls", "function_call", "content_filter", "brand_new"],
        ),
        _ => (
            &["incomplete_details", "reason"],
            &["response", "incomplete_details", "reason"],
            &["max_output_tokens", "content_filter", "brand_new"],
        ),
    }
}

/// The answer with another word there, if it has one.
fn stopped(mut answer: Value, path: &[&str], word: &str) -> Value {
    let pointer: String = path.iter().map(|name| format!("/{name}")).collect();
    if let Some(place) = answer.pointer_mut(&pointer).filter(|place| !place.is_null()) {
        *place = json!(word);
    }
    answer
}

#[test]
fn every_stop_reason_has_a_word_in_every_dialect() {
    let mut text = String::new();
    for (surface, model) in by_surface() {
        let answers = read(ANSWERS);
        // Of Responses only an incomplete one has a reason.
        let name = if surface == "openai_responses" { "length" } else { "text" };
        let upstream = &answers[name][surface];
        let (in_whole, in_stream, words) = stop_words(surface);
        for word in words {
            write!(text, "{surface} {word} =>").unwrap();
            for client in CLIENTS {
                let body = Bytes::from(stopped(upstream["whole"].clone(), in_whole, word).to_string());
                let body = answered(client, model, &[body], false).0;
                // No SDK knows what nobody has invented yet.
                if *word != "brand_new" {
                    records::given(client, &format!("{client} {surface} {word}"), false, true, &body);
                }
                let whole = whole(client, &body);
                let events: Vec<Value> = upstream["stream"].as_array().unwrap().clone();
                let events: Vec<Value> =
                    events.into_iter().map(|event| stopped(event, in_stream, word)).collect();
                let streamed =
                    streamed(client, &answered(client, model, &framed(model.surface, &events, true), true).0);
                assert_eq!(streamed, whole, "{client} {surface} {word}");
                write!(text, " {client} {};", whole.stop).unwrap();
            }
            text.push('\n');
        }
    }
    snapshot("stop_reasons", &text);
}

#[test]
fn a_long_conversation_reaches_every_family_whole() {
    let turns = 200;
    let said = |turn: usize| format!("[turn {turn}] {}", "All work and no play. ".repeat(120));
    let roles = (0..turns).map(|turn| if turn % 2 == 0 { "user" } else { "assistant" });
    let plain: Vec<Value> =
        roles.clone().enumerate().map(|(turn, role)| json!({"role": role, "content": said(turn)})).collect();
    let parts: Vec<Value> = roles
        .enumerate()
        .map(|(turn, role)| json!({"role": role, "content": [{"text": said(turn)}]}))
        .chain([json!({"role": "user", "content": [{"text": "Go on."}]})])
        .collect();
    let plain: Vec<Value> = plain.into_iter().chain([json!({"role": "user", "content": "Go on."})]).collect();
    for client in CLIENTS {
        let members = match client {
            "converse" => json!({ "messages": parts }),
            "openai_responses" => json!({ "input": plain }),
            "openai_chat" => json!({ "messages": plain }),
            _ => json!({ "messages": plain, "max_tokens": 1000 }),
        };
        for (name, model) in &*MODELS {
            let carried = called(client, members.clone(), model, false).unwrap();
            let body = carried.outbound.body.to_bytes();
            let body = str::from_utf8(&body).unwrap();
            serde_json::from_str::<Value>(body).unwrap();
            assert!(body.len() > 500_000, "{client} {name}");
            let places: Vec<_> = (0..turns).map(|turn| body.find(&format!("[turn {turn}]"))).collect();
            assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{client} {name}");
            assert_eq!(body.matches("[turn ").count(), turns, "{client} {name}");
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
                records::given(client, &place, true, false, &body);
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

/// Members that say how the gateway itself shall answer, or that it makes true by itself: tools that could be found or
/// added later are offered from the start where a model cannot look for them.
const OF_THE_GATEWAY: [&str; 6] = [
    "include: reasoning.encrypted_content",
    "messages: tool_addition, tool_removal",
    "store",
    "stream_options.include_obfuscation",
    "stream_options.include_usage",
    "tools: defer_loading",
];
/// Members with a value that asks for what some models do anyway.
const ANYWAY: [&str; 3] = ["reasoning.summary", "thinking: adaptive", "thinking: disabled"];

/// Members that Claude reads and Bedrock is not known to take: what Anthropic itself runs or keeps, and betas that nobody has
/// seen there. They are sent, since Bedrock may learn them any day.
const SENT: [&str; 9] = [
    "messages: code_execution_tool_result, bash_code_execution_tool_result, text_editor_code_execution_tool_result",
    "messages: container_upload",
    "messages: document (file)",
    "messages: fallback",
    "messages: mcp_tool_use, mcp_tool_result, mcp_tool_listing",
    "messages: web_search_tool_result, web_fetch_tool_result, advisor_tool_result",
    "output_config.task_budget",
    "safeguards",
    "tools: computer_toolset, browser_toolset",
];

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
        Ok(carried) => {
            records::sent(&carried.outbound);
            carried
        }
        Err(refused) => {
            assert!(refused.message.starts_with(&refused.member), "{client} {member}: {refused:?}");
            return "refused";
        }
    };
    let is_reported = carried.dropped.iter().any(|dropped| !without.dropped.contains(dropped));
    let is_sent = carried.outbound != without.outbound;
    let reads_it = surface_name(model.surface) == "invoke_model";
    match (is_sent, is_reported) {
        (true, false) if reads_it && SENT.contains(&member) => "sent",
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
         does. One model stands for each family and door: the Claude models for InvokeModel, `gpt-oss-120b` for Chat \
         Completions, `gpt-6-sol` for Responses, the others for Converse. A GPT model is called by the API that the client \
         speaks, if it has that: a chat with it is as one with `gpt-oss-120b`, less what Bedrock itself refuses.\n\n\
         * **carried**: it reaches the model, in the form that the model's API has for it.\n\
         * **adapted**: it reaches the model in part, or as the nearest thing that the model has; what is missing or was \
         sent in its place is in the `x-stonegate-dropped` header.\n\
         * **sent**: it goes to Bedrock as it is, though Bedrock is not known to take it. What it refuses by name, and the \
         call does not depend on, is left out in a second attempt and named in the `x-stonegate-dropped` header; else \
         Bedrock's 400 is the answer.\n\
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
            let fates = |client: &str| -> Vec<&str> {
                MODELS.values().map(|model| fate(client, member, &probes["base"], probe, model)).collect()
            };
            let told = fates(&client);
            if client == writes("bedrock_native") {
                assert_eq!(fates("bedrock_native"), told, "{member}");
            }
            writeln!(text, "| `{member}` | {} |", told.join(" | ")).unwrap();
        }
    }
    text
}

fn title(client: &str) -> &'static str {
    match client {
        "anthropic" => "Anthropic Messages, and InvokeModel with a body of Claude's",
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
