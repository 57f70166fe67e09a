//! `GET /admin/v1/tenants/{id}`

use axum::{
    Json,
    extract::{Path, State},
};
use stonegate_api::{Problem as ProblemReply, Tenant};
use stonegate_identity::Action;

use super::authorized;
use crate::admin::{AdminState, Problem, Visit, wire};

/// One tenant.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{id}", tag = "tenants",
    params(("id" = String, Path, description = "The tenant's id")),
    responses(
        (status = 200, body = Tenant), (status = 401, body = ProblemReply), (status = 403, body = ProblemReply),
        (status = 404, body = ProblemReply),
    ),
)]
pub(crate) async fn show(
    State(state): State<AdminState>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Json<Tenant>, Problem> {
    let tenant = authorized(&state, &visit, Action::ReadTenants, &id).await?;
    Ok(Json(wire::tenants::shown(&tenant)))
}
