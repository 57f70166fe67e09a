//! The same fault for the clients of every dialect: each dialect's own shape and status, whichever API the upstream's error
//! came from, before the answer and in the middle of it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test cannot go on without may stop it")]

use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};
use stonegate_protocol::framing::eventstream::{Decoder, Frame, FrameKind};
use stonegate_protocol::{Dialect, FailureClass, Problem, Surface, failure};

#[path = "matrix/calls.rs"]
mod calls;
#[path = "matrix/clients.rs"]
#[expect(dead_code, reason = "the matrix wants the rest")]
mod clients;
#[path = "matrix/targets.rs"]
mod targets;

use calls::{ANSWERS, answered, by_surface, framed, read};
use clients::{CLIENTS, ends_with_an_error};

/// A fault as each of the upstream's APIs tells it.
struct Fault {
    name: &'static str,
    class: FailureClass,
    status: u16,
    /// `x-amzn-errortype`, in front of `{"message": …}`.
    bedrock: &'static str,
    /// `error.type` and `error.code`.
    openai: (&'static str, &'static str),
    message: &'static str,
    /// The exception in an event stream, where a stream can have it.
    exception: &'static str,
}

const FAULTS: [Fault; 9] = [
    Fault {
        name: "too many requests",
        class: FailureClass::Throttled,
        status: 429,
        bedrock: "ThrottlingException",
        openai: ("rate_limit_error", "rate_limit_exceeded"),
        message: "Too many requests, please wait before trying again.",
        exception: "throttlingException",
    },
    Fault {
        name: "the day's tokens are used up",
        class: FailureClass::Exhausted,
        status: 429,
        bedrock: "ThrottlingException",
        openai: ("rate_limit_error", "rate_limit_exceeded"),
        message: "Too many tokens per day, please wait before trying again.",
        exception: "throttlingException",
    },
    Fault {
        name: "overloaded",
        class: FailureClass::Overloaded,
        status: 503,
        bedrock: "ServiceUnavailableException",
        openai: ("server_error", "server_is_overloaded"),
        message: "The service is busy.",
        exception: "serviceUnavailableException",
    },
    Fault {
        name: "a member is refused",
        class: FailureClass::Rejected,
        status: 400,
        bedrock: "ValidationException",
        openai: ("invalid_request_error", "invalid_value"),
        message: "temperature: range: -1..1",
        exception: "validationException",
    },
    Fault {
        name: "the prompt is too long",
        class: FailureClass::Rejected,
        status: 400,
        bedrock: "ValidationException",
        openai: ("invalid_request_error", "context_length_exceeded"),
        message: "prompt is too long: 210000 tokens > 200000 maximum",
        exception: "validationException",
    },
    Fault {
        name: "the gateway may not",
        class: FailureClass::Denied,
        status: 403,
        bedrock: "AccessDeniedException",
        openai: ("permission_error", "access_denied"),
        message: "User: arn:aws:iam::123456789012:user/x is not authorized",
        exception: "",
    },
    Fault {
        name: "no such model",
        class: FailureClass::NotFound,
        status: 404,
        bedrock: "ResourceNotFoundException",
        openai: ("invalid_request_error", "model_not_found"),
        message: "Could not resolve the foundation model from arn:aws:bedrock:us-east-1::x",
        exception: "",
    },
    Fault {
        name: "too slow",
        class: FailureClass::TimedOut,
        status: 408,
        bedrock: "ModelTimeoutException",
        openai: ("timeout", "timeout"),
        message: "The model took too long.",
        exception: "modelTimeoutException",
    },
    Fault {
        name: "broken inside",
        class: FailureClass::Unavailable,
        status: 500,
        bedrock: "InternalServerException",
        openai: ("server_error", "server_error"),
        message: "Something broke.",
        exception: "internalServerException",
    },
];

fn openai_error(fault: &Fault) -> Value {
    json!({ "error": { "message": fault.message, "type": fault.openai.0, "code": fault.openai.1, "param": null } })
}

#[test]
fn the_same_fault_has_each_dialects_own_shape_and_status() {
    let mut text = String::new();
    for fault in &FAULTS {
        let native = json!({ "message": fault.message }).to_string();
        let native = failure::from_bedrock(fault.status, Some(fault.bedrock), None, native.as_bytes());
        let openai =
            failure::from_bedrock(fault.status, None, None, openai_error(fault).to_string().as_bytes());
        assert_eq!((native.class, openai.class), (fault.class, fault.class), "{}", fault.name);
        assert_eq!(Problem::from(&native), Problem::from(&openai), "{}", fault.name);
        writeln!(text, "== {}", fault.name).unwrap();
        for dialect in Dialect::ALL {
            let reply = dialect.render(&Problem::from(&native), "req_1");
            let body = str::from_utf8(&reply.body).unwrap();
            assert!(!body.contains("arn:") && !body.contains("123456789012"), "{body}");
            let told = reply
                .headers
                .iter()
                .filter(|(name, _)| matches!(*name, "retry-after" | "x-should-retry" | "x-amzn-errortype"));
            let headers: Vec<String> = told.map(|(name, value)| format!("{name}: {value}")).collect();
            writeln!(text, "{} {} {headers:?}\n    {body}", dialect.as_str(), reply.status).unwrap();
        }
    }
    insta::assert_snapshot!(text);
}

/// The fault in the middle of a stream of that API's; none where its streams cannot tell it.
fn in_mid_stream(surface: Surface, fault: &Fault) -> Option<Bytes> {
    match surface {
        Surface::InvokeModel | Surface::Converse => {
            let headers = [
                (":exception-type", fault.exception),
                (":content-type", "application/json"),
                (":message-type", "exception"),
            ];
            let mut bytes = BytesMut::new();
            Frame::new(&headers, json!({ "message": fault.message }).to_string()).encode(&mut bytes).unwrap();
            (!fault.exception.is_empty()).then(|| bytes.freeze())
        }
        Surface::OpenaiChat => Some(Bytes::from(format!("data: {}\n\n", openai_error(fault)))),
        Surface::OpenaiResponses => {
            let error = json!({ "code": fault.openai.1, "message": fault.message });
            let response = json!({ "id": "resp_u", "status": "failed", "error": error, "output": [] });
            let event = json!({ "type": "response.failed", "sequence_number": 9, "response": response });
            Some(Bytes::from(format!("data: {event}\n\n")))
        }
    }
}

#[test]
fn a_fault_in_mid_stream_is_each_dialects_own_last_event() {
    let mut text = String::new();
    for fault in FAULTS.iter().filter(|fault| !fault.exception.is_empty()) {
        writeln!(text, "== {}", fault.name).unwrap();
        for client in CLIENTS {
            let mut told = Vec::new();
            for (surface, model) in by_surface() {
                let answers = read(ANSWERS);
                let events = answers["text"][surface]["stream"].as_array().unwrap();
                let mut chunks = framed(model.surface, &events[..3], false);
                chunks.extend(in_mid_stream(model.surface, fault));
                let (body, ending) = answered(client, model, &chunks, true);
                let place = format!("{} {client} {surface}", fault.name);
                assert_eq!(
                    ending.failure.as_ref().map(|failure| failure.class),
                    Some(fault.class),
                    "{place}"
                );
                assert!(ends_with_an_error(client, &body), "{place}");
                told.push(last_error(&body));
            }
            told.dedup();
            writeln!(text, "{client}\n    {}", told.join("\n    ")).unwrap();
        }
    }
    insta::assert_snapshot!(text);
}

/// The error that ends a stream, less what it repeats of the answer.
fn last_error(body: &Bytes) -> String {
    let text = String::from_utf8_lossy(body);
    let data = text.lines().rev().filter_map(|line| line.strip_prefix("data: "));
    let mut data = data.filter(|data| *data != "[DONE]");
    if let Some(last) = data.next() {
        let event: Value = serde_json::from_str(last).unwrap();
        return match event["type"].as_str() {
            Some("response.failed") => format!("response.failed {}", event["response"]["error"]),
            _ => event.to_string(),
        };
    }
    let (mut decoder, mut last) = (Decoder::default(), String::new());
    decoder.push(body.clone());
    while let Some(frame) = decoder.next_frame().unwrap() {
        if let FrameKind::Exception(name) = frame.kind() {
            last = format!("{name} {}", String::from_utf8_lossy(frame.payload()));
        }
    }
    last
}

#[test]
fn a_fault_in_the_place_of_a_whole_answer_leaves_the_status_to_the_gateway() {
    for fault in &FAULTS {
        for client in CLIENTS {
            for (surface, model) in by_surface().into_iter().filter(|(name, _)| name.starts_with("openai")) {
                let body = Bytes::from(openai_error(fault).to_string());
                let (out, ending) = answered(client, model, &[body], false);
                let place = format!("{} {client} {surface}", fault.name);
                assert!(out.is_empty() && ending.failure.is_some(), "{place}");
            }
        }
    }
}
