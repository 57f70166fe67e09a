//! The audit log.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// One act in the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its number; later ones are larger.
    pub number: u64,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// Who: `user:ID`, `operator` (whoever has the store in hand), `bootstrap` or `server`.
    #[schema(example = "user:usr_01KAH0000000000000000")]
    pub actor: String,
    /// What.
    #[schema(example = "key.revoke")]
    pub action: String,
    /// To what.
    #[schema(example = "key:key_01KAH0000000000000000")]
    pub subject: String,
    /// What was different before; absent where there was nothing before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub before: Option<Map<String, Value>>,
    /// What is different now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub after: Option<Map<String, Value>>,
    /// The request that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The address that the request came from, as far as proxies that the operator trusts tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "192.0.2.1")]
    pub address: Option<String>,
    /// A SHA-256 over this entry and the seal of the one before it, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<String>,
}

/// One act in the audit log, as it is sealed: with the texts that the seal covers, so that whoever reads it can check it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SealedAuditEntry {
    /// Its number; later ones are larger.
    pub number: u64,
    /// When, to the microsecond.
    #[schema(format = DateTime)]
    pub at: String,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// To what.
    pub subject: String,
    /// What was different before: the text of a JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What is different now: the text of a JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The request that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The address that the request came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// A SHA-256 over this entry and the seal of the one before it, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<String>,
}
