//! `Converse` and `ConverseStream`: one body for the models of all makers.

mod conversation;
mod fields;
mod media;
mod model;
mod settings;
mod shape;
mod turns;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    check::{self, Purpose},
    face::converse::Converse,
    guardrail::Guarded,
    models::{self, Model, Route},
    options::Options,
    reception::Arrived,
    refusal::Refusal,
    request::{self, Form, Request},
    tokens,
};
use shape::Examiner;

/// Betas of Anthropic's that InvokeModel takes and Converse does not.
const BETAS_REFUSED: &[&str] =
    &["compact-2026-01-12", "context-management-2025-06-27", "tool-search-tool-2025-10-19"];

/// Reads and checks a call.
pub(crate) fn request(
    options: &Options,
    call: Arrived<'_>,
    id: &str,
    form: Form,
) -> Result<Request, Refusal> {
    let model = models::find_to_run(id, options)?;
    if model.task().is_some() {
        return Err(Refusal::validation(
            "This action doesn't support the model that you provided. Try again with a supported text or chat model that \
             is available in your account.",
        ));
    }
    if model.chat().is_some_and(|chat| !chat.routes.contains(&Route::Converse)) {
        return Err(Refusal::validation("The provided model identifier is invalid."));
    }
    let body = request::parse(call.body)?;
    let shape = match form {
        Form::Whole => &model::CONVERSE,
        Form::Stream => &model::CONVERSE_STREAM,
    };
    Examiner { refused: &options.refused_members }.check("", &body, shape)?;
    let guarded = Guarded::of_config(body.get("guardrailConfig"))?;
    let conversation = checked(&body, model, options, Purpose::Answer)?;
    let face = Arc::new(Converse::new(&body, model));
    Ok(Request { conversation, model, named: String::new(), form, face, guarded })
}

/// The conversation of a body that Nova takes from InvokeModel, brought into the form of Converse's.
pub(crate) fn of_invoke(body: &Value, model: &Model) -> Result<Value, Refusal> {
    Examiner { refused: &[] }.check("", body, &model::CONVERSE)?;
    checked(body, model, &Options::default(), Purpose::Answer)
}

/// The conversation of `CountTokens`' input.
pub(crate) fn to_count(body: &Value, model: &Model, options: &Options) -> Result<Value, Refusal> {
    Examiner { refused: &[] }.check("input.converse", body, &model::TO_COUNT)?;
    checked(body, model, options, Purpose::Count)
}

/// Checks a body of the right shape by the model's rules and brings it into the shape of a conversation.
fn checked(body: &Value, model: &Model, options: &Options, purpose: Purpose) -> Result<Value, Refusal> {
    turns::check(body, model)?;
    settings::check(body, model)?;
    let conversation = conversation::of(body, model)?;
    if model.claude().is_some() {
        let of_model = |refusal: Refusal| {
            Refusal::validation(format!("The model returned the following errors: {}", refusal.message))
        };
        betas(&conversation).map_err(of_model)?;
        check::body(&conversation, model, options, purpose).map_err(of_model)?;
    } else if tokens::of_prompt(&conversation) > model.context_window {
        return Err(Refusal::validation("Input is too long for requested model."));
    }
    Ok(conversation)
}

fn betas(conversation: &Value) -> Result<(), Refusal> {
    let given = conversation.get("anthropic_beta").unwrap_or(&Value::Null);
    match BETAS_REFUSED.iter().any(|beta| given.as_array().is_some_and(|given| given.contains(&json!(beta))))
    {
        true => Err(Refusal::validation("invalid beta flag")),
        false => Ok(()),
    }
}
