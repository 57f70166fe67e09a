//! The doors of the gateway: one for each dialect that a call can come in by.

use bytes::Bytes;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use stonegate_identity::Action;
use stonegate_protocol::{
    Dialect, Inbound, Malformed, anthropic, bedrock_native, converse, openai_chat, openai_responses,
};

/// What reads a request.
type Parse = fn(&Parts, Bytes) -> Result<Box<dyn Inbound>, Malformed>;

/// A way in: whose protocol is spoken there, what one needs to be allowed, and how a request is read.
#[derive(Clone, Copy)]
pub(crate) struct Entrance {
    /// The client's dialect.
    pub(crate) dialect: Dialect,
    /// What the caller does by it.
    pub(crate) action: Action,
    /// Reads a request: path and headers, and the body.
    pub(crate) parse: Parse,
}

/// `POST /v1/messages`.
pub(crate) const MESSAGES: Entrance =
    Entrance { dialect: Dialect::Anthropic, action: Action::SendMessages, parse: messages };

fn messages(head: &Parts, body: Bytes) -> Result<Box<dyn Inbound>, Malformed> {
    let (version, betas) = super::intake::dialect_headers(&head.headers);
    Ok(Box::new(anthropic::parse(version, &betas, body)?))
}

/// `POST /v1/chat/completions`.
pub(crate) const CHAT: Entrance =
    Entrance { dialect: Dialect::OpenaiChat, action: Action::SendChat, parse: chat };

fn chat(_head: &Parts, body: Bytes) -> Result<Box<dyn Inbound>, Malformed> {
    Ok(Box::new(openai_chat::parse(body)?))
}

/// `POST /v1/responses`.
pub(crate) const RESPONSES: Entrance =
    Entrance { dialect: Dialect::OpenaiResponses, action: Action::SendResponses, parse: responses };

fn responses(_head: &Parts, body: Bytes) -> Result<Box<dyn Inbound>, Malformed> {
    Ok(Box::new(openai_responses::parse(body)?))
}

/// `POST /v1/responses/compact`.
pub(crate) const COMPACT: Entrance =
    Entrance { dialect: Dialect::OpenaiResponses, action: Action::SendResponses, parse: compact };

fn compact(_head: &Parts, body: Bytes) -> Result<Box<dyn Inbound>, Malformed> {
    Ok(Box::new(openai_responses::parse_compact(body)?))
}

/// `POST /model/{id}/converse`.
pub(crate) const CONVERSE: Entrance =
    Entrance { dialect: Dialect::Converse, action: Action::InvokeBedrock, parse: converse };

fn converse(head: &Parts, body: Bytes) -> Result<Box<dyn Inbound>, Malformed> {
    Ok(Box::new(converse::parse(body, false, &model_of(head)?)?))
}

/// `POST /model/{id}/converse-stream`.
pub(crate) const CONVERSE_STREAM: Entrance =
    Entrance { dialect: Dialect::Converse, action: Action::InvokeBedrock, parse: converse_stream };

fn converse_stream(head: &Parts, body: Bytes) -> Result<Box<dyn Inbound>, Malformed> {
    Ok(Box::new(converse::parse(body, true, &model_of(head)?)?))
}

/// `POST /model/{id}/invoke`.
pub(crate) const INVOKE: Entrance =
    Entrance { dialect: Dialect::BedrockNative, action: Action::InvokeBedrock, parse: invoke };

fn invoke(head: &Parts, body: Bytes) -> Result<Box<dyn Inbound>, Malformed> {
    native(head, body, false)
}

/// `POST /model/{id}/invoke-with-response-stream`.
pub(crate) const INVOKE_STREAM: Entrance =
    Entrance { dialect: Dialect::BedrockNative, action: Action::InvokeBedrock, parse: invoke_stream };

fn invoke_stream(head: &Parts, body: Bytes) -> Result<Box<dyn Inbound>, Malformed> {
    native(head, body, true)
}

fn native(head: &Parts, body: Bytes, stream: bool) -> Result<Box<dyn Inbound>, Malformed> {
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    Ok(Box::new(bedrock_native::parse(body, stream, &model_of(head)?, header)?))
}

/// The model in `…/model/{id}/{operation}`, encoded once.
pub(crate) fn model_of(head: &Parts) -> Result<String, Malformed> {
    let segment = head.uri.path().rsplit('/').nth(1).unwrap_or_default();
    let wrong = |_not_text| Malformed {
        message: "modelId: is no percent-encoded UTF-8".to_owned(),
        pointer: "/modelId".to_owned(),
    };
    Ok(percent_decode_str(segment).decode_utf8().map_err(wrong)?.into_owned())
}

/// The dialect that a path belongs to, for what is said before anybody knows what was asked.
pub(crate) fn dialect_of(path: &str) -> Dialect {
    let path = path.strip_prefix("/openai").unwrap_or(path);
    let is =
        |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if is("/v1/responses") {
        Dialect::OpenaiResponses
    } else if ["/v1/chat", "/v1/completions", "/v1/embeddings", "/v1/rerank", "/v2/rerank", "/v1/images"]
        .into_iter()
        .any(is)
    {
        Dialect::OpenaiChat
    } else if ["/bedrock", "/model", "/guardrail", "/foundation-models", "/inference-profiles"]
        .into_iter()
        .any(is)
    {
        Dialect::Converse
    } else {
        Dialect::Anthropic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_the_dialect_of_its_errors() {
        for (path, expected) in [
            ("/v1/messages", Dialect::Anthropic),
            ("/v1/messages/count_tokens", Dialect::Anthropic),
            ("/", Dialect::Anthropic),
            ("/v1/chat/completions", Dialect::OpenaiChat),
            ("/openai/v1/chat/completions", Dialect::OpenaiChat),
            ("/v1/chatter", Dialect::Anthropic),
            ("/v1/responses/resp_1/input_items", Dialect::OpenaiResponses),
            ("/v1/embeddings", Dialect::OpenaiChat),
            ("/v2/rerank", Dialect::OpenaiChat),
            ("/anthropic/v1/messages", Dialect::Anthropic),
            ("/bedrock/model/x/converse", Dialect::Converse),
            ("/model/x/invoke", Dialect::Converse),
        ] {
            assert_eq!(dialect_of(path), expected, "{path}");
        }
    }
}
