//! Teams.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::key::ModelRule;

/// A team to make.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamCreate {
    /// Its name, the only one of its kind in the tenant, archived ones included.
    #[schema(example = "platform", min_length = 1, max_length = 100)]
    pub name: String,
    /// The id of the tenant that it belongs to, for good; the caller's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Which models its users may use, of those that the tenant may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<ModelRule>,
}

/// What to change of a team; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamUpdate {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which models its users may use, of those that the tenant may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<ModelRule>,
    /// What is wanted of Claude Code on its users' machines, in the place of what the tenant wants: its managed settings, an
    /// object. `null` lets the tenant's word hold.
    #[serde(default, deserialize_with = "crate::nullable::some", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub managed_settings: Option<Option<Value>>,
    /// Whether it is over: nobody can be put into it, and its id and name stay for reports. Only a team that no user is in
    /// can be archived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
}

/// A team: a group of a tenant's users with models, budgets and settings in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Team {
    /// Its id.
    pub id: String,
    /// The id of the tenant that it belongs to.
    pub tenant: String,
    /// Its name.
    pub name: String,
    /// Which models its users may use, of those that the tenant may.
    pub models: ModelRule,
    /// What is wanted of Claude Code on its users' machines, where that is not what the tenant wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub managed_settings: Option<Value>,
    /// Since when it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub archived_at: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
}
