//! Conversations on their way to models that are called by Converse, and the answers on their way back.
//!
//! A fixture is a Messages request, since that dialect says most; its name says what is looked at, and a snapshot shows
//! the body for each family.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without may stop it")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use stonegate_protocol::conversation::{
    Block, Content, JsonText, Message, Request, Role, Thinking, Tool, ToolChoice, ToolResult, ToolUse,
};
use stonegate_protocol::framing::eventstream::Frame;
use stonegate_protocol::{
    Answering, Basis, Bounds, Effort, Ending, Inbound as _, Learned, Problem, RejectedPart, Relay, SentBetas,
    UpstreamEnd, anthropic, carry,
};

#[path = "support/canned.rs"]
mod canned;
#[path = "support/conversing.rs"]
mod conversing;

use canned::Canned;
use conversing::{Model, bytes, event, exception};

/// Models of all families that differ.
const NAMES: [&str; 7] = ["nova2", "nova", "oss", "gpt", "deepseek", "llama", "claude"];

/// What a Messages request means.
fn conversation(body: &str) -> Request {
    let inbound = anthropic::parse(None, &[], Bytes::copy_from_slice(body.as_bytes())).unwrap();
    inbound.translate(&Answering::default()).unwrap().0
}

fn outcome(request: &Request, model: &str, ceiling: u64) -> String {
    let model = Model::named(model);
    let inbound = Canned::new(request.clone(), true);
    let bounds = Bounds { input_tokens: 100, output_tokens: ceiling };
    match carry(&inbound, &model.target(), &Learned::default(), bounds, &Answering::default()) {
        Ok(carried) => {
            let mut text = format!("POST {}\n", carried.outbound.path);
            for dropped in &carried.dropped {
                writeln!(text, "(dropped) {dropped}").unwrap();
            }
            text.push_str(str::from_utf8(&carried.outbound.body.to_bytes()).unwrap());
            text
        }
        Err(unsupported) => format!("refused: {}", Problem::from(&unsupported).message),
    }
}

fn user(content: Vec<Block>) -> Message {
    Message { role: Role::User, content }
}

fn assistant(content: Vec<Block>) -> Message {
    Message { role: Role::Assistant, content }
}

fn call(id: &str, name: &str) -> Block {
    let input = JsonText::parse(r#"{"x":1}"#).unwrap();
    Content::ToolUse(ToolUse { id: id.to_owned(), name: name.to_owned(), input }).into()
}

fn result(id: &str, text: &str) -> Block {
    let content = vec![Block::text(text)];
    Content::ToolResult(ToolResult { id: id.to_owned(), content, is_error: false }).into()
}

fn asking(content: &str) -> Request {
    Request { messages: vec![user(vec![Block::text(content)])], ..Request::default() }
}

/// Every fixture of a Messages request, on its way to every family.
#[test]
fn every_conversation_is_carried_adapted_or_refused_by_name() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/fixtures/to_converse");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let request = conversation(&fs::read_to_string(&path).unwrap());
        let mut text = String::new();
        for model in NAMES {
            writeln!(text, "== {model}\n{}\n", outcome(&request, model, 5_000)).unwrap();
        }
        insta::with_settings!({ snapshot_path => "golden/snapshots", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("to_converse__{name}"), text);
        });
    }
}

#[test]
fn thinking_is_asked_for_in_each_familys_own_way() {
    for (model, thinking, effort, ceiling, expected) in [
        (
            "nova2",
            None,
            Some(Effort::Low),
            5_000,
            r#""reasoningConfig":{"maxReasoningEffort":"low","type":"enabled"}"#,
        ),
        ("nova2", None, Some(Effort::High), 5_000, r#""maxReasoningEffort":"medium""#),
        ("nova2", None, Some(Effort::Max), 64_000, r#""maxReasoningEffort":"high""#),
        ("nova2", Some(Thinking::Off), None, 5_000, r#""reasoningConfig":{"type":"disabled"}"#),
        ("oss", None, Some(Effort::Max), 5_000, r#""reasoning_effort":"high""#),
        ("oss", Some(Thinking::Budget(5_000)), None, 5_000, r#""reasoning_effort":"medium""#),
        ("gpt", None, Some(Effort::Max), 5_000, r#""reasoning":{"effort":"max"}"#),
        ("gpt", Some(Thinking::Off), None, 5_000, r#""reasoning":{"effort":"none"}"#),
        ("deepseek", Some(Thinking::Adaptive), None, 5_000, r#""reasoning_effort":"medium""#),
        (
            "claude",
            Some(Thinking::Budget(9_000)),
            None,
            5_000,
            r#""thinking":{"budget_tokens":4999,"type":"enabled"}"#,
        ),
    ] {
        let request = Request { thinking, effort, ..asking("Hi") };
        let outcome = outcome(&request, model, ceiling);
        assert!(outcome.contains(expected), "{model} {effort:?}: {outcome}");
        let is_unbounded = expected.contains("\"high\"") && model == "nova2";
        assert_eq!(outcome.contains(r#""maxTokens":"#), !is_unbounded, "{model}: {outcome}");
    }
}

#[test]
fn a_history_with_tools_declares_them_though_none_is_named() {
    let messages = vec![
        user(vec![Block::text("Go")]),
        assistant(vec![call("a", "look")]),
        user(vec![result("a", "seen")]),
    ];
    let outcome = outcome(&Request { messages, ..Request::default() }, "nova2", 100);
    assert!(outcome.contains(r#""toolConfig":{"tools":[{"toolSpec":{"name":"look","inputSchema":{"json":{"type":"object"}}}}]}"#), "{outcome}");
}

#[test]
fn every_call_has_its_result_first_thing_in_the_next_turn() {
    let messages = vec![
        assistant(vec![call("a", "look"), call("b/c", "look"), call("d", "look")]),
        user(vec![Block::text("And?"), result("b/c", " "), result("a", "seen"), result("z", "old")]),
        user(vec![Block::text("Go on")]),
    ];
    let outcome = outcome(&Request { messages, ..Request::default() }, "nova2", 100);
    insta::assert_snapshot!(outcome);
}

#[test]
fn a_model_that_may_not_call_its_tools_is_told() {
    let tool = Tool {
        name: "look".to_owned(),
        description: None,
        parameters: JsonText::empty_object(),
        strict: None,
        cache: stonegate_protocol::conversation::CacheLifetime::None,
    };
    let fresh = Request { tools: vec![tool], tool_choice: ToolChoice::None, ..asking("Hi") };
    assert!(!outcome(&fresh, "nova2", 100).contains("toolConfig"));
    let messages = vec![
        user(vec![Block::text("Go")]),
        assistant(vec![call("a", "look")]),
        user(vec![result("a", "seen")]),
    ];
    let used = outcome(&Request { messages, ..fresh }, "nova2", 100);
    assert!(used.contains("toolConfig") && used.contains("without calling any tool"), "{used}");
    assert!(used.contains("(dropped) tool_choice:sent-as=instruction"), "{used}");
}

#[test]
fn what_was_learned_to_be_refused_is_left_out() {
    let mut learned = Learned::default();
    learned.note(RejectedPart::Member("reasoning_effort".to_owned()), &SentBetas::default());
    let model = Model::named("deepseek");
    let inbound = Canned::new(Request { effort: Some(Effort::Low), ..asking("Hi") }, false);
    let bounds = Bounds { input_tokens: 1, output_tokens: 9 };
    let carried = carry(&inbound, &model.target(), &learned, bounds, &Answering::default()).unwrap();
    assert_eq!(
        carried.outbound.body.to_bytes(),
        r#"{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"inferenceConfig":{"maxTokens":9}}"#
    );
    assert_eq!(carried.dropped.len(), 1);
}

fn relay(model: &str, stream: bool) -> Relay {
    let model = Model::named(model);
    let long = Tool {
        name: "mcp/look at it".to_owned(),
        description: None,
        parameters: JsonText::empty_object(),
        strict: None,
        cache: stonegate_protocol::conversation::CacheLifetime::None,
    };
    let inbound = Canned::new(Request { tools: vec![long], ..asking("Hi") }, stream);
    let bounds = Bounds { input_tokens: 50, output_tokens: 100 };
    carry(&inbound, &model.target(), &Learned::default(), bounds, &Answering::default()).unwrap().relay
}

fn read(mut relay: Relay, chunks: &[Bytes], end: UpstreamEnd) -> (String, Ending) {
    let mut out = BytesMut::new();
    for chunk in chunks {
        if !relay.is_over() {
            relay.push(chunk.clone(), &mut out);
        }
    }
    let ending = relay.finish(end, &mut out);
    (String::from_utf8(out.to_vec()).unwrap(), ending)
}

fn cut_everywhere(model: &str, frames: &[Frame]) -> (String, Ending) {
    let whole = bytes(frames);
    let expected = read(relay(model, true), std::slice::from_ref(&whole), UpstreamEnd::Eof);
    for cut in 0..=whole.len() {
        let got = read(relay(model, true), &[whole.slice(..cut), whole.slice(cut..)], UpstreamEnd::Eof);
        assert_eq!(got, expected, "cut at {cut}");
    }
    expected
}

#[test]
fn a_streams_events_are_the_same_wherever_it_is_cut() {
    let (text, ending) = cut_everywhere("nova2", &conversing::answer());
    insta::assert_snapshot!(text);
    assert_eq!((ending.basis, ending.failure, ending.usage.output_tokens), (Basis::Reported, None, 30));
}

#[test]
fn thoughts_between_tags_are_thoughts() {
    let frames = [
        event("messageStart", r#"{"role":"assistant"}"#),
        event("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"<reasoning>Hm."}}"#),
        event("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"</reasoning>Yes"}}"#),
        event("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        event("messageStop", r#"{"stopReason":"end_turn"}"#),
    ];
    let (text, ending) = cut_everywhere("oss", &frames);
    insta::assert_snapshot!(text);
    assert_eq!((ending.basis, ending.failure), (Basis::Estimated, None));
}

#[test]
fn a_whole_answer_means_what_a_stream_means() {
    let (streamed, _) = cut_everywhere("nova2", &conversing::answer());
    let body = Bytes::from(conversing::WHOLE);
    let (whole, ending) = read(relay("nova2", false), &[body], UpstreamEnd::Eof);
    assert_eq!(ending.failure, None);
    insta::assert_snapshot!(whole);
    assert_eq!(streamed.lines().last(), whole.lines().last());
}

#[test]
fn what_breaks_off_is_a_failure() {
    let start = event("messageStart", r#"{"role":"assistant"}"#);
    let delta = event("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"He"}}"#);
    for (frames, kind) in [
        (vec![start.clone(), delta.clone()], "BrokenOff"),
        (vec![start.clone(), delta, exception("throttlingException", "slow down")], "ThrottlingException"),
        (vec![start, event("contentBlockDelta", "{")], "BrokenOff"),
    ] {
        let (_, ending) = cut_everywhere("nova2", &frames);
        assert_eq!(ending.failure.unwrap().error_type, kind);
    }
}
