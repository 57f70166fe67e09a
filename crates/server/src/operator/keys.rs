//! Keys.

use jiff::Timestamp;
use stonegate_api::{KeyCreate, KeyCreated, KeyRotate, ModelRule, Role, UserCreate};
use stonegate_identity::{
    DirectoryError, KeyKind, Reach, Scopes,
    directory::{Filter, User},
};

use super::{Operator, moment, whole};
use crate::admin::{Problem, wire};

/// Whose keys are made when nobody is named: the person who has the store in hand.
const ADMIN: &str = "admin";

/// A key to make.
#[derive(Debug, Clone, Default)]
pub struct KeyRequest {
    /// Its name.
    pub name: String,
    /// The id or name of its user; `admin` when absent. A user who is not there yet is made.
    pub user: Option<String>,
    /// The user's tenant; `default` when absent.
    pub tenant: Option<String>,
    /// Scopes with commas between, or `all`; calling models and seeing their usage when absent.
    pub scopes: Option<String>,
    /// Models that it may be used for.
    pub allow_models: Vec<String>,
    /// Models that it may not be used for.
    pub deny_models: Vec<String>,
    /// What all calls with it are tagged with, each `NAME=VALUE`.
    pub tags: Vec<String>,
    /// When it ends: a time, a day or a while.
    pub expires: Option<String>,
}

/// Which keys to list.
#[derive(Debug, Clone, Default)]
pub struct KeySelection {
    /// Only those of this user, by id or name.
    pub user: Option<String>,
    /// Only those of this tenant.
    pub tenant: Option<String>,
    /// Only those of this team's users, by id or name.
    pub team: Option<String>,
    /// Also those that are revoked or expired, and those of sign-ins and made for a while.
    pub is_all: bool,
}

impl KeyRequest {
    /// The same in the words of the admin API, for a user of that id.
    ///
    /// # Errors
    /// When a scope, a tag or the end cannot be understood.
    pub fn as_create(&self, user: Option<String>, now: Timestamp) -> Result<KeyCreate, Problem> {
        Ok(KeyCreate {
            name: self.name.clone(),
            user,
            scopes: self.scopes.as_deref().map(scopes).transpose()?,
            models: Some(ModelRule { allow: self.allow_models.clone(), deny: self.deny_models.clone() }),
            tags: self.tags.iter().map(|tag| named_tag(tag)).collect::<Result<_, _>>()?,
            expires_at: match self.expires.as_deref() {
                Some(text) => Some(moment::to_come("expires", text, now)?.to_string()),
                None => None,
            },
        })
    }
}

impl Operator {
    /// Makes a key, and its user if need be.
    ///
    /// # Errors
    /// When the request is wrong or the store does not answer.
    pub async fn create_key(&self, wanted: &KeyRequest) -> Result<KeyCreated, Problem> {
        let request = wanted.as_create(None, self.now)?;
        let owner = self.owner(wanted).await?;
        let (key, text) = wire::keys::minted(&request, &owner, self.now)?;
        let key = self.directory().create_key(key, &self.act()).await?;
        Ok(wire::keys::created(&key, &text, self.now))
    }

    async fn owner(&self, wanted: &KeyRequest) -> Result<User, Problem> {
        let tenant = wanted.tenant.as_deref();
        let (name, role) = match wanted.user.as_deref() {
            Some(name) => (name, Role::User),
            None => (ADMIN, Role::Admin),
        };
        if let Some(user) = self.user(tenant, name).await? {
            return Ok(user);
        }
        let new = UserCreate { name: name.to_owned(), role, ..UserCreate::default() };
        let new = wire::users::new(&new, self.tenant(tenant).await?, self.now)?;
        match self.directory().create_user(new, &self.act()).await {
            Ok(user) => Ok(user),
            // Another process was faster.
            Err(DirectoryError::Conflict { .. }) => {
                self.user(tenant, name).await?.ok_or_else(|| Problem::not_found("user", name))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Keys in the order in which they were made.
    ///
    /// # Errors
    /// When there is no such user, team or tenant, or the store does not answer.
    pub async fn list_keys(&self, selection: &KeySelection) -> Result<Vec<stonegate_api::Key>, Problem> {
        let tenant = selection.tenant.as_deref();
        let mut filter = Filter::within(Reach::Everything);
        if let Some(name) = selection.user.as_deref() {
            let user = self.user(tenant, name).await?.ok_or_else(|| Problem::not_found("user", name))?;
            filter.user = Some(user.id);
        } else if tenant.is_some() {
            filter.tenant = Some(self.tenant(tenant).await?);
        }
        if let Some(text) = selection.team.as_deref() {
            filter.team = Some(self.team(tenant, text).await?.id);
        }
        filter.in_force_at = (!selection.is_all).then_some(self.now);
        filter.kind = (!selection.is_all).then_some(KeyKind::LongLived);
        let filter = &filter;
        let keys = whole(async |page| Ok(self.directory().list_keys(filter, &page).await?)).await?;
        Ok(keys.iter().map(|key| wire::keys::shown(key, self.now)).collect())
    }

    /// Ends a key for good. `key` is its id, its name, or its whole text.
    ///
    /// # Errors
    /// When there is no such key, or several of that name, or the store does not answer.
    pub async fn revoke_key(&self, key: &str) -> Result<stonegate_api::Key, Problem> {
        let key = self.key(key).await?;
        let key = self.directory().revoke_key(&key.id, &self.act()).await?;
        Ok(wire::keys::shown(&key, self.now))
    }

    /// Gives a key a new text; the old one works beside it for `overlap_seconds`, or a day.
    ///
    /// # Errors
    /// When there is no such key, or it is over, or the store does not answer.
    pub async fn rotate_key(&self, key: &str, overlap_seconds: Option<u64>) -> Result<KeyCreated, Problem> {
        let key = self.key(key).await?;
        let (rotation, text) = wire::keys::rotation(&KeyRotate { overlap_seconds }, self.now)?;
        let key = self.directory().rotate_key(&key.id, rotation, &self.act()).await?;
        Ok(wire::keys::created(&key, &text, self.now))
    }
}

fn named_tag(text: &str) -> Result<(String, String), Problem> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| Problem::invalid("tags", format!("`{text}` is no tag: write NAME=VALUE")))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn scopes(text: &str) -> Result<Vec<String>, Problem> {
    let scopes: Scopes = text.parse().map_err(|unknown: stonegate_identity::UnknownScope| {
        Problem::invalid("scopes", unknown.to_string())
    })?;
    Ok(scopes.iter().map(|scope| scope.to_string()).collect())
}
