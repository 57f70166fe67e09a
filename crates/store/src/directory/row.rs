//! Columns to values and back.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stonegate_identity::{
    BadRule, DirectoryError, KeyId, KeyKind, ModelRule, Role, Scopes, TeamId, TenantId, UserId,
    directory::{Key, Team, Tenant, User},
};

use super::error::{unavailable, unreadable};
use crate::cells::{Cells, FromCell};

/// A rule as it is stored; an empty rule is stored as an empty text.
#[derive(Serialize, Deserialize)]
struct StoredRule {
    allow: Vec<String>,
    deny: Vec<String>,
}

pub(crate) fn stored_rule(rule: &ModelRule) -> String {
    if rule.is_empty() {
        return String::new();
    }
    serde_json::json!(StoredRule { allow: rule.allow().to_vec(), deny: rule.deny().to_vec() }).to_string()
}

pub(crate) fn rule(text: &str) -> Result<ModelRule, DirectoryError> {
    if text.is_empty() {
        return Ok(ModelRule::default());
    }
    let stored: StoredRule = serde_json::from_str(text).map_err(|error| unreadable("models", error))?;
    match ModelRule::new(stored.allow, stored.deny) {
        Ok(rule) => Ok(rule),
        // Kept before rules had a bound: its holder is refused every model, and nobody else notices.
        Err(BadRule::TooLong) => Ok(ModelRule::nothing()),
        Err(error @ BadRule::Pattern { .. }) => Err(unreadable("models", error)),
    }
}

/// Microseconds since 1970. The very last second of time has no readable ones past its start; a key that is to end there
/// must not make the table unreadable.
pub(crate) fn stored_time(time: Timestamp) -> i64 {
    let last = Timestamp::MAX.as_second().saturating_mul(1_000_000);
    time.as_microsecond().min(last)
}

/// Reads typed columns out of one row.
pub(crate) struct Columns<'a>(pub(crate) &'a dyn Cells);

impl<'a> Columns<'a> {
    pub(crate) fn value<T>(&self, column: &'static str) -> Result<T, DirectoryError>
    where
        T: FromCell<'a>,
    {
        self.0.place(column).and_then(|at| T::from_cell(self.0, at)).map_err(unavailable)
    }

    pub(crate) fn parsed<T: std::str::FromStr<Err: ToString>>(
        &self,
        column: &'static str,
    ) -> Result<T, DirectoryError> {
        self.value::<&str>(column)?.parse().map_err(|error: T::Err| unreadable(column, error))
    }

    pub(crate) fn rule(&self, column: &'static str) -> Result<ModelRule, DirectoryError> {
        rule(self.value(column)?)
    }

    pub(crate) fn time(&self, column: &'static str) -> Result<Timestamp, DirectoryError> {
        Timestamp::from_microsecond(self.value(column)?).map_err(|error| unreadable(column, error))
    }

    pub(crate) fn maybe_time(&self, column: &'static str) -> Result<Option<Timestamp>, DirectoryError> {
        let stored: Option<i64> = self.value(column)?;
        stored.map(Timestamp::from_microsecond).transpose().map_err(|error| unreadable(column, error))
    }

    pub(crate) fn tenant_id(&self, column: &'static str) -> Result<TenantId, DirectoryError> {
        TenantId::parse(self.value(column)?).map_err(|error| unreadable(column, error))
    }

    pub(crate) fn team_id(&self, column: &'static str) -> Result<TeamId, DirectoryError> {
        TeamId::parse(self.value(column)?).map_err(|error| unreadable(column, error))
    }

    pub(crate) fn maybe_team_id(&self, column: &'static str) -> Result<Option<TeamId>, DirectoryError> {
        let stored: Option<&str> = self.value(column)?;
        stored.map(TeamId::parse).transpose().map_err(|error| unreadable(column, error))
    }

    pub(crate) fn user_id(&self, column: &'static str) -> Result<UserId, DirectoryError> {
        UserId::parse(self.value(column)?).map_err(|error| unreadable(column, error))
    }

    pub(crate) fn maybe_key_id(&self, column: &'static str) -> Result<Option<KeyId>, DirectoryError> {
        let stored: Option<&str> = self.value(column)?;
        stored.map(KeyId::parse).transpose().map_err(|error| unreadable(column, error))
    }

    pub(crate) fn key_id(&self, column: &'static str) -> Result<KeyId, DirectoryError> {
        KeyId::parse(self.value(column)?).map_err(|error| unreadable(column, error))
    }
}

pub(crate) fn tenant(row: &impl Cells) -> Result<Tenant, DirectoryError> {
    let row = Columns(row);
    Ok(Tenant {
        id: row.tenant_id("id")?,
        name: row.value("name")?,
        models: row.rule("models")?,
        time_zone: row.value("time_zone")?,
        managed_settings: row.value("managed_settings")?,
        disabled_at: row.maybe_time("disabled_at")?,
        created_at: row.time("created_at")?,
    })
}

pub(crate) fn team(row: &impl Cells) -> Result<Team, DirectoryError> {
    let row = Columns(row);
    Ok(Team {
        id: row.team_id("id")?,
        tenant: row.tenant_id("tenant_id")?,
        name: row.value("name")?,
        models: row.rule("models")?,
        managed_settings: row.value("managed_settings")?,
        archived_at: row.maybe_time("archived_at")?,
        created_at: row.time("created_at")?,
    })
}

pub(crate) fn user(row: &impl Cells) -> Result<User, DirectoryError> {
    let row = Columns(row);
    Ok(User {
        id: row.user_id("id")?,
        tenant: row.tenant_id("tenant_id")?,
        team: row.maybe_team_id("team_id")?,
        name: row.value("name")?,
        email: row.value("email")?,
        role: row.parsed::<Role>("role")?,
        models: row.rule("models")?,
        disabled_at: row.maybe_time("disabled_at")?,
        created_at: row.time("created_at")?,
    })
}

pub(crate) fn key(row: &impl Cells) -> Result<Key, DirectoryError> {
    let row = Columns(row);
    Ok(Key {
        id: row.key_id("id")?,
        tenant: row.tenant_id("tenant_id")?,
        team: row.maybe_team_id("team_id")?,
        user: row.user_id("user_id")?,
        user_name: row.value("user_name")?,
        user_role: row.parsed::<Role>("user_role")?,
        name: row.value("name")?,
        kind: row.parsed::<KeyKind>("kind")?,
        parent: row.maybe_key_id("parent_id")?,
        public_form: stonegate_identity::PublicForm::from_stored(row.value("public_form")?),
        scopes: row.parsed::<Scopes>("scopes")?,
        models: row.rule("models")?,
        tags: row.value("tags")?,
        expires_at: row.maybe_time("expires_at")?,
        revoked_at: row.maybe_time("revoked_at")?,
        rotated_at: row.maybe_time("rotated_at")?,
        last_used_at: row.maybe_time("last_used_at")?,
        created_at: row.time("created_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_is_longer_than_rules_may_be_lets_nothing_pass() {
        let stored =
            |allow: Vec<String>| serde_json::json!(StoredRule { allow, deny: Vec::new() }).to_string();
        let read = |allow| rule(&stored(allow)).unwrap();
        assert_eq!(read(vec!["*~".to_owned(); 50_000]), ModelRule::nothing());
        assert_eq!(read(vec!["claude-*".to_owned()]).allow(), ["claude-*"]);
        assert!(rule(&stored(vec!["two words".to_owned()])).is_err());
    }
}
