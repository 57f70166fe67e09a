//! `additionalModelRequestFields`: what each family takes beside Converse's own members.

use serde_json::{Map, Value};

use crate::{
    models::{Chat, Family, Kind, Model},
    prompt::text,
    refusal::Refusal,
};

type Checked = Result<(), Refusal>;

/// Anthropic's members that Converse has a member of its own for.
const CONFLICTS: &[&str] = &[
    "anthropic_version",
    "max_tokens",
    "messages",
    "stop_sequences",
    "system",
    "temperature",
    "tools",
    "top_p",
];

/// What the engine behind open weights takes.
const OF_ENGINE: &[&str] = &[
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "parallel_tool_calls",
    "presence_penalty",
    "reasoning_effort",
    "repetition_penalty",
    "seed",
    "top_k",
    "top_logprobs",
    "user",
];

pub(super) fn check(body: &Value, model: &Model) -> Checked {
    let Some(fields) = body.get("additionalModelRequestFields").filter(|fields| !fields.is_null()) else {
        return Ok(());
    };
    let fields = fields
        .as_object()
        .ok_or_else(|| Refusal::validation("The value at additionalModelRequestFields must be an object."))?;
    match &model.kind {
        Kind::Claude(_) => match fields.keys().find(|name| CONFLICTS.contains(&name.as_str())) {
            Some(name) => Err(Refusal::validation(format!(
                "The additional field {name} conflicts with an existing field."
            ))),
            None => Ok(()),
        },
        Kind::Chat(chat) => of_family(body, fields, chat),
        Kind::Task(_) => Ok(()),
    }
}

fn extraneous(path: &str, name: &str) -> Refusal {
    Refusal::validation(format!(
        "Malformed input request: {path}: extraneous key [{name}] is not permitted, please reformat your input and try \
         again."
    ))
}

fn only(path: &str, fields: &Map<String, Value>, known: &[&str]) -> Checked {
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(extraneous(path, name)),
        None => Ok(()),
    }
}

fn of_family(body: &Value, fields: &Map<String, Value>, chat: &Chat) -> Checked {
    match chat.family {
        Family::Nova => {
            only("#", fields, &["inferenceConfig"])?;
            inference(fields)
        }
        Family::Nova2 => {
            only("#", fields, &["inferenceConfig", "reasoningConfig"])?;
            inference(fields)?;
            reasoning_config(body, fields)
        }
        Family::Llama | Family::Jamba | Family::Command => only("#", fields, &[]),
        Family::Mistral => only("#", fields, &["top_k", "safe_prompt", "random_seed"]),
        Family::CommandR => only("#", fields, &["k", "documents", "search_queries_only", "preamble"]),
        Family::Gpt => {
            known_to_gpt("", fields, &["reasoning", "parallel_tool_calls", "verbosity", "user"])?;
            let Some(reasoning) = fields.get("reasoning") else { return Ok(()) };
            let reasoning = reasoning.as_object().ok_or_else(|| unknown_parameter("reasoning"))?;
            known_to_gpt("reasoning.", reasoning, &["effort"])?;
            effort("reasoning/effort", reasoning.get("effort"), chat)
        }
        Family::GptOss | Family::Grok | Family::Open => {
            only("#", fields, OF_ENGINE)?;
            effort("reasoning_effort", fields.get("reasoning_effort"), chat)
        }
    }
}

/// Nova's `topK` stands in an `inferenceConfig` of its own.
fn inference(fields: &Map<String, Value>) -> Checked {
    let Some(config) = fields.get("inferenceConfig") else { return Ok(()) };
    let config = config.as_object().ok_or_else(|| extraneous("#", "inferenceConfig"))?;
    only("#/inferenceConfig", config, &["topK"])?;
    match config.get("topK").map(Value::as_u64) {
        None | Some(Some(1..=128)) => Ok(()),
        Some(_) => Err(Refusal::validation(
            "Malformed input request: #/inferenceConfig/topK: expected an integer between 1 and 128, please reformat \
             your input and try again.",
        )),
    }
}

fn reasoning_config(body: &Value, fields: &Map<String, Value>) -> Checked {
    let Some(config) = fields.get("reasoningConfig") else { return Ok(()) };
    let malformed = |what: &str| {
        Refusal::validation(format!(
            "Malformed input request: #/reasoningConfig/{what}, please reformat your input and try again."
        ))
    };
    let members = config.as_object().ok_or_else(|| malformed(": expected an object"))?;
    only("#/reasoningConfig", members, &["type", "maxReasoningEffort"])?;
    if !matches!(text(config, "type"), "enabled" | "disabled") {
        return Err(malformed("type: expected one of [enabled, disabled]"));
    }
    let effort = text(config, "maxReasoningEffort");
    if !matches!(effort, "" | "low" | "medium" | "high") {
        return Err(malformed("maxReasoningEffort: expected one of [low, medium, high]"));
    }
    if text(config, "type") == "enabled" && effort.is_empty() {
        return Err(malformed("maxReasoningEffort: required when reasoning is enabled"));
    }
    let inference = body.get("inferenceConfig").unwrap_or(&Value::Null);
    let set = ["maxTokens", "temperature", "topP"].into_iter().find(|name| inference.get(*name).is_some());
    match set {
        Some(name) if text(config, "type") == "enabled" && effort == "high" => {
            Err(Refusal::validation(format!(
                "The {name} field must not be set when maxReasoningEffort is high. Remove {name} and try again."
            )))
        }
        _ => Ok(()),
    }
}

/// GPT's own endpoint judges its members, in its own words.
fn known_to_gpt(path: &str, fields: &Map<String, Value>, known: &[&str]) -> Checked {
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(unknown_parameter(&format!("{path}{name}"))),
        None => Ok(()),
    }
}

fn unknown_parameter(path: &str) -> Refusal {
    Refusal::validation(format!("Unknown parameter: '{path}'."))
}

/// The effort that fields ask for: GPT has it in an object, as in Responses, all others flat.
pub(super) fn asked_effort<'b>(fields: Option<&'b Map<String, Value>>, chat: &Chat) -> Option<&'b str> {
    let fields = fields?;
    let effort = match chat.family {
        Family::Gpt => fields.get("reasoning")?.get("effort")?,
        Family::Nova
        | Family::Nova2
        | Family::Llama
        | Family::Jamba
        | Family::Command
        | Family::Mistral
        | Family::CommandR
        | Family::GptOss
        | Family::Grok
        | Family::Open => fields.get("reasoning_effort")?,
    };
    effort.as_str()
}

fn effort(path: &str, effort: Option<&Value>, chat: &Chat) -> Checked {
    let Some(effort) = effort else { return Ok(()) };
    let known = chat.reasoning.efforts();
    if known.is_empty() {
        return Err(extraneous("#", path));
    }
    if effort.as_str().is_some_and(|effort| known.contains(&effort)) {
        return Ok(());
    }
    Err(Refusal::validation(format!(
        "Malformed input request: #/{path}: expected one of [{}], please reformat your input and try again.",
        known.join(", ")
    )))
}
