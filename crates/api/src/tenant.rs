//! Tenants.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::key::ModelRule;

/// A tenant to make.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantCreate {
    /// A short name for it, for good: letters, digits, `-`, `_`, `.`.
    #[schema(example = "acme", min_length = 1, max_length = 64)]
    pub id: String,
    /// Its name for people; the id when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which models its users may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<ModelRule>,
    /// The calendar by which its budgets renew, a name of IANA's database; UTC when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Europe/Berlin")]
    pub time_zone: Option<String>,
}

/// What to change of a tenant; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantUpdate {
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which models its users may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<ModelRule>,
    /// The calendar by which its budgets renew, a name of IANA's database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Europe/Berlin")]
    pub time_zone: Option<String>,
    /// What is wanted of Claude Code on its users' machines: its managed settings, an object. `null` takes the policy away.
    #[serde(default, deserialize_with = "crate::nullable::some", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub managed_settings: Option<Option<Value>>,
    /// Whether its users are locked out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tenant {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Which models its users may use.
    pub models: ModelRule,
    /// The calendar by which its budgets renew, a name of IANA's database.
    pub time_zone: String,
    /// What is wanted of Claude Code on its users' machines, where there is a policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub managed_settings: Option<Value>,
    /// Since when its users are locked out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub disabled_at: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
}
