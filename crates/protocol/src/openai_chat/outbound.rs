//! A conversation of any dialect as Bedrock's Chat Completions takes it.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Number;

use crate::carry::{Bounds, Called, Door, Dropped, Outbound, Service, Target, Unsupported};
use crate::conversation::{
    CacheLifetime, Guardrail, JsonText, OutputFormat, Request, Sampling, Thinking, ToolChoice, ToolNames,
};
use crate::effort::Effort;
use crate::learned::SentBetas;
use crate::relay::Reader;
use crate::traits::{Feature, ThinkingKind, Traits};

use super::quirks::Quirks;
use super::reader::{ChunkReader, CompletionReader};
use super::settings::plain;
use super::turns::{self, MessageWire};

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
    let quirks = Quirks::of(target.door, target.traits);
    let mut call = Call { request, target, quirks, names: &names, dropped: Vec::new() };
    let body = call.body(bounds, stream)?;
    let headers = call.headers(stream)?;
    let Call { mut dropped, .. } = call;
    dropped.sort();
    dropped.dedup();
    let body = serde_json::to_vec(&body)
        .map_err(|error| Unsupported::member("messages", &format!("cannot be written: {error}")))?;
    let Door { service, prefix, .. } = target.door;
    let path = format!("{prefix}/chat/completions");
    let outbound = Outbound { service, path, headers, body: Bytes::from(body).into(), stream };
    let reader: Box<dyn Reader> = if stream {
        Box::new(ChunkReader::new(names, quirks.thinks_inline))
    } else {
        Box::new(CompletionReader::new(names, quirks.thinks_inline))
    };
    Ok(Called { outbound, reader, dropped, betas: SentBetas::default() })
}

/// A call that is being put together.
struct Call<'a> {
    request: &'a Request,
    target: &'a Target<'a>,
    quirks: Quirks,
    names: &'a ToolNames,
    dropped: Vec<Dropped>,
}

impl<'a> Call<'a> {
    fn leave_out(&mut self, member: &str) {
        self.dropped.push(Dropped::Member(member.to_owned()));
    }

    fn body(&mut self, bounds: Bounds, stream: bool) -> Result<BodyWire<'a>, Unsupported> {
        let (request, traits) = (self.request, self.target.traits);
        let tools = self.tools()?;
        let effort = self.effort(!tools.is_empty());
        let thinks = effort != Some("none");
        let mut additional = self.additional()?;
        let ceiling = JsonText::of(&bounds.output_tokens.max(1)).unwrap_or_else(JsonText::empty_object);
        additional.insert(self.quirks.ceiling.to_owned(), ceiling);
        let sampling = self.sampling(thinks);
        let choice = self.tool_choice(&tools)?;
        let is_gpt = self.quirks.takes_custom_tools;
        let user = request.end_user.as_deref();
        for (is_there, member) in
            [(!request.metadata.is_empty(), "metadata"), (request.latency.is_some(), "performanceConfig")]
        {
            if is_there {
                self.leave_out(member);
            }
        }
        if request.verbosity.is_some() && !self.quirks.takes_verbosity {
            self.leave_out("verbosity");
        }
        Ok(BodyWire {
            model: self.target.upstream_id,
            messages: turns::write(request, traits, self.quirks, self.names, &mut self.dropped)?,
            stream: stream.then_some(true),
            stream_options: stream.then_some(StreamOptionsWire { include_usage: true }),
            parallel_tool_calls: request.parallel_tools.filter(|_| !tools.is_empty()),
            tools,
            tool_choice: choice,
            temperature: sampling.temperature,
            top_p: sampling.top_p,
            top_k: sampling.top_k,
            stop: &request.stop_sequences,
            reasoning_effort: effort,
            verbosity: request.verbosity.as_deref().filter(|_| self.quirks.takes_verbosity),
            response_format: self.format()?,
            service_tier: request.service_tier.as_deref(),
            safety_identifier: user.filter(|_| is_gpt),
            user: user.filter(|_| !is_gpt),
            additional,
        })
    }

    fn headers(&mut self, stream: bool) -> Result<Vec<(&'static str, String)>, Unsupported> {
        let accept = if stream { "text/event-stream" } else { "application/json" };
        let mut headers =
            vec![("content-type", "application/json".to_owned()), ("accept", accept.to_owned())];
        if let Some(Guardrail { id, version, trace, stream_mode }) = &self.request.guardrail {
            if self.target.door.service == Service::Mantle {
                let why = "is not supported where this model is served";
                return Err(Unsupported::member("guardrailConfig", why));
            }
            headers.push(("x-amzn-bedrock-guardrailidentifier", id.clone()));
            headers.push(("x-amzn-bedrock-guardrailversion", version.clone()));
            if let Some(trace) = trace {
                headers.push(("x-amzn-bedrock-trace", trace.to_ascii_uppercase()));
            }
            if stream_mode.is_some() {
                self.leave_out("guardrailConfig.streamProcessingMode");
            }
        }
        Ok(headers)
    }

    fn tools(&mut self) -> Result<Vec<ToolWire<'a>>, Unsupported> {
        let request = self.request;
        if !request.tools.is_empty() && !self.target.traits.can(Feature::Tools) {
            return Err(Unsupported::member("tools", "this model takes no tools"));
        }
        let mut tools = Vec::with_capacity(request.tools.len());
        for tool in &request.tools {
            if tool.cache != CacheLifetime::None {
                self.leave_out("tools.*.cache_control");
            }
            let function = FunctionWire {
                name: self.names.upstream(&tool.name).into_owned(),
                description: tool.description.as_deref(),
                parameters: &tool.parameters,
                strict: tool.strict,
            };
            tools.push(ToolWire { r#type: "function", function });
        }
        Ok(tools)
    }

    fn tool_choice(&self, tools: &[ToolWire<'_>]) -> Result<Option<ChoiceWire>, Unsupported> {
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
            ToolChoice::Tool(name) => Some(ChoiceWire::Named {
                r#type: "function",
                function: NameWire { name: self.names.upstream(name).into_owned() },
            }),
        })
    }

    /// The effort that is asked for, no higher than the model goes.
    fn effort(&mut self, has_tools: bool) -> Option<&'static str> {
        let (request, traits) = (self.request, self.target.traits);
        if has_tools && !self.quirks.tools_while_thinking {
            if request.effort.is_some() || !matches!(request.thinking, None | Some(Thinking::Off)) {
                let member = "reasoning_effort".to_owned();
                self.dropped.push(Dropped::Lowered { member, to: "none".to_owned() });
            }
            return Some("none");
        }
        let asked = match (request.thinking, request.effort) {
            (Some(Thinking::Off), _) => return self.no_thinking(traits),
            (_, Some(effort)) => effort,
            (Some(Thinking::Budget(tokens)), None) => effort_of_budget(tokens),
            (None | Some(Thinking::Adaptive), None) => return None,
        };
        if !traits.can(Feature::Reasoning) {
            self.leave_out("reasoning_effort");
            return None;
        }
        let highest = traits.effort.unwrap_or(Effort::High);
        if asked > highest {
            let member = "reasoning_effort".to_owned();
            self.dropped.push(Dropped::Lowered { member, to: highest.as_str().to_owned() });
        }
        Some(asked.min(highest).as_str())
    }

    fn no_thinking(&mut self, traits: &Traits) -> Option<&'static str> {
        let can_be_told = self.quirks.takes_custom_tools && !traits.thinks(ThinkingKind::AlwaysOn);
        if can_be_told {
            return Some("none");
        }
        if traits.can(Feature::Reasoning) {
            self.leave_out("thinking");
        }
        None
    }

    fn sampling(&mut self, thinks: bool) -> Sampling {
        let mut sampling = self.request.sampling.clone();
        let is_taken = self.quirks.samples_while_thinking || !thinks;
        for (is_there, member) in
            [(sampling.temperature.is_some(), "temperature"), (sampling.top_p.is_some(), "top_p")]
        {
            if is_there && !is_taken {
                self.leave_out(member);
            }
        }
        if !is_taken {
            sampling = Sampling { top_k: sampling.top_k, ..Sampling::default() };
        }
        if self.target.traits.family == "openai" && sampling.top_k.take().is_some() {
            self.leave_out("top_k");
        }
        sampling
    }

    fn format(&self) -> Result<Option<FormatWire<'a>>, Unsupported> {
        let request = self.request;
        Ok(match &request.output_format {
            None => None,
            Some(OutputFormat::JsonObject) => Some(FormatWire { r#type: "json_object", json_schema: None }),
            Some(OutputFormat::JsonSchema { name, description, schema, strict }) => {
                if !self.target.traits.can(Feature::StructuredOutput) {
                    let why = "answers by a schema are not supported by this model; use `json_object`";
                    return Err(Unsupported::member("response_format", why));
                }
                let json_schema = SchemaWire {
                    name: name.as_deref().unwrap_or("answer"),
                    description: description.as_deref(),
                    schema,
                    strict: *strict,
                };
                Some(FormatWire { r#type: "json_schema", json_schema: Some(json_schema) })
            }
        })
    }

    /// Members that only the model knows. One of ours may not be said twice: the upstream could take the wrong one.
    fn additional(&self) -> Result<BTreeMap<String, JsonText>, Unsupported> {
        let Some(fields) = &self.request.additional else {
            return Ok(BTreeMap::new());
        };
        let fields: BTreeMap<String, JsonText> = serde_json::from_str(fields.as_str())
            .map_err(|error| Unsupported::member("additionalModelRequestFields", &plain(&error)))?;
        match fields.keys().find(|name| OURS.contains(&name.as_str())) {
            Some(name) => {
                let path = format!("additionalModelRequestFields.{name}");
                Err(Unsupported::member(&path, "this member has a place of its own in the request"))
            }
            None => Ok(fields),
        }
    }
}

/// The members that the gateway writes.
const OURS: [&str; 21] = [
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "model",
    "n",
    "parallel_tool_calls",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
    "user",
    "verbosity",
];

/// The effort that comes nearest to a budget of thoughts.
pub(super) fn effort_of_budget(tokens: u64) -> Effort {
    match tokens {
        0..4_096 => Effort::Low,
        4_096..16_384 => Effort::Medium,
        _ => Effort::High,
    }
}

#[derive(Serialize)]
struct BodyWire<'a> {
    model: &'a str,
    messages: Vec<MessageWire<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptionsWire>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolWire<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ChoiceWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<FormatWire<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_identifier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(flatten)]
    additional: BTreeMap<String, JsonText>,
}

#[derive(Serialize)]
struct StreamOptionsWire {
    include_usage: bool,
}

#[derive(Serialize)]
struct ToolWire<'a> {
    r#type: &'static str,
    function: FunctionWire<'a>,
}

#[derive(Serialize)]
struct FunctionWire<'a> {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: &'a JsonText,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ChoiceWire {
    Word(&'static str),
    Named { r#type: &'static str, function: NameWire },
}

#[derive(Serialize)]
struct NameWire {
    name: String,
}

#[derive(Serialize)]
struct FormatWire<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_schema: Option<SchemaWire<'a>>,
}

#[derive(Serialize)]
struct SchemaWire<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    schema: &'a JsonText,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}
