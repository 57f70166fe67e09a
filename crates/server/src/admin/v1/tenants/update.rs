//! `PATCH /admin/v1/tenants/{id}`

use axum::{
    Json,
    extract::{Path, State},
};
use stonegate_api::{Problem as ProblemReply, Tenant, TenantUpdate};
use stonegate_identity::Action;

use super::authorized;
use crate::admin::{AdminState, Problem, Visit, body::Body, wire};

/// Changes a tenant. The keys of a disabled tenant's users stop at once, and work again when it is enabled.
#[utoipa::path(
    patch, path = "/admin/v1/tenants/{id}", tag = "tenants",
    params(("id" = String, Path, description = "The tenant's id")),
    request_body = TenantUpdate,
    responses(
        (status = 200, body = Tenant), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply), (status = 404, body = ProblemReply), (status = 409, body = ProblemReply),
    ),
)]
pub(crate) async fn update(
    State(state): State<AdminState>,
    visit: Visit,
    Path(id): Path<String>,
    Body(wanted): Body<TenantUpdate>,
) -> Result<Json<Tenant>, Problem> {
    let tenant = authorized(&state, &visit, Action::ManageTenants, &id).await?;
    let edit = wire::tenants::edit(&wanted)?;
    let tenant = state.keys.directory().update_tenant(&tenant.id, edit, &visit.act()).await?;
    state.keys.refresh(visit.now).await?;
    if wanted.time_zone.is_some() {
        let directory = &**state.keys.directory();
        wire::budgets::follow_zone(directory, &*state.ledger, &tenant.id, visit.now).await?;
    }
    Ok(Json(wire::tenants::shown(&tenant)))
}
