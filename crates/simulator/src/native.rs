//! `InvokeModel` with the bodies of other makers than Anthropic: what each may hold, and the answer in its own form.
//!
//! Members, ranges and answers are those of AWS's user guide, "Inference request parameters and response fields for
//! foundation models", and of the Nova user guide; the words of refusals are those of the JSON Schema validator that
//! stands before the models.

pub(crate) mod answered;
mod embed;
mod paint;
mod png;
mod rerank;
pub(crate) mod schema;

use serde_json::{Value, json};

use crate::{
    models::{Model, Task},
    refusal::Refusal,
    request::{Form, Request},
};
use answered::Answered;

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
        face: std::sync::Arc::new(answered),
        guarded: None,
    })
}

/// A refusal in the validator's words.
pub(crate) fn malformed(what: &str) -> Refusal {
    Refusal::validation(format!("Malformed input request: {what}, please reformat your input and try again."))
}

/// The answer to a request that was answered as soon as it was read.
pub(crate) fn ready(texts: Vec<String>, input_tokens: u64, body: Value) -> Answered {
    Answered { texts, input_tokens, body, filtered: None }
}
