//! `GET /admin/v1/audit` and `/admin/v1/audit/chain`
#![expect(unused_qualifications, reason = "utoipa's macro names this file's parameters by a path")]

use axum::{Json, extract::State};
use serde::Deserialize;
use stonegate_api::{AuditEntry, Page, Problem as ProblemReply, SealedAuditEntry};
use stonegate_identity::{Action, Resource, directory::AuditFilter};
use utoipa::IntoParams;

use super::list::{page, shown};
use crate::admin::{AdminState, Problem, Visit, body::Params, wire};

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditParams {
    /// `next` of the page before.
    after: Option<String>,
    /// How many at most; 100 when absent, 1000 at most.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Only acts of this one, such as `operator` or `user:usr_…`.
    actor: Option<String>,
    /// Only such acts, such as `key.revoke`.
    action: Option<String>,
    /// Only what was done to this, such as `user:usr_…`.
    subject: Option<String>,
    /// Only from this time on.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Only before this time.
    #[param(format = DateTime)]
    to: Option<String>,
}

/// What was done, the latest first. Sign-ins and their refusals are among it.
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
    let filter = AuditFilter {
        actor: params.actor,
        action: params.action,
        subject: params.subject,
        since: params.from.as_deref().map(|text| wire::time("from", text)).transpose()?,
        until: params.to.as_deref().map(|text| wire::time("to", text)).transpose()?,
    };
    let page = page(params.after.as_deref(), params.limit)?;
    let entries = state.keys.directory().list_audit(&filter, &page).await?;
    Ok(Json(shown(entries, wire::audit::shown)))
}

/// Which part of the chain.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChainParams {
    /// `next` of the part before; from the first entry on when absent.
    after: Option<String>,
    /// How many at most; 100 when absent, 1000 at most.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// The whole log as it is sealed, the first entry first, so that whoever reads it can check it without trusting this server.
#[utoipa::path(
    get, path = "/admin/v1/audit/chain", tag = "audit",
    params(ChainParams),
    responses(
        (status = 200, body = Page<SealedAuditEntry>), (status = 400, body = ProblemReply),
        (status = 401, body = ProblemReply), (status = 403, body = ProblemReply),
    ),
)]
pub(crate) async fn chain(
    State(state): State<AdminState>,
    visit: Visit,
    Params(params): Params<ChainParams>,
) -> Result<Json<Page<SealedAuditEntry>>, Problem> {
    let _permit = visit.authorize(Action::ReadAudit, &Resource::Installation)?;
    let part = page(params.after.as_deref(), params.limit)?;
    let after = match part.after.as_deref() {
        None => 0,
        Some(text) => {
            text.parse().map_err(|_no_number| Problem::invalid("after", "`next` of the part before"))?
        }
    };
    let entries = state.keys.directory().read_audit(after, part.limit).await?;
    let next = entries.last().map(|last| last.number.to_string());
    Ok(Json(Page { data: entries.iter().map(wire::audit::sealed).collect(), next }))
}
