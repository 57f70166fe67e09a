//! `InvokeModel` and its stream: each maker's own body.

use std::sync::Arc;

use crate::{
    check::{self, Purpose},
    face::anthropic::Invoke,
    guardrail::Guarded,
    models, native,
    options::Options,
    reception::Arrived,
    refusal::Refusal,
    request::{self, Form, Request},
};

/// Reads and checks a call.
pub(crate) fn request(
    options: &Options,
    call: Arrived<'_>,
    id: &str,
    form: Form,
) -> Result<Request, Refusal> {
    let model = models::find_to_run(id, options)?;
    let body = request::parse(call.body)?;
    if let Some(task) = model.task() {
        return native::task(&body, model, task, form);
    }
    let guarded = guarded(call)?;
    if let Some(chat) = model.chat() {
        let created = options.clock.now().as_second();
        return native::written(&body, model, chat, form, guarded, created);
    }
    check::body(&body, model, options, Purpose::Answer)?;
    Ok(Request { conversation: body, model, named: String::new(), form, face: Arc::new(Invoke), guarded })
}

/// The guardrail that the headers of a call to the runtime name.
pub(crate) fn guarded(call: Arrived<'_>) -> Result<Option<Guarded>, Refusal> {
    let header = |name: &str| call.header(name).unwrap_or_default();
    Guarded::of_parts(
        header("x-amzn-bedrock-guardrailidentifier"),
        header("x-amzn-bedrock-guardrailversion"),
        matches!(header("x-amzn-bedrock-trace"), "ENABLED" | "ENABLED_FULL"),
    )
}
