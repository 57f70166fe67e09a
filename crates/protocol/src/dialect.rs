//! The wire protocols, by name, and what each says when there is no answer.

use serde::Deserialize;

use crate::problem::{ErrorReply, Problem};
use crate::{anthropic, converse, openai};

/// A wire protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// Anthropic Messages; upstream, the body of InvokeModel for Claude.
    Anthropic,
    /// OpenAI Chat Completions.
    OpenaiChat,
    /// OpenAI Responses.
    OpenaiResponses,
    /// Bedrock's Converse.
    Converse,
    /// Bedrock's InvokeModel with a body of the model's own.
    BedrockNative,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Dialect; 5] = [
        Dialect::Anthropic,
        Dialect::OpenaiChat,
        Dialect::OpenaiResponses,
        Dialect::Converse,
        Dialect::BedrockNative,
    ];

    /// The name in records, settings and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Dialect::Anthropic => "anthropic",
            Dialect::OpenaiChat => "openai_chat",
            Dialect::OpenaiResponses => "openai_responses",
            Dialect::Converse => "converse",
            Dialect::BedrockNative => "bedrock_native",
        }
    }

    /// Renders a problem as an HTTP answer.
    #[must_use]
    pub fn render(self, problem: &Problem, request_id: &str) -> ErrorReply {
        match self {
            Dialect::Anthropic => anthropic::error::render(problem, request_id),
            Dialect::OpenaiChat | Dialect::OpenaiResponses => openai::error::render(problem, request_id),
            Dialect::Converse | Dialect::BedrockNative => converse::error::render(problem, request_id),
        }
    }

    /// Renders a problem as the event that ends a stream whose answer never began: the client has been kept waiting, so
    /// that its status line went out before anything was known.
    pub fn error_event(self, problem: &Problem, out: &mut Vec<u8>) {
        match self {
            Dialect::Anthropic => anthropic::error::event(problem, out),
            Dialect::OpenaiChat => openai::error::chat_event(problem, out),
            Dialect::OpenaiResponses => openai::error::responses_event(problem, out),
            Dialect::Converse | Dialect::BedrockNative => converse::error::event(problem, out),
        }
    }

    /// What to send on a stream that has been silent for a while; every client ignores it. Empty where the protocol has
    /// no such thing.
    #[must_use]
    pub fn keep_alive(self) -> &'static [u8] {
        match self {
            Dialect::Anthropic => b"event: ping\ndata: {\"type\": \"ping\"}\n\n",
            // A comment line; an event of a made-up name breaks clients that read every event.
            Dialect::OpenaiChat | Dialect::OpenaiResponses => b": keep-alive\n\n",
            Dialect::Converse | Dialect::BedrockNative => b"",
        }
    }

    /// The `content-type` of a stream.
    #[must_use]
    pub fn stream_type(self) -> &'static str {
        match self {
            Dialect::Anthropic | Dialect::OpenaiChat | Dialect::OpenaiResponses => {
                "text/event-stream; charset=utf-8"
            }
            Dialect::Converse | Dialect::BedrockNative => "application/vnd.amazon.eventstream",
        }
    }
}
