//! Tenants on the wire.

use stonegate_api::{TenantCreate, TenantUpdate};
use stonegate_identity::{
    TenantId,
    directory::{NewTenant, Tenant, TenantEdit},
};
use stonegate_ledger::{UnknownZone, Zone};

use super::{Problem, managed, name, rule, shown_managed, shown_rule, shown_time};

pub(crate) fn new(wanted: &TenantCreate) -> Result<NewTenant, Problem> {
    let id = TenantId::parse(&wanted.id).map_err(|bad| Problem::invalid("id", bad.to_string()))?;
    let name = name("name", wanted.name.as_deref().unwrap_or(&wanted.id))?;
    let time_zone = wanted.time_zone.as_deref().map_or(Ok("UTC".to_owned()), zone)?;
    Ok(NewTenant { id, name, models: rule(wanted.models.as_ref())?, time_zone })
}

pub(crate) fn edit(wanted: &TenantUpdate) -> Result<TenantEdit, Problem> {
    Ok(TenantEdit {
        name: wanted.name.as_deref().map(|text| name("name", text)).transpose()?,
        models: wanted.models.as_ref().map(|models| rule(Some(models))).transpose()?,
        time_zone: wanted.time_zone.as_deref().map(zone).transpose()?,
        managed_settings: wanted.managed_settings.as_ref().map(managed).transpose()?,
        disabled: wanted.disabled,
    })
}

/// A time zone by the name that the database gives it.
fn zone(text: &str) -> Result<String, Problem> {
    let zone: Result<Zone, UnknownZone> = text.parse();
    zone.map(|zone| zone.to_string()).map_err(|unknown| Problem::invalid("time_zone", unknown.to_string()))
}

pub(crate) fn shown(tenant: &Tenant) -> stonegate_api::Tenant {
    stonegate_api::Tenant {
        id: tenant.id.to_string(),
        name: tenant.name.clone(),
        models: shown_rule(&tenant.models),
        time_zone: tenant.time_zone.clone(),
        managed_settings: shown_managed(tenant.managed_settings.as_deref()),
        disabled_at: tenant.disabled_at.map(shown_time),
        created_at: shown_time(tenant.created_at),
    }
}
