//! `InvokeModel` with the bodies of other makers than Anthropic: what each may hold, and the answer in its own form.
//!
//! Members, ranges and answers are those of AWS's user guide, "Inference request parameters and response fields for
//! foundation models", and of the Nova user guide; the words of refusals are those of the JSON Schema validator that
//! stands before the models.

pub(crate) mod answered;
mod embed;
mod nova;
mod paint;
mod png;
mod rerank;
mod schema;
mod written;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    guardrail::Guarded,
    models::{Chat, Model, Task},
    refusal::Refusal,
    request::{Form, Request},
    tokens,
};
use answered::Answered;
use written::Body;

/// Reads and checks a call to a model that writes no text.
pub(crate) fn task(body: &Value, model: &'static Model, task: Task, form: Form) -> Result<Request, Refusal> {
    if form == Form::Stream {
        return Err(Refusal::validation("The model is unsupported for streaming"));
    }
    let answered = match task {
        Task::Embed(embedder) => embed::answer(body, embedder, model)?,
        Task::Rerank(reranker) => rerank::answer(body, reranker)?,
        Task::Paint(painter) => paint::answer(body, painter)?,
    };
    // Scripts and directives look into a conversation.
    let texts: Vec<Value> =
        answered.texts.iter().map(|text| json!({ "type": "text", "text": text })).collect();
    Ok(Request {
        conversation: json!({ "messages": [{ "role": "user", "content": texts }] }),
        model,
        named: String::new(),
        form,
        face: Arc::new(answered),
        guarded: None,
    })
}

/// Reads and checks a call to a model that writes.
pub(crate) fn written(
    body: &Value,
    model: &'static Model,
    chat: &Chat,
    form: Form,
    guarded: Option<Guarded>,
    created: i64,
) -> Result<Request, Refusal> {
    let kind = Body::of(model, chat, body)
        .ok_or_else(|| Refusal::validation("The provided model identifier is invalid."))?;
    let (conversation, face) = written::read(body, model, chat, kind, created)?;
    if tokens::of_prompt(&conversation) > model.context_window {
        return Err(Refusal::validation("Input is too long for requested model."));
    }
    Ok(Request { conversation, model, named: String::new(), form, face, guarded })
}

/// A refusal in the validator's words.
pub(crate) fn malformed(what: &str) -> Refusal {
    Refusal::validation(format!("Malformed input request: {what}, please reformat your input and try again."))
}

/// The answer to a request that was answered as soon as it was read.
pub(crate) fn ready(texts: Vec<String>, input_tokens: u64, body: Value) -> Answered {
    Answered { texts, input_tokens, body, filtered: None }
}
