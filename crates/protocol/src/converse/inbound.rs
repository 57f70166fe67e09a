//! A request of Converse as it came, and how it passes through to a model that is called by Converse.

use bytes::Bytes;

use crate::anthropic;
use crate::capabilities::Capabilities;
use crate::carry::{Answering, Bounds, Carried, Surface, Target, Unsupported};
use crate::conversation::meter::Meter;
use crate::conversation::{CacheLifetime, Passes, Request, Sizes};
use crate::dialect::Dialect;
use crate::inbound::Malformed;
use crate::learned::{Learned, SentBetas};
use crate::passthrough::Splice;
use crate::relay::{Relay, Writer};

use super::facts::Facts;
use super::messages;
use super::outbound::outbound;
use super::relayed::{PassedStream, PassedWhole};
use super::writer::{StreamWriter, WholeWriter};

/// Anthropic's least `thinking.budget_tokens`.
const LEAST_THINKING_BUDGET: u64 = 1_024;

/// A request of Converse, read once. The body stays as it came.
#[derive(Debug)]
pub struct Inbound {
    pub(super) body: Bytes,
    model: String,
    stream: bool,
    facts: Facts,
}

/// Reads the body of `POST /model/{model}/converse`, or of `converse-stream`. The model is the path's, decoded.
///
/// # Errors
/// Where the body is no JSON object, names a member twice, or sets a ceiling that is none.
pub fn parse(body: Bytes, stream: bool, model: &str) -> Result<Inbound, Malformed> {
    let facts = Facts::read(&body)?;
    Ok(Inbound { body, model: model.to_owned(), stream, facts })
}

impl crate::inbound::Inbound for Inbound {
    fn dialect(&self) -> Dialect {
        Dialect::Converse
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn is_stream(&self) -> bool {
        self.stream
    }

    fn max_output_tokens(&self) -> Option<u64> {
        self.facts.max_tokens.as_ref().map(|(asked, _)| *asked)
    }

    fn least_output_tokens(&self) -> u64 {
        if self.facts.thinking_budget.is_some() { LEAST_THINKING_BUDGET + 1 } else { 1 }
    }

    fn sizes(&self) -> &Sizes {
        &self.facts.sizes
    }

    fn cache_lifetime(&self) -> CacheLifetime {
        self.facts.cache_lifetime
    }

    fn service_tier(&self) -> Option<&str> {
        self.facts.service_tier.as_deref()
    }

    fn passes(&self, capabilities: &Capabilities) -> Passes {
        let additional = self.facts.additional.as_ref().and_then(|range| self.body.get(range.clone()));
        let passes = additional
            .map_or_else(Passes::default, |members| anthropic::passes::of_additional(members, capabilities));
        if self.facts.has_system_tools { passes.in_rounds() } else { passes }
    }

    fn names_beta(&self, _beta: &str) -> bool {
        self.facts.additional.is_some()
    }

    fn is_latency_optimized(&self) -> bool {
        self.facts.is_latency_optimized
    }

    fn pass_through(
        &self,
        target: &Target<'_>,
        _learned: &Learned,
        bounds: Bounds,
        _answering: &Answering,
    ) -> Option<Result<Carried, Unsupported>> {
        (target.door.surface == Surface::Converse).then(|| self.pass(target, bounds))
    }

    fn heals(&self, surface: Surface) -> bool {
        surface != Surface::Converse
    }

    fn translate(&self, _answering: &Answering) -> Result<(Request, Box<dyn Writer>), Unsupported> {
        let request = messages::request(&self.body)?;
        let writer: Box<dyn Writer> =
            if self.stream { Box::new(StreamWriter::default()) } else { Box::new(WholeWriter::default()) };
        Ok((request, writer))
    }
}

impl Inbound {
    fn pass(&self, target: &Target<'_>, bounds: Bounds) -> Result<Carried, Unsupported> {
        let body = self.bounded(target, bounds)?;
        let meter = Meter::new(bounds, self.facts.cache_lifetime);
        let relay = if self.stream {
            Relay::new(PassedStream::new(meter, self.facts.cache_lifetime))
        } else {
            Relay::new(PassedWhole::new(meter, self.facts.cache_lifetime))
        };
        let outbound = outbound(target.upstream_id, body, self.stream);
        Ok(Carried { outbound, relay, dropped: Vec::new(), betas: SentBetas::default() })
    }

    /// The body with the ceiling in it.
    fn bounded(&self, target: &Target<'_>, bounds: Bounds) -> Result<Bytes, Unsupported> {
        let most = target.traits.max_output_tokens;
        let ceiling = bounds.output_tokens.max(1);
        if self.facts.is_unbounded {
            // Nova takes no ceiling then; only where all that it can write is reserved, that is safe.
            return match self.facts.max_tokens {
                None if most > 0 && ceiling >= most => Ok(self.body.clone()),
                Some(_) | None => Err(Unsupported::member(
                    "additionalModelRequestFields.reasoningConfig.maxReasoningEffort",
                    "`high` takes no ceiling, and the budget does not cover all that the model can write; use `medium`",
                )),
            };
        }
        let mut splice = Splice::default();
        let text = ceiling.to_string();
        match (&self.facts.max_tokens, &self.facts.inference) {
            (Some((asked, _)), _) if *asked <= ceiling => return Ok(self.body.clone()),
            (Some((_, place)), _) => splice.replace(place.clone(), text.into_bytes()),
            (None, Some(config)) => {
                let inside =
                    self.body.get(config.start + 1..config.end.saturating_sub(1)).unwrap_or_default();
                let comma = if inside.iter().all(u8::is_ascii_whitespace) { "" } else { "," };
                splice.insert(config.start + 1, format!("\"maxTokens\":{text}{comma}").into_bytes());
            }
            (None, None) => {
                let brace = self.body.iter().position(|byte| *byte == b'{').unwrap_or(0);
                let rest = self.body.get(brace + 1..).unwrap_or_default();
                let is_empty = rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'}');
                let comma = if is_empty { "" } else { "," };
                let member = format!("\"inferenceConfig\":{{\"maxTokens\":{text}}}{comma}");
                splice.insert(brace + 1, member.into_bytes());
            }
        }
        if let Some((budget, place)) =
            self.facts.thinking_budget.as_ref().filter(|(budget, _)| *budget >= ceiling)
        {
            if ceiling <= LEAST_THINKING_BUDGET {
                let why = format!(
                    "{budget} tokens are asked for, and only {ceiling} output tokens are left in the budget; ask without \
                     thinking"
                );
                return Err(Unsupported::member("additionalModelRequestFields.thinking.budget_tokens", &why));
            }
            splice.replace(place.clone(), (ceiling - 1).to_string().into_bytes());
        }
        Ok(Bytes::from(splice.apply(&self.body)))
    }
}
