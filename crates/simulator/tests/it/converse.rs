//! Converse and ConverseStream: what a body may hold, what comes back, and that both forms say the same.

mod answers;
mod bodies;
mod families;

use serde_json::{Value, json};
use stonegate_simulator::Running;

use crate::caller::{converse, saying, with};

const CLAUDE: &str = "us.anthropic.claude-opus-5-5";
const HAIKU: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
const NOVA: &str = "amazon.nova-lite-v1:0";
const MICRO: &str = "amazon.nova-micro-v1:0";
const NOVA_2: &str = "global.amazon.nova-2-lite-v1:0";
const LLAMA: &str = "us.meta.llama3-3-70b-instruct-v1:0";
const MISTRAL: &str = "mistral.mistral-large-3-675b-instruct";
const R1: &str = "us.deepseek.r1-v1:0";
const OSS: &str = "openai.gpt-oss-120b-1:0";
const GPT: &str = "us.openai.gpt-6-sol";
const KIMI: &str = "moonshotai.kimi-k3";

const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// Sends a body and compares: `""` for taken, else a part of the refusal.
async fn check(running: &Running, model: &str, body: &Value, expected: &str) {
    let answer = converse(running, model, body).await;
    let shown: String = body.to_string().chars().take(300).collect();
    if expected.is_empty() {
        assert_eq!(answer.status, 200, "{model} {shown}\n{:?}", answer.body);
        return;
    }
    assert_eq!(
        (answer.status, answer.header("x-amzn-errortype")),
        (400, "ValidationException"),
        "{model} {shown}"
    );
    let message = answer.message();
    assert!(message.contains(expected), "{model} {shown}\nexpected {expected}\nfound    {message}");
}

fn plus(members: Value) -> Value {
    with(saying("Hello"), members)
}

fn turns(messages: Value) -> Value {
    json!({"messages": messages})
}

fn user(content: Value) -> Value {
    turns(json!([{"role": "user", "content": content}]))
}

fn spec(name: &str) -> Value {
    json!({"toolSpec": {
        "name": name, "description": "A tool.",
        "inputSchema": {"json": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
    }})
}

fn tools(names: &[&str]) -> Value {
    json!({"toolConfig": {"tools": names.iter().map(|name| spec(name)).collect::<Vec<_>>()}})
}
