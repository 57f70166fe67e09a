//! `GET /admin/v1/tenants`

use axum::{Json, extract::State};
use stonegate_api::{Page, Problem as ProblemReply, Tenant};
use stonegate_identity::Action;

use crate::admin::{
    AdminState, Problem, Visit,
    body::Params,
    v1::list::{ListParams, shown},
    wire,
};

/// The tenants that the caller may see, in the order of their ids.
#[utoipa::path(
    get, path = "/admin/v1/tenants", tag = "tenants",
    params(ListParams),
    responses(
        (status = 200, body = Page<Tenant>), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply),
    ),
)]
pub(crate) async fn list(
    State(state): State<AdminState>,
    visit: Visit,
    Params(params): Params<ListParams>,
) -> Result<Json<Page<Tenant>>, Problem> {
    let filter = params.filter(visit.reach(Action::ReadTenants)?, visit.now)?;
    let page = state.keys.directory().list_tenants(&filter, &params.page()?).await?;
    Ok(Json(shown(page, wire::tenants::shown)))
}
