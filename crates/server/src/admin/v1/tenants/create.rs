//! `POST /admin/v1/tenants`

use axum::{Json, extract::State};
use http::StatusCode;
use stonegate_api::{Problem as ProblemReply, Tenant, TenantCreate};
use stonegate_identity::{Action, Resource};

use crate::admin::{AdminState, Problem, Visit, body::Body, wire};

/// Makes a tenant.
#[utoipa::path(
    post, path = "/admin/v1/tenants", tag = "tenants",
    request_body = TenantCreate,
    responses(
        (status = 201, body = Tenant), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply), (status = 409, body = ProblemReply),
    ),
)]
pub(crate) async fn create(
    State(state): State<AdminState>,
    visit: Visit,
    Body(wanted): Body<TenantCreate>,
) -> Result<(StatusCode, Json<Tenant>), Problem> {
    let _permit = visit.authorize(Action::ManageTenants, &Resource::Installation)?;
    let new = wire::tenants::new(&wanted)?;
    let tenant = state.keys.directory().create_tenant(new, &visit.act()).await?;
    Ok((StatusCode::CREATED, Json(wire::tenants::shown(&tenant))))
}
