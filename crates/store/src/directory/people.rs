//! Rows of keys with their owners, read as grants.

use std::{collections::HashMap, sync::Arc};

use stonegate_identity::{
    Caller, DirectoryError, KeyDigest, KeyGrant, KeyKind, ModelPolicy, ModelRule, Payer, Role, Scopes,
    Standing, TeamId, TenantId, UserId,
};

use super::{error::unreadable, row::Columns};
use crate::cells::Cells;

/// The users met so far in one answer, so that a hundred thousand keys share the names of their owners.
#[derive(Default)]
pub(crate) struct People(HashMap<String, Person>);

struct Person {
    tenant: TenantId,
    team: Option<TeamId>,
    team_name: Option<Arc<str>>,
    id: UserId,
    name: Arc<str>,
    role: Role,
    rules: [ModelRule; 3],
    policy: ModelPolicy,
    standing: Standing,
}

impl People {
    pub(crate) fn grant(&mut self, row: &impl Cells) -> Result<(KeyDigest, KeyGrant), DirectoryError> {
        let row = Columns(row);
        let person = self.owner(&row)?;
        let key_rule = row.rule("key_models")?;
        let (id, name): (_, Arc<str>) = (row.key_id("key_id")?, row.value::<&str>("key_name")?.into());
        let payer = match row.maybe_key_id("parent_id")? {
            Some(parent) => Payer { id: parent, name: row.value::<&str>("parent_name")?.into() },
            None => Payer { id: id.clone(), name: Arc::clone(&name) },
        };
        let caller = Caller {
            tenant: person.tenant.clone(),
            team: person.team.clone(),
            team_name: person.team_name.clone(),
            user: person.id.clone(),
            user_name: Arc::clone(&person.name),
            key: Some(id),
            key_name: Some(name),
            key_kind: Some(row.parsed::<KeyKind>("kind")?),
            payer: Some(payer),
            tags: row.value::<Option<&str>>("key_tags")?.map(Arc::from),
            role: person.role,
            scopes: row.parsed::<Scopes>("scopes")?.and(person.role.may_hold()),
            models: if key_rule.is_empty() {
                person.policy.clone()
            } else {
                ModelPolicy::of(person.rules.iter().cloned().chain([key_rule]))
            },
        };
        let is_revoked = row.value::<Option<i64>>("revoked_at")?.is_some();
        let grant = KeyGrant {
            caller: Arc::new(caller),
            expires_at: row.maybe_time("expires_at")?,
            retires_at: row.maybe_time("retires_at")?,
            standing: if is_revoked { Standing::Revoked } else { person.standing },
        };
        let digest: [u8; 32] =
            row.value::<&[u8]>("digest")?.try_into().map_err(|error| unreadable("digest", error))?;
        Ok((KeyDigest::from_bytes(digest), grant))
    }

    fn owner(&mut self, row: &Columns<'_>) -> Result<&Person, DirectoryError> {
        let id: &str = row.value("user_id")?;
        if !self.0.contains_key(id) {
            self.0.insert(id.to_owned(), Person::of(row)?);
        }
        Ok(&self.0[id])
    }
}

impl Person {
    fn of(row: &Columns<'_>) -> Result<Self, DirectoryError> {
        let is_set = |column| Ok(row.value::<Option<i64>>(column)?.is_some());
        let rules = [row.rule("tenant_models")?, row.rule("team_models")?, row.rule("user_models")?];
        Ok(Self {
            tenant: row.tenant_id("tenant_id")?,
            team: row.maybe_team_id("team_id")?,
            team_name: row.value::<Option<&str>>("team_name")?.map(Arc::from),
            id: row.user_id("user_id")?,
            name: row.value::<&str>("user_name")?.into(),
            role: row.parsed::<Role>("role")?,
            policy: ModelPolicy::of(rules.clone()),
            rules,
            standing: match (is_set("tenant_disabled_at")?, is_set("user_disabled_at")?) {
                (true, _) => Standing::TenantDisabled,
                (false, true) => Standing::UserDisabled,
                (false, false) => Standing::Good,
            },
        })
    }
}
