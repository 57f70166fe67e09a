//! The settings of a conversation, fitted to one Claude model: how it thinks, how hard it tries, the shape of its answer,
//! how it samples. What is asked for and cannot be had is left out and reported.

use serde_json::Number;

use crate::capabilities::EffortRule;
use crate::carry::{Dropped, Target};
use crate::conversation::{
    OutputFormat, Request, Sampling, Thinking, ThinkingDisplay, ToolChoice, ToolNames,
};
use crate::effort::Effort;
use crate::traits::{Feature, ThinkingKind};

use super::additional::Additional;
use super::body::{self, Choice, Format, GuardrailConfig, Metadata, OutputConfig, Settings};
use super::outbound::LEAST_THINKING_BUDGET;
use super::schema;

/// The longest `metadata.user_id`, in characters.
const LONGEST_USER_ID: usize = 256;

/// With what the turn begins in which the model called the tools whose results are the last turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToolLoop {
    /// The last turn brings no results.
    None,
    /// With thoughts.
    Thought,
    /// With something else, and thoughts come later.
    LateThought,
    /// There are no thoughts.
    NoThought,
}

/// Settings that fit.
pub(super) struct Fitted<'a> {
    pub(super) settings: Settings<'a>,
    /// Words for the end of the system prompt: the shape of the answer, where the model has no member for it.
    pub(super) instruction: Option<String>,
}

/// What is fitted to what.
pub(super) struct Fitting<'a, 'd> {
    pub(super) request: &'a Request,
    pub(super) additional: &'d mut Additional,
    pub(super) target: &'a Target<'a>,
    pub(super) names: &'a ToolNames,
    pub(super) ceiling: u64,
    pub(super) tool_loop: ToolLoop,
    /// Whether any tool goes along.
    pub(super) has_tools: bool,
    pub(super) dropped: &'d mut Vec<Dropped>,
}

impl<'a> Fitting<'a, '_> {
    /// The settings.
    pub(super) fn fit(mut self) -> Fitted<'a> {
        let thinking = self.thinking();
        let (thinking, forces) = self.tool_choice_or_thinking(thinking);
        let effort = self.effort(thinking);
        let (format, instruction) = self.format();
        let thinks =
            matches!(thinking, Some(body::Thinking::Enabled { .. } | body::Thinking::Adaptive { .. }));
        let Sampling { temperature, top_p, top_k } = self.sampling(thinks);
        let settings = Settings {
            tool_choice: self.tool_choice(forces),
            thinking,
            output_config: OutputConfig {
                effort: effort.map(Effort::as_str),
                format,
                additional: std::mem::take(&mut self.additional.output_config),
            },
            temperature,
            top_p,
            top_k,
            stop_sequences: self.stop_sequences(),
            metadata: self.metadata(),
            service_tier: self.request.service_tier.as_deref(),
            guardrail: self.guardrail(),
        };
        Fitted { settings, instruction }
    }

    fn drop_member(&mut self, path: &str) {
        self.dropped.push(Dropped::Member(path.to_owned()));
    }

    fn lower(&mut self, member: &str, to: impl Into<String>) {
        self.dropped.push(Dropped::Lowered { member: member.to_owned(), to: to.into() });
    }

    fn thinks(&self, kind: ThinkingKind, name: &str) -> bool {
        self.target.traits.thinks(kind) && !self.target.capabilities.refused_thinking.contains(name)
    }

    fn asked_effort(&self) -> Option<Effort> {
        self.additional.effort.or(self.request.effort)
    }

    fn asked_thinking(&self) -> Option<Thinking> {
        self.additional.thinking.or(self.request.thinking)
    }

    /// How the model is asked to think, before it is looked at what else is asked.
    fn thinking(&mut self) -> Option<body::Thinking> {
        let asked = match (self.asked_thinking(), self.asked_effort()) {
            (Some(asked), _) => asked,
            (None, Some(_)) => Thinking::Adaptive,
            (None, None) => return None,
        };
        let adapts = self.thinks(ThinkingKind::Adaptive, "adaptive");
        let budgets = self.thinks(ThinkingKind::Budget, "enabled");
        let always = self.target.traits.thinks(ThinkingKind::AlwaysOn);
        match asked {
            Thinking::Off if always => {
                self.drop_member("thinking");
                None
            }
            Thinking::Off => (adapts || budgets).then(|| self.off()).flatten(),
            Thinking::Budget(budget) if budgets => self.budget(budget),
            Thinking::Budget(_) | Thinking::Adaptive if adapts => {
                Some(body::Thinking::Adaptive { display: self.display() })
            }
            Thinking::Adaptive if budgets => self.budget_of_effort(),
            Thinking::Budget(_) | Thinking::Adaptive => {
                // A model that always thinks needs no telling.
                if !always {
                    self.drop_member(if self.asked_thinking().is_some() { "thinking" } else { "effort" });
                }
                None
            }
        }
    }

    fn off(&self) -> Option<body::Thinking> {
        let takes = !self.target.capabilities.refused_thinking.contains("disabled");
        takes.then_some(body::Thinking::Disabled)
    }

    fn budget(&mut self, asked: u64) -> Option<body::Thinking> {
        if self.ceiling <= LEAST_THINKING_BUDGET {
            self.drop_member("thinking");
            return None;
        }
        let budget_tokens = asked.max(LEAST_THINKING_BUDGET).min(self.ceiling - 1);
        if budget_tokens != asked {
            self.lower("thinking.budget_tokens", budget_tokens.to_string());
        }
        Some(body::Thinking::Enabled { budget_tokens, display: self.display() })
    }

    /// For a model that knows budgets only. A quarter of the ceiling stays for the answer itself.
    fn budget_of_effort(&mut self) -> Option<body::Thinking> {
        if self.ceiling <= LEAST_THINKING_BUDGET {
            self.drop_member(if self.asked_thinking().is_some() { "thinking" } else { "effort" });
            return None;
        }
        let wanted = match self.asked_effort().unwrap_or(Effort::High) {
            Effort::Minimal | Effort::Low => LEAST_THINKING_BUDGET,
            Effort::Medium => 4_096,
            Effort::High => 16_384,
            Effort::Xhigh => 24_576,
            Effort::Max => 32_768,
        };
        let most = (self.ceiling / 4 * 3).clamp(LEAST_THINKING_BUDGET, self.ceiling - 1);
        Some(body::Thinking::Enabled { budget_tokens: wanted.min(most), display: self.display() })
    }

    /// Models that think within a budget only show their thoughts anyway, and know no such member.
    fn display(&self) -> Option<&'static str> {
        if !self.target.traits.thinks(ThinkingKind::Adaptive) {
            return None;
        }
        match self.additional.display.unwrap_or(self.request.thinking_display) {
            ThinkingDisplay::Usual => None,
            ThinkingDisplay::Shown => Some("summarized"),
            ThinkingDisplay::Hidden => Some("omitted"),
        }
    }

    /// A model that thinks cannot be forced to call a tool, and one in the midst of calling tools has to have thought
    /// before: one of the two gives way. Gives the thinking, and whether a tool may be forced.
    fn tool_choice_or_thinking(
        &mut self,
        thinking: Option<body::Thinking>,
    ) -> (Option<body::Thinking>, bool) {
        let is_forced =
            self.has_tools && matches!(self.request.tool_choice, ToolChoice::Any | ToolChoice::Tool(_));
        let can_be_forced =
            self.target.capabilities.forced_tool_choice && !self.target.traits.thinks(ThinkingKind::AlwaysOn);
        if is_forced && !can_be_forced {
            self.lower("tool_choice", "auto");
        }
        let gives_way = match thinking {
            Some(body::Thinking::Enabled { .. }) => {
                matches!(self.tool_loop, ToolLoop::LateThought | ToolLoop::NoThought)
            }
            Some(body::Thinking::Adaptive { .. }) => self.tool_loop == ToolLoop::LateThought,
            Some(body::Thinking::Disabled) | None => return (thinking, can_be_forced),
        };
        if gives_way || (is_forced && can_be_forced) {
            self.drop_member("thinking");
            return (self.off(), can_be_forced);
        }
        (thinking, can_be_forced)
    }

    fn effort(&mut self, thinking: Option<body::Thinking>) -> Option<Effort> {
        let asked = self.asked_effort().or_else(|| match (self.asked_thinking(), thinking) {
            // A budget, for a model that knows none.
            (Some(Thinking::Budget(budget)), Some(body::Thinking::Adaptive { .. })) => Some(match budget {
                0..=2_048 => Effort::Low,
                2_049..=8_192 => Effort::Medium,
                _ => Effort::High,
            }),
            _ => None,
        })?;
        if self.target.capabilities.effort == EffortRule::Unsupported {
            // Where it became a budget, it was heard.
            if !matches!(thinking, Some(body::Thinking::Enabled { .. })) && self.asked_thinking().is_some() {
                self.drop_member("effort");
            }
            return None;
        }
        if asked == Effort::Minimal {
            self.lower("effort", Effort::Low.as_str());
            return Some(Effort::Low);
        }
        Some(asked)
    }

    /// The shape of the answer: as a member where the model takes one, else in words.
    fn format(&mut self) -> (Option<Format>, Option<String>) {
        let only = "Answer with JSON and nothing else: no words before or after it, and no code fence.";
        match &self.request.output_format {
            None => (None, None),
            Some(OutputFormat::JsonObject) => {
                self.lower("output_format", "instruction");
                (None, Some(format!("{only} The JSON is one object.")))
            }
            Some(OutputFormat::JsonSchema { description, schema, .. }) => {
                let takes = self.target.capabilities.structured_outputs
                    && self.target.traits.can(Feature::StructuredOutput);
                if let Some(schema) = takes.then(|| schema::closed(schema)).flatten() {
                    return (Some(Format::JsonSchema { schema }), None);
                }
                self.lower("output_format", "instruction");
                let about = description.as_deref().map(|words| format!(" {words}")).unwrap_or_default();
                let text = format!("{only}{about} The JSON fits this schema:\n{}", schema.as_str());
                (None, Some(text))
            }
        }
    }

    fn sampling(&mut self, thinks: bool) -> Sampling {
        let Sampling { temperature, top_p, top_k } = self.request.sampling.clone();
        let takes = self.target.capabilities.sampling && self.target.traits.can(Feature::Sampling);
        let value = |number: &Option<Number>| number.as_ref().and_then(Number::as_f64);
        let is_one = |number: &Option<Number>| value(number).is_some_and(|value| (value - 1.0).abs() < 1e-9);
        let mut kept = Sampling::default();
        match (temperature, takes) {
            (Some(_), true) if thinks && !is_one(&self.request.sampling.temperature) => {
                self.drop_member("temperature");
            }
            (Some(_), true) if value(&self.request.sampling.temperature).is_some_and(|value| value > 1.0) => {
                self.lower("temperature", "1");
                kept.temperature = Some(Number::from(1));
            }
            (temperature, true) => kept.temperature = temperature,
            (Some(_), false) => self.drop_member("temperature"),
            (None, false) => {}
        }
        match (top_p, takes) {
            (Some(_), true)
                if kept.temperature.is_some()
                    || (thinks && value(&self.request.sampling.top_p).is_some_and(|value| value < 0.95)) =>
            {
                // Current models take one of the two; all of the probability is what there is without it.
                if !is_one(&self.request.sampling.top_p) {
                    self.drop_member("top_p");
                }
            }
            (top_p, true) => kept.top_p = top_p,
            (Some(_), false) => self.drop_member("top_p"),
            (None, false) => {}
        }
        match (top_k, takes && !thinks) {
            (top_k, true) => kept.top_k = top_k,
            (Some(_), false) => self.drop_member("top_k"),
            (None, false) => {}
        }
        kept
    }

    fn tool_choice(&self, can_be_forced: bool) -> Option<Choice<'a>> {
        if !self.has_tools {
            return None;
        }
        let disable_parallel_tool_use = self.request.parallel_tools == Some(false);
        // Tools that are declared only since the history calls them are not there to be called.
        if self.request.tools.is_empty() && self.additional.tools.is_empty() {
            return Some(Choice::None);
        }
        match &self.request.tool_choice {
            ToolChoice::None => Some(Choice::None),
            ToolChoice::Any if can_be_forced => Some(Choice::Any { disable_parallel_tool_use }),
            ToolChoice::Tool(name) if can_be_forced => {
                Some(Choice::Tool { name: self.names.upstream(name), disable_parallel_tool_use })
            }
            ToolChoice::Auto | ToolChoice::Any | ToolChoice::Tool(_) => {
                disable_parallel_tool_use.then_some(Choice::Auto { disable_parallel_tool_use })
            }
        }
    }

    fn stop_sequences(&mut self) -> Vec<&'a str> {
        let request = self.request;
        // Refused by the model's endpoint.
        if request.stop_sequences.iter().any(|text| text.trim().is_empty()) {
            self.drop_member("stop_sequences");
        }
        request.stop_sequences.iter().map(String::as_str).filter(|text| !text.trim().is_empty()).collect()
    }

    fn metadata(&mut self) -> Option<Metadata<'a>> {
        let user_id = self.request.end_user.as_deref().filter(|user| !user.is_empty())?;
        if user_id.chars().count() > LONGEST_USER_ID {
            self.drop_member("end_user");
            return None;
        }
        Some(Metadata { user_id })
    }

    fn guardrail(&self) -> Option<GuardrailConfig> {
        let mode = self.request.guardrail.as_ref()?.stream_mode.as_deref()?;
        let stream_processing_mode = match mode {
            "async" => "ASYNCHRONOUS",
            _ => "SYNCHRONOUS",
        };
        Some(GuardrailConfig { stream_processing_mode })
    }
}
