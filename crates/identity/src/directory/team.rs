//! Teams: groups of a tenant's users, with models, budgets and settings in common.

use jiff::Timestamp;

use crate::{
    id::{TeamId, TenantId},
    policy::ModelRule,
};

/// A team. It is never deleted, since the books name it: what is over is archived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// The tenant that it belongs to, for good.
    pub tenant: TenantId,
    /// Its name, the only one of its kind in the tenant, archived ones included.
    pub name: String,
    /// Models that its users may use.
    pub models: ModelRule,
    /// What is wanted of Claude Code on its users' machines, as JSON, in the place of what the tenant wants; `None` where the
    /// tenant's word holds.
    pub managed_settings: Option<String>,
    /// Since when nobody can be put into it.
    pub archived_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A team to make.
#[derive(Debug, Clone)]
pub struct NewTeam {
    /// Its id.
    pub id: TeamId,
    /// The tenant that it belongs to.
    pub tenant: TenantId,
    /// Its name, the only one of its kind in the tenant.
    pub name: String,
    /// Models that its users may use.
    pub models: ModelRule,
}

/// What to change of a team; `None` leaves it.
#[derive(Debug, Clone, Default)]
pub struct TeamEdit {
    /// Its name.
    pub name: Option<String>,
    /// Models that its users may use.
    pub models: Option<ModelRule>,
    /// What is wanted of Claude Code on its users' machines; `Some(None)` lets the tenant's word hold.
    pub managed_settings: Option<Option<String>>,
    /// Whether it is over.
    pub archived: Option<bool>,
}
