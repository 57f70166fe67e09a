//! How the model thinks and samples, fitted to its family. What is asked for and cannot be had is left out and reported.

use std::collections::BTreeMap;

use serde_json::{Number, json};

use crate::carry::{Bounds, Dropped, Unsupported};
use crate::conversation::{JsonText, Request, Thinking, ThinkingDisplay};
use crate::effort::Effort;
use crate::learned::Learned;
use crate::traits::{Feature, ThinkingKind, Traits};

use super::families::{Family, Reasoning, TopK};
use super::wire::Inference;

/// Anthropic's least `thinking.budget_tokens`.
const LEAST_THINKING_BUDGET: u64 = 1_024;
/// Members of Converse itself that Claude's endpoint refuses a second time, and those that would undo the ceiling.
const OURS: [&str; 11] = [
    "anthropic_version",
    "max_completion_tokens",
    "max_gen_len",
    "max_tokens",
    "maxTokens",
    "messages",
    "n",
    "stop_sequences",
    "stream",
    "system",
    "tools",
];

/// The settings that fit.
pub(super) struct Settings {
    pub(super) inference: Inference,
    /// `additionalModelRequestFields`
    pub(super) additional: Option<JsonText>,
}

/// The settings of a request for a model.
///
/// # Errors
/// Where the members that only the model knows are no object, or say again what Converse has a member for.
pub(super) fn settings(
    request: &Request,
    traits: &Traits,
    learned: &Learned,
    bounds: Bounds,
    has_tools: bool,
    dropped: &mut Vec<Dropped>,
) -> Result<Settings, Unsupported> {
    let mut fields = clients_fields(request)?;
    let is_clients: Vec<String> = fields.keys().cloned().collect();
    let family = Family::of(traits);
    let ceiling = ceiling(traits, bounds);
    let mut fitting = Fitting { request, traits, family, ceiling, fields: &mut fields, dropped };
    let thinks = fitting.reasoning();
    let inference = fitting.inference(thinks);
    fitting.top_k(thinks);
    fitting.parallel(has_tools);
    for name in learned.left_out(&[]) {
        if !is_clients.iter().any(|known| known == name) && fields.remove(name).is_some() {
            dropped.push(Dropped::Member(name.to_owned()));
        }
    }
    let additional = if fields.is_empty() { None } else { JsonText::of(&fields) };
    Ok(Settings { inference, additional })
}

/// Up to where the model may write: never more than was reserved, or than the model can.
fn ceiling(traits: &Traits, bounds: Bounds) -> u64 {
    let most = Some(traits.max_output_tokens).filter(|most| *most > 0).unwrap_or(u64::MAX);
    bounds.output_tokens.min(most).max(1)
}

type Fields = BTreeMap<String, JsonText>;

fn clients_fields(request: &Request) -> Result<Fields, Unsupported> {
    let Some(additional) = &request.additional else {
        return Ok(Fields::new());
    };
    let fields: Fields = serde_json::from_str(additional.as_str())
        .map_err(|error| Unsupported::member("additionalModelRequestFields", &error.to_string()))?;
    match fields.keys().find(|name| OURS.contains(&name.as_str())) {
        Some(name) => {
            let path = format!("additionalModelRequestFields.{name}");
            Err(Unsupported::member(&path, "this member has a place of its own in the request"))
        }
        None => Ok(fields),
    }
}

struct Fitting<'a, 'd> {
    request: &'a Request,
    traits: &'a Traits,
    family: Family,
    ceiling: u64,
    fields: &'d mut Fields,
    dropped: &'d mut Vec<Dropped>,
}

/// Whether the model is told to think, and whether that forbids a ceiling and sampling.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Thinks {
    No,
    Yes,
    /// Nova's highest effort.
    Unbounded,
}

impl Fitting<'_, '_> {
    fn leave_out(&mut self, member: &str) {
        self.dropped.push(Dropped::Member(member.to_owned()));
    }

    fn lower(&mut self, member: &str, to: &str) {
        self.dropped.push(Dropped::Lowered { member: member.to_owned(), to: to.to_owned() });
    }

    /// Sets a member that the client did not set itself.
    fn set(&mut self, name: &str, value: &serde_json::Value) {
        if !self.fields.contains_key(name)
            && let Some(value) = JsonText::of(value)
        {
            self.fields.insert(name.to_owned(), value);
        }
    }

    fn reasoning(&mut self) -> Thinks {
        if self.request.thinking.is_none() && self.request.effort.is_none() {
            return Thinks::No;
        }
        match self.family.reasoning {
            Reasoning::Claude => self.claude(),
            Reasoning::Nova => self.nova(),
            Reasoning::Effort => self.effort_member(|effort| ("reasoning_effort", json!(effort))),
            Reasoning::Nested => self.effort_member(|effort| ("reasoning", json!({ "effort": effort }))),
            Reasoning::Untold => {
                let is_off = self.request.thinking == Some(Thinking::Off);
                // What never thinks needs no telling not to.
                if !is_off || self.traits.can(Feature::Reasoning) {
                    self.leave_out(if self.request.thinking.is_some() { "thinking" } else { "effort" });
                }
                Thinks::No
            }
        }
    }

    /// The effort that is asked for, no higher than the model goes; none where it shall not think.
    fn effort(&mut self) -> Option<Effort> {
        let asked = match (self.request.thinking, self.request.effort) {
            (Some(Thinking::Off), _) => return None,
            (_, Some(effort)) => effort,
            (Some(Thinking::Budget(tokens)), None) => effort_of_budget(tokens),
            (None | Some(Thinking::Adaptive), None) => Effort::Medium,
        };
        let highest = self.traits.effort.unwrap_or(Effort::High);
        if asked > highest {
            self.lower("effort", highest.as_str());
        }
        // Only OpenAI's older models know `minimal`; all know `low`.
        Some(asked.min(highest).max(Effort::Low))
    }

    fn effort_member(&mut self, member: fn(&str) -> (&'static str, serde_json::Value)) -> Thinks {
        let effort = match self.effort() {
            Some(effort) => effort.as_str(),
            None if self.family.reasoning == Reasoning::Nested => "none",
            None => {
                // The least that an open model can be told.
                if self.traits.thinks(ThinkingKind::Effort) {
                    self.lower("thinking", "low");
                    "low"
                } else {
                    return Thinks::No;
                }
            }
        };
        let (name, value) = member(effort);
        self.set(name, &value);
        if effort == "none" { Thinks::No } else { Thinks::Yes }
    }

    /// With `high`, Nova takes no ceiling: only where all that it can write is reserved, that is asked for.
    fn nova(&mut self) -> Thinks {
        let Some(mut effort) = self.effort() else {
            self.set("reasoningConfig", &json!({ "type": "disabled" }));
            return Thinks::No;
        };
        let covers_all = self.traits.max_output_tokens > 0 && self.ceiling >= self.traits.max_output_tokens;
        if effort >= Effort::High && !covers_all {
            effort = Effort::Medium;
            self.lower("effort", effort.as_str());
        }
        let effort = effort.min(Effort::High);
        self.set("reasoningConfig", &json!({ "type": "enabled", "maxReasoningEffort": effort.as_str() }));
        if effort == Effort::High { Thinks::Unbounded } else { Thinks::Yes }
    }

    fn claude(&mut self) -> Thinks {
        let display = match self.request.thinking_display {
            ThinkingDisplay::Usual => None,
            ThinkingDisplay::Shown => Some("summarized"),
            ThinkingDisplay::Hidden => Some("omitted"),
        };
        let adaptive = match display {
            Some(display) => json!({ "type": "adaptive", "display": display }),
            None => json!({ "type": "adaptive" }),
        };
        let adapts = self.traits.thinks(ThinkingKind::Adaptive);
        if self.request.effort.is_some() && self.traits.effort.is_some() {
            if let Some(effort) = self.effort() {
                self.set("output_config", &json!({ "effort": effort.as_str() }));
            }
        } else if self.request.effort.is_some() && !self.traits.thinks(ThinkingKind::Budget) {
            self.leave_out("effort");
        }
        let thinking = match self.request.thinking {
            Some(Thinking::Off) if self.traits.thinks(ThinkingKind::AlwaysOn) => {
                self.leave_out("thinking");
                return Thinks::Yes;
            }
            Some(Thinking::Off) => return Thinks::No,
            Some(Thinking::Budget(budget)) if self.traits.thinks(ThinkingKind::Budget) => {
                let budget = budget.min(self.ceiling.saturating_sub(1));
                if budget < LEAST_THINKING_BUDGET {
                    self.leave_out("thinking");
                    return Thinks::No;
                }
                json!({ "type": "enabled", "budget_tokens": budget })
            }
            _ if adapts => adaptive,
            _ => {
                self.leave_out("thinking");
                return Thinks::No;
            }
        };
        self.set("thinking", &thinking);
        Thinks::Yes
    }

    fn inference(&mut self, thinks: Thinks) -> Inference {
        let sampling = self.request.sampling.clone();
        let is_taken = self.traits.can(Feature::Sampling)
            && thinks != Thinks::Unbounded
            && !(thinks == Thinks::Yes && self.family.reasoning == Reasoning::Claude);
        let (temperature, top_p) = (sampling.temperature, sampling.top_p);
        for (is_there, member) in [(temperature.is_some(), "temperature"), (top_p.is_some(), "top_p")] {
            if is_there && !is_taken {
                self.leave_out(member);
            }
        }
        // Other dialects go up to 2; Converse up to 1.
        let is_hot = temperature.as_ref().and_then(Number::as_f64).is_some_and(|value| value > 1.0);
        if is_hot && is_taken {
            self.lower("temperature", "1");
        }
        let temperature = if is_hot { Some(Number::from(1)) } else { temperature };
        let (stop_sequences, blank): (Vec<String>, Vec<String>) =
            self.request.stop_sequences.iter().cloned().partition(|stop| !stop.is_empty());
        if !blank.is_empty() {
            self.leave_out("stop_sequences");
        }
        Inference {
            max_tokens: (thinks != Thinks::Unbounded).then_some(self.ceiling),
            temperature: temperature.filter(|_| is_taken),
            top_p: top_p.filter(|_| is_taken),
            stop_sequences,
        }
    }

    fn top_k(&mut self, thinks: Thinks) {
        let Some(top_k) = self.request.sampling.top_k else { return };
        let forbids = self.family.reasoning == Reasoning::Claude && thinks == Thinks::Yes;
        match self.family.top_k {
            _ if !self.traits.can(Feature::Sampling) || forbids || thinks == Thinks::Unbounded => {
                self.leave_out("top_k");
            }
            TopK::Plain => self.set("top_k", &json!(top_k)),
            TopK::Nova => self.set("inferenceConfig", &json!({ "topK": top_k.clamp(1, 128) })),
            TopK::Cohere => self.set("k", &json!(top_k.min(500))),
            TopK::Nowhere => self.leave_out("top_k"),
        }
    }

    /// Several calls at once are the rule; only that they shall not be is worth a word.
    fn parallel(&mut self, has_tools: bool) {
        if !has_tools || self.request.parallel_tools != Some(false) {
            return;
        }
        if self.family.takes_parallel {
            self.set("parallel_tool_calls", &json!(false));
        } else {
            self.leave_out("parallel_tool_calls");
        }
    }
}

/// The effort that comes nearest to a budget of thoughts.
fn effort_of_budget(tokens: u64) -> Effort {
    match tokens {
        0..4_096 => Effort::Low,
        4_096..16_384 => Effort::Medium,
        _ => Effort::High,
    }
}
