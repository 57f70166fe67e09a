//! The surfaces in OpenAI's shape: Chat Completions and Responses, on the runtime and on mantle.

pub(crate) mod chat;
mod members;
mod parts;
pub(crate) mod responses;
mod routes;

use serde_json::{Value, json};

use crate::{
    dialect::Door,
    models::{self, Chat},
    refusal::Refusal,
};

/// When the models of the list were made, as far as anybody is told.
const CREATED: u64 = 1_767_225_600;

/// A refusal that names what is wrong.
fn invalid(param: &str, message: impl Into<String>) -> Refusal {
    let mut refusal = Refusal::validation(message);
    refusal.details.insert("param".to_owned(), json!(param));
    refusal
}

fn unsupported(param: &str) -> Refusal {
    invalid(param, format!("Unsupported parameter: '{param}' is not supported with this model."))
}

/// `GET /v1/models`.
pub(crate) fn models(door: Door) -> Value {
    let listed = models::all().filter_map(|model| {
        let id = match door {
            Door::Mantle if model.task().is_some() => return None,
            Door::Mantle => model.chat().map_or(model.id, |chat| chat.mantle_id),
            Door::Runtime => model.chat().filter(|chat| routes::on_runtime(chat)).map(|_| model.id)?,
        };
        let listed = json!({ "id": id, "object": "model", "created": CREATED, "owned_by": model.maker });
        (!id.is_empty()).then_some(listed)
    });
    json!({ "object": "list", "data": listed.collect::<Vec<_>>() })
}

/// Whether the effort is one of the model's.
fn effort(param: &str, effort: Option<&str>, chat: &Chat) -> Result<(), Refusal> {
    let Some(effort) = effort else { return Ok(()) };
    let known = chat.reasoning.efforts();
    if known.is_empty() {
        return Err(unsupported(param));
    }
    if known.contains(&effort) {
        return Ok(());
    }
    let supported: Vec<String> = known.iter().map(|known| format!("'{known}'")).collect();
    Err(invalid(
        param,
        format!(
            "Unsupported value: '{effort}' is not supported with this model. Supported values are: {}.",
            supported.join(", ")
        ),
    ))
}
