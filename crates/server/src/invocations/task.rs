//! What embeddings, rankings and images have in common, and what each is billed by.

use bytes::Bytes;
use stonegate_catalog::{Asked, Billing, Price, Unit};
use stonegate_identity::Action;
use stonegate_ledger::{Nanodollars, Picodollars, Quote};
use stonegate_protocol::conversation::{CacheLifetime, Sizes};
use stonegate_protocol::{
    Answered, Failure, Malformed, Plan, Target, Unsupported, Usage, openai_embeddings, openai_images, rerank,
};

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
    /// What it is billed by.
    fn billed(&self) -> Billed;
    /// What to send.
    fn plan(&self, target: &Target<'_>) -> Result<Plan, Unsupported>;
    /// The input tokens that one answer reports.
    fn tokens(&self, answered: &Answered<'_>) -> Result<u64, Failure>;
    /// What the client gets for all answers.
    fn render(
        &self,
        answers: &[Answered<'_>],
        id: &str,
        created_at: i64,
        input_tokens: u64,
    ) -> Result<Bytes, Failure>;
}

/// What a request is billed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Billed {
    /// Tokens.
    Tokens,
    /// So many of something else.
    Units(Unit, u64),
}

impl Billed {
    pub(super) fn billing(self) -> Billing {
        match self {
            Billed::Tokens => Billing::Tokens,
            Billed::Units(unit, _) => Billing::Unit(unit),
        }
    }

    /// The most that it may cost.
    pub(super) fn quote(self, price: &Price, sizes: &Sizes) -> Quote {
        match self {
            Billed::Tokens => price.quote(&Asked {
                sizes,
                cache_lifetime: CacheLifetime::None,
                // Each text has a window of its own.
                context_window: u64::MAX,
                max_output_tokens: 0,
                least_output_tokens: 0,
            }),
            Billed::Units(..) => Quote {
                input: self.cost(price, &Usage::default()),
                input_tokens: 0,
                per_output_token: Picodollars::default(),
                output_tokens: 0,
                least_output_tokens: 0,
            },
        }
    }

    /// What it did cost.
    pub(super) fn cost(self, price: &Price, usage: &Usage) -> Nanodollars {
        match self {
            Billed::Tokens => price.cost(usage),
            Billed::Units(unit, count) => Nanodollars::cost([(count, price.unit(unit).unwrap_or_default())]),
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

    fn billed(&self) -> Billed {
        Billed::Tokens
    }

    fn plan(&self, target: &Target<'_>) -> Result<Plan, Unsupported> {
        self.plan(target)
    }

    /// Where neither the body nor a header tells, the vectors have been billed all the same: two bytes are a token at most.
    fn tokens(&self, answered: &Answered<'_>) -> Result<u64, Failure> {
        let embedded = openai_embeddings::read(*answered)?;
        let texts = self.inputs.len().max(1) as u64;
        let estimate = || {
            let bytes: u64 = self.inputs.iter().map(|text| text.len() as u64).sum();
            (bytes / 2).saturating_mul(embedded.vectors.len() as u64).div_ceil(texts).max(1)
        };
        Ok(embedded.input_tokens.unwrap_or_else(estimate))
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

    fn billed(&self) -> Billed {
        Billed::Units(Unit::Query, self.queries())
    }

    fn plan(&self, target: &Target<'_>) -> Result<Plan, Unsupported> {
        self.plan(target)
    }

    fn tokens(&self, answered: &Answered<'_>) -> Result<u64, Failure> {
        Ok(answered.input_tokens.unwrap_or(0))
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

    fn billed(&self) -> Billed {
        Billed::Units(Unit::OutputImage, self.images)
    }

    fn plan(&self, target: &Target<'_>) -> Result<Plan, Unsupported> {
        self.plan(target)
    }

    fn tokens(&self, answered: &Answered<'_>) -> Result<u64, Failure> {
        Ok(answered.input_tokens.unwrap_or(0))
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
