//! One model: what it is called, what it can do, and through which doors it is reached.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;
use stonegate_protocol::{Capabilities, Dialect, Traits};

use crate::place::{Geography, Via};
use crate::price::Price;

/// One model of Bedrock.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The catalog's own id, as policies and listings have it: `claude-sonnet-5-5`.
    pub id: Arc<str>,
    /// Bedrock's id: `anthropic.claude-sonnet-5-5`. CountTokens wants this one.
    pub bedrock_id: Arc<str>,
    /// For people: `Claude Sonnet 5.5`.
    pub display_name: Arc<str>,
    /// Whose model it is, as in Bedrock's id: `anthropic`, `meta`.
    pub family: Arc<str>,
    /// What it is for.
    pub purpose: Use,
    /// The wire protocols that Bedrock speaks with it.
    pub dialects: BTreeSet<Dialect>,
    /// Tokens of prompt and answer together, without asking for more.
    pub context_window: u64,
    /// A longer window that has to be asked for.
    pub long_context: Option<LongContext>,
    /// The most tokens of an answer.
    pub max_output_tokens: u64,
    /// What it can do and how it thinks.
    pub traits: Arc<Traits>,
    /// Components of an embedding.
    pub dimensions: Option<u64>,
    /// What Bedrock accepts in an Anthropic body.
    pub capabilities: Arc<Capabilities>,
    /// Whether Bedrock's CountTokens is worth asking; where it refuses all the same, estimate.
    pub counts_tokens: bool,
    /// When it came out, where known.
    pub created: Option<jiff::Timestamp>,
    /// When it goes, where known: `2027-04-08`.
    pub retires: Option<Arc<str>>,
    /// How the `bedrock-mantle` endpoint serves it.
    pub mantle: Option<Mantle>,
    /// The path of the OpenAI-shaped APIs on `bedrock-runtime`, before `/chat/completions` and `/responses`; none where
    /// they do not serve it.
    pub runtime_openai_path: Option<Arc<str>>,
    /// The doors that lead to it.
    pub offers: Vec<Offer>,
}

impl Model {
    /// The longest prompt and answer together, long context asked for or not.
    #[must_use]
    pub fn longest_context(&self) -> u64 {
        self.long_context.as_ref().map_or(self.context_window, |long| long.window.max(self.context_window))
    }

    /// The most that an image in a prompt counts.
    ///
    /// The newest Claude models see up to 2,576 pixels on the long side, 4,784 tokens. Of the others the most eager take an
    /// image apart into some 16,000 patches (Qwen-VL's default, and OpenAI's `original` detail with its factor).
    #[must_use]
    pub fn most_image_tokens(&self) -> u64 {
        if &*self.family == "anthropic" { 5_000 } else { 20_000 }
    }

    /// Whether a window of a million tokens can be had.
    #[must_use]
    pub fn has_long_context(&self) -> bool {
        self.longest_context() >= 1_000_000
    }

    /// The offer at that door for a call to that region.
    #[must_use]
    pub fn offer(&self, via: Via, region: &str) -> Option<&Offer> {
        let mut anywhere = None;
        for offer in self.offers.iter().filter(|offer| offer.via == via) {
            match offer.region.as_deref() {
                Some(only) if only == region => return Some(offer),
                Some(_) => {}
                None => anywhere = Some(offer),
            }
        }
        // Commercial prices do not hold in GovCloud: what is not listed for it is not offered there.
        anywhere.filter(|offer| !region.starts_with("us-gov-") || offer.via == Via::Profile(Geography::UsGov))
    }

    /// The offer of the `bedrock-mantle` endpoint, where that is the only way to the model.
    pub(crate) fn only_mantle(&self, region: &str) -> Option<&Offer> {
        let only = self.offers.iter().all(|offer| offer.via == Via::Mantle);
        if only { self.offer(Via::Mantle, region) } else { None }
    }
}

/// One door to a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// Which door.
    pub via: Via,
    /// The only region that it is open from, at this price; none for all the others.
    pub region: Option<Arc<str>>,
    /// What Bedrock is called with.
    pub upstream_id: Arc<str>,
    /// What it costs in the standard tier; none where nobody knows.
    pub price: Option<Arc<Price>>,
}

/// A longer context window that has to be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongContext {
    /// Tokens of prompt and answer together.
    pub window: u64,
    /// The value of `anthropic-beta` that asks for it.
    pub beta: String,
}

/// How the `bedrock-mantle` endpoint serves a model.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mantle {
    /// The model's id there.
    pub id: String,
    /// The path before `/chat/completions` and `/responses`.
    pub path: String,
}

/// What a model is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// Conversation.
    #[default]
    Chat,
    /// Vectors of texts and images.
    Embedding,
    /// Order of relevance.
    Rerank,
    /// Images out of nothing but words.
    Image,
    /// Images out of images.
    ImageEdit,
    /// Speech, both ways.
    Realtime,
    /// Words about videos.
    Video,
}
