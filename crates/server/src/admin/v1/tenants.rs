//! `/admin/v1/tenants`

use stonegate_identity::{Action, Resource, TenantId, directory::Tenant};

use crate::admin::{AdminState, Problem, Visit};

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod show;
pub(crate) mod update;

/// The tenant of that id, if the caller may do this to it.
async fn authorized(state: &AdminState, visit: &Visit, action: Action, id: &str) -> Result<Tenant, Problem> {
    visit.reach(action)?;
    let missing = || Problem::not_found("tenant", id);
    let parsed = TenantId::parse(id).map_err(|_no_id| missing())?;
    let tenant = state.keys.directory().find_tenant(&parsed).await?.ok_or_else(missing)?;
    let _permit = visit
        .authorize(action, &Resource::Tenant(&tenant.id))
        .map_err(|denied| Problem::denied(&denied, "tenant", id))?;
    Ok(tenant)
}
