//! `GET /admin/v1/usage/unresolved`
#![expect(unused_qualifications, reason = "utoipa's macro names this file's parameters by a path")]

use axum::{Json, extract::State};
use serde::Deserialize;
use stonegate_api::{Problem as ProblemReply, Unresolved};
use stonegate_identity::{Action, Reach};
use stonegate_ledger::{JournalQuery, UsageFilter};
use utoipa::IntoParams;

use super::{super::budgets::allow, within};
use crate::admin::{AdminState, Problem, Visit, body::Params, wire};

/// The most calls of one page.
const MOST: u32 = 1_000;

/// Which calls.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UnresolvedParams {
    /// Only calls before this one: where the last page ended.
    before: Option<String>,
}

/// What is charged though nobody saw what it took: calls that were under way when a server died, and what of its leases
/// may have been spent.
#[utoipa::path(
    get, path = "/admin/v1/usage/unresolved", tag = "usage",
    params(UnresolvedParams),
    responses(
        (status = 200, body = Unresolved), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply),
    ),
)]
pub(crate) async fn list(
    State(state): State<AdminState>,
    visit: Visit,
    Params(params): Params<UnresolvedParams>,
) -> Result<Json<Unresolved>, Problem> {
    let reach = visit.reach(Action::ReadUsage)?;
    let filter = within(&visit, reach.clone(), UsageFilter::default())?;
    let before =
        params.before.as_deref().map(|text| wire::unresolved::call_id("before", text)).transpose()?;
    let page = state.ledger.unresolved(JournalQuery { filter, before, limit: MOST }).await?;
    let mut write_offs = state.ledger.write_offs().await?;
    if reach != Reach::Everything {
        let mut seen = Vec::new();
        for write_off in write_offs {
            if allow(&state, &visit, Action::ReadBudgets, &write_off.account).await.is_ok() {
                seen.push(write_off);
            }
        }
        write_offs = seen;
    }
    Ok(Json(wire::unresolved::shown(&page, &write_offs)))
}
