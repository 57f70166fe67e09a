//! Charges from outside: authorise, capture, void.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Credit to hold for something that is bought elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChargeCreate {
    /// What it is for, such as `web-search`: the name that usage shows in the place of a model's.
    #[schema(example = "web-search", min_length = 1, max_length = 64)]
    pub service: String,
    /// The most that it may cost in US dollars.
    #[schema(example = "0.05")]
    pub amount_usd: String,
    /// The most that it may take of budgets in tokens.
    #[serde(default)]
    pub tokens: u64,
    /// How long it is held unless it is captured: ten minutes when absent, a week at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_seconds: Option<u64>,
}

/// What was really taken. Absent members mean all that is held.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChargeCapture {
    /// What it cost in US dollars: at most what is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "0.02")]
    pub amount_usd: Option<String>,
    /// What it took of budgets in tokens: at most what is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
}

/// A charge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Charge {
    /// Its id.
    #[schema(example = "chg_01KADZ9Q8N0000000000000000")]
    pub id: String,
    /// `held`, `captured`, `voided` or `expired`; `waiting` while credit is asked back from servers.
    pub state: String,
    /// What it is for.
    pub service: String,
    /// Whose charge it is.
    pub user: String,
    /// That user's tenant.
    #[serde(default)]
    pub tenant: String,
    /// The key that it was made with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What it is tagged with.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// What is held, or was captured, in US dollars.
    pub amount_usd: String,
    /// The same in nano-dollars.
    pub amount_nanodollars: u64,
    /// What is held, or was captured, of budgets in tokens.
    pub tokens: u64,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it is free again unless it is captured.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// The budgets that it is held on, each with its window: `BUDGET@WINDOW`.
    pub budgets: Vec<String>,
}
