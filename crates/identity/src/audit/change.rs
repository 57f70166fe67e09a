//! What an act changed, as the log keeps it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    directory::{Key, Team, Tenant, User},
    id::{KeyId, TeamId},
    policy::ModelRule,
};

/// What an act changed: JSON objects with the members that are different now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// As it was; `None` where there was nothing.
    pub before: Option<String>,
    /// As it is; `None` where there is nothing any more, or nothing to say.
    pub after: Option<String>,
}

/// Something whose changes are written down.
pub trait Audited {
    /// Its members, as the admin API names them; no secret, and nothing that changes without an act.
    fn members(&self) -> Map<String, Value>;
}

impl Change {
    /// Something was made: all that is to be said of it.
    #[must_use]
    pub fn made(thing: &impl Audited) -> Self {
        Self { before: None, after: Some(whole(thing)) }
    }

    /// Something was taken away.
    #[must_use]
    pub fn removed(thing: &impl Audited) -> Self {
        Self { before: Some(whole(thing)), after: None }
    }

    /// Something was changed: what is different.
    #[must_use]
    pub fn between<T: Audited>(before: &T, after: &T) -> Self {
        let (old, new) = (before.members(), after.members());
        let only = |these: &Map<String, Value>, others: &Map<String, Value>| {
            let different = these.iter().filter(|(name, value)| others.get(*name) != Some(value));
            let members = different.map(|(name, value)| (name.clone(), value.clone())).collect();
            Some(Value::Object(members).to_string())
        };
        Self { before: only(&old, &new), after: only(&new, &old) }
    }
}

fn whole(thing: &impl Audited) -> String {
    let mut members = thing.members();
    members.retain(|_, value| !value.is_null());
    Value::Object(members).to_string()
}

// Each thing is taken apart, so that whoever gives it another member has to say what becomes of that here.

impl Audited for Tenant {
    fn members(&self) -> Map<String, Value> {
        let Self { id: _, name, models, time_zone, managed_settings, disabled_at, created_at: _ } = self;
        members([
            ("name", json!(name)),
            ("models", rule(models)),
            ("time_zone", json!(time_zone)),
            ("managed_settings", json!(managed_settings.as_deref().map(checksum))),
            ("disabled_at", time(*disabled_at)),
        ])
    }
}

impl Audited for Team {
    fn members(&self) -> Map<String, Value> {
        let Self { id: _, tenant, name, models, managed_settings, archived_at, created_at: _ } = self;
        members([
            ("tenant", json!(tenant.as_str())),
            ("name", json!(name)),
            ("models", rule(models)),
            ("managed_settings", json!(managed_settings.as_deref().map(checksum))),
            ("archived_at", time(*archived_at)),
        ])
    }
}

impl Audited for User {
    fn members(&self) -> Map<String, Value> {
        let Self { id: _, tenant, team, name, email, role, models, disabled_at, created_at: _ } = self;
        members([
            ("tenant", json!(tenant.as_str())),
            ("team", json!(team.as_ref().map(TeamId::as_str))),
            ("name", json!(name)),
            ("email", json!(email)),
            ("role", json!(role.as_str())),
            ("models", rule(models)),
            ("disabled_at", time(*disabled_at)),
        ])
    }
}

impl Audited for Key {
    fn members(&self) -> Map<String, Value> {
        let Self { id: _, tenant: _, team: _, user, user_name: _, user_role: _, name, kind, parent, .. } =
            self;
        // Revoking and rotating are acts of their own.
        let Self { public_form, scopes, models, tags, expires_at, revoked_at: _, .. } = self;
        let Self { rotated_at: _, created_at: _, .. } = self;
        members([
            ("user", json!(user.as_str())),
            ("name", json!(name)),
            ("kind", json!(kind.as_str())),
            ("parent", json!(parent.as_ref().map(KeyId::as_str))),
            ("public_form", json!(public_form.as_str())),
            ("scopes", json!(scopes.to_string())),
            ("models", rule(models)),
            ("tags", json!(tags)),
            ("expires_at", time(*expires_at)),
        ])
    }
}

fn members<const COUNT: usize>(members: [(&str, Value); COUNT]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Which settings these are. The settings themselves may hold a credential, and the log is for ever.
fn checksum(settings: &str) -> String {
    let digits = Sha256::digest(settings).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("sha256:{digits}")
}

fn rule(rule: &ModelRule) -> Value {
    if rule.is_empty() { Value::Null } else { json!({ "allow": rule.allow(), "deny": rule.deny() }) }
}

fn time(time: Option<Timestamp>) -> Value {
    time.map_or(Value::Null, |time| json!(time.to_string()))
}
