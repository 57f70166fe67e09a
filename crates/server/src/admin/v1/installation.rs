//! `GET /admin/v1/trust`, `/endpoints` and `/models`: what this server was set up with. It is changed in the settings.

use axum::{Json, extract::State};
use stonegate_api::{CatalogModel, Endpoint, Page, Problem as ProblemReply, Trust};
use stonegate_identity::{Action, Resource};

use crate::admin::{AdminState, Problem, Visit};

/// The OpenID providers and AWS accounts that vouch for people and machines, as this server's settings have them.
#[utoipa::path(
    get, path = "/admin/v1/trust", tag = "installation",
    responses((status = 200, body = Page<Trust>), (status = 401, body = ProblemReply), (status = 403, body = ProblemReply)),
)]
pub(crate) async fn trust(
    State(state): State<AdminState>,
    visit: Visit,
) -> Result<Json<Page<Trust>>, Problem> {
    std::future::ready(seen(&visit, &state.installation.trust)).await
}

/// Where this server sends calls.
#[utoipa::path(
    get, path = "/admin/v1/endpoints", tag = "installation",
    responses((status = 200, body = Page<Endpoint>), (status = 401, body = ProblemReply), (status = 403, body = ProblemReply)),
)]
pub(crate) async fn endpoints(
    State(state): State<AdminState>,
    visit: Visit,
) -> Result<Json<Page<Endpoint>>, Problem> {
    std::future::ready(seen(&visit, &state.installation.endpoints)).await
}

/// Every model that this server offers, with its price and the settings' own names for it, whoever may use it.
#[utoipa::path(
    get, path = "/admin/v1/models", tag = "installation",
    responses((status = 200, body = Page<CatalogModel>), (status = 401, body = ProblemReply), (status = 403, body = ProblemReply)),
)]
pub(crate) async fn models(
    State(state): State<AdminState>,
    visit: Visit,
) -> Result<Json<Page<CatalogModel>>, Problem> {
    let Json(mut page) = std::future::ready(seen(&visit, &state.installation.models)).await?;
    let tenant = visit.caller.tenant.as_str();
    for model in &mut page.data {
        let calibration = state.calibrations.of(tenant, &model.family);
        model.tokens_per_byte = Some(calibration.density().to_string());
    }
    Ok(Json(page))
}

/// All of it: there is little enough for one page.
fn seen<T: Clone>(visit: &Visit, items: &[T]) -> Result<Json<Page<T>>, Problem> {
    let _permit = visit.authorize(Action::ReadInstallation, &Resource::Installation)?;
    Ok(Json(Page { data: items.to_vec(), next: None }))
}
