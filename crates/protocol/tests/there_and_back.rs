//! A conversation that is written in a dialect and read again means what it meant: whatever API it is sent to afterwards, the
//! very same body goes there.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without may stop it")]

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use stonegate_protocol::conversation::{
    Block, Content, JsonText, Media, MediaKind, Message, Request, Role, Source, Tool, ToolChoice, ToolResult,
    ToolUse,
};
use stonegate_protocol::traits::{Feature, ThinkingKind};
use stonegate_protocol::{
    Answering, Bounds, Capabilities, Door, Effort, Inbound, Learned, Service, Surface, Target, Traits,
    anthropic, carry, converse, openai_chat, openai_responses,
};

#[path = "support/canned.rs"]
mod canned;

use canned::Canned;

const SURFACES: [Surface; 4] =
    [Surface::InvokeModel, Surface::Converse, Surface::OpenaiChat, Surface::OpenaiResponses];

/// A model that can do everything, and knows its own thoughts by their signature.
fn traits() -> Traits {
    let features = [
        Feature::Tools,
        Feature::ForcedToolChoice,
        Feature::Images,
        Feature::Documents,
        Feature::Reasoning,
        Feature::StructuredOutput,
        Feature::PromptCache,
        Feature::PromptCache1h,
        Feature::AssistantPrefill,
        Feature::Sampling,
        Feature::MidConversationSystem,
    ];
    Traits {
        family: "anthropic".to_owned(),
        bedrock_id: "anthropic.claude-x".to_owned(),
        features: features.into(),
        thinking: [ThinkingKind::Adaptive, ThinkingKind::Budget].into(),
        effort: Some(Effort::Max),
        max_output_tokens: 64_000,
        minimum_cacheable_tokens: None,
    }
}

/// The body that the API gets.
fn written(request: &Request, surface: Surface) -> Value {
    let (traits, capabilities) = (traits(), Capabilities::default());
    let door = Door { service: Service::Runtime, surface, prefix: "/openai/v1" };
    let target =
        Target { upstream_id: "m", door, capabilities: &capabilities, traits: &traits, long_context: false };
    let bounds = Bounds { input_tokens: 0, output_tokens: request.max_output_tokens.unwrap() };
    let canned = Canned::new(request.clone(), false);
    let carried = carry(&canned, &target, &Learned::default(), bounds, &Answering::default()).unwrap();
    let mut body: Value = serde_json::from_slice(&carried.outbound.body.to_bytes()).unwrap();
    // Responses alone takes a tool for a strict one where nothing is said; said or not, these are not.
    for tool in body.get_mut("tools").and_then(Value::as_array_mut).into_iter().flatten() {
        for place in ["", "/function"] {
            let members = tool.pointer_mut(place).and_then(Value::as_object_mut);
            members.map(|members| members.remove("strict"));
        }
    }
    body
}

/// What a client means who sends that body.
fn read(surface: Surface, mut body: Value) -> Request {
    let text = |body: &Value| Bytes::from(body.to_string());
    let inbound: Box<dyn Inbound> = match surface {
        Surface::InvokeModel => {
            body["model"] = json!("m");
            body.as_object_mut().unwrap().remove("anthropic_version");
            Box::new(anthropic::parse(None, &[], text(&body)).unwrap())
        }
        Surface::Converse => Box::new(converse::parse(text(&body), false, "m").unwrap()),
        Surface::OpenaiChat => Box::new(openai_chat::parse(text(&body)).unwrap()),
        Surface::OpenaiResponses => Box::new(openai_responses::parse(text(&body)).unwrap()),
    };
    inbound.translate(&Answering::default()).unwrap().0
}

fn words() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9äß世\"\\\\{}\\n\\t -]{0,12}[a-z]"
}

/// A question, what was asked of tools and came back, a word to it, and whether the question has a picture.
type Exchange = (String, Vec<(String, String)>, Option<String>, bool);

fn exchange() -> impl Strategy<Value = Exchange> {
    (words(), prop::collection::vec((words(), words()), 0..3), prop::option::of(words()), any::<bool>())
}

fn block(content: Content) -> Block {
    content.into()
}

/// Conversations that every dialect has words for. Converse has none for tools that are there and may not be called.
fn request() -> impl Strategy<Value = Request> {
    let tools = prop::collection::btree_map("[a-zA-Z][a-zA-Z0-9_-]{0,20}", prop::option::of(words()), 1..4);
    let settings = (prop::option::of(0_u32..=10), 1_u64..60_000, 0_usize..3);
    (prop::collection::vec(words(), 0..2), prop::collection::vec(exchange(), 1..4), tools, settings).prop_map(
        |(system, exchanges, tools, (temperature, ceiling, choice))| {
            let tools: Vec<Tool> = tools
                .into_iter()
                .map(|(name, description)| Tool {
                    name,
                    description,
                    parameters: JsonText::parse(r#"{"type":"object","properties":{"a":{"type":"string"}}}"#)
                        .unwrap(),
                    strict: None,
                    cache: Default::default(),
                })
                .collect();
            let name = tools[0].name.clone();
            let mut request = Request {
                system: system.into_iter().map(Block::text).collect(),
                messages: messages(exchanges, &name),
                tool_choice: match choice {
                    0 => ToolChoice::Auto,
                    1 => ToolChoice::Any,
                    _ => ToolChoice::Tool(name),
                },
                tools,
                max_output_tokens: Some(ceiling),
                ..Request::default()
            };
            request.sampling.temperature =
                temperature.and_then(|tenths| serde_json::Number::from_f64(f64::from(tenths) / 10.0));
            request
        },
    )
}

fn messages(exchanges: Vec<Exchange>, tool: &str) -> Vec<Message> {
    let mut messages = Vec::new();
    for (turn, (question, calls, word, shows)) in exchanges.into_iter().enumerate() {
        let mut asked = vec![Block::text(question)];
        if shows {
            asked.push(block(Content::Media(Media {
                kind: MediaKind::Image,
                media_type: "image/png".to_owned(),
                source: Source::Base64("iVBORw0KGgo=".to_owned()),
                name: None,
                context: None,
                cite: false,
            })));
        }
        messages.push(Message { role: Role::User, content: asked });
        let mut said: Vec<Block> = word.into_iter().map(Block::text).collect();
        let mut results = Vec::new();
        for (at, (input, result)) in calls.into_iter().enumerate() {
            let id = format!("call_{turn}_{at}");
            let input = JsonText::of(&json!({ "a": input })).unwrap();
            said.push(block(Content::ToolUse(ToolUse { id: id.clone(), name: tool.to_owned(), input })));
            let content = vec![Block::text(result)];
            results.push(block(Content::ToolResult(ToolResult { id, content, is_error: false })));
        }
        if said.is_empty() {
            said.push(Block::text("So."));
        }
        messages.push(Message { role: Role::Assistant, content: said });
        if !results.is_empty() {
            messages.push(Message { role: Role::User, content: results });
            messages.push(Message { role: Role::Assistant, content: vec![Block::text("Done.")] });
        }
    }
    messages.push(Message { role: Role::User, content: vec![Block::text("Go on.")] });
    messages
}

fn check(request: &Request, by: &[Surface]) {
    for first in by {
        let back = read(*first, written(request, *first));
        for then in by {
            assert_eq!(written(&back, *then), written(request, *then), "by {first:?} to {then:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_conversation_means_the_same_by_way_of_every_dialect(request in request()) {
        check(&request, &SURFACES);
    }

    /// Claude's own APIs carry what the others have no place for.
    #[test]
    fn claudes_thoughts_and_marks_survive_messages_and_converse(
        mut request in request(),
        thought in words(),
        is_hour in any::<bool>(),
        fails in any::<bool>(),
        stops in prop::collection::vec("[A-Z]{1,5}", 0..3),
    ) {
        use stonegate_protocol::conversation::CacheLifetime;
        let mark = if is_hour { CacheLifetime::Hour } else { CacheLifetime::FiveMinutes };
        for block in request.system.iter_mut().take(1) {
            block.cache = mark;
        }
        request.tool_choice = ToolChoice::Auto;
        request.sampling.temperature = None;
        request.stop_sequences = stops;
        for message in request.messages.iter_mut().filter(|message| message.role == Role::Assistant) {
            let thinking = Content::Thinking { text: thought.clone(), signature: Some("c2ln".to_owned()) };
            message.content.insert(0, block(thinking));
            message.content.insert(1, block(Content::SealedThinking { data: "c2VhbGVk".to_owned() }));
        }
        for block in request.messages.iter_mut().flat_map(|message| &mut message.content) {
            if let Content::ToolResult(result) = &mut block.content {
                result.is_error = fails;
            }
        }
        check(&request, &[Surface::InvokeModel, Surface::Converse]);
    }
}
