//! What embeddings, rankings and images have in common, and what each is billed by.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use stonegate_catalog::{Asked, Billing, Price, Surcharge, Unit};
use stonegate_identity::Action;
use stonegate_ledger::{Basis, Nanodollars, Outcome, Picodollars, Quote, Settlement};
use stonegate_protocol::conversation::{CacheLifetime, Passes, Sizes};
use stonegate_protocol::{
    Answered, Failure, Malformed, Plan, Target, Unsupported, Usage, openai_embeddings, openai_images, rerank,
};

use crate::app::App;
use crate::call::flow::{micros, tokens};
use crate::invocations::parts::Consumed;

/// What reads a request.
pub(super) type Parse = fn(&Bytes) -> Result<Box<dyn Task>, Malformed>;

/// A request of one of these kinds.
pub(super) trait Task: Send + Sync {
    /// The model as the client named it.
    fn model(&self) -> &str;
    /// What the caller does by it.
    fn action(&self) -> Action;
    /// What a quote needs.
    fn sizes(&self) -> &Sizes;
    /// What it may be billed by, from model to model; the first that the model has counts.
    fn billings(&self) -> &'static [Billing];
    /// What to send.
    fn plan(&self, target: &Target<'_>) -> Result<Plan, Unsupported>;
    /// The input tokens of one answer.
    fn tokens(&self, answered: &Answered<'_>) -> Result<Counted, Failure>;
    /// What the client gets for all answers.
    fn render(
        &self,
        answers: &[Answered<'_>],
        id: &str,
        created_at: i64,
        input_tokens: u64,
    ) -> Result<Bytes, Failure>;
}

/// What one answer took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) tokens: u64,
    /// Whether upstream did not say.
    pub(super) is_estimate: bool,
}

/// What a request is billed by, and the price that it settles at.
pub(super) struct Billed {
    pub(super) billing: Billing,
    pub(super) price: Arc<Price>,
}

impl Billed {
    /// The most that it may cost.
    pub(super) fn quote(&self, sizes: &Sizes, units: u64) -> Quote {
        let by_tokens = self.price.quote(&Asked {
            sizes,
            cache_lifetime: CacheLifetime::None,
            // Each text has a window of its own.
            context_window: u64::MAX,
            image_tokens: 20_000,
            // What is learned of conversations says nothing of these.
            surcharge: Surcharge::default(),
            passes: Passes::default(),
            longest_output: 0,
            max_output_tokens: 0,
            least_output_tokens: 0,
        });
        match self.billing {
            Billing::Tokens => by_tokens,
            Billing::Unit(unit) => Quote {
                input: self.cost_of(unit, units),
                per_output_token: Picodollars::default(),
                // Budgets in tokens count what is reported, whatever is billed.
                ..by_tokens
            },
        }
    }

    fn cost_of(&self, unit: Unit, units: u64) -> Nanodollars {
        Nanodollars::cost([(units, self.price.unit(unit).unwrap_or_default())])
    }

    /// How it is settled: what was taken, for how long it ran, and how it failed, if it did.
    pub(super) fn settlement(
        &self,
        app: &App,
        consumed: Consumed,
        elapsed: Duration,
        failed: Option<(Outcome, &Failure)>,
    ) -> Settlement {
        let usage = Usage { input_tokens: consumed.tokens, ..Usage::default() };
        let cost = match self.billing {
            Billing::Tokens => self.price.cost(&usage),
            Billing::Unit(unit) => self.cost_of(unit, consumed.units),
        };
        let outcome = failed.map_or(Outcome::Complete, |(outcome, _)| outcome);
        let basis = if consumed.is_estimate { Basis::Estimated } else { Basis::Reported };
        Settlement {
            total_us: micros(elapsed),
            status: failed.map_or(200, |(_, failure)| failure.status),
            endpoint: Some(Arc::clone(&app.endpoint.name)),
            ..Settlement::new(outcome, basis, cost, tokens(&usage))
        }
    }
}

pub(super) fn embeddings(body: &Bytes) -> Result<Box<dyn Task>, Malformed> {
    Ok(Box::new(openai_embeddings::parse(body)?))
}

impl Task for openai_embeddings::Inbound {
    fn model(&self) -> &str {
        &self.model
    }

    fn action(&self) -> Action {
        Action::SendEmbeddings
    }

    fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    fn billings(&self) -> &'static [Billing] {
        &[Billing::Tokens, Billing::Unit(Unit::Query)]
    }

    fn plan(&self, target: &Target<'_>) -> Result<Plan, Unsupported> {
        self.plan(target)
    }

    /// Where neither the body nor a header tells, the vectors have been billed all the same: two bytes are a token at most.
    fn tokens(&self, answered: &Answered<'_>) -> Result<Counted, Failure> {
        let embedded = openai_embeddings::read(*answered)?;
        let texts = self.inputs.len().max(1) as u64;
        let estimate = || {
            let bytes: u64 = self.inputs.iter().map(|text| text.len() as u64).sum();
            (bytes / 2).saturating_mul(embedded.vectors.len() as u64).div_ceil(texts).max(1)
        };
        Ok(Counted {
            tokens: embedded.input_tokens.unwrap_or_else(estimate),
            is_estimate: embedded.input_tokens.is_none(),
        })
    }

    fn render(
        &self,
        answers: &[Answered<'_>],
        _id: &str,
        _created_at: i64,
        input_tokens: u64,
    ) -> Result<Bytes, Failure> {
        let embedded = answers.iter().map(|answered| openai_embeddings::read(*answered));
        openai_embeddings::render(self, &embedded.collect::<Result<Vec<_>, _>>()?, input_tokens)
    }
}

pub(super) fn rerank(body: &Bytes) -> Result<Box<dyn Task>, Malformed> {
    Ok(Box::new(rerank::parse(body)?))
}

impl Task for rerank::Inbound {
    fn model(&self) -> &str {
        &self.model
    }

    fn action(&self) -> Action {
        Action::SendEmbeddings
    }

    fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    fn billings(&self) -> &'static [Billing] {
        &[Billing::Unit(Unit::Query)]
    }

    fn plan(&self, target: &Target<'_>) -> Result<Plan, Unsupported> {
        self.plan(target)
    }

    fn tokens(&self, answered: &Answered<'_>) -> Result<Counted, Failure> {
        Ok(Counted { is_estimate: !self.is_certain(), ..reported(answered) })
    }

    fn render(
        &self,
        answers: &[Answered<'_>],
        id: &str,
        _created_at: i64,
        _input_tokens: u64,
    ) -> Result<Bytes, Failure> {
        rerank::render(self, id, answers.first().copied().unwrap_or_default())
    }
}

/// The tokens of what is billed otherwise: whoever does not say has none.
fn reported(answered: &Answered<'_>) -> Counted {
    Counted { tokens: answered.input_tokens.unwrap_or(0), is_estimate: false }
}

pub(super) fn images(body: &Bytes) -> Result<Box<dyn Task>, Malformed> {
    Ok(Box::new(openai_images::parse(body)?))
}

impl Task for openai_images::Inbound {
    fn model(&self) -> &str {
        &self.model
    }

    fn action(&self) -> Action {
        Action::SendChat
    }

    fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    fn billings(&self) -> &'static [Billing] {
        &[Billing::Unit(Unit::OutputImage)]
    }

    fn plan(&self, target: &Target<'_>) -> Result<Plan, Unsupported> {
        self.plan(target)
    }

    fn tokens(&self, answered: &Answered<'_>) -> Result<Counted, Failure> {
        Ok(reported(answered))
    }

    fn render(
        &self,
        answers: &[Answered<'_>],
        _id: &str,
        created_at: i64,
        _input_tokens: u64,
    ) -> Result<Bytes, Failure> {
        let painted = answers.iter().map(|answered| openai_images::read(*answered));
        Ok(openai_images::render(created_at, &painted.collect::<Result<Vec<_>, _>>()?))
    }
}
