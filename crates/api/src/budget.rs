//! Budgets.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Word;

/// How often a budget renews, by the calendar of its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BudgetWindow {
    /// Never.
    #[default]
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
    /// Past the limit calls are slowed down to a rate: they are told to wait.
    Throttle,
    /// It is noted, and nothing is refused.
    Notify,
}

/// What happens to a call that would fit with less output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BudgetWhenShort {
    /// Its output ceiling is lowered.
    #[default]
    Lower,
    /// It is refused.
    Refuse,
}

/// A budget to set. With the `id` of one that exists, its limit, mode, models and thresholds are changed, and what was
/// spent stays spent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
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
    /// The rate of mode `throttle` in the unit of the limit: US dollars or tokens a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "0.50")]
    pub per_minute: Option<String>,
    /// What happens to a call that would fit with less output.
    #[serde(default)]
    pub when_short: BudgetWhenShort,
    /// Counts only calls of models that fit this pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "claude-opus-*")]
    pub model_filter: Option<String>,
    /// Per cents of the limit that someone wants to hear of; 50, 80 and 100 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<Vec<u8>>,
}

/// A budget and how it stands. Amounts are in the unit of its limit: nano-dollars or tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Budget {
    /// Its id.
    pub id: String,
    /// Whose spending is limited.
    pub account: String,
    /// The name of the user, key or team whose spending that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_name: Option<String>,
    /// How often it renews.
    #[schema(value_type = BudgetWindow)]
    pub window: Word<BudgetWindow>,
    /// By whose calendar: a name of IANA's database.
    #[serde(default = "utc")]
    #[schema(required = true)]
    pub time_zone: String,
    /// The window that it stands in now, such as `2026-11`.
    pub window_key: String,
    /// When it renews.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub renews_at: Option<String>,
    /// What happens at the limit: `block`, `throttle` or `notify`.
    pub mode: String,
    /// The rate of mode `throttle`, a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<u64>,
    /// What happens to a call that would fit with less output.
    #[serde(default)]
    #[schema(value_type = BudgetWhenShort, required = true)]
    pub when_short: Word<BudgetWhenShort>,
    /// Counts only calls of models that fit this pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_filter: Option<String>,
    /// Per cents of the limit that someone wants to hear of.
    pub thresholds: Vec<u8>,
    /// The unit of the amounts: `usd` (then they are nano-dollars) or `tokens`.
    pub unit: String,
    /// How much may be spent in this window: its own limit, or the one that overrides it, and credit.
    pub limit: u64,
    /// The limit that it was set to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u64, required = true)]
    pub own_limit: Option<u64>,
    /// Credit in every window.
    #[serde(default)]
    #[schema(required = true)]
    pub credit: i64,
    /// Credit in this window alone.
    #[serde(default)]
    #[schema(required = true)]
    pub window_credit: i64,
    /// A limit in the place of its own for a time, unless that is over.
    #[serde(default, rename = "override", skip_serializing_if = "Option::is_none")]
    pub overridden: Option<BudgetOverride>,
    /// How much of it is spent.
    pub spent: u64,
    /// How much of what remains servers have at hand for calls under way and to come.
    pub leased: u64,
    /// How much of it is not spent.
    pub remaining: u64,
    /// The part of `spent` that no call accounts for yet.
    pub unresolved: u64,
    /// The part of `spent` that nobody held beforehand: what calls cost beyond their quotes, what was under way when the
    /// budget was made, and what was corrected.
    #[serde(default)]
    #[schema(required = true)]
    pub uncovered: u64,
    /// The limit in US dollars, as a decimal text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_usd: Option<String>,
    /// What is spent in US dollars, as a decimal text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent_usd: Option<String>,
    /// What is to be expected of it, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<BudgetForecast>,
}

/// By which calendar servers count that tell of none.
fn utc() -> String {
    "UTC".to_owned()
}

/// What is to be expected of a budget if people go on as in the last four weeks and no limit holds them back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BudgetForecast {
    /// What will be spent when it renews, in its unit. Absent where it never does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent: Option<u64>,
    /// The same in US dollars, as a decimal text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent_usd: Option<String>,
    /// When its limit will be reached, if it will: before it renews, or within a year where it never does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub runs_out_at: Option<String>,
}

/// A limit in the place of a budget's own, for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BudgetOverride {
    /// The limit, in the budget's unit.
    pub limit: u64,
    /// When it begins.
    #[schema(format = DateTime)]
    pub from: String,
    /// When it ends.
    #[schema(format = DateTime)]
    pub until: String,
}

/// What an adjustment does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdjustmentKind {
    /// So much more in this window, or less.
    #[default]
    Credit,
    /// So much more in every window, or less.
    CreditForEver,
    /// Another limit for a time.
    Override,
    /// The budget's own limit holds again.
    EndOverride,
}

/// Credit to grant or take, or a limit for a time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustmentCreate {
    /// Its id: the same one twice counts once. Made up when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64)]
    pub id: Option<String>,
    /// What it does.
    #[serde(default)]
    pub kind: AdjustmentKind,
    /// The credit or the limit, in the budget's unit: US dollars as a decimal text, or tokens. Credit may be below nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "25.00")]
    pub amount: Option<String>,
    /// When an override begins; at once when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub from: Option<String>,
    /// When an override ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub until: Option<String>,
    /// Why.
    #[schema(example = "release week", min_length = 1)]
    pub reason: String,
}

/// An adjustment, as it is kept for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Adjustment {
    /// Its id.
    pub id: String,
    /// The budget's id.
    pub budget: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub at: String,
    /// Who made it: a user's id, or `operator`.
    pub by: String,
    /// Why.
    pub reason: String,
    /// What it does.
    #[schema(value_type = AdjustmentKind)]
    pub kind: Word<AdjustmentKind>,
    /// The credit or the limit, in the budget's unit: nano-dollars or tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// The only window in which a credit holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_key: Option<String>,
    /// When an override begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub from: Option<String>,
    /// When an override ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub until: Option<String>,
}

/// A threshold was reached: told once in a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BudgetEvent {
    /// Its number, in the order in which events were raised.
    pub number: u64,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// The budget's id.
    pub budget: String,
    /// Whose spending it limits.
    pub account: String,
    /// The window.
    pub window_key: String,
    /// Per cents of the limit.
    pub threshold: u8,
    /// The unit of the amounts: `usd` (then they are nano-dollars) or `tokens`.
    pub unit: String,
    /// What was spent then.
    pub spent: u64,
    /// What the limit was then.
    pub limit: u64,
}
