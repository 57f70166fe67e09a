//! Budgets.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How often a budget renews, by the calendar in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BudgetWindow {
    /// Never.
    Total,
    /// Every day.
    Daily,
    /// Every Monday.
    Weekly,
    /// Every first of a month.
    Monthly,
}

/// What happens at the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BudgetMode {
    /// Calls are refused.
    #[default]
    Block,
    /// It is noted, and nothing is refused.
    Notify,
}

/// A budget to set. With the `id` of one that exists, its limit, mode, models and thresholds are changed, and what was
/// spent stays spent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetCreate {
    /// Its id; made of account, window and unit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64)]
    pub id: Option<String>,
    /// Whose spending is limited: `tenant:ID`, `team:ID`, `user:ID` or `key:ID`.
    #[schema(example = "tenant:default")]
    pub account: String,
    /// How often it renews.
    pub window: BudgetWindow,
    /// So many US dollars per window, up to nine places. Either this or `limit_tokens`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "100.00", pattern = r"^[0-9]+(\.[0-9]{1,9})?$")]
    pub limit_usd: Option<String>,
    /// So many tokens per window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_tokens: Option<u64>,
    /// What happens at the limit.
    #[serde(default)]
    pub mode: BudgetMode,
    /// Counts only calls of models that fit this pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "claude-opus-*")]
    pub model_filter: Option<String>,
    /// Per cents of the limit that someone wants to hear of.
    #[serde(default)]
    pub thresholds: Vec<u8>,
}

/// A budget and how it stands. Amounts are in the unit of its limit: nano-dollars or tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Budget {
    /// Its id.
    pub id: String,
    /// Whose spending is limited.
    pub account: String,
    /// The name of the user or key whose spending that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_name: Option<String>,
    /// How often it renews.
    pub window: BudgetWindow,
    /// The window that it stands in now, such as `2026-11`.
    pub window_key: String,
    /// When it renews.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub renews_at: Option<String>,
    /// What happens at the limit: `block`, `throttle` or `notify`.
    pub mode: String,
    /// Counts only calls of models that fit this pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_filter: Option<String>,
    /// Per cents of the limit that someone wants to hear of.
    pub thresholds: Vec<u8>,
    /// The unit of the amounts: `usd` (then they are nano-dollars) or `tokens`.
    pub unit: String,
    /// How much may be spent in one window.
    pub limit: u64,
    /// How much of it is spent.
    pub spent: u64,
    /// How much of what remains servers have at hand for calls under way and to come.
    pub leased: u64,
    /// How much of it is not spent.
    pub remaining: u64,
    /// The part of `spent` that no call accounts for yet.
    pub unresolved: u64,
    /// The limit in US dollars, as a decimal text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_usd: Option<String>,
    /// What is spent in US dollars, as a decimal text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent_usd: Option<String>,
}
