//! What was used.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What usage is summed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsageBy {
    /// Each user.
    #[default]
    User,
    /// Each key.
    Key,
    /// Each model that answered.
    Model,
    /// Each day in UTC.
    Day,
    /// Each tenant.
    Tenant,
}

/// What was used in a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// What it is summed by.
    pub by: UsageBy,
    /// Calls that came in at this time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub from: Option<String>,
    /// Calls that came in before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub to: Option<String>,
    /// The sums, in the order of their groups.
    pub data: Vec<UsageRow>,
    /// All of them together; its group is `total`.
    pub total: UsageRow,
}

/// One sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageRow {
    /// The id of the user, key or tenant, the model's name, or the day.
    pub group: String,
    /// The name of the user or key for people.
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
