//! Nova's body: Converse's, with settings of its own beside it and base64 where Converse has bytes.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    malformed,
    schema::{self, ANY, FRACTION, Member, Schema, TEXT, optional, required},
};
use crate::{
    converse,
    face::{Face, converse::Converse, native::NovaFace},
    models::Model,
    refusal::Refusal,
};

static TOKENS: Schema = Schema::Whole { least: 1, most: u64::MAX };
static TOP_K: Schema = Schema::Whole { least: 0, most: 128 };
static STOPS: Schema = Schema::List { of: &TEXT, least: 0, most: 4 };
static LIST: Schema = Schema::List { of: &ANY, least: 0, most: usize::MAX };
static REASONING: Schema = Schema::Object(&[
    required("type", &Schema::OneOf(&["enabled", "disabled"])),
    optional("maxReasoningEffort", &Schema::OneOf(&["low", "medium", "high"])),
]);
static INFERENCE: Schema = Schema::Object(&[
    optional("maxTokens", &TOKENS),
    optional("max_new_tokens", &TOKENS),
    optional("temperature", &FRACTION),
    optional("topP", &FRACTION),
    optional("top_p", &FRACTION),
    optional("topK", &TOP_K),
    optional("top_k", &TOP_K),
    optional("stopSequences", &STOPS),
    optional("reasoningConfig", &REASONING),
]);
static NOVA: &[Member] = &[
    optional("schemaVersion", &Schema::OneOf(&["messages-v1"])),
    required("messages", &Schema::List { of: &ANY, least: 1, most: usize::MAX }),
    optional("system", &LIST),
    optional("inferenceConfig", &INFERENCE),
    // The guides have it in both places.
    optional("reasoningConfig", &REASONING),
    optional("toolConfig", &ANY),
];
/// Names of the first guides, and what they became.
const RENAMED: &[(&str, &str)] = &[("max_new_tokens", "maxTokens"), ("top_p", "topP"), ("top_k", "topK")];

/// Checks the body by Converse's rules.
pub(super) fn read(body: &Value, model: &Model) -> Result<(Value, Arc<dyn Face>), Refusal> {
    schema::check(body, NOVA)?;
    let mut plain = body.as_object().cloned().unwrap_or_default();
    plain.remove("schemaVersion");
    let mut config = plain.remove("inferenceConfig").and_then(|config| match config {
        Value::Object(config) => Some(config),
        _ => None,
    });
    let mut fields = Map::new();
    if let Some(config) = &mut config {
        for (old, new) in RENAMED {
            if let Some(value) = config.remove(*old)
                && config.insert((*new).to_owned(), value).is_some()
            {
                return Err(malformed(&format!("#/inferenceConfig: [{old}] and [{new}] are the same")));
            }
        }
        if let Some(top_k) = config.remove("topK").filter(|top_k| *top_k != json!(0)) {
            fields.insert("inferenceConfig".to_owned(), json!({ "topK": top_k }));
        }
    }
    let inner = config.as_mut().and_then(|config| config.remove("reasoningConfig"));
    let reasoning = inner.or_else(|| plain.remove("reasoningConfig"));
    fields.extend(reasoning.map(|reasoning| ("reasoningConfig".to_owned(), reasoning)));
    plain.extend(config.map(|config| ("inferenceConfig".to_owned(), config.into())));
    if !fields.is_empty() {
        plain.insert("additionalModelRequestFields".to_owned(), fields.into());
    }
    let plain = Value::Object(plain);
    let conversation = converse::of_invoke(&plain, model)?;
    Ok((conversation, Arc::new(NovaFace(Converse::new(&plain, model)))))
}
