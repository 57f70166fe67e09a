//! Users.

use stonegate_api::{TotpReset, UserCreate, UserUpdate};
use stonegate_identity::{Reach, directory::Filter};

use super::{Operator, whole};
use crate::admin::{Problem, wire};
use crate::signin;

impl Operator {
    /// Makes a user, in the tenant `default` when the request names none.
    ///
    /// # Errors
    /// When the request is wrong, the name is taken, or the store does not answer.
    pub async fn create_user(&self, wanted: &UserCreate) -> Result<stonegate_api::User, Problem> {
        let tenant = self.tenant(wanted.tenant.as_deref()).await?;
        let team = match wanted.team.as_deref() {
            Some(text) => Some(self.team(Some(tenant.as_str()), text).await?.id.to_string()),
            None => None,
        };
        let wanted = &UserCreate { team, ..wanted.clone() };
        let new = wire::users::new(wanted, tenant, self.now)?;
        Ok(wire::users::shown(&self.directory().create_user(new, &self.act()).await?))
    }

    /// Users in the order in which they were made.
    ///
    /// # Errors
    /// When there is no such tenant or team, or the store does not answer.
    pub async fn list_users(
        &self,
        tenant: Option<&str>,
        team: Option<&str>,
    ) -> Result<Vec<stonegate_api::User>, Problem> {
        let mut filter = Filter::within(Reach::Everything);
        if tenant.is_some() {
            filter.tenant = Some(self.tenant(tenant).await?);
        }
        if let Some(text) = team {
            filter.team = Some(self.team(tenant, text).await?.id);
        }
        let filter = &filter;
        let users = whole(async |page| Ok(self.directory().list_users(filter, &page).await?)).await?;
        Ok(users.iter().map(wire::users::shown).collect())
    }

    /// Changes a user, named by id, or by name in a tenant.
    ///
    /// # Errors
    /// When there is no such user, the request is wrong, or the store does not answer.
    pub async fn update_user(
        &self,
        tenant: Option<&str>,
        user: &str,
        wanted: &UserUpdate,
    ) -> Result<stonegate_api::User, Problem> {
        let found = self.user(tenant, user).await?.ok_or_else(|| Problem::not_found("user", user))?;
        let team = match &wanted.team {
            Some(Some(text)) => {
                Some(Some(self.team(Some(found.tenant.as_str()), text).await?.id.to_string()))
            }
            Some(None) => Some(None),
            None => None,
        };
        let edit = wire::users::edit(&UserUpdate { team, ..wanted.clone() })?;
        let is_disabled = edit.disabled == Some(true);
        let user = self.directory().update_user(&found.id, edit, &self.act()).await?;
        if is_disabled {
            signin::keep_out(&*self.store.tickets, &user.id, self.now).await?;
        }
        Ok(wire::users::shown(&user))
    }

    /// Takes away the second factor of a user who has lost it, named by id, or by name in a tenant.
    ///
    /// # Errors
    /// When there is no such user, no reason is given, or the store does not answer.
    pub async fn reset_totp(
        &self,
        tenant: Option<&str>,
        user: &str,
        wanted: &TotpReset,
    ) -> Result<stonegate_api::User, Problem> {
        let found = self.user(tenant, user).await?.ok_or_else(|| Problem::not_found("user", user))?;
        let reason = wire::users::reset_reason(wanted)?;
        let (tickets, directory) = (&*self.store.tickets, self.directory());
        signin::reset_totp(tickets, directory, &found.id, &reason, &self.act()).await?;
        Ok(wire::users::shown(&found))
    }
}
