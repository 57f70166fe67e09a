//! Tenants.

use stonegate_api::{TenantCreate, TenantUpdate};
use stonegate_identity::{Reach, directory::Filter};

use super::{Operator, whole};
use crate::admin::{Problem, wire};

impl Operator {
    /// Makes a tenant.
    ///
    /// # Errors
    /// When the request is wrong, there is one of that id, or the store does not answer.
    pub async fn create_tenant(&self, wanted: &TenantCreate) -> Result<stonegate_api::Tenant, Problem> {
        let new = wire::tenants::new(wanted)?;
        Ok(wire::tenants::shown(&self.directory().create_tenant(new, &self.act()).await?))
    }

    /// Tenants in the order of their ids.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn list_tenants(&self) -> Result<Vec<stonegate_api::Tenant>, Problem> {
        let filter = &Filter::within(Reach::Everything);
        let tenants = whole(async |page| Ok(self.directory().list_tenants(filter, &page).await?)).await?;
        Ok(tenants.iter().map(wire::tenants::shown).collect())
    }

    /// Changes a tenant.
    ///
    /// # Errors
    /// When there is no such tenant, the request is wrong, or the store does not answer.
    pub async fn update_tenant(
        &self,
        id: &str,
        wanted: &TenantUpdate,
    ) -> Result<stonegate_api::Tenant, Problem> {
        let id = self.tenant(Some(id)).await?;
        let edit = wire::tenants::edit(wanted)?;
        let tenant = self.directory().update_tenant(&id, edit, &self.act()).await?;
        if wanted.time_zone.is_some() {
            wire::budgets::follow_zone(self.directory(), &*self.store.ledger, &id, self.now).await?;
        }
        Ok(wire::tenants::shown(&tenant))
    }
}
