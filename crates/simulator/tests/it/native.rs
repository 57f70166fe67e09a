//! InvokeModel with the bodies of other makers than Anthropic, whole and streamed.

use serde_json::{Value, json};

use crate::caller::{invoke, simulator, stream, with};

const NOVA: &str = "amazon.nova-lite-v1%3A0";
const NOVA_2: &str = "global.amazon.nova-2-lite-v1%3A0";
const LLAMA: &str = "us.meta.llama3-3-70b-instruct-v1%3A0";
const MISTRAL: &str = "mistral.mistral-7b-instruct-v0%3A2";
const MISTRAL_CHAT: &str = "mistral.mistral-large-2407-v1%3A0";
const MISTRAL_NEW: &str = "mistral.mistral-large-3-675b-instruct";
const JAMBA: &str = "ai21.jamba-1-5-large-v1%3A0";
const COMMAND: &str = "cohere.command-text-v14";
const COMMAND_R: &str = "cohere.command-r-plus-v1%3A0";
const R1: &str = "us.deepseek.r1-v1%3A0";
const WRITER: &str = "us.writer.palmyra-x5-v1%3A0";
const QWEN: &str = "qwen.qwen3-32b-v1%3A0";
const OSS: &str = "openai.gpt-oss-20b-1%3A0";

fn prompt(text: &str) -> Value {
    json!({"prompt": text})
}

fn messages(text: &str) -> Value {
    json!({"messages": [{"role": "user", "content": text}]})
}

fn nova(text: &str) -> Value {
    json!({"messages": [{"role": "user", "content": [{"text": text}]}]})
}

/// A model, a body of its maker's, where the text of an answer stands, and where that of an event.
fn makers(text: &str) -> Vec<(&'static str, Value, &'static str, &'static str)> {
    let chat = ("/choices/0/message/content", "/choices/0/delta/content");
    let most = |body, name: &str| with(body, json!({name: 50}));
    vec![
        (NOVA, nova(text), "/output/message/content/0/text", "/contentBlockDelta/delta/text"),
        (LLAMA, prompt(text), "/generation", "/generation"),
        (MISTRAL, prompt(text), "/outputs/0/text", "/outputs/0/text"),
        (MISTRAL_CHAT, messages(text), chat.0, chat.0),
        (MISTRAL_NEW, messages(text), chat.0, chat.1),
        (JAMBA, messages(text), chat.0, chat.1),
        (COMMAND, most(prompt(text), "max_tokens"), "/generations/0/text", "/text"),
        (COMMAND_R, json!({"message": text}), "/text", "/text"),
        (R1, prompt(text), "/choices/0/text", "/choices/0/text"),
        (
            WRITER,
            most(json!({"messages": [{"role": "user", "content": {"text": text}}]}), "max_tokens"),
            chat.0,
            chat.1,
        ),
        (QWEN, messages(text), chat.0, chat.1),
        (OSS, messages(text), chat.0, chat.1),
    ]
}

#[tokio::test]
async fn every_maker_answers_in_its_own_form_whole_and_streamed() {
    let running = simulator().await;
    for (model, body, whole_path, event_path) in makers("Hello. [sim: text Stone by stone]") {
        let whole = invoke(&running, model, &body).await;
        assert_eq!(whole.status, 200, "{model} {:?}", whole.body);
        let said = whole.json().pointer(whole_path).cloned().unwrap_or_default();
        assert_eq!(said, "Stone by stone", "{model}: {}", whole.json());
        let output: u64 = whole.header("x-amzn-bedrock-output-token-count").parse().expect("a count");

        let events = stream(&running, model, &body).await.events();
        let pieces = events.iter().filter_map(|event| event.pointer(event_path)?.as_str());
        assert_eq!(pieces.collect::<String>(), "Stone by stone", "{model}: {events:?}");
        let (last, others) = events.split_last().expect("events");
        let metrics = "amazon-bedrock-invocationMetrics";
        assert_eq!(last[metrics]["outputTokenCount"], output, "{model}: {last}");
        assert!(others.iter().all(|event| event.get(metrics).is_none()), "{model}");
    }
}

#[tokio::test]
async fn answers_end_at_the_makers_own_ceiling() {
    let running = simulator().await;
    let text = "[sim: words 600]";
    for (model, body, path, reason, tokens) in [
        (LLAMA, prompt(text), "/stop_reason", "length", 512),
        (LLAMA, with(prompt(text), json!({"max_gen_len": 5})), "/stop_reason", "length", 5),
        (MISTRAL, with(prompt(text), json!({"max_tokens": 5})), "/outputs/0/stop_reason", "length", 5),
        (COMMAND, prompt(text), "/generations/0/finish_reason", "MAX_TOKENS", 20),
        (WRITER, messages(text), "/choices/0/finish_reason", "length", 16),
        (
            NOVA,
            with(nova(text), json!({"inferenceConfig": {"max_new_tokens": 5}})),
            "/stopReason",
            "max_tokens",
            5,
        ),
        (MISTRAL_CHAT, with(messages(text), json!({"max_tokens": 5})), "/choices/0/stop_reason", "length", 5),
    ] {
        let answer = invoke(&running, model, &body).await;
        assert_eq!(answer.json().pointer(path), Some(&json!(reason)), "{model} {:?}", answer.body);
        let counted: u64 = answer.header("x-amzn-bedrock-output-token-count").parse().expect("a count");
        // A word of two tokens may not fit any more.
        assert!(counted <= tokens && counted + 2 > tokens, "{model} {counted}");
    }
}

#[tokio::test]
async fn bodies_of_other_makers_are_refused() {
    let running = simulator().await;
    let effort = |effort: &str| json!({"type": "enabled", "maxReasoningEffort": effort});
    let config = |config: Value| with(nova("Hello"), json!({"inferenceConfig": config}));
    for (model, body, expected) in [
        (LLAMA, messages("Hello"), "schema violations found"),
        (
            LLAMA,
            with(prompt("Hello"), json!({"max_tokens": 5})),
            "#: extraneous key [max_tokens] is not permitted",
        ),
        (LLAMA, with(prompt("Hello"), json!({"max_gen_len": 9_000})), "9000 is not less or equal to 4096"),
        (LLAMA, with(prompt("Hello"), json!({"temperature": 1.5})), "1.5 is not less or equal to 1"),
        (MISTRAL, with(prompt("Hello"), json!({"stop_sequences": ["a"]})), "extraneous key [stop_sequences]"),
        (MISTRAL, messages("Hello"), "schema violations found"),
        (MISTRAL_CHAT, with(messages("Hello"), json!({"stop": ["a"]})), "extraneous key [stop]"),
        (JAMBA, with(messages("Hello"), json!({"max_tokens": 5_000})), "5000 is not less or equal to 4096"),
        (COMMAND, json!({"message": "Hello"}), "schema violations found"),
        (COMMAND_R, json!({"message": "Hello", "top_p": 1}), "extraneous key [top_p]"),
        (R1, with(prompt("Hello"), json!({"max_gen_len": 5})), "extraneous key [max_gen_len]"),
        (QWEN, with(messages("Hello"), json!({"max_gen_len": 5})), "Unknown parameter: 'max_gen_len'"),
        (QWEN, with(messages("Hello"), json!({"model": "other"})), "not the one in the path"),
        (NOVA, prompt("Hello"), "schema violations found"),
        (NOVA, config(json!({"max_tokens": 5})), "#/inferenceConfig: extraneous key [max_tokens]"),
        (NOVA, config(json!({"maxTokens": 5, "max_new_tokens": 5})), "are the same"),
        (NOVA, config(json!({"maxTokens": 50_000})), "exceeds the model limit"),
        (NOVA, config(json!({"reasoningConfig": effort("low")})), "extraneous key [reasoningConfig]"),
        (
            NOVA_2,
            config(json!({"maxTokens": 500, "reasoningConfig": effort("high")})),
            "maxTokens field must not be set when maxReasoningEffort is high",
        ),
        ("us.openai.gpt-6-sol", messages("Hello"), "model identifier is invalid"),
    ] {
        let answer = invoke(&running, model, &body).await;
        let found = (answer.status, answer.header("x-amzn-errortype").to_owned());
        assert_eq!(found, (400, "ValidationException".to_owned()), "{model} {expected} {:?}", answer.body);
        assert!(answer.message().contains(expected), "{model}: {} has no {expected}", answer.message());
        assert_eq!(answer.json().as_object().map(serde_json::Map::len), Some(1));
    }
}

#[tokio::test]
async fn nova_reasons_by_either_place_of_its_config() {
    let running = simulator().await;
    let high = json!({"type": "enabled", "maxReasoningEffort": "high"});
    for members in [json!({"reasoningConfig": high}), json!({"inferenceConfig": {"reasoningConfig": high}})] {
        let body = with(nova("[sim: think 20; text Sure]"), members);
        let answer = invoke(&running, NOVA_2, &body).await.json();
        let content = &answer["output"]["message"]["content"];
        assert_eq!(content[0]["reasoningContent"]["reasoningText"]["text"], "[REDACTED]", "{answer}");
        assert_eq!(content[1]["text"], "Sure");
    }
}

#[tokio::test]
async fn tools_are_called_in_the_makers_form() {
    let running = simulator().await;
    let text = r#"[sim: tool weather {"city":"Bern"}]"#;
    let function =
        json!([{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]);
    let spec =
        json!({"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": {"type": "object"}}}}]});
    for (model, body, path) in [
        (
            MISTRAL_CHAT,
            with(messages(text), json!({"tools": function})),
            "/choices/0/message/tool_calls/0/function/name",
        ),
        (
            JAMBA,
            with(messages(text), json!({"tools": function})),
            "/choices/0/message/tool_calls/0/function/name",
        ),
        (
            QWEN,
            with(messages(text), json!({"tools": function})),
            "/choices/0/message/tool_calls/0/function/name",
        ),
        (NOVA, with(nova(text), json!({"toolConfig": spec})), "/output/message/content/0/toolUse/name"),
    ] {
        let answer = invoke(&running, model, &body).await.json();
        assert_eq!(answer.pointer(path), Some(&json!("weather")), "{model} {answer}");
    }
}

#[tokio::test]
async fn a_failure_in_mid_stream_is_an_exception() {
    let running = simulator().await;
    let body = prompt("[sim: text a b c d e f; exception throttlingException after 3]");
    let frames = stream(&running, LLAMA, &body).await.frames();
    let last = frames.last().expect("frames").as_ref().expect("a frame");
    assert_eq!((frames.len(), last.header(":exception-type")), (4, "throttlingException"));
}
