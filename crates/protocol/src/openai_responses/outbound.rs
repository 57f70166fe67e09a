//! A conversation of any dialect as Bedrock's Responses takes it.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Number;

use crate::carry::{Bounds, Called, Door, Dropped, Outbound, Target, Unsupported};
use crate::conversation::{
    CacheLifetime, JsonText, OutputFormat, Request, Thinking, ThinkingDisplay, ToolChoice, ToolNames,
};
use crate::effort::Effort;
use crate::learned::SentBetas;
use crate::relay::Reader;
use crate::traits::{Feature, ThinkingKind};

use super::reader::{EventReader, ResponseReader};
use super::turns::{self, ItemWire};

/// The longest name that a tool may have.
const LONGEST_TOOL_NAME: usize = 64;

/// What goes upstream for a conversation, and what reads its answer.
///
/// # Errors
/// Where it asks for what the model cannot do.
pub(crate) fn call(
    request: &Request,
    target: &Target<'_>,
    bounds: Bounds,
    stream: bool,
) -> Result<Called, Unsupported> {
    let names = ToolNames::of(request, LONGEST_TOOL_NAME);
    let mut call = Call { request, target, names: &names, dropped: Vec::new() };
    let body = call.body(bounds, stream)?;
    let Call { mut dropped, .. } = call;
    dropped.sort();
    dropped.dedup();
    let body = serde_json::to_vec(&body)
        .map_err(|error| Unsupported::member("messages", &format!("cannot be written: {error}")))?;
    let accept = if stream { "text/event-stream" } else { "application/json" };
    let headers = vec![("content-type", "application/json".to_owned()), ("accept", accept.to_owned())];
    let Door { service, prefix, .. } = target.door;
    let path = format!("{prefix}/responses");
    let outbound = Outbound { service, path, headers, body: Bytes::from(body).into(), stream };
    let reader: Box<dyn Reader> =
        if stream { Box::new(EventReader::new(names)) } else { Box::new(ResponseReader::new(names)) };
    Ok(Called { outbound, reader, dropped, betas: SentBetas::default() })
}

/// A call that is being put together.
struct Call<'a> {
    request: &'a Request,
    target: &'a Target<'a>,
    names: &'a ToolNames,
    dropped: Vec<Dropped>,
}

impl<'a> Call<'a> {
    fn leave_out(&mut self, member: &str) {
        self.dropped.push(Dropped::Member(member.to_owned()));
    }

    fn body(&mut self, bounds: Bounds, stream: bool) -> Result<BodyWire<'a>, Unsupported> {
        let request = self.request;
        let traits = self.target.traits;
        self.refuse()?;
        let samples = traits.can(Feature::Sampling);
        for (is_left_out, member) in [
            (request.sampling.temperature.is_some() && !samples, "temperature"),
            (request.sampling.top_p.is_some() && !samples, "top_p"),
            (request.sampling.top_k.is_some(), "top_k"),
            (!request.metadata.is_empty(), "metadata"),
            (request.latency.is_some(), "performanceConfig"),
        ] {
            if is_left_out {
                self.leave_out(member);
            }
        }
        let tools = self.tools()?;
        let reasoning = self.reasoning();
        Ok(BodyWire {
            model: self.target.upstream_id,
            input: turns::write(request, traits, self.names, &mut self.dropped)?,
            stream: stream.then_some(true),
            // Nothing is kept upstream; thoughts travel with the conversation.
            store: false,
            include: if traits.can(Feature::Reasoning) { &["reasoning.encrypted_content"] } else { &[] },
            max_output_tokens: bounds.output_tokens.max(1),
            parallel_tool_calls: request.parallel_tools.filter(|_| !tools.is_empty()),
            tool_choice: self.tool_choice(&tools)?,
            tools,
            temperature: request.sampling.temperature.clone().filter(|_| samples),
            top_p: request.sampling.top_p.clone().filter(|_| samples),
            reasoning,
            text: self.text()?,
            service_tier: request.service_tier.as_deref(),
            safety_identifier: request.end_user.as_deref(),
        })
    }

    /// What changes the meaning and has no place in this API.
    fn refuse(&self) -> Result<(), Unsupported> {
        let request = self.request;
        for (is_there, member, why) in [
            (!request.stop_sequences.is_empty(), "stop", "stop sequences are not supported by this model"),
            (request.guardrail.is_some(), "guardrailConfig", "is not supported where this model is served"),
            (
                request.additional.is_some(),
                "additionalModelRequestFields",
                "is not supported where this model is served",
            ),
        ] {
            if is_there {
                return Err(Unsupported::member(member, why));
            }
        }
        Ok(())
    }

    fn tools(&mut self) -> Result<Vec<ToolWire<'a>>, Unsupported> {
        let request = self.request;
        if !request.tools.is_empty() && !self.target.traits.can(Feature::Tools) {
            return Err(Unsupported::member("tools", "this model takes no tools"));
        }
        if request.tools.iter().any(|tool| tool.cache != CacheLifetime::None) {
            self.leave_out("tools.*.cache_control");
        }
        let names = self.names;
        Ok(request
            .tools
            .iter()
            .map(|tool| ToolWire {
                r#type: "function",
                name: names.upstream(&tool.name),
                description: tool.description.as_deref(),
                parameters: &tool.parameters,
                // Unsaid, this API makes every schema a strict one.
                strict: tool.strict.unwrap_or(false),
            })
            .collect())
    }

    fn tool_choice(&self, tools: &[ToolWire<'_>]) -> Result<Option<ChoiceWire<'a>>, Unsupported> {
        let is_forced = matches!(self.request.tool_choice, ToolChoice::Any | ToolChoice::Tool(_));
        if is_forced && !self.target.traits.can(Feature::ForcedToolChoice) {
            let why = "this model cannot be forced to use a tool; use `auto`";
            return Err(Unsupported::member("tool_choice", why));
        }
        Ok(match &self.request.tool_choice {
            _ if tools.is_empty() => None,
            ToolChoice::Auto => None,
            ToolChoice::None => Some(ChoiceWire::Word("none")),
            ToolChoice::Any => Some(ChoiceWire::Word("required")),
            ToolChoice::Tool(name) => {
                Some(ChoiceWire::Named { r#type: "function", name: self.names.upstream(name) })
            }
        })
    }

    fn reasoning(&mut self) -> Option<ReasoningWire> {
        let (request, traits) = (self.request, self.target.traits);
        if !traits.can(Feature::Reasoning) {
            if request.effort.is_some() {
                self.leave_out("reasoning.effort");
            }
            return None;
        }
        let asked = match (request.thinking, request.effort) {
            (Some(Thinking::Off), _) if traits.thinks(ThinkingKind::AlwaysOn) => {
                self.leave_out("thinking");
                None
            }
            (Some(Thinking::Off), _) => {
                return Some(ReasoningWire { effort: Some("none"), summary: None });
            }
            (_, Some(effort)) => Some(effort),
            (Some(Thinking::Budget(0..4_096)), None) => Some(Effort::Low),
            (Some(Thinking::Budget(4_096..16_384)), None) => Some(Effort::Medium),
            (Some(Thinking::Budget(_)), None) => Some(Effort::High),
            (None | Some(Thinking::Adaptive), None) => None,
        };
        let highest = traits.effort.unwrap_or(Effort::High);
        if asked.is_some_and(|asked| asked > highest) {
            let member = "reasoning.effort".to_owned();
            self.dropped.push(Dropped::Lowered { member, to: highest.as_str().to_owned() });
        }
        let effort = asked.map(|asked| asked.min(highest).as_str());
        let is_wanted = match request.thinking_display {
            ThinkingDisplay::Shown => true,
            ThinkingDisplay::Usual => {
                matches!(request.thinking, Some(Thinking::Budget(_) | Thinking::Adaptive))
            }
            ThinkingDisplay::Hidden => false,
        };
        let summary = is_wanted.then_some("auto");
        (effort.is_some() || summary.is_some()).then_some(ReasoningWire { effort, summary })
    }

    fn text(&self) -> Result<Option<TextWire<'a>>, Unsupported> {
        let request = self.request;
        let format = match &request.output_format {
            None => None,
            Some(OutputFormat::JsonObject) => {
                Some(FormatWire { r#type: "json_object", ..FormatWire::default() })
            }
            Some(OutputFormat::JsonSchema { name, description, schema, strict }) => {
                if !self.target.traits.can(Feature::StructuredOutput) {
                    let why = "answers by a schema are not supported by this model; use `json_object`";
                    return Err(Unsupported::member("response_format", why));
                }
                Some(FormatWire {
                    r#type: "json_schema",
                    name: Some(name.as_deref().unwrap_or("answer")),
                    description: description.as_deref(),
                    schema: Some(schema),
                    strict: *strict,
                })
            }
        };
        let verbosity = request.verbosity.as_deref();
        Ok((format.is_some() || verbosity.is_some()).then_some(TextWire { format, verbosity }))
    }
}

#[derive(Serialize)]
struct BodyWire<'a> {
    model: &'a str,
    input: Vec<ItemWire<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    store: bool,
    #[serde(skip_serializing_if = "<[&str]>::is_empty")]
    include: &'static [&'static str],
    max_output_tokens: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolWire<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ChoiceWire<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<ReasoningWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<TextWire<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_identifier: Option<&'a str>,
}

#[derive(Serialize)]
struct ToolWire<'a> {
    r#type: &'static str,
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: &'a JsonText,
    strict: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ChoiceWire<'a> {
    Word(&'static str),
    Named { r#type: &'static str, name: Cow<'a, str> },
}

#[derive(Serialize)]
struct ReasoningWire {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'static str>,
}

#[derive(Serialize)]
struct TextWire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<FormatWire<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'a str>,
}

#[derive(Default, Serialize)]
struct FormatWire<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'a JsonText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}
