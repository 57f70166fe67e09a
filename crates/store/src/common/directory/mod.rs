//! [`Directory`] on either database.

use jiff::Timestamp;
use sqlx::Transaction;
use stonegate_identity::{
    AuditEntry, Change, Directory, DirectoryError, KeyDigest, KeyGrant, KeyId, TeamId, TenantId, UserId,
    directory::{
        Act, Answer, AuditFilter, Changes, Filter, FirstAdmin, Key, NewKey, NewPassword, NewTeam, NewTenant,
        NewUser, Page, PageRequest, Rotation, Snapshot, Team, TeamEdit, Tenant, TenantEdit, User, UserEdit,
    },
};

use super::{Connection, Database, Pools, hold_directory};
use crate::directory::error::unavailable;

mod admins;
mod audit;
mod bootstrap;
mod forgetting;
mod grants;
mod keys;
mod passwords;
mod teams;
mod tenants;
mod users;

/// Tenants, teams, users and keys in one database.
pub(crate) struct SqlDirectory {
    pools: Pools,
}

impl SqlDirectory {
    pub(crate) fn new(pools: Pools) -> Self {
        Self { pools }
    }
}

impl Directory for SqlDirectory {
    fn all_grants(&self, now: Timestamp) -> Answer<'_, Snapshot> {
        Box::pin(grants::all(&self.pools, now))
    }

    fn changes_since(&self, version: u64) -> Answer<'_, Changes> {
        Box::pin(grants::since(&self.pools, version))
    }

    fn grant_by_digest(&self, digest: KeyDigest) -> Answer<'_, Option<KeyGrant>> {
        Box::pin(grants::find(&self.pools, digest))
    }

    fn create_tenant<'a>(&'a self, new: NewTenant, act: &'a Act) -> Answer<'a, Tenant> {
        Box::pin(tenants::create(&self.pools, new, act))
    }

    fn find_tenant<'a>(&'a self, id: &'a TenantId) -> Answer<'a, Option<Tenant>> {
        Box::pin(tenants::find(&self.pools, id))
    }

    fn list_tenants<'a>(&'a self, filter: &'a Filter, page: &'a PageRequest) -> Answer<'a, Page<Tenant>> {
        Box::pin(tenants::list(&self.pools, filter, page))
    }

    fn update_tenant<'a>(&'a self, id: &'a TenantId, edit: TenantEdit, act: &'a Act) -> Answer<'a, Tenant> {
        Box::pin(tenants::update(&self.pools, id, edit, act))
    }

    fn create_team<'a>(&'a self, new: NewTeam, act: &'a Act) -> Answer<'a, Team> {
        Box::pin(teams::create(&self.pools, new, act))
    }

    fn find_team<'a>(&'a self, id: &'a TeamId) -> Answer<'a, Option<Team>> {
        Box::pin(teams::find(&self.pools, id))
    }

    fn find_team_by_name<'a>(&'a self, tenant: &'a TenantId, name: &'a str) -> Answer<'a, Option<Team>> {
        Box::pin(teams::find_by_name(&self.pools, tenant, name))
    }

    fn list_teams<'a>(&'a self, filter: &'a Filter, page: &'a PageRequest) -> Answer<'a, Page<Team>> {
        Box::pin(teams::list(&self.pools, filter, page))
    }

    fn update_team<'a>(&'a self, id: &'a TeamId, edit: TeamEdit, act: &'a Act) -> Answer<'a, Team> {
        Box::pin(teams::update(&self.pools, id, edit, act))
    }

    fn create_user<'a>(&'a self, new: NewUser, act: &'a Act) -> Answer<'a, User> {
        Box::pin(users::create(&self.pools, new, act))
    }

    fn find_user<'a>(&'a self, id: &'a UserId) -> Answer<'a, Option<User>> {
        Box::pin(users::find(&self.pools, id))
    }

    fn find_user_by_name<'a>(&'a self, tenant: &'a TenantId, name: &'a str) -> Answer<'a, Option<User>> {
        Box::pin(users::find_by_name(&self.pools, tenant, name))
    }

    fn list_users<'a>(&'a self, filter: &'a Filter, page: &'a PageRequest) -> Answer<'a, Page<User>> {
        Box::pin(users::list(&self.pools, filter, page))
    }

    fn update_user<'a>(&'a self, id: &'a UserId, edit: UserEdit, act: &'a Act) -> Answer<'a, User> {
        Box::pin(users::update(&self.pools, id, edit, act))
    }

    fn create_key<'a>(&'a self, new: NewKey, act: &'a Act) -> Answer<'a, Key> {
        Box::pin(keys::create(&self.pools, new, act))
    }

    fn find_key<'a>(&'a self, id: &'a KeyId) -> Answer<'a, Option<Key>> {
        Box::pin(keys::find(&self.pools, id))
    }

    fn list_keys<'a>(&'a self, filter: &'a Filter, page: &'a PageRequest) -> Answer<'a, Page<Key>> {
        Box::pin(keys::list(&self.pools, filter, page))
    }

    fn renew_key<'a>(&'a self, id: &'a KeyId, expires_at: Timestamp, act: &'a Act) -> Answer<'a, Key> {
        Box::pin(keys::renew(&self.pools, id, expires_at, act))
    }

    fn revoke_key<'a>(&'a self, id: &'a KeyId, act: &'a Act) -> Answer<'a, Key> {
        Box::pin(keys::revoke(&self.pools, id, act))
    }

    fn rotate_key<'a>(&'a self, id: &'a KeyId, rotation: Rotation, act: &'a Act) -> Answer<'a, Key> {
        Box::pin(keys::rotate(&self.pools, id, rotation, act))
    }

    fn refresh_session<'a>(&'a self, id: &'a KeyId, rotation: Rotation, act: &'a Act) -> Answer<'a, Key> {
        Box::pin(keys::refresh(&self.pools, id, rotation, act))
    }

    fn note_uses<'a>(&'a self, uses: &'a [(KeyId, Timestamp)]) -> Answer<'a, ()> {
        Box::pin(forgetting::note_uses(&self.pools, uses))
    }

    fn forget(&self, before: Timestamp, most: u32) -> Answer<'_, u64> {
        Box::pin(forgetting::forget(&self.pools, before, most))
    }

    fn set_password<'a>(&'a self, user: &'a UserId, password: NewPassword, act: &'a Act) -> Answer<'a, ()> {
        Box::pin(passwords::set(&self.pools, user, password, act))
    }

    fn remove_password<'a>(&'a self, user: &'a UserId, act: &'a Act) -> Answer<'a, ()> {
        Box::pin(passwords::remove(&self.pools, user, act))
    }

    fn find_password<'a>(&'a self, login: &'a str) -> Answer<'a, Option<(User, String)>> {
        Box::pin(passwords::find(&self.pools, login))
    }

    fn password_set_at<'a>(&'a self, user: &'a UserId) -> Answer<'a, Option<Timestamp>> {
        Box::pin(passwords::set_at(&self.pools, user))
    }

    fn end_sign_ins<'a>(&'a self, user: &'a UserId, act: &'a Act) -> Answer<'a, ()> {
        Box::pin(keys::end_sign_ins(&self.pools, user, act))
    }

    fn record_change<'a>(
        &'a self,
        action: &'static str,
        subject: String,
        change: Change,
        act: &'a Act,
    ) -> Answer<'a, ()> {
        Box::pin(audit::record_alone(&self.pools, action, subject, change, act))
    }

    fn offer_bootstrap<'a>(
        &'a self,
        digest: KeyDigest,
        expires_at: Timestamp,
        act: &'a Act,
    ) -> Answer<'a, bool> {
        Box::pin(bootstrap::offer(&self.pools, digest, expires_at, act))
    }

    fn is_bootstrap(&self, digest: KeyDigest, now: Timestamp) -> Answer<'_, bool> {
        Box::pin(bootstrap::is_offered(&self.pools, digest, now))
    }

    fn redeem_bootstrap<'a>(&'a self, digest: KeyDigest, first: FirstAdmin, act: &'a Act) -> Answer<'a, Key> {
        Box::pin(bootstrap::redeem(&self.pools, digest, first, act))
    }

    fn list_audit<'a>(
        &'a self,
        filter: &'a AuditFilter,
        page: &'a PageRequest,
    ) -> Answer<'a, Page<AuditEntry>> {
        Box::pin(audit::list(&self.pools, filter, page))
    }

    fn read_audit(&self, after: u64, most: u32) -> Answer<'_, Vec<AuditEntry>> {
        Box::pin(audit::read(&self.pools, after, most))
    }
}

/// Begins a transaction that may write. Whoever comes later waits, so that what was looked up still holds when it is acted
/// on, versions are committed in their order, and each entry of the audit log is sealed over the one before it. People write
/// here, and seldom.
async fn write(pools: &Pools) -> Result<Transaction<'static, Database>, DirectoryError> {
    let mut transaction = pools.write().await.map_err(unavailable)?;
    hold_directory(&mut transaction).await.map_err(unavailable)?;
    Ok(transaction)
}
