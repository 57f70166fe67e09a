//! What an installation knows of tenants, teams, users and keys, as questions to whoever keeps it.
//!
//! Every act is written down with its doer in the same transaction ([`Act`]). What people make is never deleted: keys are
//! revoked, users and tenants disabled, teams archived, so that usage and audit keep their names. Only what came by itself
//! and is long over is forgotten ([`Directory::forget`]).
//!
//! Every change of who may come in raises the directory's version; a replica that asks [`Directory::changes_since`] a few
//! times a second therefore learns of a revocation at once.

use std::{fmt, future::Future, net::IpAddr, pin::Pin};

use jiff::Timestamp;

use crate::{
    audit::{AuditEntry, Change},
    authorize::Reach,
    caller::KeyGrant,
    id::{KeyId, TeamId, TenantId, UserId},
    key::{KeyDigest, PublicForm},
    kind::KeyKind,
    policy::ModelRule,
    role::Role,
    scope::Scopes,
};

mod team;

pub use team::{NewTeam, Team, TeamEdit};

/// The answer to come of one question.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, DirectoryError>> + Send + 'a>>;

/// The keeper of identities.
pub trait Directory: Send + Sync + 'static {
    /// Every grant that may still hold at `now`, and the version that this is the state of.
    fn all_grants(&self, now: Timestamp) -> Answer<'_, Snapshot>;

    /// What has changed since that version.
    fn changes_since(&self, version: u64) -> Answer<'_, Changes>;

    /// The grant behind one key text, whatever its standing.
    fn grant_by_digest(&self, digest: KeyDigest) -> Answer<'_, Option<KeyGrant>>;

    /// Makes a tenant.
    fn create_tenant<'a>(&'a self, new: NewTenant, act: &'a Act) -> Answer<'a, Tenant>;
    /// One tenant.
    fn find_tenant<'a>(&'a self, id: &'a TenantId) -> Answer<'a, Option<Tenant>>;
    /// Tenants in the order of their ids.
    fn list_tenants<'a>(&'a self, filter: &'a Filter, page: &'a PageRequest) -> Answer<'a, Page<Tenant>>;
    /// Changes a tenant.
    fn update_tenant<'a>(&'a self, id: &'a TenantId, edit: TenantEdit, act: &'a Act) -> Answer<'a, Tenant>;

    /// Makes a team.
    fn create_team<'a>(&'a self, new: NewTeam, act: &'a Act) -> Answer<'a, Team>;
    /// One team.
    fn find_team<'a>(&'a self, id: &'a TeamId) -> Answer<'a, Option<Team>>;
    /// The team of that name in a tenant.
    fn find_team_by_name<'a>(&'a self, tenant: &'a TenantId, name: &'a str) -> Answer<'a, Option<Team>>;
    /// Teams in the order in which they were made. Archived ones are not in force.
    fn list_teams<'a>(&'a self, filter: &'a Filter, page: &'a PageRequest) -> Answer<'a, Page<Team>>;
    /// Changes a team. [`DirectoryError::Conflict`] on `archived` for one that users are in: nobody is to lose a limit, or to
    /// look after more than before, because a team goes.
    fn update_team<'a>(&'a self, id: &'a TeamId, edit: TeamEdit, act: &'a Act) -> Answer<'a, Team>;

    /// Makes a user. [`DirectoryError::Conflict`] on `team` for one that is archived.
    fn create_user<'a>(&'a self, new: NewUser, act: &'a Act) -> Answer<'a, User>;
    /// One user.
    fn find_user<'a>(&'a self, id: &'a UserId) -> Answer<'a, Option<User>>;
    /// The user of that name in a tenant.
    fn find_user_by_name<'a>(&'a self, tenant: &'a TenantId, name: &'a str) -> Answer<'a, Option<User>>;
    /// Users in the order in which they were made.
    fn list_users<'a>(&'a self, filter: &'a Filter, page: &'a PageRequest) -> Answer<'a, Page<User>>;
    /// Changes a user. [`DirectoryError::Conflict`] on `team` for one that is archived.
    fn update_user<'a>(&'a self, id: &'a UserId, edit: UserEdit, act: &'a Act) -> Answer<'a, User>;

    /// Stores a new key. The key itself is known to its maker alone. [`DirectoryError::Conflict`] on `user` when the user has
    /// [`NewKey::most`] of its kind in force already.
    fn create_key<'a>(&'a self, new: NewKey, act: &'a Act) -> Answer<'a, Key>;
    /// One key.
    fn find_key<'a>(&'a self, id: &'a KeyId) -> Answer<'a, Option<Key>>;
    /// Keys in the order in which they were made.
    fn list_keys<'a>(&'a self, filter: &'a Filter, page: &'a PageRequest) -> Answer<'a, Page<Key>>;
    /// Lengthens the life of an ephemeral key. [`DirectoryError::Conflict`] on `id` for another kind, or when it is over.
    fn renew_key<'a>(&'a self, id: &'a KeyId, expires_at: Timestamp, act: &'a Act) -> Answer<'a, Key>;
    /// Ends a key for good, with all its texts and its ephemeral keys. Revoking twice is no error and keeps the first time.
    fn revoke_key<'a>(&'a self, id: &'a KeyId, act: &'a Act) -> Answer<'a, Key>;
    /// Gives a long-lived key a new text; the ones it has now end at `rotation.old_until`, or sooner if they already had an end.
    fn rotate_key<'a>(&'a self, id: &'a KeyId, rotation: Rotation, act: &'a Act) -> Answer<'a, Key>;

    /// Gives a session a new text; the one it has now ends at `rotation.old_until`, or sooner if it already had an end, and
    /// those that ended long ago are forgotten. [`DirectoryError::Conflict`] on `id` for another kind, or when it is over.
    fn refresh_session<'a>(&'a self, id: &'a KeyId, rotation: Rotation, act: &'a Act) -> Answer<'a, Key>;

    /// Notes when keys were last used; what is noted never goes back. It is no act, and nothing that replicas are told of.
    fn note_uses<'a>(&'a self, uses: &'a [(KeyId, Timestamp)]) -> Answer<'a, ()>;

    /// Forgets keys that are not long-lived and ended before that time, at most so many: sessions, sign-ins of browsers and
    /// ephemeral keys. Those that usage is told of by their names lose their texts only. Bootstrap tokens that ended before
    /// then go, too. Says how many keys it were.
    fn forget(&self, before: Timestamp, most: u32) -> Answer<'_, u64>;

    /// Gives a user a password, or a new one, and the login that it goes with, and ends every sign-in that the user has.
    /// [`DirectoryError::Conflict`] on `email` when another user has that login.
    fn set_password<'a>(&'a self, user: &'a UserId, password: NewPassword, act: &'a Act) -> Answer<'a, ()>;
    /// Takes a user's password away, if there is one, and ends every sign-in that the user has.
    fn remove_password<'a>(&'a self, user: &'a UserId, act: &'a Act) -> Answer<'a, ()>;
    /// The user behind a login, with the hash of the password.
    fn find_password<'a>(&'a self, login: &'a str) -> Answer<'a, Option<(User, String)>>;

    /// When the user's password was set, if there is one.
    fn password_set_at<'a>(&'a self, user: &'a UserId) -> Answer<'a, Option<Timestamp>>;
    /// Ends every sign-in of a user that is in force. Keys that were made otherwise stay.
    fn end_sign_ins<'a>(&'a self, user: &'a UserId, act: &'a Act) -> Answer<'a, ()>;

    /// Writes down an act that changes nothing here, such as a sign-in that was refused.
    fn record<'a>(&'a self, action: &'static str, subject: String, act: &'a Act) -> Answer<'a, ()> {
        self.record_change(action, subject, Change::default(), act)
    }
    /// Writes down what was changed of something that is not kept here.
    fn record_change<'a>(
        &'a self,
        action: &'static str,
        subject: String,
        change: Change,
        act: &'a Act,
    ) -> Answer<'a, ()>;

    /// Stores a bootstrap token in the place of those that were offered before, unless there was ever an administrator: one
    /// with a key that has [`crate::Scope::AdminWrite`], whether it still holds or not, or with a password, or one who came by
    /// such a token or took somebody's password away. Says whether it did.
    fn offer_bootstrap<'a>(
        &'a self,
        digest: KeyDigest,
        expires_at: Timestamp,
        act: &'a Act,
    ) -> Answer<'a, bool>;
    /// Whether a bootstrap token could be redeemed now.
    fn is_bootstrap(&self, digest: KeyDigest, now: Timestamp) -> Answer<'_, bool>;
    /// Makes the first administrator with their key and password, and uses up the bootstrap token, all or nothing. An
    /// administrator of that name who has no such key yet gets this one.
    /// [`DirectoryError::NotFound`] when the token is unknown, used or too old; [`DirectoryError::Conflict`] on `email` when
    /// another user has the login.
    fn redeem_bootstrap<'a>(&'a self, digest: KeyDigest, first: FirstAdmin, act: &'a Act) -> Answer<'a, Key>;

    /// What was done, latest first; the page's cursor is the number of an entry.
    fn list_audit<'a>(
        &'a self,
        filter: &'a AuditFilter,
        page: &'a PageRequest,
    ) -> Answer<'a, Page<AuditEntry>>;
    /// Entries with larger numbers than `after`, the first of them first, at most so many; an empty answer is the log's end.
    fn read_audit(&self, after: u64, most: u32) -> Answer<'_, Vec<AuditEntry>>;
}

/// Why the directory did not do it.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// There is no such thing.
    #[error("there is no {kind} `{name}`")]
    NotFound {
        /// `tenant`, `team`, `user`, `key` or `bootstrap token`.
        kind: &'static str,
        /// What was asked for. Never a secret.
        name: String,
    },
    /// There is one already, or it is past changing.
    #[error("{message}")]
    Conflict {
        /// The request's member that collides.
        field: &'static str,
        /// What is wrong and what to do about it.
        message: String,
    },
    /// The store did not answer, or answered nonsense. For the operator.
    #[error("the directory is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Who does something, when, in which request and from where: what the audit log keeps of every change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// The request that asked for it.
    pub request_id: Option<String>,
    /// The address that the request came from.
    pub address: Option<IpAddr>,
}

/// Who does something to the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A user, by the admin API.
    User(UserId),
    /// Whoever has the store's file in hand, by the command line.
    Operator,
    /// Whoever had the bootstrap token.
    Bootstrap,
    /// The server itself.
    Server,
}

impl fmt::Display for Actor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(out, "user:{id}"),
            Self::Operator => out.write_str("operator"),
            Self::Bootstrap => out.write_str("bootstrap"),
            Self::Server => out.write_str("server"),
        }
    }
}

/// Grants and the version that they are the state of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The directory's version.
    pub version: u64,
    /// Grants by the digest of their key text.
    pub grants: Vec<(KeyDigest, KeyGrant)>,
}

/// What happened since a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// Nothing.
    None,
    /// These grants are new or different now, revoked ones among them.
    Grants(Snapshot),
    /// The directory is older than the asker's version (a backup was put back): load everything again.
    StartOver,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name for people.
    pub name: String,
    /// Models that its users may use.
    pub models: ModelRule,
    /// The calendar by which its budgets renew: a name of IANA's database.
    pub time_zone: String,
    /// What is wanted of Claude Code on its users' machines, as JSON; `None` where there is no policy.
    pub managed_settings: Option<String>,
    /// Since when its users are locked out.
    pub disabled_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A tenant to make.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// Its id.
    pub id: TenantId,
    /// Its name for people.
    pub name: String,
    /// Models that its users may use.
    pub models: ModelRule,
    /// The calendar by which its budgets renew: a name of IANA's database.
    pub time_zone: String,
}

/// What to change of a tenant; `None` leaves it.
#[derive(Debug, Clone, Default)]
pub struct TenantEdit {
    /// Its name for people.
    pub name: Option<String>,
    /// Models that its users may use.
    pub models: Option<ModelRule>,
    /// The calendar by which its budgets renew: a name of IANA's database.
    pub time_zone: Option<String>,
    /// What is wanted of Claude Code on its users' machines; `Some(None)` takes the policy away.
    pub managed_settings: Option<Option<String>>,
    /// Whether its users are locked out.
    pub disabled: Option<bool>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The user's id.
    pub id: UserId,
    /// The tenant that the user belongs to.
    pub tenant: TenantId,
    /// The team inside it.
    pub team: Option<TeamId>,
    /// A name, the only one of its kind in the tenant.
    pub name: String,
    /// An address.
    pub email: Option<String>,
    /// What the user is.
    pub role: Role,
    /// Models that the user may use.
    pub models: ModelRule,
    /// Since when the user is locked out.
    pub disabled_at: Option<Timestamp>,
    /// When the user was made.
    pub created_at: Timestamp,
}

/// A user to make.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The user's id.
    pub id: UserId,
    /// The tenant that the user belongs to.
    pub tenant: TenantId,
    /// A team of that tenant.
    pub team: Option<TeamId>,
    /// A name, the only one of its kind in the tenant.
    pub name: String,
    /// An address.
    pub email: Option<String>,
    /// What the user is.
    pub role: Role,
    /// Models that the user may use.
    pub models: ModelRule,
}

/// What to change of a user; `None` leaves it.
#[derive(Debug, Clone, Default)]
pub struct UserEdit {
    /// The user's name.
    pub name: Option<String>,
    /// The user's address.
    pub email: Option<String>,
    /// A team of the user's tenant; `Some(None)` takes the user out of the one they are in. What they used before stays the
    /// former team's.
    pub team: Option<Option<TeamId>>,
    /// What the user is. Keys lose at once what the new role may not hold.
    pub role: Option<Role>,
    /// Models that the user may use.
    pub models: Option<ModelRule>,
    /// Whether the user is locked out.
    pub disabled: Option<bool>,
}

/// A key, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key's id, the same over all rotations.
    pub id: KeyId,
    /// Whose tenant.
    pub tenant: TenantId,
    /// The owner's team.
    pub team: Option<TeamId>,
    /// Whose it is.
    pub user: UserId,
    /// The owner's name.
    pub user_name: String,
    /// The owner's role.
    pub user_role: Role,
    /// The key's name.
    pub name: String,
    /// What kind it is.
    pub kind: KeyKind,
    /// The key that an ephemeral one was made with.
    pub parent: Option<KeyId>,
    /// What may be shown of its newest text.
    pub public_form: PublicForm,
    /// What it may be used for.
    pub scopes: Scopes,
    /// Models that it may be used for.
    pub models: ModelRule,
    /// What all calls with it are tagged with, in the form that the ledger keeps.
    pub tags: Option<String>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// Since when it, or its parent, is revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it got its newest text.
    pub rotated_at: Option<Timestamp>,
    /// When it was last used, give or take some minutes; never known of when absent.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A key to store.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// The key's id.
    pub id: KeyId,
    /// Whose it is.
    pub user: UserId,
    /// The key's name.
    pub name: String,
    /// What kind it is.
    pub kind: KeyKind,
    /// The key that an ephemeral one is made with.
    pub parent: Option<KeyId>,
    /// How many of its kind its user may have in force, with this one; any number when absent.
    pub most: Option<u32>,
    /// What it is found by.
    pub digest: KeyDigest,
    /// What may be shown of it.
    pub public_form: PublicForm,
    /// What it may be used for.
    pub scopes: Scopes,
    /// Models that it may be used for.
    pub models: ModelRule,
    /// What all calls with it are tagged with, in the form that the ledger keeps.
    pub tags: Option<String>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When its first text ends, where that is sooner: it is an access token.
    pub text_until: Option<Timestamp>,
}

/// A password to keep.
#[derive(Debug, Clone)]
pub struct NewPassword {
    /// What its user types beside it: an address in lower case.
    pub login: String,
    /// The password's hash, with all that checking another one against it takes.
    pub hash: String,
}

/// The first administrator.
#[derive(Debug, Clone)]
pub struct FirstAdmin {
    /// Who.
    pub user: NewUser,
    /// What they administer with.
    pub key: NewKey,
    /// What they sign in by, if they want to.
    pub password: Option<NewPassword>,
}

/// A new text for a key.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// What the key is found by from now on.
    pub digest: KeyDigest,
    /// What may be shown of it.
    pub public_form: PublicForm,
    /// Until when the old text works beside it.
    pub old_until: Timestamp,
    /// When the new text ends, where that is sooner than the key.
    pub new_until: Option<Timestamp>,
}

/// Which ones to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// How far the asker sees.
    pub reach: Reach,
    /// Only this tenant's.
    pub tenant: Option<TenantId>,
    /// Only those of this team's users.
    pub team: Option<TeamId>,
    /// Only this user's.
    pub user: Option<UserId>,
    /// Only those with this name.
    pub name: Option<String>,
    /// Only keys of this kind.
    pub kind: Option<KeyKind>,
    /// Only those that are neither revoked, expired, disabled nor archived at this time.
    pub in_force_at: Option<Timestamp>,
}

impl Filter {
    /// Whatever is in reach.
    #[must_use]
    pub fn within(reach: Reach) -> Self {
        Self { reach, tenant: None, team: None, user: None, name: None, kind: None, in_force_at: None }
    }
}

/// Which part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// What comes after this one: `next` of the page before.
    pub after: Option<String>,
    /// How many at most.
    pub limit: u32,
}

impl PageRequest {
    /// The most that one page holds.
    pub const MOST: u32 = 1_000;

    /// The first page, as long as may be.
    #[must_use]
    pub fn first() -> Self {
        Self { after: None, limit: Self::MOST }
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The things.
    pub items: Vec<T>,
    /// Where the next part starts, when there is more.
    pub next: Option<String>,
}

/// Which entries of the audit log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only this one's acts, e.g. `operator`.
    pub actor: Option<String>,
    /// Only such acts, e.g. `key.revoke`.
    pub action: Option<String>,
    /// Only what was done to this, e.g. `user:usr_…`.
    pub subject: Option<String>,
    /// Only from then on.
    pub since: Option<Timestamp>,
    /// Only before then.
    pub until: Option<Timestamp>,
}
