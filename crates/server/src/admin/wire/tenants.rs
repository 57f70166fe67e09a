//! Tenants on the wire.

use serde_json::Value;
use stonegate_api::{TenantCreate, TenantUpdate};
use stonegate_identity::{
    TenantId,
    directory::{NewTenant, Tenant, TenantEdit},
};
use stonegate_ledger::{UnknownZone, Zone};

use super::{Problem, name, rule, shown_rule, shown_time};

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

/// Managed settings as they are kept.
fn managed(settings: &Option<Value>) -> Result<Option<String>, Problem> {
    match settings {
        None => Ok(None),
        Some(settings @ Value::Object(_)) => Ok(Some(settings.to_string())),
        Some(_) => Err(Problem::invalid("managed_settings", "an object, or null to take the policy away")),
    }
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
        managed_settings: tenant.managed_settings.as_deref().and_then(|text| serde_json::from_str(text).ok()),
        disabled_at: tenant.disabled_at.map(shown_time),
        created_at: shown_time(tenant.created_at),
    }
}
