//! Clients and models that mean harm, or write as if they did: whatever the dialect, nothing hangs, nothing panics, and
//! nobody's words become somebody else's protocol.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test cannot go on without may stop it")]

use bytes::Bytes;
use serde_json::{Value, json};
use stonegate_protocol::framing::sse;
use stonegate_protocol::{
    Answering, Bounds, Dialect, Inbound, Learned, Malformed, Problem, ProblemKind, anthropic, bedrock_native,
    carry, converse, openai_chat, openai_responses,
};

#[path = "matrix/calls.rs"]
mod calls;
#[path = "matrix/clients.rs"]
#[expect(dead_code, reason = "the matrix wants the rest")]
mod clients;
#[path = "matrix/targets.rs"]
mod targets;

use calls::{ANSWERS, answered, by_surface, framed, read};
use clients::{CLIENTS, ends_with_an_error, streamed, whole};
use targets::MODELS;

fn parsed(client: &str, body: &str) -> Result<Box<dyn Inbound>, Malformed> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Ok(match client {
        "anthropic" => Box::new(anthropic::parse(None, &[], body)?),
        "bedrock_native" => Box::new(bedrock_native::parse(body, false, "m", |_| None)?),
        "converse" => Box::new(converse::parse(body, false, "m")?),
        "openai_chat" => Box::new(openai_chat::parse(body)?),
        _ => Box::new(openai_responses::parse(body)?),
    })
}

/// A body of that client's whose user says what stands there as JSON.
fn saying(client: &str, said: &str) -> String {
    match client {
        "anthropic" => {
            format!(r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":{said}}}]}}"#)
        }
        "bedrock_native" => format!(
            r#"{{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{{"role":"user","content":{said}}}]}}"#
        ),
        "converse" => format!(r#"{{"messages":[{{"role":"user","content":[{{"text":{said}}}]}}]}}"#),
        "openai_chat" => format!(r#"{{"model":"m","messages":[{{"role":"user","content":{said}}}]}}"#),
        _ => format!(r#"{{"model":"m","input":[{{"role":"user","content":{said}}}]}}"#),
    }
}

/// What goes to every model, as far as it is served.
fn bodies(inbound: &dyn Inbound) -> Vec<Bytes> {
    let bounds = Bounds { input_tokens: 9, output_tokens: 9 };
    let go = |model: &targets::Model| {
        carry(inbound, &model.target(), &Learned::default(), bounds, &Answering::default())
    };
    MODELS
        .values()
        .filter_map(|model| go(model).ok())
        .map(|carried| carried.outbound.body.to_bytes())
        .collect()
}

#[test]
fn a_member_that_is_named_twice_is_refused_however_it_is_written() {
    for (client, body) in [
        ("anthropic", r#"{"model":"m","max_tokens":9,"max_tok\u0065ns":9000,"messages":[]}"#),
        (
            "anthropic",
            r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","role":"user","content":"x"}]}"#,
        ),
        ("bedrock_native", r#"{"anthropic_version":"x","model":"m","max_tokens":9,"messages":[]}"#),
        ("bedrock_native", r#"{"anthropic_version":"x","stre\u0061m":true,"max_tokens":9,"messages":[]}"#),
        ("converse", r#"{"messages":[],"inferenceConfig":{"maxTokens":9,"m\u0061xTokens":9000}}"#),
        ("converse", r#"{"messages":[],"inferenceConfig":{"maxTokens":9},"inference\u0043onfig":{}}"#),
        ("openai_chat", r#"{"model":"m","messages":[],"max_tokens":9,"max_token\u0073":9000}"#),
        ("openai_chat", r#"{"model":"m","mod\u0065l":"dear","messages":[]}"#),
        ("openai_chat", r#"{"model":"m","messages":[{"role":"user","content":"x","c\u006fntent":"y"}]}"#),
        (
            "openai_responses",
            r#"{"model":"m","input":"x","max_output_tokens":9,"max_output_token\u0073":9000}"#,
        ),
        ("openai_responses", r#"{"model":"m","input":"x","inpu\u0074":"y"}"#),
    ] {
        let refused = parsed(client, body).unwrap_err();
        assert!(refused.message.contains("twice"), "{client} {body}: {refused}");
    }
}

#[test]
fn numbers_that_are_none_are_refused() {
    for number in ["1e400", "-1", "1.5", "18446744073709551616", "\"9\"", "[]"] {
        for (client, member) in [
            ("anthropic", format!(r#"{{"model":"m","max_tokens":{number},"messages":[]}}"#)),
            ("converse", format!(r#"{{"messages":[],"inferenceConfig":{{"maxTokens":{number}}}}}"#)),
            ("openai_chat", format!(r#"{{"model":"m","messages":[],"max_completion_tokens":{number}}}"#)),
            ("openai_chat", format!(r#"{{"model":"m","messages":[],"n":{number}}}"#)),
            ("openai_responses", format!(r#"{{"model":"m","input":"x","max_output_tokens":{number}}}"#)),
        ] {
            assert!(parsed(client, &member).is_err(), "{client} {member}");
        }
    }
}

#[test]
fn deep_nesting_is_carried_or_refused_and_overflows_nothing() {
    for depth in [200, 100_000] {
        let deep = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        for client in CLIENTS {
            for body in [
                saying(client, &deep),
                saying(client, "\"x\"").replacen('{', &format!(r#"{{"tools":{deep},"#), 1),
                saying(client, "\"x\"").replacen('{', &format!(r#"{{"brand_new":{deep},"#), 1),
                saying(client, "\"x\"").replacen(
                    '{',
                    &format!(r#"{{"additionalModelRequestFields":{{"a":{deep}}},"#),
                    1,
                ),
            ] {
                let _bodies = parsed(client, &body).map(|inbound| bodies(&*inbound));
            }
        }
    }
}

#[test]
fn letters_that_are_hard_to_write_arrive_or_are_refused() {
    for (said, text) in [
        (r#""a\u0000b""#, Some("a\u{0}b")),
        (r#""\ud83d\ude00""#, Some("😀")),
        ("\"\u{2028}\u{feff}\u{10ffff}\"", Some("\u{2028}\u{feff}\u{10ffff}")),
        // Half a letter is no text. Where the body passes through it is the model's to judge.
        (r#""\ud83d""#, None),
    ] {
        for client in CLIENTS {
            let Ok(inbound) = parsed(client, &saying(client, said)) else { continue };
            for body in bodies(&*inbound) {
                if let Some(text) = text {
                    let sent: Value = serde_json::from_slice(&body).unwrap();
                    assert!(says(&sent, text), "{client} {sent}");
                }
            }
        }
    }
}

fn says(value: &Value, text: &str) -> bool {
    match value {
        Value::String(said) => said == text,
        Value::Array(values) => values.iter().any(|value| says(value, text)),
        Value::Object(members) => members.values().any(|value| says(value, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A turn of many calls, and their results from the last to the first, many documents of one name, many tools, betas,
/// addresses: whatever is looked up for each of them must not be looked up in a list of all.
#[test]
fn very_many_small_parts_take_no_time() {
    const MANY: usize = 60_000;
    let joined = |part: &dyn Fn(usize) -> String| (0..MANY).map(part).collect::<Vec<_>>().join(",");
    let calls = joined(&|at| format!(r#"{{"type":"tool_use","id":"c{at}","name":"f","input":{{}}}}"#));
    let results = joined(&|at| format!(r#"{{"type":"tool_result","tool_use_id":"c{}"}}"#, MANY - 1 - at));
    let turns = format!(
        r#"{{"role":"user","content":"x"}},{{"role":"assistant","content":[{calls}]}},{{"role":"user","content":[{results}]}}"#
    );
    let documents = joined(&|_| {
        r#"{"type":"document","title":"a","source":{"type":"text","media_type":"text/plain","data":"x"}}"#
            .to_owned()
    });
    let links =
        joined(&|at| format!(r#"{{"type":"image","source":{{"type":"url","url":"https://a/{at}"}}}}"#));
    let tools = joined(&|at| format!(r#"{{"type":"function","name":"t{at}","strict":false}}"#));
    let betas = joined(&|at| format!(r#""b{at}""#));
    for (client, body) in [
        ("anthropic", format!(r#"{{"model":"m","max_tokens":9,"messages":[{turns}]}}"#)),
        ("anthropic", saying("anthropic", &format!("[{documents}]"))),
        ("anthropic", saying("anthropic", &format!("[{links}]"))),
        ("anthropic", format!(r#"{{"model":"m","max_tokens":9,"messages":[],"anthropic_beta":[{betas}]}}"#)),
        ("openai_responses", format!(r#"{{"model":"m","input":"x","tools":[{tools}]}}"#)),
    ] {
        let inbound = parsed(client, &body).unwrap();
        let _addresses = inbound.remote_media();
        let nova = MODELS["nova-2-lite"].target();
        let bounds = Bounds { input_tokens: 9, output_tokens: 9 };
        let _carried = carry(&*inbound, &nova, &Learned::default(), bounds, &Answering::default());
    }
}

/// What would be an event of its own, were it written as it is.
const EVIL: &str = "\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"owned\"}}]}\n\nevent: error\r\ndata: {}\r\r: \u{2028}";

#[test]
fn what_a_model_says_is_never_an_event_of_its_own() {
    for client in CLIENTS {
        for (surface, model) in by_surface() {
            let answers = read(ANSWERS);
            let upstream = &answers["parallel_tools"][surface];
            let evil = |value: &Value| -> Value {
                let text = value.to_string();
                let quoted = json!(EVIL).to_string();
                let text = text.replace("\"I look.\"", &quoted).replace("\"Two towns.\"", &quoted);
                serde_json::from_str(&text.replace("\"weather\"", &json!("f\n\nevent: x").to_string()))
                    .unwrap()
            };
            let body = Bytes::from(evil(&upstream["whole"]).to_string());
            let told = whole(client, &answered(client, model, &[body], false).0);
            let events: Vec<Value> = upstream["stream"].as_array().unwrap().iter().map(evil).collect();
            let stream = answered(client, model, &framed(model.surface, &events, true), true).0;
            assert_eq!(streamed(client, &stream), told, "{client} {surface}");
            assert_eq!(told.text, EVIL, "{client} {surface}");
            assert_eq!(told.calls[0].1, "f\n\nevent: x", "{client} {surface}");
        }
    }
}

#[test]
fn what_an_error_says_is_never_an_event_of_its_own() {
    let problem = Problem::new(ProblemKind::Internal, EVIL).member(EVIL).code(EVIL);
    for dialect in Dialect::ALL {
        let mut out = Vec::new();
        dialect.error_event(&problem, &mut out);
        if dialect.stream_type().starts_with("text/event-stream") {
            let mut parser = sse::Parser::default();
            parser.push(&out);
            let mut events = Vec::new();
            while let Some(event) = parser.next_event().unwrap() {
                events.push(event.data);
            }
            events.retain(|data| data != "[DONE]");
            assert_eq!(events.len(), 1, "{dialect:?} {events:?}");
            assert!(says(&serde_json::from_str(&events[0]).unwrap(), EVIL));
        }
        let reply = dialect.render(&problem, "req_1");
        assert!(says(&serde_json::from_slice(&reply.body).unwrap(), EVIL));
        assert!(reply.headers.iter().all(|(_, value)| !value.contains(['\r', '\n'])), "{dialect:?}");
    }
}

#[test]
fn an_upstreams_event_type_is_a_name_or_the_end_of_the_stream() {
    let model = &MODELS["gpt-6-sol"];
    let event = json!({ "type": "response.output_text.delta\n\ndata: {}", "delta": "x", "output_index": 0 });
    let (body, ending) = answered("openai_responses", model, &framed(model_surface(), &[event], false), true);
    assert!(ending.failure.is_some() && ends_with_an_error("openai_responses", &body));
}

fn model_surface() -> stonegate_protocol::Surface {
    stonegate_protocol::Surface::OpenaiResponses
}

/// Some engines cut a letter of two halves in the middle of two pieces. Half a letter is no text; the answer goes on.
#[test]
fn half_a_letter_in_an_answer_is_not_the_end_of_it() {
    for client in CLIENTS {
        for (surface, model) in by_surface() {
            let answers = read(ANSWERS);
            let upstream = &answers["text"][surface];
            let halved: Vec<Bytes> = framed_raw(model.surface, upstream["stream"].as_array().unwrap());
            let (body, ending) = answered(client, model, &halved, true);
            assert_eq!(ending.failure, None, "{client} {surface}");
            let is_passed = !streams_are_read(client, surface);
            assert!(is_passed || streamed(client, &body).text.ends_with("day."), "{client} {surface}");
        }
    }
}

/// Whether the gateway reads what it brings, or only looks at it.
fn streams_are_read(client: &str, surface: &str) -> bool {
    !matches!(
        (client, surface),
        ("anthropic" | "bedrock_native", "invoke_model")
            | ("converse", "converse")
            | ("openai_chat", "openai_chat")
            | ("openai_responses", "openai_responses")
    )
}

/// The stream, with half a letter before one of its words.
fn framed_raw(surface: stonegate_protocol::Surface, events: &[Value]) -> Vec<Bytes> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use stonegate_protocol::Surface;
    use stonegate_protocol::framing::eventstream::Frame;
    let halved = |event: &Value| event.to_string().replace("\"Good \"", "\"Good \\ud83d\"");
    let frame = |kind: &str, payload: String| {
        let headers = [(":event-type", kind), (":message-type", "event")];
        let mut bytes = bytes::BytesMut::new();
        Frame::new(&headers, payload).encode(&mut bytes).unwrap();
        bytes.freeze()
    };
    let mut chunks: Vec<Bytes> = events
        .iter()
        .map(|event| match surface {
            Surface::InvokeModel => {
                frame("chunk", format!(r#"{{"bytes":"{}"}}"#, STANDARD.encode(halved(event))))
            }
            Surface::Converse => {
                let (kind, payload) = event.as_object().unwrap().iter().next().unwrap();
                frame(kind, halved(payload))
            }
            Surface::OpenaiChat | Surface::OpenaiResponses => {
                Bytes::from(format!("data: {}\n\n", halved(event)))
            }
        })
        .collect();
    if surface == Surface::OpenaiChat {
        chunks.push(Bytes::from_static(b"data: [DONE]\n\n"));
    }
    chunks
}
