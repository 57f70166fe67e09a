//! What the load generator sends, whole and ready, and how it knows that the answer is right.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use memchr::memmem;
use serde_json::{Value, json};

use crate::answers::{OUTPUT_TOKENS, Pace};
use crate::dialects::Pairing;

/// Size of a short call's body.
const SHORT_BODY_BYTES: usize = 1024;
/// Size of an agentic call's body.
const AGENTIC_BODY_BYTES: usize = 200 * 1024;

/// One kind of call.
#[derive(Clone)]
pub(crate) struct Workload {
    /// The request's bytes.
    pub(crate) request: Vec<u8>,
    /// What must come back.
    pub(crate) expected: Expected,
    /// The output tokens that its answer reports.
    pub(crate) output_tokens: u64,
}

/// How a right answer looks.
#[derive(Clone, Copy)]
pub(crate) enum Expected {
    /// An unstreamed message.
    Message,
    /// Bedrock's own frames, so many deltas.
    Frames(usize),
    /// Anthropic's events, so many deltas.
    Events(usize),
    /// A JSON object with this somewhere in it.
    Holds(&'static str),
}

impl Expected {
    pub(crate) fn check(self, body: &[u8]) -> Result<()> {
        match self {
            Self::Message => {
                ensure!(
                    body.first() == Some(&b'{') && body.last() == Some(&b'}'),
                    "not a message: {}",
                    text(body)
                );
                ensure!(memmem::find(body, b"\"end_turn\"").is_some(), "no stop reason: {}", text(body));
            }
            Self::Holds(needle) => {
                let is_object = body.first() == Some(&b'{') && body.last() == Some(&b'}');
                let found = memmem::find(body, needle.as_bytes()).is_some();
                ensure!(is_object && found, "no {needle}: {}", text(body));
            }
            Self::Frames(deltas) => {
                let frames = count_frames(body)?;
                // Two events come before the deltas, three behind them.
                ensure!(frames == deltas + 5, "{frames} frames for {deltas} deltas");
            }
            Self::Events(deltas) => {
                let came = count_deltas(body);
                ensure!(came == deltas, "{came} deltas instead of {deltas}: {}", text(body));
                ensure!(body.starts_with(b"event: message_start"), "not a start: {}", text(body));
                ensure!(memmem::rfind(body, b"event: message_stop").is_some(), "no end: {}", text(body));
            }
        }
        Ok(())
    }
}

/// How many deltas a piece of Anthropic's stream holds.
pub(crate) fn count_deltas(body: &[u8]) -> usize {
    memmem::find_iter(body, b"event: content_block_delta\n").count()
}

fn count_frames(mut body: &[u8]) -> Result<usize> {
    let mut frames = 0;
    while let Some((length, _)) = body.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        ensure!(length >= 16 && length <= body.len(), "a frame of {length} bytes");
        body = &body[length..];
        frames += 1;
    }
    ensure!(body.is_empty(), "{} bytes behind the last frame", body.len());
    Ok(frames)
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(600)]).into_owned()
}

/// The kinds of call of all scenarios, for one receiver.
pub(crate) struct Workloads {
    pub(crate) short: Workload,
    pub(crate) short_stream: Workload,
    pub(crate) fast_stream: Workload,
    pub(crate) slow_stream: Workload,
    pub(crate) agentic: Workload,
    /// In the order of [`Pairing::ALL`].
    pub(crate) others: [Workload; Pairing::ALL.len()],
}

/// Who is called, which decides path and form of the answer. The bodies are the same.
#[derive(Clone, Copy)]
pub(crate) enum Receiver<'a> {
    /// The stub, or the bare proxy in front of it: Bedrock's paths.
    Bedrock,
    /// Stonegate: Anthropic's paths, with a key.
    Stonegate { key: &'a str },
}

impl Workloads {
    pub(crate) fn new(address: SocketAddr, receiver: Receiver<'_>, slow_seconds: u32) -> Self {
        let whole = |body: &Value| Workload {
            request: request(address, receiver, "invoke", body),
            expected: Expected::Message,
            output_tokens: OUTPUT_TOKENS,
        };
        let stream = |pace: Pace| {
            let deltas = pace.deltas(slow_seconds);
            Workload {
                request: request(address, receiver, "invoke-with-response-stream", &short_body(pace, true)),
                expected: match receiver {
                    Receiver::Bedrock => Expected::Frames(deltas),
                    Receiver::Stonegate { .. } => Expected::Events(deltas),
                },
                output_tokens: OUTPUT_TOKENS,
            }
        };
        Self {
            short: whole(&short_body(Pace::Short, false)),
            short_stream: stream(Pace::Short),
            fast_stream: stream(Pace::Fast),
            slow_stream: stream(Pace::Slow),
            agentic: whole(&agentic_body()),
            others: Pairing::ALL.map(|pairing| pairing.workload(address, receiver)),
        }
    }
}

/// A request with the headers that Anthropic's SDK sends. Bedrock's path is that of the model in the body.
fn request(address: SocketAddr, receiver: Receiver<'_>, operation: &str, body: &Value) -> Vec<u8> {
    let path = match receiver {
        Receiver::Bedrock => {
            let model = body["model"].as_str().unwrap_or_default();
            format!("/model/us.anthropic.{model}/{operation}")
        }
        Receiver::Stonegate { .. } => "/v1/messages".to_owned(),
    };
    post(address, receiver, &path, body)
}

/// A request to a path.
pub(crate) fn post(address: SocketAddr, receiver: Receiver<'_>, path: &str, body: &Value) -> Vec<u8> {
    let key = match receiver {
        Receiver::Bedrock => "sk-stone-of-the-very-same-length-as-a-real-one",
        Receiver::Stonegate { key } => key,
    };
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\naccept: application/json\r\naccept-encoding: identity\r\n\
         content-type: application/json\r\nuser-agent: Anthropic/Python 2.11.0\r\nx-api-key: {key}\r\n\
         anthropic-version: 2023-06-01\r\nx-stainless-lang: python\r\nx-stainless-package-version: 2.11.0\r\n\
         x-stainless-os: Linux\r\nx-stainless-arch: x64\r\nx-stainless-runtime: CPython\r\n\
         x-stainless-runtime-version: 3.13.1\r\nx-stainless-async: false\r\nx-stainless-retry-count: 0\r\n\
         x-stainless-timeout: 600\r\ncontent-length: {}\r\n\r\n{body}",
        body.len(),
    )
    .into_bytes()
}

fn short_body(pace: Pace, stream: bool) -> Value {
    let body = |prompt: &str| {
        json!({
            "model": pace.model(),
            "max_tokens": 256,
            "stream": stream,
            "metadata": {"user_id": "bench"},
            "messages": [{"role": "user", "content": prompt}],
        })
    };
    let missing = SHORT_BODY_BYTES.saturating_sub(body("").to_string().len());
    body(&prose(missing))
}

/// A turn of a coding agent: instructions and tools under cache points, then a long run of tool calls and results.
fn agentic_body() -> Value {
    let tools: Vec<Value> = (0..24).map(tool).collect();
    let system = json!([
        {"type": "text", "text": "You are a coding agent. Answer in few words."},
        {"type": "text", "text": prose(18_000), "cache_control": {"type": "ephemeral"}},
    ]);
    let body = |messages: &[Value]| {
        json!({
            "model": Pace::Short.model(),
            "max_tokens": 32_000,
            "stream": false,
            "metadata": {"user_id": "bench"},
            "system": system,
            "tools": tools,
            "messages": messages,
        })
    };
    let mut messages = vec![json!({"role": "user", "content": [{"type": "text", "text": prose(800)}]})];
    let mut length = body(&messages).to_string().len();
    let mut turn = 0;
    while length < AGENTIC_BODY_BYTES {
        for message in tool_turn(turn) {
            length += message.to_string().len() + 1;
            messages.push(message);
        }
        turn += 1;
    }
    if let Some(block) = messages.last_mut().and_then(|message| message["content"].get_mut(0)) {
        block["cache_control"] = json!({"type": "ephemeral"});
    }
    body(&messages)
}

fn tool_turn(turn: usize) -> [Value; 2] {
    let id = format!("toolu_bdrk_01Bench{turn:06}");
    let call = json!({"role": "assistant", "content": [
        {"type": "text", "text": prose(200)},
        {"type": "tool_use", "id": id, "name": format!("tool_{}", turn % 24),
            "input": {"path": format!("src/part_{turn}.rs"), "pattern": "fn \"quoted\\b", "limit": 200, "deep": true}},
    ]});
    let result = json!({"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": id, "content": [{"type": "text", "text": source_code(3_500)}]},
    ]});
    [call, result]
}

fn tool(index: usize) -> Value {
    json!({
        "name": format!("tool_{index}"),
        "description": prose(900),
        "input_schema": {
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": prose(120)},
                "pattern": {"type": "string", "description": prose(120)},
                "limit": {"type": "integer", "minimum": 1, "maximum": 2000},
                "deep": {"type": "boolean"},
            },
            "required": ["path"],
            "additionalProperties": false,
        },
    })
}

pub(crate) fn prose(bytes: usize) -> String {
    cycle(
        "The gate stands open by day, and whoever passes is counted; by night it is shut, and nobody passes. ",
        bytes,
    )
}

/// Text with what makes real tool results dear to read: line ends, tabs, quotes and backslashes, all escaped in JSON.
fn source_code(bytes: usize) -> String {
    cycle(
        "\tlet name = find(\"gate\", r\"\\d+\\s\").ok_or(Error::Missing)?;\n\tlist.push(name); // keep it — as is\n",
        bytes,
    )
}

fn cycle(text: &str, bytes: usize) -> String {
    let mut filled = text.repeat(bytes / text.len() + 1);
    let end = (0..=bytes).rev().find(|&end| filled.is_char_boundary(end)).unwrap_or_default();
    filled.truncate(end);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_their_sizes() {
        assert_eq!(short_body(Pace::Slow, true).to_string().len(), SHORT_BODY_BYTES);
        let agentic = agentic_body().to_string().len();
        assert!((AGENTIC_BODY_BYTES..AGENTIC_BODY_BYTES + 8_000).contains(&agentic), "{agentic} bytes");
    }

    #[test]
    fn answers_that_lack_something_are_refused() {
        assert!(Expected::Message.check(b"{\"error\":{}}").is_err());
        assert!(Expected::Frames(0).check(&[0, 0, 0, 20, 0]).is_err(), "a frame that was cut off");
        let whole = b"event: message_start\n\nevent: content_block_delta\n\nevent: message_stop\n\n";
        assert!(Expected::Events(1).check(whole).is_ok());
        assert!(Expected::Events(2).check(whole).is_err(), "a delta too few");
        assert!(Expected::Events(1).check(&whole[..48]).is_err(), "no end");
    }

    #[test]
    fn the_stub_s_streams_are_whole_frames() {
        let answers = crate::answers::Answers::new().unwrap();
        let head = memmem::find(&answers.fast, b"\r\n\r\n").unwrap() + 4;
        let mut body = Vec::new();
        crate::chunked::BodyReader::chunked().read(&answers.fast[head..], &mut body).unwrap();
        Expected::Frames(crate::answers::FAST_DELTAS).check(&body).unwrap();
    }
}
