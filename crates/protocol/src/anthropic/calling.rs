//! A conversation of any dialect on its way to Claude: written as a Messages request, which then goes the way of every
//! Messages request, so that what Bedrock accepts and what was learned of it are known in one place.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::carry::{Bounds, Called, Dropped, Target, Unsupported};
use crate::conversation::turns::{Piece as _, Speaker, Turn, texts};
use crate::conversation::{Guardrail, JsonText, Request, ToolNames};
use crate::inbound::Malformed;
use crate::learned::Learned;
use crate::relay::Reader;
use crate::traits::Feature;

use super::additional::Additional;
use super::body::{Block, Body, Mark, Tool};
use super::fitting::{Fitted, Fitting, ToolLoop};
use super::inbound::parse;
use super::meter::Meter;
use super::outbound::{prepare, unsupported};
use super::passing;
use super::reader::{StreamReader, WholeReader};
use super::{schema, turns};

/// The longest name of a tool.
const LONGEST_NAME: usize = 128;
/// How many cache marks a request may have.
const MOST_MARKS: usize = 4;
/// How many labels an invocation may have, and how long they may be together.
const MOST_LABELS: usize = 16;
const LONGEST_LABELS: usize = 8_500;
/// The beta of `output_config.effort`.
const EFFORT_BETA: &str = "effort-2025-11-24";

/// What goes to a Claude model for a conversation, and what reads its answer.
///
/// # Errors
/// Where the conversation asks for what Claude cannot do.
pub(crate) fn call(
    request: &Request,
    target: &Target<'_>,
    learned: &Learned,
    bounds: Bounds,
    stream: bool,
) -> Result<Called, Unsupported> {
    let names = ToolNames::of(request, LONGEST_NAME);
    let mut dropped = Vec::new();
    let ceiling = ceiling(request, target, bounds);
    let (written, has_effort) = write(request, target, &names, ceiling, stream, &mut dropped)?;
    let betas: &[&str] = if has_effort { &[EFFORT_BETA] } else { &[] };
    let inbound = parse(None, betas, Bytes::from(written)).map_err(|wrong| from_malformed(&wrong))?;
    let prepared = prepare(&inbound, target, learned, &BTreeMap::new(), Some(ceiling))?;
    let meter = Meter::new(Bounds { output_tokens: ceiling, ..bounds }, inbound.cache_lifetime());
    dropped.extend(prepared.dropped.iter().cloned());
    let betas = prepared.betas.clone();
    let mut outbound = passing::outbound(target, prepared, stream);
    let headers = guardrail_headers(request.guardrail.as_ref())?;
    outbound.headers.extend(headers);
    if let Some(latency) = &request.latency {
        outbound.headers.push(("x-amzn-bedrock-performanceconfig-latency", header("latency", latency)?));
    }
    outbound.headers.extend(labels(request, &mut dropped));
    dropped.sort();
    dropped.dedup();
    let reader: Box<dyn Reader> = if stream {
        Box::new(StreamReader::new(meter, names))
    } else {
        Box::new(WholeReader::new(meter, names))
    };
    Ok(Called { outbound, reader, dropped, betas })
}

/// Up to where the model may write: never more than was reserved, than the client asked for, or than the model can.
fn ceiling(request: &Request, target: &Target<'_>, bounds: Bounds) -> u64 {
    let most = Some(target.traits.max_output_tokens).filter(|most| *most > 0).unwrap_or(u64::MAX);
    bounds.output_tokens.min(request.max_output_tokens.unwrap_or(u64::MAX)).min(most)
}

/// The Messages request, and whether it says how hard the model shall try.
fn write(
    request: &Request,
    target: &Target<'_>,
    names: &ToolNames,
    ceiling: u64,
    stream: bool,
    dropped: &mut Vec<Dropped>,
) -> Result<(Vec<u8>, bool), Unsupported> {
    let takes_system_turns =
        target.capabilities.system_messages && target.traits.can(Feature::MidConversationSystem);
    let mut additional = Additional::read(request)?;
    let mut messages = turns::turns(&request.messages, names, takes_system_turns, dropped)?;
    let mut system = texts(&request.system)?;
    if messages.is_empty() && system.is_empty() {
        return Err(unsupported("messages", "messages: at least one message that is not empty is needed"));
    }
    if messages.is_empty() {
        // Nothing but a prompt: the model wants it from the user.
        messages.push(Turn { role: Speaker::User, content: std::mem::take(&mut system) });
    }
    check_ending(&mut messages, target)?;
    let mut tools = tools(request, target, names, &messages, dropped);
    let has_tools = !tools.is_empty() || !additional.tools.is_empty();
    let tool_loop = tool_loop(&messages);
    let fitting = Fitting {
        request,
        additional: &mut additional,
        target,
        names,
        ceiling,
        tool_loop,
        has_tools,
        dropped,
    };
    let Fitted { settings, instruction } = fitting.fit();
    system.extend(instruction.map(Block::text));
    fit_marks(&mut tools, &mut system, &mut messages, dropped);
    let has_effort = settings.output_config.effort.is_some();
    let body = Body {
        model: target.upstream_id,
        stream,
        max_tokens: ceiling,
        system,
        messages,
        tools: listed(tools, std::mem::take(&mut additional.tools))?,
        settings,
        additional: additional.members,
    };
    let written = serde_json::to_vec(&body)
        .map_err(|error| unsupported("additional", &format!("additional: {error}")))?;
    Ok((written, has_effort))
}

/// A model that cannot go on from the beginning of an answer is not asked to.
fn check_ending(messages: &mut [Turn<Block<'_>>], target: &Target<'_>) -> Result<(), Unsupported> {
    let Some(last) = messages.last_mut().filter(|turn| turn.role == Speaker::Assistant) else {
        return Ok(());
    };
    if !target.traits.can(Feature::AssistantPrefill) {
        let text =
            "messages: this model cannot go on from the beginning of an answer; end with a user's message";
        return Err(unsupported("messages", text));
    }
    if let Some(Block::Text { text, .. }) = last.content.last_mut() {
        *text = Cow::Owned(text.trim_end().to_owned());
    }
    Ok(())
}

fn tool_loop(messages: &[Turn<Block<'_>>]) -> ToolLoop {
    let mut turns = messages.iter().rev().filter(|turn| turn.role != Speaker::System);
    let (Some(results), Some(calls)) = (turns.next(), turns.next()) else {
        return ToolLoop::None;
    };
    let brings_results = results.content.iter().any(|block| matches!(block, Block::ToolResult { .. }));
    if !brings_results {
        return ToolLoop::None;
    }
    match calls.content.iter().position(Block::is_thought) {
        Some(0) => ToolLoop::Thought,
        Some(_) => ToolLoop::LateThought,
        None => ToolLoop::NoThought,
    }
}

/// The tools, or, where a conversation calls tools that it does not declare, what its calls tell of them.
fn tools<'a>(
    request: &'a Request,
    target: &Target<'_>,
    names: &'a ToolNames,
    messages: &[Turn<Block<'a>>],
    dropped: &mut Vec<Dropped>,
) -> Vec<Tool<'a>> {
    let can_be_strict =
        target.capabilities.structured_outputs && target.traits.can(Feature::StructuredOutput);
    let mut tools = Vec::with_capacity(request.tools.len());
    for tool in &request.tools {
        let asked = tool.strict == Some(true);
        let closed = (asked && can_be_strict).then(|| schema::closed(&tool.parameters)).flatten();
        if asked && closed.is_none() {
            dropped.push(Dropped::Member("tools.strict".to_owned()));
        }
        tools.push(Tool {
            name: names.upstream(&tool.name),
            description: tool.description.as_deref(),
            strict: closed.is_some(),
            input_schema: closed.map_or_else(|| schema::tool_input(&tool.parameters), Cow::Owned),
            cache_control: Mark::of(tool.cache),
        });
    }
    if tools.is_empty() {
        tools = called_tools(messages);
    }
    tools
}

fn called_tools<'a>(messages: &[Turn<Block<'a>>]) -> Vec<Tool<'a>> {
    let blocks = messages.iter().flat_map(|turn| &turn.content);
    let names: BTreeSet<Cow<'a, str>> =
        blocks.filter_map(Block::call).map(|(_, name)| name.clone()).collect();
    let schema = JsonText::parse(r#"{"type":"object"}"#).unwrap_or_else(JsonText::empty_object);
    names
        .into_iter()
        .map(|name| Tool {
            name,
            description: None,
            input_schema: Cow::Owned(schema.clone()),
            strict: false,
            cache_control: None,
        })
        .collect()
}

/// The client's tools, and behind them those that only the model knows.
fn listed(tools: Vec<Tool<'_>>, additional: Vec<JsonText>) -> Result<Vec<JsonText>, Unsupported> {
    let own = tools.iter().map(|tool| {
        JsonText::of(tool).ok_or_else(|| unsupported("tools", "tools: a tool cannot be written as JSON"))
    });
    own.chain(additional.into_iter().map(Ok)).collect()
}

/// Brings the cache marks into what is taken: at most four (the first of the prompt and the last three stay), and none for an
/// hour behind one for five minutes.
fn fit_marks(
    tools: &mut [Tool<'_>],
    system: &mut [Block<'_>],
    messages: &mut [Turn<Block<'_>>],
    dropped: &mut Vec<Dropped>,
) {
    let mut marks: Vec<&mut Option<Mark>> = tools.iter_mut().map(|tool| &mut tool.cache_control).collect();
    marks.extend(system.iter_mut().filter_map(Block::mark_place));
    for block in messages.iter_mut().flat_map(|turn| &mut turn.content) {
        if let Block::ToolResult { content, cache_control, .. } = block {
            marks.extend(content.iter_mut().filter_map(Block::mark_place));
            marks.push(cache_control);
        } else {
            marks.extend(block.mark_place());
        }
    }
    marks.retain(|mark| mark.is_some());
    if marks.len() > MOST_MARKS {
        let too_many = marks.len() - MOST_MARKS;
        marks.drain(1..=too_many).for_each(|mark| *mark = None);
        dropped.push(Dropped::Member("cache_control".to_owned()));
    }
    let mut is_short = false;
    for mark in marks {
        is_short |= mark.is_some_and(|mark| !mark.is_hour());
        if is_short && mark.is_some_and(Mark::is_hour) {
            *mark = Mark::of(crate::conversation::CacheLifetime::FiveMinutes);
            dropped.push(Dropped::Member("cache_control.ttl".to_owned()));
        }
    }
}

fn guardrail_headers(guardrail: Option<&Guardrail>) -> Result<Vec<(&'static str, String)>, Unsupported> {
    let Some(guardrail) = guardrail else {
        return Ok(Vec::new());
    };
    let mut headers = vec![
        ("x-amzn-bedrock-guardrailidentifier", header("guardrail.id", &guardrail.id)?),
        ("x-amzn-bedrock-guardrailversion", header("guardrail.version", &guardrail.version)?),
    ];
    if let Some(trace) = &guardrail.trace {
        headers.push(("x-amzn-bedrock-trace", header("guardrail.trace", trace)?.to_ascii_uppercase()));
    }
    Ok(headers)
}

/// A value that can stand in a header.
fn header(member: &str, value: &str) -> Result<String, Unsupported> {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(value.to_owned())
    } else {
        Err(unsupported(member, &format!("{member}: the value has letters that are not taken")))
    }
}

/// The labels for Bedrock's log of invocations, as far as it takes them.
fn labels(request: &Request, dropped: &mut Vec<Dropped>) -> Option<(&'static str, String)> {
    let fits = |text: &str| {
        text.len() <= 256
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" :_@$#=/+,-.".contains(&byte))
    };
    let labels: BTreeMap<&str, &str> = request
        .metadata
        .iter()
        .filter(|(key, value)| !key.is_empty() && fits(key) && fits(value))
        .take(MOST_LABELS)
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    if labels.len() < request.metadata.len() {
        dropped.push(Dropped::Member("metadata".to_owned()));
    }
    let text = (!labels.is_empty()).then(|| serde_json::to_string(&labels).ok()).flatten()?;
    if text.len() > LONGEST_LABELS {
        dropped.push(Dropped::Member("metadata".to_owned()));
        return None;
    }
    Some(("x-amzn-bedrock-request-metadata", text))
}

/// What the Messages API would say of the body that was written: a member is given twice, say.
fn from_malformed(malformed: &Malformed) -> Unsupported {
    unsupported(malformed.pointer.trim_start_matches('/'), &malformed.message)
}
