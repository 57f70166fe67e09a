//! Charges that rest on suspicion, and what they really were.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::UsageTokens;

/// What is charged though nobody saw what it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unresolved {
    /// Calls that are charged what they had reserved, the newest first.
    pub data: Vec<UnresolvedCall>,
    /// Where the next page of calls starts: give it as `before`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// What of dead servers' leases counts as spent.
    pub write_offs: Vec<WriteOff>,
}

/// A call that is charged what it had reserved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnresolvedCall {
    /// Its id.
    pub call: String,
    /// When it came in.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// The tenant whose call it was.
    pub tenant: String,
    /// The user whose call it was.
    pub user: String,
    /// The key that was used, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The model.
    pub model: String,
    /// The upstream's own name for the call, where it said one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_request_id: Option<String>,
    /// What became of it, such as `lost`.
    pub outcome: String,
    /// The tokens that it is charged.
    pub tokens: UsageTokens,
    /// What it is charged in nano-dollars.
    pub cost_nanodollars: u64,
    /// What it is charged in US dollars, exactly, as a decimal text.
    pub cost_usd: String,
    /// The budgets that it is charged to, each with its window: `BUDGET@WINDOW`.
    pub budgets: Vec<String>,
}

/// What of a dead server's lease counts as spent, though no call is known to have taken it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WriteOff {
    /// The server's name in the ledger: one life of one process.
    pub replica: String,
    /// The budget.
    pub budget: String,
    /// The window.
    pub window_key: String,
    /// Whose budget it is.
    pub account: String,
    /// The unit of the amount: `usd` (then it is nano-dollars) or `tokens`.
    pub unit: String,
    /// How much.
    pub amount: u64,
}

/// What a charge really was: of a call, or of a part of a lease that was written off.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CorrectionCreate {
    /// Its id: the same one twice counts once. Made up when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64)]
    pub id: Option<String>,
    /// The call. Either this or `write_off`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallCorrection>,
    /// The part of a lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_off: Option<WriteOffCorrection>,
    /// Why.
    #[schema(example = "as the provider's log has it", min_length = 1)]
    pub reason: String,
}

/// What a call really took. Counts that are absent are nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallCorrection {
    /// The call's id.
    pub id: String,
    /// What it cost in US dollars; `0` where it never took place.
    #[schema(example = "0.0125")]
    pub cost_usd: String,
    /// Tokens read at the full price.
    #[serde(default)]
    pub input_tokens: u64,
    /// Tokens written.
    #[serde(default)]
    pub output_tokens: u64,
    /// Tokens read from the cache.
    #[serde(default)]
    pub cache_read_tokens: u64,
    /// Tokens written to the cache for five minutes.
    #[serde(default)]
    pub cache_write_5m_tokens: u64,
    /// Tokens written to the cache for an hour.
    #[serde(default)]
    pub cache_write_1h_tokens: u64,
}

/// What of a dead server's lease was really spent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteOffCorrection {
    /// The server's name in the ledger.
    pub replica: String,
    /// The budget.
    pub budget: String,
    /// The window.
    pub window_key: String,
    /// So much, in the budget's unit: US dollars as a decimal text, or tokens. At most what was written off.
    #[schema(example = "0")]
    pub spent: String,
}

/// A correction, as it is kept for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Correction {
    /// Its id.
    pub id: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub at: String,
    /// Who made it: a user's id, or `operator`.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The call, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// The dead server whose lease it was otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica: Option<String>,
    /// The budget that the lease was on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<String>,
    /// The window that the lease was on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_key: Option<String>,
    /// What was charged before: nano-dollars of a call, or the budget's unit of a lease.
    pub before: u64,
    /// What is charged since.
    pub after: u64,
}
