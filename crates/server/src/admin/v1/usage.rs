//! `/admin/v1/usage`
#![expect(unused_qualifications, reason = "utoipa's macro names this file's parameters by a path")]

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use stonegate_api::{Problem as ProblemReply, Usage, UsageBy, UsagePer};
use stonegate_identity::{Action, Reach};
use stonegate_ledger::UsageFilter;
use utoipa::{IntoParams, ToSchema};

use crate::admin::{AdminState, Problem, Visit, body::Params, wire};

pub(crate) mod correct;
pub(crate) mod unresolved;

/// Which calls, and what they are summed by.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageParams {
    /// What usage is summed by; with neither this nor `per`, by user.
    by: Option<UsageBy>,
    /// The time that each sum is of; the whole when absent. Hour by hour, at most 92 days can be told.
    per: Option<UsagePer>,
    /// Calls that came in at this time or later; its hour counts as a whole.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Calls that came in before this time; its hour counts as a whole.
    #[param(format = DateTime)]
    to: Option<String>,
    /// Calls of this tenant, by its id.
    tenant: Option<String>,
    /// Calls of this team, by its id.
    team: Option<String>,
    /// Calls of this user, by the user's id.
    user: Option<String>,
    /// Calls with this key, by its id.
    key: Option<String>,
    /// Calls that this model answered.
    model: Option<String>,
    /// Calls that went to this upstream.
    endpoint: Option<String>,
    /// Calls of this program.
    client: Option<String>,
    /// Calls in this protocol.
    dialect: Option<String>,
    /// Calls with this tag: `NAME=VALUE`, or `NAME` for any value.
    tag: Option<String>,
    /// How many sums at most, up to 10,000.
    #[param(default = 1000, minimum = 1, maximum = 10_000)]
    limit: Option<u32>,
    /// The `next` of the part before.
    after: Option<String>,
    /// The form of the answer; `json` when absent.
    format: Option<Format>,
}

/// The form of a report.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// JSON, with the total.
    Json,
    /// Comma-separated values, with a line of headings and without the total. It tells of a next part in the header
    /// `x-stonegate-next`.
    Csv,
}

/// The header that holds `next` where the answer has no place for it.
const NEXT: &str = "x-stonegate-next";

/// What the caller, or those whom the caller looks after, used and what it cost.
#[utoipa::path(
    get, path = "/admin/v1/usage", tag = "usage",
    params(UsageParams),
    responses(
        (
            status = 200,
            headers(("x-stonegate-next" = Option<String>, description = "The `next` of an answer in CSV")),
            content((Usage = "application/json"), (String = "text/csv")),
        ),
        (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply),
    ),
)]
pub(crate) async fn usage(
    State(state): State<AdminState>,
    visit: Visit,
    Params(params): Params<UsageParams>,
) -> Result<Response, Problem> {
    let reach = visit.reach(Action::ReadUsage)?;
    let wanted = wire::usage::Wanted {
        by: params.by,
        per: params.per,
        filter: within(&visit, reach, params.filter()?)?,
        limit: Some(params.limit.unwrap_or(wire::usage::PAGE)),
        after: params.after,
    };
    let usage = wire::usage::report(&*state.ledger, &**state.keys.directory(), wanted, (state.now)()).await?;
    Ok(match params.format.unwrap_or(Format::Json) {
        Format::Json => Json(usage).into_response(),
        Format::Csv => {
            let mut response = wire::usage::csv(&usage).into_response();
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, http::HeaderValue::from_static("text/csv; charset=utf-8"));
            if let Some(next) = usage.next.and_then(|next| http::HeaderValue::try_from(next).ok()) {
                headers.insert(NEXT, next);
            }
            response
        }
    })
}

impl UsageParams {
    fn filter(&self) -> Result<UsageFilter, Problem> {
        let id = |text: &Option<String>| text.as_deref().map(Into::into);
        Ok(UsageFilter {
            from: self.from.as_deref().map(|text| wire::time("from", text)).transpose()?,
            until: self.to.as_deref().map(|text| wire::time("to", text)).transpose()?,
            tenant: id(&self.tenant),
            team: id(&self.team),
            user: id(&self.user),
            key: id(&self.key),
            model: id(&self.model),
            endpoint: id(&self.endpoint),
            client: id(&self.client),
            dialect: id(&self.dialect),
            tag: id(&self.tag),
        })
    }
}

/// What is asked for, narrowed to what the caller may see. Another's usage is refused, not shown as none.
pub(super) fn within(visit: &Visit, reach: Reach, mut filter: UsageFilter) -> Result<UsageFilter, Problem> {
    // What is one's own may have been used before one came into a team.
    if filter.user.as_deref() == Some(visit.caller.user.as_str()) {
        return Ok(filter);
    }
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
