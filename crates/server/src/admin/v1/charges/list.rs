//! `GET /admin/v1/charges`
#![expect(unused_qualifications, reason = "utoipa's macro names this file's parameters by a path")]

use axum::{Json, extract::State};
use serde::Deserialize;
use stonegate_api::{Charge, Page, Problem as ProblemReply};
use stonegate_identity::Action;
use stonegate_ledger::{ChargeQuery, UsageFilter};
use utoipa::IntoParams;

use super::super::{list, usage::within};
use crate::admin::{AdminState, Problem, Visit, body::Params, wire};

/// Which charges.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChargeParams {
    /// `next` of the page before.
    after: Option<String>,
    /// How many at most; 100 when absent, 1000 at most.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Only this tenant's, by its id.
    tenant: Option<String>,
    /// Only this team's, by its id.
    team: Option<String>,
    /// Only this user's, by the user's id.
    user: Option<String>,
    /// Only those made with this key, by its id.
    key: Option<String>,
}

/// The charges that hold credit, of oneself or of those whom the caller looks after: neither captured, voided nor expired.
/// Those come first that are free again soonest.
#[utoipa::path(
    get, path = "/admin/v1/charges", tag = "charges",
    params(ChargeParams),
    responses(
        (status = 200, body = Page<Charge>), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply), (status = 404, body = ProblemReply),
    ),
)]
pub(crate) async fn list(
    State(state): State<AdminState>,
    visit: Visit,
    Params(params): Params<ChargeParams>,
) -> Result<Json<Page<Charge>>, Problem> {
    // A key that can do nothing but make charges sees its user's own.
    let reach = match visit.reach(Action::ReadUsage) {
        Ok(reach) => reach,
        Err(denied) => visit.reach(Action::MakeCharges).map_err(|_denied| denied)?,
    };
    let id = |text: Option<String>| text.map(Into::into);
    let filter = UsageFilter {
        tenant: id(params.tenant),
        team: id(params.team),
        user: id(params.user),
        key: id(params.key),
        ..UsageFilter::default()
    };
    let query = ChargeQuery {
        filter: within(&visit, reach, filter)?,
        after: params.after.as_deref().map(wire::charges::place).transpose()?,
        limit: list::page(None, params.limit)?.limit,
    };
    Ok(Json(wire::charges::page(&state.ledger.open_charges(query).await?)))
}
