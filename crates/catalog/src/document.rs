//! The form of a catalog file, the same for ours and for an operator's, and how one is laid over another.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use stonegate_protocol::traits::{Feature, ThinkingKind};
use stonegate_protocol::{Dialect, Effort};
use toml::Table;

use crate::error::CatalogError;
use crate::model::{LongContext, Mantle, Use};
use crate::price::{Tier, Unit};

/// A catalog file. Every member may be missing: what a layer does not say, the one below it does.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Document {
    /// Where the facts come from.
    pub(crate) about: Option<About>,
    /// What becomes of a model without a price.
    pub(crate) unpriced: Unpriced,
    /// Models by the catalog's id.
    pub(crate) models: BTreeMap<String, ModelEntry>,
    /// Other names: a name, or a pattern with `*` (asked after the rules, the longest first), to a name.
    pub(crate) aliases: BTreeMap<String, String>,
    /// Patterns for names that nothing else knows; the first that fits decides.
    pub(crate) rules: Vec<RuleEntry>,
    /// ARNs that do not tell their model: to the profile id or Bedrock id that they were made of.
    pub(crate) arns: BTreeMap<String, String>,
}

/// Where the facts come from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    pub(crate) version: String,
    #[serde(rename = "source")]
    pub(crate) _source: String,
    #[serde(rename = "licence")]
    pub(crate) _licence: String,
}

/// What becomes of a model without a price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unpriced {
    /// It is refused.
    #[default]
    Refuse,
    /// It is charged at the dearest price of any model.
    Dearest,
}

/// A pattern for names that nothing else knows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleEntry {
    /// The pattern; `*` stands for any letters.
    #[serde(rename = "match")]
    pub(crate) pattern: String,
    /// What it leads to.
    pub(crate) model: String,
}

/// One model.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ModelEntry {
    pub(crate) bedrock_id: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) family: Option<String>,
    #[serde(rename = "use")]
    pub(crate) purpose: Use,
    pub(crate) names: Vec<String>,
    pub(crate) dialects: Option<BTreeSet<Dialect>>,
    pub(crate) context_window: Option<u64>,
    pub(crate) long_context: Option<LongContext>,
    pub(crate) max_output_tokens: Option<u64>,
    pub(crate) features: BTreeSet<Feature>,
    pub(crate) thinking: BTreeSet<ThinkingKind>,
    pub(crate) effort: Option<Effort>,
    pub(crate) minimum_cacheable_tokens: Option<u64>,
    pub(crate) dimensions: Option<u64>,
    pub(crate) counts_tokens: bool,
    pub(crate) created: Option<String>,
    pub(crate) retires: Option<String>,
    pub(crate) mantle: Option<Mantle>,
    pub(crate) runtime_openai_path: Option<String>,
    pub(crate) capabilities: Table,
    pub(crate) prices: BTreeMap<String, BTreeMap<Tier, PriceEntry>>,
    pub(crate) unpriced: BTreeSet<String>,
}

/// Prices of one door in one tier, in pico-dollars.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PriceEntry {
    pub(crate) input: Option<u64>,
    pub(crate) output: Option<u64>,
    pub(crate) cache_read: Option<u64>,
    pub(crate) cache_write_5m: Option<u64>,
    pub(crate) cache_write_1h: Option<u64>,
    pub(crate) steps: Vec<StepEntry>,
    pub(crate) units: BTreeMap<Unit, u64>,
}

/// Prices from a prompt of more than so many tokens on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepEntry {
    pub(crate) above: u64,
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) cache_read: Option<u64>,
    pub(crate) cache_write_5m: Option<u64>,
    pub(crate) cache_write_1h: Option<u64>,
}

/// Checks a layer by itself: only there a mistake still has a line.
pub(crate) fn check(text: &str) -> Result<(), CatalogError> {
    toml::from_str::<Document>(text).map(drop).map_err(|error| CatalogError::unreadable(text, &error))
}
