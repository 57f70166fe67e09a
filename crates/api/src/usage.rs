//! What was used.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What usage is summed by. Calls that have no such thing come under the empty group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsageBy {
    /// Each user.
    User,
    /// Each key.
    Key,
    /// Each team.
    Team,
    /// Each tenant.
    Tenant,
    /// Each model that answered.
    Model,
    /// Each upstream.
    Endpoint,
    /// Each client's program, such as `claude-code`.
    Client,
    /// Each protocol that clients speak.
    Dialect,
    /// Each tag, as `NAME=VALUE`. A call with several tags counts for each of them.
    Tag,
}

/// The time that each sum is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsagePer {
    /// Each day in UTC.
    Day,
    /// Each hour.
    Hour,
}

/// What was used in a time. The time is of whole hours: one that is touched counts as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// What it is summed by; absent when all is in one sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UsageBy>,
    /// The time that each sum is of; absent for the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<UsagePer>,
    /// Calls that came in at this time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub from: Option<String>,
    /// Calls that came in before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub to: Option<String>,
    /// The sums, in the order of time and of their groups.
    pub data: Vec<UsageRow>,
    /// All calls that are meant, on whichever page; its group is `total`.
    pub total: UsageRow,
    /// Send this as `after` to get the next part; absent when this was the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageRow {
    /// When the day or hour begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub period: Option<String>,
    /// The id of the user, key, team or tenant, or the name of what else it is summed by.
    pub group: String,
    /// The name of the user, key or team for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many calls.
    pub calls: u64,
    /// How many of them rest on an estimate.
    pub estimated: u64,
    /// How many of them are charged what they had reserved, until it is known better.
    pub unresolved: u64,
    /// Their tokens.
    pub tokens: UsageTokens,
    /// Their cost in nano-dollars.
    pub cost_nanodollars: u64,
    /// Their cost in US dollars, exactly, as a decimal text.
    pub cost_usd: String,
    /// What caching saved, in nano-dollars: the cost at the same prices without it, less the cost. Below nothing when more
    /// was written to caches than was ever read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = i64, required = true)]
    pub cache_savings_nanodollars: Option<i64>,
    /// The same in US dollars, exactly, as a decimal text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = true)]
    pub cache_savings_usd: Option<String>,
}

/// Tokens by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct UsageTokens {
    /// Read by the model, neither from nor into the cache.
    pub input: u64,
    /// Written by the model.
    pub output: u64,
    /// Read from the cache.
    pub cache_read: u64,
    /// Written to the cache for five minutes.
    pub cache_write_5m: u64,
    /// Written to the cache for an hour.
    pub cache_write_1h: u64,
    /// Spent on thinking, where the upstream tells; a part of `output`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<u64>,
}
