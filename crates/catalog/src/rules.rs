//! What Bedrock accepts in an Anthropic body, told by what a model can do.

use std::sync::{Arc, LazyLock};

use stonegate_protocol::traits::{Feature, ThinkingKind};
use stonegate_protocol::{Capabilities, Effort};
use toml::{Table, Value};

use crate::document::ModelEntry;
use crate::error::CatalogError;
use crate::layers::lay_over;

/// What models have that no Anthropic body reaches; shared, since there are many.
static UNUSED: LazyLock<Arc<Capabilities>> = LazyLock::new(Arc::default);

/// The capabilities that follow from the features, with the entry's own `capabilities` laid over them.
pub(crate) fn capabilities(
    id: &str,
    entry: &ModelEntry,
    is_anthropic: bool,
) -> Result<Arc<Capabilities>, CatalogError> {
    if !is_anthropic && entry.capabilities.is_empty() {
        return Ok(Arc::clone(&UNUSED));
    }
    let mut table = derived(entry);
    lay_over(&mut table, entry.capabilities.clone());
    let mut capabilities: Capabilities =
        Value::Table(table).try_into().map_err(|error: toml::de::Error| {
            CatalogError::new(format!("models.{id}.capabilities"), error.message().trim_end())
        })?;
    // TOML has no null: where the long window is native, or there is none, there is no beta to ask for it with.
    capabilities.long_context_beta = entry.long_context.as_ref().map(|long| long.beta.clone());
    Ok(Arc::new(capabilities))
}

/// What a client can heal by itself once it is told is refused here, with the words that it knows; what else a model does
/// not do (a forced tool choice, say) is left to Bedrock, whose refusal is free and never wrong.
fn derived(entry: &ModelEntry) -> Table {
    let has = |feature| Value::Boolean(entry.features.contains(&feature));
    let cache_1h = if entry.features.contains(&Feature::PromptCache1h) { "carry" } else { "strip" };
    let refused_thinking: Vec<Value> =
        refused_thinking(entry).map(|kind| Value::String(kind.to_owned())).collect();
    [
        ("cache", has(Feature::PromptCache)),
        ("cache_1h", Value::String(cache_1h.to_owned())),
        ("sampling", has(Feature::Sampling)),
        ("effort", effort(entry.effort)),
        ("refused_thinking", Value::Array(refused_thinking)),
        ("structured_outputs", has(Feature::StructuredOutput)),
        ("system_messages", has(Feature::MidConversationSystem)),
        ("images", has(Feature::Images)),
        ("documents", has(Feature::Documents)),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

fn effort(ceiling: Option<Effort>) -> Value {
    match ceiling {
        None => Value::String("unsupported".to_owned()),
        Some(Effort::Max) => Value::String("any".to_owned()),
        Some(level) => {
            Value::Table(Table::from_iter([("up_to".to_owned(), Value::String(level.as_str().to_owned()))]))
        }
    }
}

fn refused_thinking(entry: &ModelEntry) -> impl Iterator<Item = &'static str> {
    let can = |kind| entry.thinking.contains(&kind);
    [("enabled", !can(ThinkingKind::Budget)), ("adaptive", !can(ThinkingKind::Adaptive))]
        .into_iter()
        .filter_map(|(kind, refused)| refused.then_some(kind))
}
