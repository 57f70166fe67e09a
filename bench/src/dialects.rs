//! Calls in other dialects than Anthropic's: what the client sends, what a bare proxy gets in its place, what upstream
//! answers, and how the client knows that it was answered.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::answers::{INPUT_TOKENS, OUTPUT_TOKENS, whole};
use crate::requests::{Expected, Receiver, Workload, post, prose};

/// Size of a prompt.
const PROMPT_BYTES: usize = 900;
/// Components of the vector that comes back.
const DIMENSIONS: usize = 1024;

/// A pair of dialects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pairing {
    /// Chat Completions, translated to InvokeModel for Claude.
    ChatToClaude,
    /// Chat Completions, translated to Converse for Nova.
    ChatToNova,
    /// Responses, passed through to an OpenAI model.
    ResponsesToOpenai,
    /// Embeddings by Titan.
    Embeddings,
}

impl Pairing {
    pub(crate) const ALL: [Self; 4] =
        [Self::ChatToClaude, Self::ChatToNova, Self::ResponsesToOpenai, Self::Embeddings];

    /// The name of its figure.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ChatToClaude => "CPU per call, chat → Claude, 8 clients",
            Self::ChatToNova => "CPU per call, chat → Nova (Converse), 8 clients",
            Self::ResponsesToOpenai => "CPU per call, responses → GPT, 8 clients",
            Self::Embeddings => "CPU per call, embeddings → Titan, 8 clients",
        }
    }

    /// The pairing of which this is upstream's path, beside Claude's own.
    pub(crate) fn of_upstream(path: &str) -> Option<Self> {
        match path {
            _ if path.ends_with("/converse") => Some(Self::ChatToNova),
            _ if path.ends_with("/responses") => Some(Self::ResponsesToOpenai),
            _ if path.contains("titan-embed") => Some(Self::Embeddings),
            _ => None,
        }
    }

    /// What upstream answers, as a whole HTTP answer.
    pub(crate) fn answer(self) -> Vec<u8> {
        let text = "The gate is open. Mind the step, and close it behind you, please.";
        let body = match self {
            Self::ChatToClaude => return crate::answers::message(),
            Self::ChatToNova => json!({
                "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
                "stopReason": "end_turn", "metrics": {"latencyMs": 3},
                "usage": {"inputTokens": INPUT_TOKENS, "outputTokens": OUTPUT_TOKENS,
                    "totalTokens": INPUT_TOKENS + OUTPUT_TOKENS},
            }),
            Self::ResponsesToOpenai => json!({
                "id": "resp_bench", "object": "response", "created_at": 1_795_000_000, "status": "completed",
                "model": "openai.gpt-6-sol", "error": null, "incomplete_details": null, "instructions": null,
                "metadata": {}, "parallel_tool_calls": true, "temperature": 1.0, "top_p": 1.0,
                "tool_choice": "auto", "tools": [],
                "output": [{"id": "msg_bench", "type": "message", "status": "completed", "role": "assistant",
                    "content": [{"type": "output_text", "text": text, "annotations": []}]}],
                "usage": {"input_tokens": INPUT_TOKENS, "input_tokens_details": {"cached_tokens": 0},
                    "output_tokens": OUTPUT_TOKENS, "output_tokens_details": {"reasoning_tokens": 0},
                    "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS},
            }),
            Self::Embeddings => {
                let vector: Vec<f64> = (0..DIMENSIONS).map(|at| at as f64 / 65_536.0).collect();
                json!({"embedding": vector, "inputTextTokenCount": INPUT_TOKENS})
            }
        };
        whole(&body)
    }

    /// The call, for one receiver.
    pub(crate) fn workload(self, address: SocketAddr, receiver: Receiver<'_>) -> Workload {
        let (path, body, needle) = match receiver {
            Receiver::Stonegate { .. } => self.asked(),
            Receiver::Bedrock => self.upstream(),
        };
        let output_tokens = if self == Self::Embeddings { 0 } else { OUTPUT_TOKENS };
        Workload {
            request: post(address, receiver, path, &body),
            expected: Expected::Holds(needle),
            output_tokens,
        }
    }

    /// What a client sends, and what is in a right answer to it.
    fn asked(self) -> (&'static str, Value, &'static str) {
        let prompt = prose(PROMPT_BYTES);
        let chat = |model: &str| json!({"model": model, "max_tokens": 256, "messages": [{"role": "user", "content": prompt}]});
        match self {
            Self::ChatToClaude => ("/v1/chat/completions", chat("claude-haiku-5-5"), "\"chat.completion\""),
            Self::ChatToNova => ("/v1/chat/completions", chat("nova-lite"), "\"chat.completion\""),
            Self::ResponsesToOpenai => (
                "/v1/responses",
                json!({"model": "gpt-6-sol", "max_output_tokens": 256, "store": false, "input": prompt}),
                "\"completed\"",
            ),
            Self::Embeddings => (
                "/v1/embeddings",
                json!({"model": "titan-embed-text-v2", "input": prompt, "encoding_format": "float"}),
                "\"embedding\"",
            ),
        }
    }

    /// What a bare proxy gets in its place: the call that goes upstream.
    fn upstream(self) -> (&'static str, Value, &'static str) {
        let prompt = prose(PROMPT_BYTES);
        match self {
            Self::ChatToClaude => (
                "/model/us.anthropic.claude-haiku-5-5/invoke",
                json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 256,
                    "messages": [{"role": "user", "content": [{"type": "text", "text": prompt}]}]}),
                "\"end_turn\"",
            ),
            Self::ChatToNova => (
                "/model/us.amazon.nova-lite-v1%3A0/converse",
                json!({"messages": [{"role": "user", "content": [{"text": prompt}]}],
                    "inferenceConfig": {"maxTokens": 256}}),
                "\"end_turn\"",
            ),
            Self::ResponsesToOpenai => (
                "/openai/v1/responses",
                json!({"model": "us.openai.gpt-6-sol", "max_output_tokens": 256, "store": false, "input": prompt}),
                "\"completed\"",
            ),
            Self::Embeddings => (
                "/model/amazon.titan-embed-text-v2%3A0/invoke",
                json!({"inputText": prompt}),
                "\"embedding\"",
            ),
        }
    }
}
