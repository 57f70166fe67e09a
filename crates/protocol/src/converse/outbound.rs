//! A conversation of any dialect as Converse takes it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::anthropic::schema::tool_input;
use crate::carry::{Bounds, Called, Dropped, Outbound, Service, Target, Unsupported, model_path};
use crate::conversation::turns::{Speaker, texts};
use crate::conversation::{self, CacheLifetime, JsonText, OutputFormat, Request, ToolChoice, ToolNames};
use crate::learned::{Learned, SentBetas};
use crate::relay::Reader;
use crate::traits::{Feature, Traits};

use super::families::Family;
use super::reader::{StreamReader, WholeReader};
use super::settings::{self, Settings};
use super::turns::{self, Fit, Placed, Turn};
use super::wire::{
    Block, Body, CachePoint, Choice, GuardrailConfig, JsonSchema, Named, Nothing, Output, Performance,
    Schema, Spec, Structure, System, TextFormat, Tier, Tool, ToolConfig,
};

/// The longest name that a tool may have.
const LONGEST_TOOL_NAME: usize = 64;
/// How many cache points a request may have.
const MOST_MARKS: usize = 4;
/// How many labels a call may have.
const MOST_LABELS: usize = 16;
/// Claude Code's note for Anthropic's own accounting. Other models would take it for a part of their prompt.
const BILLING_NOTE: &str = "x-anthropic-billing-header:";
/// What is said to a model that may not call the tools which have to be declared.
const NO_CALLS: &str = "Answer without calling any tool.";

/// What goes upstream for a conversation, and what reads its answer.
///
/// # Errors
/// Where it asks for what the model cannot do.
pub(crate) fn call(
    request: &Request,
    target: &Target<'_>,
    learned: &Learned,
    bounds: Bounds,
    stream: bool,
) -> Result<Called, Unsupported> {
    let names = ToolNames::of(request, LONGEST_TOOL_NAME);
    let family = Family::of(target.traits);
    let fit = Fit { traits: target.traits, family, names: &names };
    let lifetime = CacheLifetime::None;
    let mut writing = Writing { request, traits: target.traits, family, lifetime, dropped: Vec::new() };
    let body = writing.body(&fit, learned, bounds, stream)?;
    let body = serde_json::to_vec(&body)
        .map_err(|error| Unsupported::member("messages", &format!("cannot be written: {error}")))?;
    let outbound = outbound(target.upstream_id, Bytes::from(body), stream);
    let Writing { dropped, lifetime, .. } = writing;
    let reader: Box<dyn Reader> = if stream {
        Box::new(StreamReader::new(names, family.thinks_inline, lifetime))
    } else {
        Box::new(WholeReader::new(names, family.thinks_inline, lifetime))
    };
    Ok(Called { outbound, reader, dropped, betas: SentBetas::default() })
}

/// What goes to Converse with a body that is ready for it.
pub(super) fn outbound(upstream_id: &str, body: Bytes, stream: bool) -> Outbound {
    let (action, accept) = if stream {
        ("converse-stream", "application/vnd.amazon.eventstream")
    } else {
        ("converse", "application/json")
    };
    Outbound {
        service: Service::Runtime,
        path: model_path(upstream_id, action),
        headers: vec![("content-type", "application/json".to_owned()), ("accept", accept.to_owned())],
        body: body.into(),
        stream,
    }
}

struct Writing<'a> {
    request: &'a Request,
    traits: &'a Traits,
    family: Family,
    /// The longest that goes upstream.
    lifetime: CacheLifetime,
    dropped: Vec<Dropped>,
}

impl<'a> Writing<'a> {
    fn leave_out(&mut self, member: &str) {
        self.dropped.push(Dropped::Member(member.to_owned()));
    }

    fn body(
        &mut self,
        fit: &'a Fit<'a>,
        learned: &Learned,
        bounds: Bounds,
        stream: bool,
    ) -> Result<Body<'a>, Unsupported> {
        let request = self.request;
        let mut turns = turns::turns(&request.messages, fit, &mut self.dropped)?;
        let mut system: Vec<Placed<'_>> = texts(&request.system)?;
        let keeps_note = self.family.knows_billing_note;
        system.retain(|placed| keeps_note || !is_billing_note(&placed.block));
        if turns.is_empty() {
            // Nothing but a prompt: the model wants it from the user.
            turns.push(Turn { role: Speaker::User, content: std::mem::take(&mut system) });
        }
        self.check_ending(&mut turns)?;
        let mut tools = self.tools(fit, &turns)?;
        let choice = self.tool_choice(fit, &turns, &mut tools, &mut system)?;
        let output_config = self.output(&mut system);
        self.fit_marks(&mut tools, &mut system, &mut turns);
        let has_tools = !tools.is_empty();
        let Settings { inference, additional } =
            settings::settings(request, self.traits, learned, bounds, has_tools, &mut self.dropped)?;
        if request.end_user.is_some() {
            self.leave_out("user");
        }
        Ok(Body {
            system: system.into_iter().flat_map(system_blocks).collect(),
            messages: turns.into_iter().map(written).collect(),
            inference_config: Some(inference),
            tool_config: has_tools.then(|| tool_config(tools, choice)),
            guardrail_config: self.guardrail(stream),
            additional_model_request_fields: additional,
            request_metadata: self.labels(),
            performance_config: request
                .latency
                .as_deref()
                .map(|latency| Performance { latency: Cow::Borrowed(latency) }),
            service_tier: self.tier(),
            output_config,
            ..Body::default()
        })
    }

    /// A model that cannot go on from the beginning of an answer is not asked to.
    fn check_ending(&self, turns: &mut [Turn<'_>]) -> Result<(), Unsupported> {
        let Some(last) = turns.last_mut().filter(|turn| turn.role == Speaker::Assistant) else {
            return Ok(());
        };
        if !self.traits.can(Feature::AssistantPrefill) {
            let why = "this model cannot go on from the beginning of an answer; end with a user's message";
            return Err(Unsupported::member("messages", why));
        }
        if let Some(Placed { block: Block::Text(text), .. }) = last.content.last_mut() {
            *text = Cow::Owned(text.trim_end().to_owned());
        }
        Ok(())
    }

    /// The tools, or, where a conversation calls tools that it does not declare, what its calls tell of them: Converse
    /// takes no tool blocks without a `toolConfig`.
    fn tools(&mut self, fit: &'a Fit<'a>, turns: &[Turn<'a>]) -> Result<Vec<Marked<'a>>, Unsupported> {
        let request = self.request;
        if request.tools.is_empty() {
            return Ok(called_tools(turns));
        }
        if !self.traits.can(Feature::Tools) {
            return Err(Unsupported::member("tools", "this model takes no tools"));
        }
        let can_be_strict = self.traits.can(Feature::StructuredOutput);
        let mut tools = Vec::with_capacity(request.tools.len());
        for tool in &request.tools {
            if tool.strict == Some(true) && !can_be_strict {
                self.leave_out("tools.strict");
            }
            let description = tool.description.as_deref().filter(|text| !text.is_empty());
            let spec = Spec {
                name: fit.names.upstream(&tool.name),
                description: description.map(Cow::Borrowed),
                input_schema: Schema { json: tool_input(&tool.parameters) },
                strict: tool.strict.filter(|strict| *strict && can_be_strict),
            };
            let is_new = |known: &Marked<'_>| known.spec.name != spec.name;
            if tools.iter().all(is_new) {
                tools.push(Marked { spec, cache: tool.cache });
            }
        }
        Ok(tools)
    }

    /// Converse knows no `none`: the tools stay away, but for a conversation that has used some. Such a model is asked.
    fn tool_choice(
        &mut self,
        fit: &'a Fit<'a>,
        turns: &[Turn<'a>],
        tools: &mut Vec<Marked<'a>>,
        system: &mut Vec<Placed<'a>>,
    ) -> Result<Option<Choice<'a>>, Unsupported> {
        let request = self.request;
        let is_forced = matches!(request.tool_choice, ToolChoice::Any | ToolChoice::Tool(_));
        if is_forced && !self.traits.can(Feature::ForcedToolChoice) && !tools.is_empty() {
            let why = "this model cannot be forced to use a tool; use `auto`";
            return Err(Unsupported::member("tool_choice", why));
        }
        Ok(match &request.tool_choice {
            _ if tools.is_empty() => None,
            ToolChoice::Auto => None,
            ToolChoice::Any => Some(Choice::Any(Nothing {})),
            ToolChoice::Tool(name) => Some(Choice::Tool(Named { name: fit.names.upstream(name) })),
            ToolChoice::None if called_tools(turns).is_empty() => {
                tools.clear();
                None
            }
            ToolChoice::None => {
                self.dropped.push(Dropped::Lowered {
                    member: "tool_choice".to_owned(),
                    to: "instruction".to_owned(),
                });
                system.push(Block::text(NO_CALLS).into());
                None
            }
        })
    }

    /// The shape of the answer; in words at the end of the system prompt where the model has no member for it.
    fn output(&mut self, system: &mut Vec<Placed<'a>>) -> Option<Output<'a>> {
        let only = "Answer with JSON only: no other words, no code fence.";
        let instruction = match &self.request.output_format {
            None => return None,
            Some(OutputFormat::JsonSchema { name, description, schema, .. })
                if self.traits.can(Feature::StructuredOutput) =>
            {
                let json_schema = JsonSchema {
                    schema: Cow::Borrowed(schema.as_str()),
                    name: name.as_deref().map(Cow::Borrowed),
                    description: description.as_deref().filter(|text| !text.is_empty()).map(Cow::Borrowed),
                };
                let structure = Structure { json_schema };
                let format = TextFormat { r#type: Cow::Borrowed("json_schema"), structure };
                return Some(Output { text_format: Some(format), effort: None });
            }
            Some(OutputFormat::JsonSchema { description, schema, .. }) => {
                let about = description.as_deref().map(|words| format!(" {words}")).unwrap_or_default();
                format!("{only}{about} The JSON fits this schema:\n{}", schema.as_str())
            }
            Some(OutputFormat::JsonObject) => format!("{only} The JSON is one object."),
        };
        let (member, to) = ("output_format".to_owned(), "instruction".to_owned());
        self.dropped.push(Dropped::Lowered { member, to });
        system.push(Block::text(instruction).into());
        None
    }

    /// Brings the cache marks into what is taken: at most four (the first of the prompt and the last three stay), none for
    /// an hour behind one for five minutes, none at all where the model has no cache.
    fn fit_marks(&mut self, tools: &mut [Marked<'_>], system: &mut [Placed<'_>], turns: &mut [Turn<'_>]) {
        let (caches, of_tools) = (self.traits.can(Feature::PromptCache), self.family.caches_tools);
        let caches_hour = self.traits.can(Feature::PromptCache1h);
        let mut marks: Vec<(bool, &mut CacheLifetime)> = Vec::new();
        marks.extend(tools.iter_mut().map(|tool| (caches && of_tools, &mut tool.cache)));
        marks.extend(system.iter_mut().map(|placed| (caches, &mut placed.cache)));
        let placed = turns.iter_mut().flat_map(|turn| &mut turn.content);
        marks.extend(placed.map(|placed| (caches, &mut placed.cache)));
        marks.retain(|(_, mark)| **mark != CacheLifetime::None);
        let (mut taken, refused): (Vec<_>, Vec<_>) = marks.into_iter().partition(|(fits, _)| *fits);
        let mut is_short_of_marks = !refused.is_empty();
        refused.into_iter().for_each(|(_, mark)| *mark = CacheLifetime::None);
        if taken.len() > MOST_MARKS {
            let too_many = taken.len() - MOST_MARKS;
            taken.drain(1..=too_many).for_each(|(_, mark)| *mark = CacheLifetime::None);
            is_short_of_marks = true;
        }
        let (mut is_short, mut is_lowered) = (!caches_hour, false);
        for (_, mark) in taken {
            is_short |= *mark == CacheLifetime::FiveMinutes;
            if is_short && *mark == CacheLifetime::Hour {
                *mark = CacheLifetime::FiveMinutes;
                is_lowered = true;
            }
            self.lifetime = self.lifetime.max(*mark);
        }
        if is_short_of_marks {
            self.leave_out("cache_control");
        }
        if is_lowered {
            self.leave_out("cache_control.ttl");
        }
    }

    fn guardrail(&self, stream: bool) -> Option<GuardrailConfig<'a>> {
        self.request.guardrail.as_ref().map(|guardrail| GuardrailConfig {
            guardrail_identifier: Cow::Borrowed(&guardrail.id),
            guardrail_version: Cow::Borrowed(&guardrail.version),
            trace: guardrail.trace.as_deref().map(|trace| Cow::Owned(trace.to_ascii_lowercase())),
            stream_processing_mode: guardrail.stream_mode.as_deref().filter(|_| stream).map(Cow::Borrowed),
        })
    }

    fn tier(&mut self) -> Option<Tier<'a>> {
        let asked = self.request.service_tier.as_deref()?;
        if ["priority", "default", "flex", "reserved"].contains(&asked) {
            return Some(Tier { r#type: Cow::Borrowed(asked) });
        }
        self.leave_out("service_tier");
        None
    }

    /// The labels for Bedrock's log of invocations, as far as it takes them.
    fn labels(&mut self) -> BTreeMap<Cow<'a, str>, Cow<'a, str>> {
        let fits = |text: &str| {
            let takes = |letter: char| {
                letter.is_ascii_alphanumeric() || letter == ' ' || ":_@$#=/+,-.".contains(letter)
            };
            text.len() <= 256 && text.chars().all(takes)
        };
        let asked = &self.request.metadata;
        let labels: BTreeMap<_, _> = asked
            .iter()
            .filter(|(key, value)| !key.is_empty() && fits(key) && fits(value))
            .take(MOST_LABELS)
            .map(|(key, value)| (Cow::Borrowed(key.as_str()), Cow::Borrowed(value.as_str())))
            .collect();
        if labels.len() < asked.len() {
            self.leave_out("metadata");
        }
        labels
    }
}

/// A tool, and the cache mark after it.
struct Marked<'a> {
    spec: Spec<'a>,
    cache: CacheLifetime,
}

fn is_billing_note(block: &Block<'_>) -> bool {
    matches!(block, Block::Text(text) if text.starts_with(BILLING_NOTE))
}

fn called_tools<'a>(turns: &[Turn<'a>]) -> Vec<Marked<'a>> {
    let blocks = turns.iter().flat_map(|turn| &turn.content);
    let names: BTreeSet<Cow<'a, str>> =
        blocks.filter_map(|placed| placed.block.call().map(|call| call.name.clone())).collect();
    let schema = JsonText::parse(r#"{"type":"object"}"#).unwrap_or_else(JsonText::empty_object);
    names
        .into_iter()
        .map(|name| Marked {
            spec: Spec {
                name,
                description: None,
                input_schema: Schema { json: Cow::Owned(schema.clone()) },
                strict: None,
            },
            cache: CacheLifetime::None,
        })
        .collect()
}

fn tool_config<'a>(tools: Vec<Marked<'a>>, tool_choice: Option<Choice<'a>>) -> ToolConfig<'a> {
    let mut listed = Vec::with_capacity(tools.len() + 1);
    for Marked { spec, cache } in tools {
        listed.push(Tool::Spec(spec));
        listed.extend(CachePoint::of(cache).map(Tool::CachePoint));
    }
    ToolConfig { tools: listed, tool_choice }
}

fn system_blocks<'a>(placed: Placed<'a>) -> impl Iterator<Item = System<'a>> {
    let text = placed.block.into_text().map(System::Text);
    text.into_iter().chain(CachePoint::of(placed.cache).map(System::CachePoint))
}

fn written(turn: Turn<'_>) -> conversation::turns::Turn<Block<'_>> {
    let mut content = Vec::with_capacity(turn.content.len());
    for Placed { block, cache } in turn.content {
        content.push(block);
        content.extend(CachePoint::of(cache).map(Block::CachePoint));
    }
    conversation::turns::Turn { role: turn.role, content }
}
