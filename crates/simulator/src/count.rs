//! `CountTokens`.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    check::{self, Purpose},
    converse, exchange,
    log::Verdict,
    models::{self, NameKind},
    prompt::text,
    reception::{self, Answered, Arrived},
    refusal::Refusal,
    request::parse,
    script::Call,
    state::State,
    tokens,
    watch::Watch,
};

pub(crate) async fn answer(state: &Arc<State>, call: Arrived<'_>, id: &str, watch: Watch) -> Answered {
    let path = call.parts.uri.path();
    let behaviour = state.scripts.take(Call {
        path,
        model: &reception::model_of_path(path),
        is_invocation: false,
        stream: false,
        texts: None,
    });
    let behaviour = behaviour.unwrap_or_default();
    tokio::time::sleep(Duration::from_millis(behaviour.delay_ms)).await;
    if let Some(error) = &behaviour.error {
        watch.note(|entry| entry.verdict = Verdict::Scripted { kind: error.kind.clone() });
        return Answered::Response(reception::refuse(&exchange::scripted(error), call, watch));
    }
    Answered::Response(match counted(state, call, id) {
        Ok(tokens) => reception::json(&json!({ "inputTokens": tokens }), call, watch),
        Err(refusal) => reception::refuse(&refusal, call, watch),
    })
}

fn counted(state: &State, call: Arrived<'_>, id: &str) -> Result<u64, Refusal> {
    let options = state.options();
    let (model, kind) = models::find(id, &options)?;
    if kind != NameKind::Foundation || model.claude().is_none() {
        return Err(Refusal::validation("The provided model doesn't support counting tokens."));
    }
    let request = parse(call.body)?;
    let input = request.get("input").and_then(Value::as_object).filter(|input| input.len() == 1);
    let input = input.ok_or_else(|| Refusal::validation("Exactly one member of 'input' must be set."))?;
    if let Some(body) = input.get("converse") {
        return Ok(tokens::of_prompt(&converse::to_count(body, model, &options)?));
    }
    let encoded = input.get("invokeModel").map(|invoke| text(invoke, "body")).unwrap_or_default();
    let body = STANDARD.decode(encoded).ok().filter(|body| !body.is_empty());
    let body =
        body.ok_or_else(|| Refusal::validation("Value at 'input.invokeModel.body' must be base64."))?;
    let body = parse(&body)?;
    check::body(&body, model, &options, Purpose::Count)?;
    Ok(tokens::of_prompt(&body))
}
