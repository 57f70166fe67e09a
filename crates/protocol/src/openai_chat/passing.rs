//! A Chat Completions request on its way to a model that is called in the same dialect: the same bytes, but for the members
//! that have to change.

use crate::carry::{
    Answering, Bounds, Carried, Door, Dropped, Outbound, Service, Surface, Target, Unsupported,
};
use crate::conversation::meter::Meter;
use crate::effort::Effort;
use crate::inbound::Member;
use crate::json::quoted;
use crate::learned::{Learned, SentBetas};
use crate::passthrough::{Splice, find_members, remove_learned};
use crate::relay::Relay;
use crate::traits::{Feature, Traits};

use super::inbound::Inbound;
use super::outbound::effort_of_budget;
use super::quirks::Quirks;
use super::relayed::{Asked, Chunks, Completion};
use super::settings::plain;
use super::wire::{GuardrailConfig, Reasoning, Thinking, service_tier};

/// Whether the model can do through that door all that the request asks for.
pub(super) fn fits(inbound: &Inbound, door: Door<'_>, traits: &Traits) -> bool {
    let quirks = Quirks::of(door, traits);
    door.surface != Surface::OpenaiChat
        || quirks.tools_while_thinking
        || inbound.facts.tools.is_empty()
        || asked_effort(inbound).as_deref() == Some("none")
}

/// What goes upstream; none where the target speaks another dialect, or does not know the client's form of tools.
pub(super) fn pass_through(
    inbound: &Inbound,
    target: &Target<'_>,
    learned: &Learned,
    bounds: Bounds,
    answering: &Answering,
) -> Option<Result<Carried, Unsupported>> {
    let quirks = Quirks::of(target.door, target.traits);
    let is_theirs = quirks.takes_custom_tools || !inbound.facts.has_custom_tools;
    (target.door.surface == Surface::OpenaiChat && is_theirs)
        .then(|| pass(inbound, target, quirks, learned, bounds, answering))
}

fn pass(
    inbound: &Inbound,
    target: &Target<'_>,
    quirks: Quirks,
    learned: &Learned,
    bounds: Bounds,
    answering: &Answering,
) -> Result<Carried, Unsupported> {
    let effort = asked_effort(inbound);
    let lowers_effort = !fits(inbound, target.door, target.traits);
    let thinks = effort.as_deref() != Some("none") && !lowers_effort;
    let mut way = Way {
        inbound,
        target,
        quirks,
        thinks,
        splice: Splice::default(),
        dropped: Vec::new(),
        headers: vec![("content-type", "application/json".to_owned())],
    };
    for member in &inbound.members {
        if learned.leaves_out(&member.name, &[]) {
            way.leave_out(member);
        } else {
            way.member(member)?;
        }
    }
    way.effort(effort.as_deref(), lowers_effort);
    way.ceiling(bounds.output_tokens);
    way.nested(learned);
    way.fetched(answering);
    if inbound.is_stream() {
        way.usage();
    }
    let accept = if inbound.is_stream() { "text/event-stream" } else { "application/json" };
    way.headers.push(("accept", accept.to_owned()));
    way.dropped.sort();
    way.dropped.dedup();
    let outbound = Outbound {
        service: target.door.service,
        path: format!("{}/chat/completions", target.door.prefix),
        headers: way.headers,
        body: way.splice.share(inbound.body()),
        stream: inbound.is_stream(),
    };
    let meter = Meter::new(bounds, inbound.facts.cache_lifetime);
    let asked = Asked {
        model: inbound.model().to_owned(),
        choices: inbound.choices,
        wants_usage: inbound.stream_options.include_usage == Some(true),
        thinks_inline: quirks.thinks_inline,
    };
    let relay = if inbound.is_stream() {
        Relay::new(Chunks::new(asked, meter))
    } else {
        Relay::new(Completion::new(asked, meter))
    };
    Ok(Carried { outbound, relay, dropped: way.dropped, betas: SentBetas::default() })
}

/// The effort that the request asks for, in OpenAI's words, whichever member says it.
fn asked_effort(inbound: &Inbound) -> Option<String> {
    let said: Option<String> = loose(inbound, "reasoning_effort");
    let of_budget = |tokens| effort_of_budget(tokens).as_str().to_owned();
    let reasoning = || {
        let reasoning: Reasoning = loose(inbound, "reasoning")?;
        let off = (reasoning.enabled == Some(false)).then(|| "none".to_owned());
        reasoning.effort.or(off).or(reasoning.max_tokens.map(of_budget))
    };
    let thinking = || {
        let thinking: Thinking = loose(inbound, "thinking")?;
        let off = (thinking.r#type.as_deref() == Some("disabled")).then(|| "none".to_owned());
        off.or(thinking.budget_tokens.map(of_budget))
    };
    said.or_else(reasoning).or_else(thinking)
}

fn loose<T: serde::de::DeserializeOwned>(inbound: &Inbound, name: &str) -> Option<T> {
    serde_json::from_slice(inbound.raw(&inbound.find(name)?.place.value)).ok()
}

/// A request on its way: what is decided so far.
struct Way<'a> {
    inbound: &'a Inbound,
    target: &'a Target<'a>,
    quirks: Quirks,
    /// Whether the model thinks before it answers, as far as the request tells.
    thinks: bool,
    splice: Splice<'a>,
    dropped: Vec<Dropped>,
    headers: Vec<(&'static str, String)>,
}

impl<'a> Way<'a> {
    fn remove(&mut self, member: &Member) {
        self.splice.remove(member.place.member());
    }

    fn leave_out(&mut self, member: &Member) {
        self.remove(member);
        if self.inbound.raw(&member.place.value) != b"null" {
            self.dropped.push(Dropped::Member(member.name.clone()));
        }
    }

    fn leave_out_unless(&mut self, is_taken: bool, member: &Member) {
        if !is_taken {
            self.leave_out(member);
        }
    }

    fn member(&mut self, member: &Member) -> Result<(), Unsupported> {
        let quirks = self.quirks;
        let is_openai = self.target.traits.family == "openai";
        match member.name.as_str() {
            "model" => {
                let upstream = quoted(self.target.upstream_id);
                self.splice.replace(member.place.value.clone(), upstream.into_bytes());
            }
            "temperature" | "top_p" => {
                self.leave_out_unless(quirks.samples_while_thinking || !self.thinks, member);
            }
            "frequency_penalty" | "presence_penalty" => {
                self.leave_out_unless(quirks.takes_penalties || is_openai && !self.thinks, member);
            }
            "logprobs" | "top_logprobs" if self.thinks && !quirks.logprobs_while_thinking => {
                self.refuse_unless_silent(
                    member,
                    "is not given while this model thinks; ask with `reasoning_effort` `none`",
                )?;
            }
            "logit_bias" if !quirks.takes_logit_bias => {
                self.refuse_unless_silent(member, "is not supported by this model")?;
            }
            "verbosity" => self.leave_out_unless(quirks.takes_verbosity, member),
            "top_k" | "min_p" | "top_a" | "repetition_penalty" => self.leave_out_unless(!is_openai, member),
            "service_tier" => self.tier(member),
            // Read by `effort`; no API of OpenAI's knows them.
            "reasoning" | "include_reasoning" | "thinking" => {
                self.remove(member);
                let hides =
                    loose::<Reasoning>(self.inbound, "reasoning").and_then(|reasoning| reasoning.exclude);
                if hides == Some(true) {
                    self.dropped.push(Dropped::Member("reasoning.exclude".to_owned()));
                }
            }
            "guardrailConfig" => self.guardrail(member)?,
            "additionalModelRequestFields" => {
                return Err(Unsupported::member(
                    &member.name,
                    "this model's own members belong at the top level",
                ));
            }
            // Other gateways' members, which no model knows.
            "performanceConfig" | "requestMetadata" | "prompt_caching" | "cache_control"
            | "client_metadata" | "transforms" | "provider" | "route" | "usage" => self.leave_out(member),
            _ => {}
        }
        Ok(())
    }

    fn refuse_unless_silent(&mut self, member: &Member, why: &str) -> Result<(), Unsupported> {
        if matches!(self.inbound.raw(&member.place.value), b"null" | b"false" | b"0" | b"{}") {
            self.remove(member);
            return Ok(());
        }
        Err(Unsupported::member(&member.name, why))
    }

    fn tier(&mut self, member: &Member) {
        let asked: Option<String> = loose(self.inbound, "service_tier");
        match asked.as_deref().map(|asked| (asked, service_tier(asked))) {
            Some((asked, Some(tier))) if asked == tier => {}
            Some((_, Some(tier))) => {
                self.splice.replace(member.place.value.clone(), quoted(tier).into_bytes());
            }
            Some(("auto" | "default" | "standard" | "standard_only", None)) | None => self.remove(member),
            Some((_, None)) => self.leave_out(member),
        }
    }

    /// The runtime endpoint takes guardrails as headers; the other one has none.
    fn guardrail(&mut self, member: &Member) -> Result<(), Unsupported> {
        self.remove(member);
        let raw = self.inbound.raw(&member.place.value);
        let config: Option<GuardrailConfig> =
            serde_json::from_slice(raw).map_err(|error| Unsupported::member(&member.name, &plain(&error)))?;
        let Some(config) = config else {
            return Ok(());
        };
        if self.target.door.service == Service::Mantle {
            return Err(Unsupported::member(&member.name, "is not supported where this model is served"));
        }
        self.headers.push(("x-amzn-bedrock-guardrailidentifier", config.guardrail_identifier));
        self.headers.push(("x-amzn-bedrock-guardrailversion", config.guardrail_version));
        if let Some(trace) = config.trace {
            self.headers.push(("x-amzn-bedrock-trace", trace.to_ascii_uppercase()));
        }
        if config.stream_processing_mode.is_some() {
            self.dropped.push(Dropped::Member("guardrailConfig.streamProcessingMode".to_owned()));
        }
        Ok(())
    }

    /// The effort that is asked for, no higher than the model goes.
    fn effort(&mut self, asked: Option<&str>, lowers: bool) {
        let traits = self.target.traits;
        let highest = traits.effort.unwrap_or(Effort::High);
        let is_above = asked.and_then(Effort::from_wire).is_some_and(|asked| asked > highest);
        let lowered = if lowers { Some("none") } else { is_above.then_some(highest.as_str()) };
        if let Some(to) = lowered {
            let member = "reasoning_effort".to_owned();
            self.dropped.push(Dropped::Lowered { member, to: to.to_owned() });
        }
        let sent = lowered.or(asked);
        if let (Some(_), false) = (sent, traits.can(Feature::Reasoning)) {
            if let Some(member) = self.inbound.find("reasoning_effort") {
                self.leave_out(member);
            }
            return;
        }
        match (sent, self.inbound.find("reasoning_effort")) {
            (Some(level), Some(member)) => {
                self.splice.replace(member.place.value.clone(), quoted(level).into_bytes());
            }
            (Some(level), None) => self.insert("reasoning_effort", &quoted(level)),
            (None, _) => {}
        }
    }

    /// Each of several choices may be as long as its share of what was reserved for all.
    fn ceiling(&mut self, output_tokens: u64) {
        let share = (output_tokens / self.inbound.choices.max(1)).max(1).to_string();
        let name = self.quirks.ceiling;
        let other = if name == "max_tokens" { "max_completion_tokens" } else { "max_tokens" };
        if let Some(member) = self.inbound.find(other) {
            self.remove(member);
        }
        match self.inbound.find(name) {
            Some(member) => self.splice.replace(member.place.value.clone(), share.into_bytes()),
            None => self.insert(name, &share),
        }
    }

    /// What stands inside of messages and tools and no model here knows.
    fn nested(&mut self, learned: &Learned) {
        let facts = &self.inbound.facts;
        for mark in &facts.marks {
            self.splice.remove(mark.clone());
            self.dropped.push(Dropped::Member("cache_control".to_owned()));
        }
        if !self.quirks.takes_breakpoints {
            for mark in &facts.breakpoints {
                self.splice.remove(mark.clone());
                self.dropped.push(Dropped::Member("prompt_cache_breakpoint".to_owned()));
            }
        }
        if !self.quirks.knows_developers {
            for role in &facts.developers {
                self.splice.replace(role.clone(), &b"\"system\""[..]);
            }
        }
        for (name, place) in &facts.reasoning {
            self.splice.remove(place.clone());
            self.dropped.push(Dropped::Member(format!("messages.*.{name}")));
        }
        let learned = remove_learned(&self.inbound.members, learned, &mut self.splice);
        self.dropped.extend(learned.into_iter().map(Dropped::Member));
    }

    fn fetched(&mut self, answering: &Answering) {
        for remote in &self.inbound.facts.remote {
            if let Some(fetched) = answering.fetched.get(&remote.address) {
                let key = if remote.is_file_id { "\"file_data\":" } else { "" };
                let data = format!("{key}\"data:{};base64,{}\"", fetched.media_type, fetched.base64);
                self.splice.replace(remote.place.clone(), data.into_bytes());
            }
        }
    }

    /// The gateway meters by the usage of a stream, whether or not the client wants to see it.
    fn usage(&mut self) {
        let Some(member) = self.inbound.find("stream_options") else {
            self.insert("stream_options", r#"{"include_usage":true}"#);
            return;
        };
        let value = member.place.value.clone();
        let raw = self.inbound.raw(&value);
        if !raw.starts_with(b"{") || raw.iter().all(|byte| b"{} \t\r\n".contains(byte)) {
            self.splice.replace(value, &br#"{"include_usage":true}"#[..]);
            return;
        }
        let mut asked = find_members(self.inbound.body(), value.clone(), &["include_usage"]).into_iter();
        match asked.next() {
            Some(place) => self.splice.replace(place, &br#""include_usage":true"#[..]),
            None => self.splice.insert(value.start + 1, &br#""include_usage":true,"#[..]),
        }
        // Said twice, it would be for the upstream to choose.
        asked.for_each(|place| self.splice.remove(place));
    }

    /// Puts a member first. A body always keeps its `messages`, hence the comma.
    fn insert(&mut self, name: &str, value: &str) {
        let brace = self.inbound.body().iter().position(|byte| *byte == b'{').unwrap_or(0);
        self.splice.insert(brace + 1, format!("\"{name}\":{value},").into_bytes());
    }
}
