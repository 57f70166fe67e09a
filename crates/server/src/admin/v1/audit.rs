//! `GET /admin/v1/audit`
#![expect(unused_qualifications, reason = "utoipa's macro names this file's parameters by a path")]

use axum::{Json, extract::State};
use serde::Deserialize;
use stonegate_api::{AuditEntry, Page, Problem as ProblemReply};
use stonegate_identity::{Action, Resource};
use utoipa::IntoParams;

use crate::admin::{
    AdminState, Problem, Visit,
    body::Params,
    v1::list::{ListParams, shown},
};

/// The parameters of the audit log.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditParams {
    /// `next` of the page before.
    pub(crate) after: Option<String>,
    /// How many at most; 100 when absent, 1000 at most.
    #[param(minimum = 1, maximum = 1000)]
    pub(crate) limit: Option<u32>,
}

/// What was done, by whom, when and in which request; the latest first. Sign-ins and their refusals are among it.
#[utoipa::path(
    get, path = "/admin/v1/audit", tag = "audit",
    params(AuditParams),
    responses(
        (status = 200, body = Page<AuditEntry>), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply),
    ),
)]
pub(crate) async fn audit(
    State(state): State<AdminState>,
    visit: Visit,
    Params(params): Params<AuditParams>,
) -> Result<Json<Page<AuditEntry>>, Problem> {
    let _permit = visit.authorize(Action::ReadAudit, &Resource::Installation)?;
    let page = ListParams { after: params.after, limit: params.limit, ..ListParams::default() }.page()?;
    let entries = state.keys.directory().list_audit(&page).await?;
    Ok(Json(shown(entries, |entry| AuditEntry {
        number: entry.number,
        at: entry.at.to_string(),
        actor: entry.actor.clone(),
        action: entry.action.clone(),
        subject: entry.subject.clone(),
        request_id: entry.request_id.clone(),
    })))
}
