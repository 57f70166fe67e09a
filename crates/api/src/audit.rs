//! The audit log.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its number; later ones are larger.
    pub number: u64,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// Who.
    #[schema(example = "user:usr_06n2r8a1k4c0b9f3d7e1")]
    pub actor: String,
    /// What.
    #[schema(example = "key.revoke")]
    pub action: String,
    /// To what.
    #[schema(example = "key:key_06n2r8a1k4c0b9f3d7e1")]
    pub subject: String,
    /// In which request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}
