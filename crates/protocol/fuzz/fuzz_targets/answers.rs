//! Whatever an upstream answers, through any API and to a client of any dialect: no panic, the same bytes wherever it is cut,
//! and what it consumed is never nothing once something came.
#![no_main]

use arbitrary::Arbitrary;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use stonegate_protocol::framing::eventstream::Frame;
use stonegate_protocol::{
    Answering, Bounds, Capabilities, Door, Ending, Inbound, Learned, Service, Surface, Target, Traits, UpstreamEnd,
    anthropic, bedrock_native, carry, converse, openai_chat, openai_responses,
};

/// A piece of an answer: bytes of no sense, or an event with a text, a number and a kind of its own.
#[derive(Arbitrary, Debug)]
enum Piece<'a> {
    Bytes(&'a [u8]),
    Event { kind: u8, index: u8, text: &'a str },
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    client: u8,
    surface: u8,
    stream: bool,
    cut: usize,
    pieces: Vec<Piece<'a>>,
}

const ANTHROPIC: [&str; 9] = [
    r#"{"type":"message_start","message":{"id":T,"model":T,"usage":{"input_tokens":I,"output_tokens":1}}}"#,
    r#"{"type":"content_block_start","index":I,"content_block":{"type":"text","text":T}}"#,
    r#"{"type":"content_block_start","index":I,"content_block":{"type":"tool_use","id":T,"name":T,"input":{}}}"#,
    r#"{"type":"content_block_delta","index":I,"delta":{"type":"text_delta","text":T}}"#,
    r#"{"type":"content_block_delta","index":I,"delta":{"type":"thinking_delta","thinking":T}}"#,
    r#"{"type":"content_block_delta","index":I,"delta":{"type":"input_json_delta","partial_json":T}}"#,
    r#"{"type":"content_block_stop","index":I}"#,
    r#"{"type":"message_delta","delta":{"stop_reason":T},"usage":{"output_tokens":I}}"#,
    r#"{"type":"message_stop"}"#,
];
const CONVERSE: [(&str, &str); 8] = [
    ("messageStart", r#"{"role":"assistant"}"#),
    ("contentBlockStart", r#"{"contentBlockIndex":I,"start":{"toolUse":{"toolUseId":T,"name":T}}}"#),
    ("contentBlockDelta", r#"{"contentBlockIndex":I,"delta":{"text":T}}"#),
    ("contentBlockDelta", r#"{"contentBlockIndex":I,"delta":{"reasoningContent":{"text":T}}}"#),
    ("contentBlockDelta", r#"{"contentBlockIndex":I,"delta":{"toolUse":{"input":T}}}"#),
    ("contentBlockStop", r#"{"contentBlockIndex":I}"#),
    ("messageStop", r#"{"stopReason":T}"#),
    ("metadata", r#"{"usage":{"inputTokens":I,"outputTokens":I,"totalTokens":I}}"#),
];
const CHAT: [&str; 6] = [
    r#"{"id":T,"model":T,"choices":[{"index":0,"delta":{"content":T}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"reasoning_content":T}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":I,"id":T,"function":{"name":T,"arguments":T}}]}}]}"#,
    r#"{"choices":[{"index":0,"delta":{},"finish_reason":T}]}"#,
    r#"{"choices":[],"usage":{"prompt_tokens":I,"completion_tokens":I}}"#,
    r#"[DONE]"#,
];
const RESPONSES: [&str; 8] = [
    r#"{"type":"response.created","sequence_number":I,"response":{"id":T,"model":T,"status":"in_progress"}}"#,
    r#"{"type":"response.output_item.added","output_index":I,"item":{"type":"message","id":T}}"#,
    r#"{"type":"response.output_item.added","output_index":I,"item":{"type":"function_call","id":T,"call_id":T,"name":T}}"#,
    r#"{"type":"response.output_text.delta","output_index":I,"delta":T}"#,
    r#"{"type":"response.function_call_arguments.delta","output_index":I,"delta":T}"#,
    r#"{"type":"response.output_item.done","output_index":I,"item":{"type":"reasoning","summary":[{"text":T}],"encrypted_content":T}}"#,
    r#"{"type":"response.completed","response":{"id":T,"status":"completed","usage":{"input_tokens":I,"output_tokens":I}}}"#,
    r#"{"type":"response.failed","response":{"id":T,"status":"failed","error":{"code":T,"message":T}}}"#,
];

fn pick<T: Copy>(kinds: &[T], kind: u8) -> T {
    kinds[usize::from(kind) % kinds.len()]
}

fn filled(template: &str, index: u8, text: &str) -> String {
    let quoted = serde_json::to_string(text).expect("a text is JSON");
    // The places first, so that a text cannot make new ones.
    let number = (index % 5).to_string();
    let numbered = template.replace(":I", &format!(":{number}"));
    numbered.split(":T").collect::<Vec<_>>().join(&format!(":{quoted}"))
}

fn written(surface: Surface, stream: bool, piece: &Piece<'_>, out: &mut BytesMut) {
    let Piece::Event { kind, index, text } = piece else {
        if let Piece::Bytes(bytes) = piece {
            out.extend_from_slice(bytes);
        }
        return;
    };
    let framed = |kind: &str, payload: String, out: &mut BytesMut| {
        let headers = [(":message-type", "event"), (":event-type", kind)];
        Frame::new(&headers, payload).encode(out).expect("it is short");
    };
    match surface {
        Surface::InvokeModel => {
            let event = filled(pick(&ANTHROPIC, *kind), *index, text);
            if stream {
                framed("chunk", format!(r#"{{"bytes":"{}"}}"#, STANDARD.encode(event)), out);
            } else {
                out.extend_from_slice(event.as_bytes());
            }
        }
        Surface::Converse => {
            let (name, template) = pick(&CONVERSE, *kind);
            framed(name, filled(template, *index, text), out);
        }
        Surface::OpenaiChat => {
            out.extend_from_slice(format!("data: {}\n\n", filled(pick(&CHAT, *kind), *index, text)).as_bytes());
        }
        Surface::OpenaiResponses => {
            out.extend_from_slice(format!("data: {}\n\n", filled(pick(&RESPONSES, *kind), *index, text)).as_bytes());
        }
    }
}

fn request(client: u8, stream: bool) -> Box<dyn Inbound> {
    let body = |text: String| Bytes::from(text);
    let messages = r#""messages":[{"role":"user","content":"x"}]"#;
    match client % 5 {
        0 => Box::new(
            anthropic::parse(None, &[], body(format!(r#"{{"model":"m","max_tokens":50,"stream":{stream},{messages}}}"#)))
                .expect("well formed"),
        ),
        1 => Box::new(openai_chat::parse(body(format!(r#"{{"model":"m","stream":{stream},{messages}}}"#))).expect("well formed")),
        2 => Box::new(
            openai_responses::parse(body(format!(r#"{{"model":"m","stream":{stream},"input":"x"}}"#))).expect("well formed"),
        ),
        3 => Box::new(
            converse::parse(body(r#"{"messages":[{"role":"user","content":[{"text":"x"}]}]}"#.to_owned()), stream, "m")
                .expect("well formed"),
        ),
        _ => {
            let text = format!(r#"{{"anthropic_version":"bedrock-2023-05-31","max_tokens":50,{messages}}}"#);
            Box::new(bedrock_native::parse(body(text), stream, "m", |_| None).expect("well formed"))
        }
    }
}

fn relayed(client: u8, surface: Surface, stream: bool, chunks: &[&[u8]]) -> (Bytes, Ending) {
    let family = if surface == Surface::InvokeModel { "anthropic" } else { "openai" };
    let id = "openai.gpt-oss-120b-1:0";
    let traits = Traits { family: family.to_owned(), bedrock_id: id.to_owned(), ..Traits::default() };
    let door = Door { service: Service::Runtime, surface, prefix: "/openai/v1" };
    let capabilities = Capabilities::default();
    let target = Target { upstream_id: id, door, capabilities: &capabilities, traits: &traits, long_context: false };
    let bounds = Bounds { input_tokens: 10, output_tokens: 50 };
    let inbound = request(client, stream);
    let carried = carry(&*inbound, &target, &Learned::default(), bounds, &Answering::default());
    let mut relay = carried.expect("it asks for nothing special").relay;
    let mut out = BytesMut::new();
    for chunk in chunks {
        if !relay.is_over() {
            relay.push(Bytes::copy_from_slice(chunk), &mut out);
        }
    }
    let ending = relay.finish(UpstreamEnd::Eof, &mut out);
    (out.freeze(), ending)
}

fuzz_target!(|input: Input<'_>| {
    let surfaces = [Surface::InvokeModel, Surface::Converse, Surface::OpenaiChat, Surface::OpenaiResponses];
    let surface = pick(&surfaces, input.surface);
    let mut bytes = BytesMut::new();
    input.pieces.iter().for_each(|piece| written(surface, input.stream, piece, &mut bytes));
    let cut = input.cut % (bytes.len() + 1);
    let whole = relayed(input.client, surface, input.stream, &[&bytes]);
    assert_eq!(whole, relayed(input.client, surface, input.stream, &[&bytes[..cut], &bytes[cut..]]));
    assert!(!input.stream || !whole.0.is_empty(), "a stream always has an end");
});
