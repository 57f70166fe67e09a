//! What goes to Claude for conversations that came in other dialects: path, headers, what was left out, body; or the refusal.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test cannot go on without may stop it")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use stonegate_protocol::conversation::{
    Block, CacheLifetime, Citation, Content, Guardrail, JsonText, Media, MediaKind, Message, OutputFormat,
    Request, Role, Sampling, Source, Span, Thinking, ThinkingDisplay, Tool, ToolChoice, ToolResult, ToolUse,
};
use stonegate_protocol::{Answering, Bounds, Door, Effort, Learned, Target, carry};

#[path = "support/canned.rs"]
mod canned;
#[path = "support/claude.rs"]
mod claude;

use canned::Canned;
use claude::claude;

fn json(text: &str) -> JsonText {
    JsonText::parse(text).unwrap()
}

fn user(content: Vec<Block>) -> Message {
    Message { role: Role::User, content }
}

fn assistant(content: Vec<Block>) -> Message {
    Message { role: Role::Assistant, content }
}

fn operator(text: &str) -> Message {
    Message { role: Role::System, content: vec![Block::text(text)] }
}

fn tool_use(id: &str, name: &str, input: &str) -> Block {
    Content::ToolUse(ToolUse { id: id.to_owned(), name: name.to_owned(), input: json(input) }).into()
}

fn result(id: &str, content: Vec<Block>) -> Block {
    Content::ToolResult(ToolResult { id: id.to_owned(), content, is_error: false }).into()
}

fn thought(text: &str, signature: Option<&str>) -> Block {
    Content::Thinking { text: text.to_owned(), signature: signature.map(str::to_owned) }.into()
}

fn marked(block: Block, cache: CacheLifetime) -> Block {
    Block { cache, ..block }
}

fn medium(kind: MediaKind, media_type: &str, source: Source) -> Media {
    Media { kind, media_type: media_type.to_owned(), source, name: None, context: None, cite: false }
}

fn base64(data: &str) -> Source {
    Source::Base64(data.to_owned())
}

fn tool(name: &str) -> Tool {
    Tool {
        name: name.to_owned(),
        description: Some("Says what the weather is".to_owned()),
        parameters: json(
            r#"{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"integer","minimum":1}},"required":["z"]}"#,
        ),
        strict: None,
        cache: CacheLifetime::None,
    }
}

fn hello() -> Request {
    Request { messages: vec![user(vec![Block::text("Hello")])], ..Request::default() }
}

fn sampling(temperature: f64, top_p: f64, top_k: u64) -> Sampling {
    Sampling {
        temperature: serde_json::Number::from_f64(temperature),
        top_p: serde_json::Number::from_f64(top_p),
        top_k: Some(top_k),
    }
}

/// A conversation in the midst of calling tools.
fn tool_loop(before_the_call: Vec<Block>) -> Request {
    let mut calling = before_the_call;
    calling.push(tool_use("call_1", "weather", r#"{"z":"Bonn"}"#));
    Request {
        messages: vec![
            user(vec![Block::text("What is the weather?")]),
            assistant(calling),
            user(vec![result("call_1", vec![Block::text("Rain")])]),
        ],
        tools: vec![tool("weather")],
        ..Request::default()
    }
}

fn outcome(model: &str, request: Request, ceiling: u64) -> String {
    let claude = claude(model);
    let target = Target {
        upstream_id: claude.id,
        door: Door::INVOKE,
        capabilities: &claude.capabilities,
        traits: &claude.traits,
        long_context: false,
    };
    let bounds = Bounds { input_tokens: 1_000, output_tokens: ceiling };
    let inbound = Canned::new(request, true);
    let carried = match carry(&inbound, &target, &Learned::default(), bounds, &Answering::default()) {
        Ok(carried) => carried,
        Err(refused) => return format!("refused at {}: {}\n", refused.member, refused.message),
    };
    let mut text = String::new();
    for (name, value) in carried.outbound.headers.iter().filter(|(name, _)| name.starts_with("x-amzn")) {
        writeln!(text, "{name}: {value}").unwrap();
    }
    for dropped in &carried.dropped {
        writeln!(text, "(dropped) {dropped}").unwrap();
    }
    let body = carried.outbound.body.to_bytes();
    let body = str::from_utf8(&body).unwrap();
    serde_json::from_str::<serde_json::Value>(body).unwrap();
    writeln!(text, "{body}").unwrap();
    text
}

const MODELS: [&str; 4] = ["opus_5_5", "sonnet_4_5", "haiku_3_5", "fable_5_1"];

/// One conversation for every generation of models; where two get the same, it is shown once.
fn check(name: &str, request: &Request) {
    check_with(name, request, 8_000);
}

fn check_with(name: &str, request: &Request, ceiling: u64) {
    let mut outcomes: Vec<(String, Vec<&str>)> = Vec::new();
    for model in MODELS {
        let text = outcome(model, request.clone(), ceiling);
        match outcomes.iter_mut().find(|(known, _)| *known == text) {
            Some((_, models)) => models.push(model),
            None => outcomes.push((text, vec![model])),
        }
    }
    let shown: Vec<String> =
        outcomes.iter().map(|(text, models)| format!("== {}\n{text}", models.join(", "))).collect();
    insta::with_settings!({ snapshot_path => "golden/snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(format!("to_claude__{name}"), shown.concat());
    });
}

#[test]
fn a_plain_conversation() {
    check("plain", &hello());
}

#[test]
fn system_texts_stay_apart_and_words_between_turns_keep_their_place() {
    let request = Request {
        system: vec![
            Block::text("x-anthropic-billing-header: cc_version=2;"),
            marked(Block::text("You are terse."), CacheLifetime::Hour),
            Block::text("  "),
        ],
        messages: vec![
            user(vec![Block::text("One")]),
            operator("Answer in German."),
            assistant(vec![Block::text("Eins")]),
            operator("Answer in French."),
            user(vec![Block::text("Two")]),
            operator("Be quick."),
        ],
        ..Request::default()
    };
    check("system", &request);
}

#[test]
fn neighbours_of_one_role_are_one_turn_and_results_come_first() {
    let request = Request {
        messages: vec![
            user(vec![Block::text("One")]),
            user(vec![Block::text(""), Block::text("Two")]),
            assistant(vec![Block::text("I look.")]),
            assistant(vec![tool_use("a.1", "weather", "{}"), tool_use("b", "weather", "\"{\\\"z\\\":1}\"")]),
            user(vec![Block::text("Hurry."), result("b", vec![Block::text("Sun")])]),
            user(vec![result("a.1", vec![Block::text(" ")])]),
        ],
        tools: vec![tool("weather")],
        ..Request::default()
    };
    check("order", &request);
}

#[test]
fn calls_without_results_and_results_without_calls_are_made_good() {
    let request = Request {
        messages: vec![
            assistant(vec![Block::text("Welcome.")]),
            user(vec![result("gone", vec![Block::text("Old")]), Block::text("Go on")]),
            assistant(vec![tool_use("a", "weather", "{}"), tool_use("b", "weather", "[1]")]),
            user(vec![result("a", vec![Block::text("Sun")]), result("a", vec![Block::text("Twice")])]),
            assistant(vec![tool_use("c", "weather", "\"{\\\"cut\"")]),
        ],
        tools: vec![tool("weather")],
        ..Request::default()
    };
    check("orphans", &request);
}

#[test]
fn tools_that_only_the_history_knows_are_declared_and_not_called() {
    let request = Request { tools: Vec::new(), ..tool_loop(Vec::new()) };
    check("undeclared_tools", &request);
}

#[test]
fn names_and_schemas_of_tools_are_fitted() {
    let strict = Tool { strict: Some(true), ..tool("strict") };
    let open = Tool { strict: Some(true), parameters: json(r#"{"type":"object"}"#), ..tool("open") };
    let empty = Tool { description: None, parameters: json("{}"), ..tool("mcp.server/weather") };
    let request = Request {
        tools: vec![
            strict,
            open,
            empty,
            Tool { cache: CacheLifetime::FiveMinutes, ..tool(&"x".repeat(140)) },
        ],
        tool_choice: ToolChoice::Tool("mcp.server/weather".to_owned()),
        parallel_tools: Some(false),
        ..hello()
    };
    check("tools", &request);
}

#[test]
fn a_choice_of_tools_is_carried_where_it_can_be() {
    for (name, tool_choice, parallel_tools) in [
        ("auto", ToolChoice::Auto, None),
        ("auto_one_at_a_time", ToolChoice::Auto, Some(false)),
        ("none", ToolChoice::None, Some(false)),
        ("any", ToolChoice::Any, Some(true)),
    ] {
        let request = Request { tools: vec![tool("weather")], tool_choice, parallel_tools, ..hello() };
        check(&format!("tool_choice_{name}"), &request);
    }
}

#[test]
fn thinking_is_fitted_to_how_the_model_thinks() {
    let base = Request { thinking_display: ThinkingDisplay::Shown, ..hello() };
    for (name, thinking, effort) in [
        ("off", Some(Thinking::Off), None),
        ("adaptive", Some(Thinking::Adaptive), None),
        ("budget", Some(Thinking::Budget(5_000)), None),
        ("budget_too_large", Some(Thinking::Budget(50_000)), None),
        ("effort_minimal", None, Some(Effort::Minimal)),
        ("effort_high", None, Some(Effort::High)),
        ("effort_max", Some(Thinking::Adaptive), Some(Effort::Max)),
    ] {
        check(&format!("thinking_{name}"), &Request { thinking, effort, ..base.clone() });
    }
    let low = Request { effort: Some(Effort::Low), ..hello() };
    check_with("thinking_no_room", &low, 1_024);
    check_with("thinking_little_room", &low, 1_025);
}

#[test]
fn thinking_and_a_forced_tool_do_not_go_together() {
    let request = Request {
        tools: vec![tool("weather")],
        tool_choice: ToolChoice::Any,
        effort: Some(Effort::Medium),
        ..hello()
    };
    check("thinking_forced_tool", &request);
}

#[test]
fn thoughts_go_back_before_the_call_that_they_led_to() {
    let sealed: Block = Content::SealedThinking { data: "c2VhbGVk".to_owned() }.into();
    for (name, before) in [
        ("signed", vec![thought("It rains.", Some("c2ln")), sealed]),
        ("signature_only", vec![thought("", Some("c2ln"))]),
        ("unsigned", vec![thought("It rains.", None)]),
        ("late", vec![Block::text("I look."), thought("It rains.", Some("c2ln"))]),
    ] {
        let request = Request { effort: Some(Effort::Low), ..tool_loop(before) };
        check(&format!("thoughts_{name}"), &request);
    }
    let mut request = hello();
    request.messages.push(assistant(vec![thought("Cut off", Some("c2ln"))]));
    request.messages.push(user(vec![Block::text("Again")]));
    check("thoughts_alone", &request);
}

#[test]
fn images_and_documents_take_claudes_forms() {
    let pdf = Media {
        name: Some("Report".to_owned()),
        context: Some("Of 2026".to_owned()),
        cite: true,
        ..medium(MediaKind::Document, "application/pdf", base64("JVBERi0x"))
    };
    let csv = medium(MediaKind::Document, "text/csv", base64("YSxiCg=="));
    let text = medium(MediaKind::Document, "text/plain", Source::Text("Words".to_owned()));
    // A JPEG whose client says that it is a PNG.
    let image = medium(MediaKind::Image, "image/png", base64("/9j/4AAQ"));
    let found = Content::SearchResult {
        source: "https://example.com".to_owned(),
        title: "Found".to_owned(),
        texts: vec!["A passage".to_owned()],
        cite: true,
    };
    let media = [pdf, csv, text, image].map(|medium| Block::from(Content::Media(medium)));
    let mut content = media.to_vec();
    content.push(found.into());
    check("media", &Request { messages: vec![user(content)], ..Request::default() });
    let mut request = tool_loop(Vec::new());
    if let Content::ToolResult(result) = &mut request.messages[2].content[0].content {
        result.content.push(media[3].clone());
        result.is_error = true;
    }
    check("media_in_a_failed_result", &request);
}

#[test]
fn media_that_claude_does_not_take_are_refused_by_name() {
    let docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    let s3 = Source::S3 { uri: "s3://bucket/key".to_owned(), owner: None };
    for (name, medium) in [
        ("docx", medium(MediaKind::Document, docx, base64("UEsDBA=="))),
        ("bmp", medium(MediaKind::Image, "image/bmp", base64("Qk0="))),
        ("latin1", medium(MediaKind::Document, "text/plain", base64("/w=="))),
        ("s3", medium(MediaKind::Image, "image/png", s3)),
        ("url", medium(MediaKind::Image, "", Source::Url("https://example.com/a.png".to_owned()))),
        ("audio", medium(MediaKind::Audio, "audio/wav", base64("UklG"))),
        ("video", medium(MediaKind::Video, "video/mp4", base64("AAAA"))),
    ] {
        let request =
            Request { messages: vec![user(vec![Content::Media(medium).into()])], ..Request::default() };
        check(&format!("refused_{name}"), &request);
    }
}

#[test]
fn an_answer_that_the_client_began_goes_on_where_the_model_can() {
    let mut request = hello();
    request.messages.push(assistant(vec![Block::text("Dear ")]));
    check("prefill", &request);
}

#[test]
fn a_prompt_alone_is_the_users() {
    let request = Request { system: vec![Block::text("Say hello.")], ..Request::default() };
    check("system_alone", &request);
}

#[test]
fn sampling_is_fitted() {
    check("sampling", &Request { sampling: sampling(1.7, 1.0, 40), ..hello() });
    check("sampling_of_one", &Request { sampling: sampling(0.2, 0.9, 40), ..hello() });
    let thinking = Request { effort: Some(Effort::Low), sampling: sampling(0.2, 0.9, 40), ..hello() };
    check("sampling_with_thinking", &thinking);
}

#[test]
fn the_shape_of_the_answer_is_a_member_or_an_instruction() {
    let format = |schema: &str| OutputFormat::JsonSchema {
        name: Some("weather".to_owned()),
        description: Some("The weather of a town.".to_owned()),
        schema: json(schema),
        strict: Some(true),
    };
    for (name, output_format) in [
        (
            "closed",
            format(
                r#"{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"number","minimum":0}},"additionalProperties":false}"#,
            ),
        ),
        ("map", format(r#"{"type":"object","additionalProperties":{"type":"string"}}"#)),
        ("object", OutputFormat::JsonObject),
    ] {
        let request = Request {
            system: vec![Block::text("You know the weather.")],
            output_format: Some(output_format),
            ..hello()
        };
        check(&format!("output_format_{name}"), &request);
    }
}

#[test]
fn marks_for_the_cache_are_four_and_the_longer_ones_come_first() {
    let block = |lifetime| marked(Block::text("Text"), lifetime);
    let request = Request {
        system: vec![block(CacheLifetime::FiveMinutes), block(CacheLifetime::FiveMinutes)],
        messages: vec![
            user(vec![block(CacheLifetime::Hour), block(CacheLifetime::FiveMinutes)]),
            user(vec![Block::text("Words"), marked(Block::text(""), CacheLifetime::Hour)]),
        ],
        ..Request::default()
    };
    check("cache", &request);
}

#[test]
fn settings_that_are_headers_on_bedrock_become_headers() {
    let labels = [("team", "a"), ("über", "b")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    let request = Request {
        service_tier: Some("flex".to_owned()),
        latency: Some("optimized".to_owned()),
        end_user: Some("user-1".to_owned()),
        metadata: BTreeMap::from(labels),
        guardrail: Some(Guardrail {
            id: "gr1".to_owned(),
            version: "DRAFT".to_owned(),
            trace: Some("enabled_full".to_owned()),
            stream_mode: Some("async".to_owned()),
        }),
        stop_sequences: vec!["END".to_owned(), "\n\n".to_owned()],
        max_output_tokens: Some(700),
        ..hello()
    };
    check("headers", &request);
}

#[test]
fn members_that_only_claude_knows_go_along_and_are_fitted() {
    let additional = json(
        r#"{"thinking":{"type":"enabled","budget_tokens":90000},"output_config":{"effort":"low","task_budget":{"total":9}},"anthropic_beta":["context-1m-2025-08-07"],"context_management":{"edits":[]},"tools":[{"type":"bash_20250124","name":"bash"}]}"#,
    );
    check("additional", &Request { additional: Some(additional), ..hello() });
    let twice = Request { additional: Some(json(r#"{"max_tokens":1}"#)), ..hello() };
    check("additional_twice", &twice);
}

#[test]
fn citations_go_back_where_claude_has_words_for_them() {
    let cited = |span, url: Option<&str>| Citation {
        cited_text: Some("words".to_owned()),
        title: Some("T".to_owned()),
        url: url.map(str::to_owned),
        span,
    };
    let citations = vec![
        cited(Some(Span::Pages { document: 0, start: 1, end: 2 }), None),
        cited(None, Some("https://example.com")),
    ];
    let mut request = hello();
    request.messages.push(assistant(vec![Content::Text { text: "So".to_owned(), citations }.into()]));
    request.messages.push(user(vec![Block::text("And?")]));
    check("citations", &request);
}
