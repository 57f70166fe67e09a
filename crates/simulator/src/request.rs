//! What every surface makes of a request to a model: one conversation, and the face that its answer shall have.

use std::sync::Arc;

use serde_json::Value;

use crate::{face::Face, guardrail::Guarded, models::Model, prompt::Prompt, refusal::Refusal};

/// How the answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Whole,
    Stream,
}

/// A request that passed the checks of its surface.
#[derive(Debug)]
pub(crate) struct Request {
    /// The conversation, in the shape of Anthropic's body.
    pub(crate) conversation: Value,
    pub(crate) model: &'static Model,
    /// What the body calls the model; empty where the path does.
    pub(crate) named: String,
    pub(crate) form: Form,
    pub(crate) face: Arc<dyn Face>,
    /// The guardrail that the request names.
    pub(crate) guarded: Option<Guarded>,
}

impl Request {
    pub(crate) fn prompt(&self) -> Prompt<'_> {
        Prompt { body: &self.conversation, model: self.model }
    }
}

/// Reads a body that must be a JSON object.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, Refusal> {
    let malformed =
        || Refusal::validation("Malformed input request, please reformat your input and try again.");
    let body: Value = serde_json::from_slice(bytes).map_err(|_not_json| malformed())?;
    if body.is_object() { Ok(body) } else { Err(malformed()) }
}
