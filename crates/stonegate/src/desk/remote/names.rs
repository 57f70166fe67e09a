//! Whom a name means: people type names, the admin API takes ids.

use anyhow::{anyhow, bail};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use stonegate_api::{Key, Team, User, Whoami};

use super::Remote;
use crate::client::Client;
use crate::trouble::Trouble;

impl Remote {
    /// A user's id, for an id or a name.
    pub(super) async fn user(&self, tenant: Option<&str>, text: &str) -> anyhow::Result<String> {
        match self.get::<User>(&format!("/users/{}", segment(text)), &[]).await {
            Ok(user) => return Ok(user.id),
            Err(Trouble::Refused { status: 400 | 404, .. }) => {}
            Err(trouble) => return Err(trouble.into()),
        }
        let named: Vec<User> = self.list("/users", &[("name", Some(text)), ("tenant", tenant)]).await?;
        let told: Vec<String> = named.iter().map(|user| format!("{} ({})", user.id, user.tenant)).collect();
        only("user", text, named.into_iter().map(|user| user.id).collect(), &told)
    }

    /// A team's id, for an id or a name.
    pub(super) async fn team(&self, tenant: Option<&str>, text: &str) -> anyhow::Result<String> {
        match self.get::<Team>(&format!("/teams/{}", segment(text)), &[]).await {
            Ok(team) => return Ok(team.id),
            Err(Trouble::Refused { status: 400 | 404, .. }) => {}
            Err(trouble) => return Err(trouble.into()),
        }
        let named: Vec<Team> = self.list("/teams", &[("name", Some(text)), ("tenant", tenant)]).await?;
        let told: Vec<String> = named.iter().map(|team| format!("{} ({})", team.id, team.tenant)).collect();
        only("team", text, named.into_iter().map(|team| team.id).collect(), &told)
    }

    pub(super) async fn maybe_team(
        &self,
        tenant: Option<&str>,
        text: Option<&str>,
    ) -> anyhow::Result<Option<String>> {
        match text {
            Some(text) => Ok(Some(self.team(tenant, text).await?)),
            None => Ok(None),
        }
    }

    /// A key's id, for an id, its whole text, or the name of one that is in force.
    pub(super) async fn key(&self, text: &str) -> anyhow::Result<String> {
        if text.starts_with("sk-stone-") {
            let whoami: Whoami = Client::new(&self.url, Some(text))?.get("/admin/v1/whoami").await?;
            return whoami.key.ok_or_else(|| missing("key", "sk-stone-…"));
        }
        match self.get::<Key>(&format!("/keys/{}", segment(text)), &[]).await {
            Ok(key) => return Ok(key.id),
            Err(Trouble::Refused { status: 400 | 404, .. }) => {}
            Err(trouble) => return Err(trouble.into()),
        }
        let named: Vec<Key> = self.list("/keys", &[("name", Some(text)), ("active", Some("true"))]).await?;
        let told: Vec<String> = named.iter().map(|key| format!("{} ({})", key.id, key.user_name)).collect();
        only("key", text, named.into_iter().map(|key| key.id).collect(), &told)
    }

    /// An account, `KIND:ID`, for one whose team, user or key may be named.
    pub(super) async fn account(&self, text: &str) -> anyhow::Result<String> {
        match text.split_once(':') {
            Some(("team", name)) => Ok(format!("team:{}", self.team(None, name).await?)),
            Some(("user", name)) => Ok(format!("user:{}", self.user(None, name).await?)),
            Some(("key", name)) => Ok(format!("key:{}", self.key(name).await?)),
            Some(_) | None => Ok(text.to_owned()),
        }
    }

    pub(super) async fn maybe_account(&self, text: Option<&str>) -> anyhow::Result<Option<String>> {
        match text {
            Some(text) => Ok(Some(self.account(text).await?)),
            None => Ok(None),
        }
    }
}

/// One part of an address's path.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

pub(super) fn missing(kind: &str, text: &str) -> anyhow::Error {
    anyhow!("there is no {kind} `{text}`")
}

fn only(kind: &str, text: &str, mut ids: Vec<String>, told: &[String]) -> anyhow::Result<String> {
    match (ids.pop(), ids.is_empty()) {
        (None, _) => Err(missing(kind, text)),
        (Some(id), true) => Ok(id),
        (Some(_), false) => {
            bail!(Trouble::Wrong(format!(
                "{} {kind}s are named `{text}`; give an id: {}",
                told.len(),
                told.join(", ")
            )))
        }
    }
}
