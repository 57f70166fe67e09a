//! `/admin/v1/usage`
#![expect(unused_qualifications, reason = "utoipa's macro names this file's parameters by a path")]

use axum::{Json, extract::State};
use serde::Deserialize;
use stonegate_api::{Problem as ProblemReply, Usage, UsageBy};
use stonegate_identity::{Action, Reach};
use stonegate_ledger::{UsageFilter, UsageQuery};
use utoipa::IntoParams;

use crate::admin::{AdminState, Problem, Visit, body::Params, wire};

pub(crate) mod correct;
pub(crate) mod unresolved;

/// Which calls, and what they are summed by.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageParams {
    /// What usage is summed by; `user` when absent.
    #[serde(default)]
    by: UsageBy,
    /// Calls that came in at this time or later.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Calls that came in before this time.
    #[param(format = DateTime)]
    to: Option<String>,
    /// Calls of this tenant, by its id.
    tenant: Option<String>,
    /// Calls of this user, by the user's id.
    user: Option<String>,
    /// Calls with this key, by its id.
    key: Option<String>,
    /// Calls that this model answered.
    model: Option<String>,
}

/// What the caller, or those whom the caller looks after, used and what it cost.
#[utoipa::path(
    get, path = "/admin/v1/usage", tag = "usage",
    params(UsageParams),
    responses(
        (status = 200, body = Usage), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply),
    ),
)]
pub(crate) async fn usage(
    State(state): State<AdminState>,
    visit: Visit,
    Params(params): Params<UsageParams>,
) -> Result<Json<Usage>, Problem> {
    let reach = visit.reach(Action::ReadUsage)?;
    let filter = within(reach, params.filter()?)?;
    let query = UsageQuery { filter, by: wire::usage::by(params.by) };
    let sums = state.ledger.usage(query.clone()).await?;
    let usage = wire::usage::shown(&**state.keys.directory(), params.by, &query.filter, &sums).await?;
    Ok(Json(usage))
}

impl UsageParams {
    fn filter(&self) -> Result<UsageFilter, Problem> {
        let id = |text: &Option<String>| text.as_deref().map(Into::into);
        Ok(UsageFilter {
            from: self.from.as_deref().map(|text| wire::time("from", text)).transpose()?,
            until: self.to.as_deref().map(|text| wire::time("to", text)).transpose()?,
            tenant: id(&self.tenant),
            team: None,
            user: id(&self.user),
            key: id(&self.key),
            model: id(&self.model),
        })
    }
}

/// What is asked for, narrowed to what the caller may see. Another's usage is refused, not shown as none.
fn within(reach: Reach, mut filter: UsageFilter) -> Result<UsageFilter, Problem> {
    let (place, mine, kind) = match &reach {
        Reach::Everything => return Ok(filter),
        Reach::Own(user) => (&mut filter.user, user.to_arc(), "user"),
        Reach::Tenant(tenant) => (&mut filter.tenant, tenant.to_arc(), "tenant"),
        Reach::Team(_, team) => (&mut filter.team, team.to_arc(), "team"),
    };
    match place.replace(mine.clone()) {
        Some(asked) if asked != mine => Err(Problem::not_found(kind, asked)),
        Some(_) | None => Ok(filter),
    }
}
