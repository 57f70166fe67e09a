//! The one function that says yes or no.
//!
//! What is one's own needs the thing's own scope (`usage:read`, `keys:manage`) or the administrative one; what belongs to
//! others needs `admin:read` or `admin:write` and a role that reaches that far. Others are managed only by someone of a
//! higher role, and nobody but an administrator moves a limit that binds themselves.
//!
//! Ephemeral keys belong to the key that they are made with: whoever shows it makes, renews and revokes them, whatever its
//! scopes, since they can do nothing that it cannot, are paid by it and end with it. They have none of their own.

use crate::{
    caller::Caller,
    directory::{Key, NewUser, User},
    id::{KeyId, TeamId, TenantId, UserId},
    kind::KeyKind,
    role::Role,
    scope::Scope,
};

/// What a caller wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Call a model by Anthropic's Messages API, or count tokens for it.
    SendMessages,
    /// Call a model by OpenAI's Chat Completions API.
    SendChat,
    /// Call a model by OpenAI's Responses API.
    SendResponses,
    /// Make embeddings.
    SendEmbeddings,
    /// Call a model by Bedrock's own API.
    InvokeBedrock,
    /// Hold and take credit for what is bought elsewhere.
    MakeCharges,
    /// See that a model exists.
    SeeModel,
    /// Ask who one is.
    SeeSelf,
    /// See what calls used and cost.
    ReadUsage,
    /// List and show keys.
    ReadKeys,
    /// Create, rotate and revoke keys.
    ManageKeys,
    /// Create, renew and revoke ephemeral keys with the key that they are made with.
    ManageChildKeys,
    /// List and show users.
    ReadUsers,
    /// Create and change users.
    ManageUsers,
    /// List and show teams.
    ReadTeams,
    /// Create and change teams.
    ManageTeams,
    /// List and show tenants.
    ReadTenants,
    /// Create and change tenants.
    ManageTenants,
    /// List budgets and what is left of them.
    ReadBudgets,
    /// Create and remove budgets.
    ManageBudgets,
    /// Read the audit log.
    ReadAudit,
    /// See whom the settings trust, and which endpoints and models they name.
    ReadInstallation,
    /// Make, change and take away users and groups of one's tenant by SCIM. Groups may make administrators of people, and
    /// whoever provisions says who somebody is: it takes one.
    Provision,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 23] = [
        Self::SendMessages,
        Self::SendChat,
        Self::SendResponses,
        Self::SendEmbeddings,
        Self::InvokeBedrock,
        Self::MakeCharges,
        Self::SeeModel,
        Self::SeeSelf,
        Self::ReadUsage,
        Self::ReadKeys,
        Self::ManageKeys,
        Self::ManageChildKeys,
        Self::ReadUsers,
        Self::ManageUsers,
        Self::ReadTeams,
        Self::ManageTeams,
        Self::ReadTenants,
        Self::ManageTenants,
        Self::ReadBudgets,
        Self::ManageBudgets,
        Self::ReadAudit,
        Self::ReadInstallation,
        Self::Provision,
    ];
}

/// What it is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource<'a> {
    /// A model, by the catalog's id.
    Model(&'a str),
    /// A user, or something of theirs: a key, a budget, usage.
    User(Owner<'a>),
    /// The ephemeral keys that are made with a key.
    ChildrenOf(&'a KeyId),
    /// A team, or something of it as a whole.
    Team(&'a TenantId, &'a TeamId),
    /// A tenant, or something of it as a whole.
    Tenant(&'a TenantId),
    /// What belongs to no one tenant.
    Installation,
}

/// Whose a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The user's tenant.
    pub tenant: &'a TenantId,
    /// The user's team.
    pub team: Option<&'a TeamId>,
    /// The user.
    pub user: &'a UserId,
    /// The user's role; for a user about to be made or changed, the role that they are to have.
    pub role: Role,
}

impl<'a> From<&'a User> for Owner<'a> {
    fn from(user: &'a User) -> Self {
        Self { tenant: &user.tenant, team: user.team.as_ref(), user: &user.id, role: user.role }
    }
}

impl<'a> From<&'a NewUser> for Owner<'a> {
    fn from(new: &'a NewUser) -> Self {
        Self { tenant: &new.tenant, team: new.team.as_ref(), user: &new.id, role: new.role }
    }
}

impl<'a> From<&'a Key> for Owner<'a> {
    fn from(key: &'a Key) -> Self {
        Self { tenant: &key.tenant, team: key.team.as_ref(), user: &key.user, role: key.user_role }
    }
}

impl<'a> From<&'a Caller> for Owner<'a> {
    fn from(caller: &'a Caller) -> Self {
        Self { tenant: &caller.tenant, team: caller.team.as_ref(), user: &caller.user, role: caller.role }
    }
}

/// The proof that `authorize` said yes. Only it makes one.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a step that needs leave takes the permit"]
pub struct Permit {
    action: Action,
}

impl Permit {
    /// What was permitted.
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The key lacks a scope that would have sufficed.
    #[error("this key lacks the scope `{0}`")]
    MissingScope(Scope),
    /// The person's role does not reach that far.
    #[error("your role `{0}` does not allow this")]
    Role(Role),
    /// An ephemeral key makes no keys.
    #[error("this key was made for a while only, and makes no keys: use the one that it was made with")]
    Ephemeral,
    /// It belongs to someone whom the caller does not look after. Tell the caller that there is no such thing.
    #[error("there is no such thing here, or it is not yours")]
    NotYours,
    /// A rule of the tenant, the user or the key leaves this model out.
    #[error("this key may not use the model `{model}`")]
    Model {
        /// The catalog's id.
        model: String,
    },
}

/// How far a caller gets with an action: what a list is narrowed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Only what is the caller's own.
    Own(UserId),
    /// The caller's team.
    Team(TenantId, TeamId),
    /// The caller's tenant.
    Tenant(TenantId),
    /// Everything.
    Everything,
}

/// Whether this caller may do this to that.
///
/// # Errors
/// When not, with the reason.
pub fn authorize(caller: &Caller, action: Action, resource: &Resource<'_>) -> Result<Permit, Denied> {
    let reach = reach(caller, action)?;
    match resource {
        Resource::Model(model) => {
            if !caller.models.allows(model) {
                return Err(Denied::Model { model: (*model).to_owned() });
            }
        }
        Resource::ChildrenOf(parent) => {
            if action != Action::ManageChildKeys || caller.key.as_ref() != Some(parent) {
                return Err(Denied::NotYours);
            }
            if caller.key_kind == Some(KeyKind::Ephemeral) {
                return Err(Denied::Ephemeral);
            }
        }
        Resource::User(_) | Resource::Team(..) | Resource::Tenant(_) | Resource::Installation => {
            if action == Action::ManageChildKeys || !reach.covers(resource) {
                return Err(Denied::NotYours);
            }
            if !may_manage(caller, action, resource) {
                return Err(Denied::Role(caller.role));
            }
        }
    }
    Ok(Permit { action })
}

/// How far a caller gets with an action.
///
/// # Errors
/// When not even to what is their own.
pub fn reach(caller: &Caller, action: Action) -> Result<Reach, Denied> {
    let need = Need::of(action);
    let by_role = match (caller.role, need.least_role) {
        (role, Some(least)) if role >= least => Some(role_reach(caller, action)),
        _ => None,
    };
    if let Some(reach) = by_role
        && need.others.is_some_and(|scope| caller.scopes.contains(scope))
    {
        return Ok(reach);
    }
    match need.own {
        Own::Free => Ok(Reach::Own(caller.user.clone())),
        Own::Scope(scope) if caller.scopes.contains(scope) => Ok(Reach::Own(caller.user.clone())),
        Own::Scope(scope) => Err(Denied::MissingScope(scope)),
        Own::Never if caller.role < need.least_role.unwrap_or(Role::User) => Err(Denied::Role(caller.role)),
        Own::Never => Err(need.others.map_or(Denied::Role(caller.role), Denied::MissingScope)),
    }
}

fn role_reach(caller: &Caller, action: Action) -> Reach {
    match (caller.role, &caller.team) {
        (Role::Admin, _) => Reach::Everything,
        (Role::TeamLead, Some(team)) if action != Action::ReadTenants => {
            Reach::Team(caller.tenant.clone(), team.clone())
        }
        (Role::TeamLead, _) => Reach::Tenant(caller.tenant.clone()),
        (Role::User, _) => Reach::Own(caller.user.clone()),
    }
}

/// What an action takes: the table behind `authorize`.
struct Need {
    /// For what is one's own.
    own: Own,
    /// The scope for what belongs to others.
    others: Option<Scope>,
    /// The role for what belongs to others.
    least_role: Option<Role>,
}

enum Own {
    Free,
    Scope(Scope),
    Never,
}

impl Need {
    fn of(action: Action) -> Self {
        let need = |own, others, least_role| Self { own, others, least_role };
        let call = |scope| need(Own::Scope(scope), None, None);
        let read = |own, least| need(own, Some(Scope::AdminRead), Some(least));
        let write = |own, least| need(own, Some(Scope::AdminWrite), Some(least));
        match action {
            Action::SendMessages => call(Scope::MessagesSend),
            Action::SendChat => call(Scope::ChatSend),
            Action::SendResponses => call(Scope::ResponsesSend),
            Action::SendEmbeddings => call(Scope::EmbeddingsSend),
            Action::InvokeBedrock => call(Scope::BedrockInvoke),
            Action::MakeCharges => call(Scope::ChargesMake),
            Action::SeeModel | Action::SeeSelf | Action::ManageChildKeys => need(Own::Free, None, None),
            Action::ReadUsage | Action::ReadBudgets => read(Own::Scope(Scope::UsageRead), Role::User),
            Action::ReadKeys => read(Own::Scope(Scope::KeysManage), Role::User),
            Action::ManageKeys => write(Own::Scope(Scope::KeysManage), Role::User),
            Action::ReadUsers => read(Own::Free, Role::TeamLead),
            Action::ManageUsers | Action::ManageTeams | Action::ManageBudgets => {
                write(Own::Never, Role::TeamLead)
            }
            Action::ReadTeams | Action::ReadTenants => read(Own::Never, Role::TeamLead),
            Action::ManageTenants => write(Own::Never, Role::Admin),
            Action::ReadAudit | Action::ReadInstallation => read(Own::Never, Role::Admin),
            Action::Provision => need(Own::Never, Some(Scope::ScimWrite), Some(Role::Admin)),
        }
    }
}

impl Reach {
    fn covers(&self, resource: &Resource<'_>) -> bool {
        match (self, resource) {
            (Self::Everything, _) => true,
            (Self::Own(me), Resource::User(owner)) => owner.user == me,
            (Self::Team(home, mine), Resource::User(owner)) => {
                owner.tenant == home && owner.team == Some(mine)
            }
            (Self::Team(home, mine), Resource::Team(tenant, team)) => *tenant == home && *team == mine,
            (Self::Tenant(mine), Resource::User(owner)) => owner.tenant == mine,
            (Self::Tenant(mine), Resource::Team(tenant, _) | Resource::Tenant(tenant)) => *tenant == mine,
            (Self::Own(_) | Self::Team(..) | Self::Tenant(_), _) => false,
        }
    }
}

/// The last gate: a lead manages those below, not their equals, and not the limits of the whole.
fn may_manage(caller: &Caller, action: Action, resource: &Resource<'_>) -> bool {
    let above = |owner: &Owner<'_>| caller.role == Role::Admin || owner.role < caller.role;
    match (action, resource) {
        (Action::ManageKeys, Resource::User(owner)) => *owner.user == caller.user || above(owner),
        (Action::ManageUsers | Action::ManageBudgets, Resource::User(owner)) => above(owner),
        // A team's limits bind its own lead, and not the lead of the whole tenant.
        (Action::ManageTeams | Action::ManageBudgets, Resource::Team(..)) => {
            caller.role == Role::Admin || caller.team.is_none()
        }
        (
            Action::ManageKeys
            | Action::ManageUsers
            | Action::ManageTeams
            | Action::ManageBudgets
            | Action::ManageTenants,
            _,
        ) => caller.role == Role::Admin,
        _ => true,
    }
}

#[cfg(test)]
#[path = "authorize/tests.rs"]
mod tests;
