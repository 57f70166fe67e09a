//! `/admin/v1/usage/corrections`

use axum::{Json, extract::State};
use http::StatusCode;
use stonegate_api::{Correction, CorrectionCreate, Page, Problem as ProblemReply};
use stonegate_identity::{Action, Reach, Resource, TenantId};
use stonegate_ledger::{CallId, JournalQuery, LedgerStore, Truth, UsageFilter, UsageRecord};

use super::super::budgets::allow;
use crate::admin::{
    AdminState, Problem, Visit,
    body::Body,
    wire::{self, unresolved::Wanted},
};

/// The most corrections that are listed.
const MOST: u32 = 1_000;

/// Says what a call or a written-off lease really took. It is kept for good, and budgets follow at once.
#[utoipa::path(
    post, path = "/admin/v1/usage/corrections", tag = "usage",
    request_body = CorrectionCreate,
    responses(
        (status = 201, body = Correction), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply), (status = 404, body = ProblemReply),
        (status = 409, body = ProblemReply),
    ),
)]
pub(crate) async fn correct(
    State(state): State<AdminState>,
    visit: Visit,
    Body(create): Body<CorrectionCreate>,
) -> Result<(StatusCode, Json<Correction>), Problem> {
    let reach = visit.reach(Action::ManageBudgets)?;
    let wanted = wire::unresolved::wanted(&create)?;
    if reach == Reach::Everything
        && let Some(id) = create.id.as_deref()
        && let Some(known) = wire::unresolved::find_kept(&*state.ledger, id, &wanted).await?
    {
        return Ok((StatusCode::CREATED, Json(known)));
    }
    let truth = match wanted {
        Wanted::Call(call, cost, tokens) => {
            let record = find_call(&*state.ledger, call).await?;
            may_correct(&visit, &record)?;
            Truth::Call { call, cost, tokens }
        }
        Wanted::WriteOff(replica, counter, spent) => {
            let found = wire::unresolved::find_write_off(&*state.ledger, &replica, &counter).await?;
            allow(&state, &visit, Action::ManageBudgets, &found.account).await?;
            Truth::WriteOff { spent: wire::unresolved::spent(&spent, found.amount)?, replica, counter }
        }
    };
    let by = visit.caller.user.to_string();
    let correction = wire::unresolved::correction(&create, truth, &by, visit.now)?;
    let shown = state.budgeting(&visit).correct(correction).await?;
    Ok((StatusCode::CREATED, Json(shown)))
}

/// What was corrected, the newest first.
#[utoipa::path(
    get, path = "/admin/v1/usage/corrections", tag = "usage",
    responses(
        (status = 200, body = Page<Correction>), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply),
    ),
)]
pub(crate) async fn list(
    State(state): State<AdminState>,
    visit: Visit,
) -> Result<Json<Page<Correction>>, Problem> {
    if visit.reach(Action::ManageBudgets)? != Reach::Everything {
        return Err(Problem::forbidden("role", "only administrators see all corrections"));
    }
    let data = state.ledger.corrections(MOST).await?;
    Ok(Json(Page { data: data.iter().map(wire::unresolved::shown_correction).collect(), next: None }))
}

/// A call is charged to its tenant's budgets, too.
fn may_correct(visit: &Visit, record: &UsageRecord) -> Result<(), Problem> {
    let missing = || Problem::not_found("unresolved call", record.call);
    let tenant = TenantId::parse(record.path.tenant()).map_err(|_no_id| missing())?;
    match visit.authorize(Action::ManageBudgets, &Resource::Tenant(&tenant)) {
        Ok(_permit) => Ok(()),
        Err(denied) => Err(Problem::denied(&denied, "unresolved call", record.call)),
    }
}

/// The record of a call.
async fn find_call(ledger: &dyn LedgerStore, call: CallId) -> Result<UsageRecord, Problem> {
    let before = Some(CallId::from(call.get().saturating_add(1)));
    let query = JournalQuery { filter: UsageFilter::default(), before, limit: 1 };
    let found = ledger.journal(query).await?.records.into_iter().find(|record| record.call == call);
    found.ok_or_else(|| Problem::not_found("unresolved call", call))
}
