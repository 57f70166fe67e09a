//! Tenants on the wire.

use stonegate_api::{TenantCreate, TenantUpdate};
use stonegate_identity::{
    TenantId,
    directory::{NewTenant, Tenant, TenantEdit},
};

use super::{Problem, name, rule, shown_rule, shown_time};

pub(crate) fn new(wanted: &TenantCreate) -> Result<NewTenant, Problem> {
    let id = TenantId::parse(&wanted.id).map_err(|bad| Problem::invalid("id", bad.to_string()))?;
    let name = name("name", wanted.name.as_deref().unwrap_or(&wanted.id))?;
    Ok(NewTenant { id, name, models: rule(wanted.models.as_ref())? })
}

pub(crate) fn edit(wanted: &TenantUpdate) -> Result<TenantEdit, Problem> {
    Ok(TenantEdit {
        name: wanted.name.as_deref().map(|text| name("name", text)).transpose()?,
        models: wanted.models.as_ref().map(|models| rule(Some(models))).transpose()?,
        disabled: wanted.disabled,
    })
}

pub(crate) fn shown(tenant: &Tenant) -> stonegate_api::Tenant {
    stonegate_api::Tenant {
        id: tenant.id.to_string(),
        name: tenant.name.clone(),
        models: shown_rule(&tenant.models),
        disabled_at: tenant.disabled_at.map(shown_time),
        created_at: shown_time(tenant.created_at),
    }
}
