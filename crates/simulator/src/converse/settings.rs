//! Tools, inference parameters, formats and cache points: what each model takes.

use serde_json::Value;

use super::{fields, turns::takes};
use crate::{
    models::{Family, Feature, Generation, Kind, Model},
    prompt::{list, text},
    refusal::Refusal,
};

type Checked = Result<(), Refusal>;

const MOST_CACHE_POINTS: usize = 4;
/// Models that have an optimised latency.
const FAST: &[&str] =
    &["amazon.nova-pro-v1:0", "meta.llama3-1-70b-instruct-v1:0", "meta.llama3-1-405b-instruct-v1:0"];

pub(super) fn check(body: &Value, model: &Model) -> Checked {
    tools(body, model)?;
    inference(body, model)?;
    output(body, model)?;
    cache_points(body, model)?;
    performance(body, model)?;
    fields::check(body, model)
}

fn unsupported(field: &str) -> Refusal {
    Refusal::validation(format!(
        "This model doesn't support the {field} field. Remove {field} and try again."
    ))
}

fn tools(body: &Value, model: &Model) -> Checked {
    let Some(config) = body.get("toolConfig").filter(|config| config.is_object()) else { return Ok(()) };
    if !takes(model, Feature::Tools) {
        return Err(Refusal::validation("This model doesn't support tool use."));
    }
    let specs: Vec<&Value> = list(config, "tools").iter().filter_map(|tool| tool.get("toolSpec")).collect();
    for (index, spec) in specs.iter().enumerate() {
        let name = text(spec, "name");
        if specs.iter().take(index).any(|earlier| text(earlier, "name") == name) {
            return Err(Refusal::validation(format!(
                "The tool {name} is already defined at toolConfig.tools. Use unique tool names and try again."
            )));
        }
        let schema = spec.get("inputSchema").and_then(|schema| schema.get("json")).unwrap_or(&Value::Null);
        if text(schema, "type") != "object" {
            return Err(Refusal::validation(format!(
                "The value at toolConfig.tools.{index}.toolSpec.inputSchema.json.type must be one of the following: \
                 object."
            )));
        }
        let is_strict = spec.get("strict") == Some(&Value::Bool(true));
        if is_strict && !takes(model, Feature::Structured) {
            return Err(unsupported("toolConfig.tools.toolSpec.strict"));
        }
    }
    let has_system_tool = list(config, "tools").iter().any(|tool| tool.get("systemTool").is_some());
    if has_system_tool && !takes(model, Feature::SystemTools) {
        return Err(unsupported("toolConfig.tools.systemTool"));
    }
    choice(config, &specs, model)
}

fn choice(config: &Value, specs: &[&Value], model: &Model) -> Checked {
    let Some(choice) = config.get("toolChoice").filter(|choice| choice.is_object()) else { return Ok(()) };
    for kind in ["any", "tool"] {
        if choice.get(kind).is_some() && !takes(model, Feature::ForcedTool) {
            return Err(unsupported(&format!("toolConfig.toolChoice.{kind}")));
        }
    }
    let Some(named) = choice.get("tool").map(|tool| text(tool, "name")) else { return Ok(()) };
    if specs.iter().any(|spec| text(spec, "name") == named) {
        return Ok(());
    }
    Err(Refusal::validation(format!(
        "The tool {named} of toolConfig.toolChoice.tool is not defined at toolConfig.tools."
    )))
}

fn inference(body: &Value, model: &Model) -> Checked {
    let config = body.get("inferenceConfig").unwrap_or(&Value::Null);
    let most = model.max_output_tokens;
    if config.get("maxTokens").and_then(Value::as_u64).is_some_and(|wanted| wanted > most) {
        return Err(Refusal::validation(format!(
            "The maximum tokens you requested exceeds the model limit of {most}. Try again with a maximum tokens value \
             that is lower than {most}."
        )));
    }
    for (field, feature) in [
        ("temperature", Feature::Sampling),
        ("topP", Feature::Sampling),
        ("stopSequences", Feature::StopSequences),
    ] {
        let is_set = config.get(field).is_some_and(|value| !value.is_null());
        let is_empty = config.get(field).and_then(Value::as_array).is_some_and(Vec::is_empty);
        if is_set && !is_empty && !takes(model, feature) {
            return Err(unsupported(field));
        }
    }
    Ok(())
}

fn output(body: &Value, model: &Model) -> Checked {
    let config = body.get("outputConfig").unwrap_or(&Value::Null);
    if let Some(format) = config.get("textFormat").filter(|format| format.is_object()) {
        let too_old = model.claude().is_some_and(|claude| claude.generation < Generation::FourFive);
        if !takes(model, Feature::Structured) || too_old {
            return Err(unsupported("outputConfig.textFormat"));
        }
        let schema =
            format.pointer("/structure/jsonSchema/schema").and_then(Value::as_str).unwrap_or_default();
        if !serde_json::from_str::<Value>(schema).is_ok_and(|schema| schema.is_object()) {
            return Err(Refusal::validation(
                "The value at outputConfig.textFormat.structure.jsonSchema.schema is not a valid JSON schema.",
            ));
        }
    }
    let Some(effort) = config.get("effort").and_then(Value::as_str).filter(|effort| !effort.is_empty())
    else {
        return Ok(());
    };
    match &model.kind {
        Kind::Claude(_) => Ok(()),
        Kind::Chat(chat) if chat.reasoning.efforts().contains(&effort) => Ok(()),
        Kind::Chat(_) | Kind::Task(_) => Err(unsupported("outputConfig.effort")),
    }
}

fn cache_points(body: &Value, model: &Model) -> Checked {
    let of_tools = body.get("toolConfig").map(|config| list(config, "tools")).unwrap_or_default();
    let of_messages: Vec<&Value> =
        list(body, "messages").iter().flat_map(|message| list(message, "content")).collect();
    let points = |blocks: Vec<&'_ Value>| -> Vec<Value> {
        blocks.into_iter().filter_map(|block| block.get("cachePoint").cloned()).collect()
    };
    let tools = points(of_tools.iter().collect());
    let mut all = tools.clone();
    all.extend(points(list(body, "system").iter().collect()));
    all.extend(points(of_messages));
    if all.is_empty() {
        return Ok(());
    }
    let is_nova = model.chat().is_some_and(|chat| matches!(chat.family, Family::Nova | Family::Nova2));
    if !takes(model, Feature::Cache) || (is_nova && !tools.is_empty()) {
        return Err(Refusal::new(
            403,
            "AccessDeniedException",
            "You invoked an unsupported model or your request did not allow prompt caching. See the documentation for \
             more information.",
        ));
    }
    if all.len() > MOST_CACHE_POINTS {
        return Err(Refusal::validation(format!(
            "A maximum of {MOST_CACHE_POINTS} cache points may be provided. Found {}.",
            all.len()
        )));
    }
    let takes_hour = model.claude().is_some_and(|claude| claude.generation >= Generation::FourFive);
    if all.iter().any(|point| text(point, "ttl") == "1h") && !takes_hour {
        return Err(unsupported("cachePoint.ttl"));
    }
    Ok(())
}

fn performance(body: &Value, model: &Model) -> Checked {
    let latency = body.get("performanceConfig").map(|config| text(config, "latency")).unwrap_or_default();
    if latency == "optimized" && !FAST.contains(&model.id) {
        return Err(Refusal::validation(format!(
            "Latency performance configuration is not supported for {}.",
            model.id
        )));
    }
    Ok(())
}
