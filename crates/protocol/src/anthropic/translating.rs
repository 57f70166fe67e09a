//! A Messages request as a conversation, for a model that does not speak the dialect.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::capabilities::{Capabilities, MemberRule, ToolRule};
use crate::carry::{Answering, Unsupported};
use crate::conversation::{
    Message, OutputFormat, Request, Role, Sampling, Thinking, ThinkingDisplay, Tool, ToolChoice,
};
use crate::effort::Effort;

use super::blocks::{Blocks, mark_last};
use super::inbound::Inbound;
use super::outbound::{refused, says_nothing};
use super::typed_tools::typed_tool;
use super::wire::{ChoiceWire, MarkWire, OutputConfigWire, RequestWire, ThinkingWire, ToolWire};

/// Members that a conversation has words for, and those that say how the gateway is called.
const KNOWN: [&str; 19] = [
    "anthropic_beta",
    "anthropic_version",
    "betas",
    "cache_control",
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "output_config",
    "service_tier",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];

/// What is refused of members and tools on Bedrock, whichever the model is.
static RULES: LazyLock<Capabilities> = LazyLock::new(Capabilities::default);

/// What the request means.
///
/// # Errors
/// Where it asks for what only Anthropic's models, or only its platform, can do.
pub(super) fn request(inbound: &Inbound, answering: &Answering) -> Result<Request, Unsupported> {
    let mut left_out = other_members(inbound)?;
    if !inbound.betas().is_empty() {
        left_out.push("anthropic_beta".to_owned());
    }
    let wire = read(inbound)?;
    let mut blocks =
        Blocks { fetched: &answering.fetched, left_out: &mut left_out, removed_tools: BTreeSet::new() };
    let system = match wire.system {
        Some(system) => blocks.system(system)?,
        None => Vec::new(),
    };
    let mut messages = Vec::with_capacity(wire.messages.len());
    for (index, message) in wire.messages.into_iter().enumerate() {
        let role = role(&message.role, index)?;
        if message.output_config.is_some() {
            blocks.left_out.push("messages.output_config".to_owned());
        }
        if message.clear_at.is_some() {
            blocks.left_out.push("messages.clear_at".to_owned());
        }
        let content = blocks.parts(message.content, role, &format!("messages.{index}.content"))?;
        messages.push(Message { role, content });
    }
    let removed = std::mem::take(&mut blocks.removed_tools);
    if let Some(last) = messages.last_mut().filter(|_| wire.cache_control.is_some()) {
        mark_last(&mut last.content, MarkWire::lifetime(wire.cache_control.as_ref()));
    }
    let mut tools = tools(wire.tools.unwrap_or_default(), &mut left_out)?;
    tools.retain(|tool| !removed.contains(&tool.name));
    let (tool_choice, parallel_tools) = tool_choice(wire.tool_choice)?;
    let (thinking, thinking_display) = thinking(wire.thinking)?;
    let (effort, output_format) = output_config(wire.output_config, &mut left_out)?;
    left_out.sort();
    left_out.dedup();
    Ok(Request {
        system,
        messages,
        tools,
        tool_choice,
        parallel_tools,
        max_output_tokens: Some(inbound.max_tokens()),
        sampling: Sampling { temperature: wire.temperature, top_p: wire.top_p, top_k: wire.top_k },
        stop_sequences: wire.stop_sequences.unwrap_or_default(),
        thinking,
        thinking_display,
        effort,
        output_format,
        service_tier: service_tier(wire.service_tier),
        end_user: wire.metadata.and_then(|metadata| metadata.user_id),
        left_out,
        ..Request::default()
    })
}

fn read(inbound: &Inbound) -> Result<RequestWire, Unsupported> {
    serde_json::from_slice(inbound.body()).map_err(|error| {
        // Once more, slowly, for where it is.
        let mut deserializer = serde_json::Deserializer::from_slice(inbound.body());
        let place = serde_path_to_error::deserialize::<_, RequestWire>(&mut deserializer).err();
        match place.map(|error| (error.path().to_string().replace('[', ".").replace(']', ""), error)) {
            Some((path, error)) if path != "." => {
                let text = error.inner().to_string();
                // Where it stands is said by the path already.
                let why = text.split_once(" at line").map_or(text.as_str(), |(why, _)| why);
                Unsupported::member(&path, why)
            }
            _ => Unsupported::member("messages", &error.to_string()),
        }
    })
}

/// Members that no conversation has: refused where they change the meaning of the call on any model, else left out.
fn other_members(inbound: &Inbound) -> Result<Vec<String>, Unsupported> {
    let mut left_out = Vec::new();
    for member in inbound.members.iter().filter(|member| !KNOWN.contains(&member.name.as_str())) {
        let name = member.name.as_str();
        let value = inbound.raw(&member.place.value);
        if let Some(MemberRule::Refuse(refusal)) = RULES.members.get(name) {
            if !says_nothing(value, refusal) {
                return Err(refused(name, &format!("{name}: {}", refusal.reason), refusal));
            }
        } else if value != b"null" {
            left_out.push(name.to_owned());
        }
    }
    Ok(left_out)
}

fn role(role: &str, index: usize) -> Result<Role, Unsupported> {
    match role {
        "user" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        "system" => Ok(Role::System),
        _ => Err(Unsupported::member(
            &format!("messages.{index}.role"),
            "Input should be 'user', 'assistant' or 'system'",
        )),
    }
}

fn tools(wires: Vec<ToolWire>, left_out: &mut Vec<String>) -> Result<Vec<Tool>, Unsupported> {
    let mut tools = Vec::with_capacity(wires.len());
    for (index, wire) in wires.into_iter().enumerate() {
        if wire.input_examples.is_some() {
            left_out.push("tools.input_examples".to_owned());
        }
        // What only code that runs on Anthropic's platform may call is for no other model.
        let callers = wire.allowed_callers.as_deref().unwrap_or_default();
        if !callers.is_empty() && !callers.iter().any(|caller| caller == "direct") {
            left_out.push("tools.allowed_callers".to_owned());
            continue;
        }
        match wire.r#type.as_deref() {
            None | Some("custom") => tools.push(custom(wire, index)?),
            // All tools are sent from the start: there is nothing to search for.
            Some(kind) if kind.starts_with("tool_search_tool_") => left_out.push(format!("tools.{kind}")),
            Some(kind) => {
                let kind = kind.to_owned();
                tools.push(typed(wire, &kind, index)?);
            }
        }
    }
    Ok(tools)
}

fn custom(wire: ToolWire, index: usize) -> Result<Tool, Unsupported> {
    let required = |member: &str| Unsupported::member(&format!("tools.{index}.{member}"), "Field required");
    let parameters = wire.input_schema.ok_or_else(|| required("input_schema"))?;
    if !parameters.is_object() {
        let path = format!("tools.{index}.input_schema");
        return Err(Unsupported::member(&path, "Input should be a valid dictionary"));
    }
    Ok(Tool {
        name: wire.name.ok_or_else(|| required("name"))?,
        description: wire.description.filter(|text| !text.trim().is_empty()),
        parameters,
        strict: wire.strict,
        cache: MarkWire::lifetime(wire.cache_control.as_ref()),
    })
}

/// A tool with a type of Anthropic's: a function where the client runs it by a known input, else refused by name.
fn typed(wire: ToolWire, kind: &str, index: usize) -> Result<Tool, Unsupported> {
    let path = format!("tools.{index}");
    let Some(known) = typed_tool(kind) else {
        let rule = RULES.tools.iter().filter(|(prefix, _)| kind.starts_with(prefix.as_str()));
        return Err(match rule.max_by_key(|(prefix, _)| prefix.len()) {
            Some((_, ToolRule::Refuse(refusal))) => {
                refused(&path, &format!("{path}: `{kind}` {}", refusal.reason), refusal)
            }
            Some((_, ToolRule::Carry)) | None => {
                Unsupported::member(&path, &format!("`{kind}` is known to Anthropic's own models only"))
            }
        });
    };
    Ok(Tool {
        name: wire.name.ok_or_else(|| Unsupported::member(&format!("{path}.name"), "Field required"))?,
        description: Some(known.description.to_owned()),
        parameters: known.parameters(),
        strict: None,
        cache: MarkWire::lifetime(wire.cache_control.as_ref()),
    })
}

fn tool_choice(wire: Option<ChoiceWire>) -> Result<(ToolChoice, Option<bool>), Unsupported> {
    let Some(wire) = wire else {
        return Ok((ToolChoice::Auto, None));
    };
    let choice = match (wire.r#type.as_str(), wire.name) {
        ("auto", _) => ToolChoice::Auto,
        ("any", _) => ToolChoice::Any,
        ("none", _) => ToolChoice::None,
        ("tool", Some(name)) => ToolChoice::Tool(name),
        ("tool", None) => return Err(Unsupported::member("tool_choice.name", "Field required")),
        _ => {
            let why = "Input should be 'auto', 'any', 'tool' or 'none'";
            return Err(Unsupported::member("tool_choice.type", why));
        }
    };
    Ok((choice, wire.disable_parallel_tool_use.map(|disabled| !disabled)))
}

fn thinking(wire: Option<ThinkingWire>) -> Result<(Option<Thinking>, ThinkingDisplay), Unsupported> {
    let Some(wire) = wire else {
        return Ok((None, ThinkingDisplay::Usual));
    };
    let thinking = match (wire.r#type.as_str(), wire.budget_tokens) {
        ("enabled", Some(budget)) => Thinking::Budget(budget),
        ("enabled", None) => return Err(Unsupported::member("thinking.budget_tokens", "Field required")),
        ("adaptive" | "between_tools", _) => Thinking::Adaptive,
        ("disabled", _) => Thinking::Off,
        _ => {
            let why = "Input should be 'enabled', 'adaptive', 'between_tools' or 'disabled'";
            return Err(Unsupported::member("thinking.type", why));
        }
    };
    let display = match wire.display.as_deref() {
        Some("omitted") => ThinkingDisplay::Hidden,
        Some(_) => ThinkingDisplay::Shown,
        None => ThinkingDisplay::Usual,
    };
    Ok((Some(thinking), display))
}

fn output_config(
    wire: Option<OutputConfigWire>,
    left_out: &mut Vec<String>,
) -> Result<(Option<Effort>, Option<OutputFormat>), Unsupported> {
    let Some(wire) = wire else {
        return Ok((None, None));
    };
    if wire.task_budget.is_some() {
        left_out.push("output_config.task_budget".to_owned());
    }
    let effort = wire.effort.as_deref().and_then(Effort::from_wire);
    if wire.effort.is_some() && effort.is_none() {
        left_out.push("output_config.effort".to_owned());
    }
    let format = match wire.format.map(|format| (format.r#type, format.schema)) {
        None => None,
        Some((kind, Some(schema))) if kind == "json_schema" => {
            Some(OutputFormat::JsonSchema { name: None, description: None, schema, strict: Some(true) })
        }
        Some((kind, None)) if kind == "json_schema" => {
            return Err(Unsupported::member("output_config.format.schema", "Field required"));
        }
        Some(_) => {
            return Err(Unsupported::member("output_config.format.type", "Input should be 'json_schema'"));
        }
    };
    Ok((effort, format))
}

/// Anthropic's words ask for what Bedrock does by default; Bedrock's own choose a tier.
fn service_tier(tier: Option<String>) -> Option<String> {
    tier.filter(|tier| !matches!(tier.as_str(), "auto" | "standard_only" | "default"))
}
