//! `POST /admin/v1/teams`

use axum::{Json, extract::State};
use http::StatusCode;
use stonegate_api::{Problem as ProblemReply, Team, TeamCreate};
use stonegate_identity::{Action, Denied, Resource, TenantId};

use crate::admin::{AdminState, Problem, Visit, body::Body, wire};

/// Makes a team.
#[utoipa::path(
    post, path = "/admin/v1/teams", tag = "teams",
    request_body = TeamCreate,
    responses(
        (status = 201, body = Team), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply), (status = 404, body = ProblemReply), (status = 409, body = ProblemReply),
    ),
)]
pub(crate) async fn create(
    State(state): State<AdminState>,
    visit: Visit,
    Body(wanted): Body<TeamCreate>,
) -> Result<(StatusCode, Json<Team>), Problem> {
    visit.reach(Action::ManageTeams)?;
    let tenant = match wanted.tenant.as_deref() {
        Some(id) => TenantId::parse(id).map_err(|_no_id| Problem::not_found("tenant", id))?,
        None => visit.caller.tenant.clone(),
    };
    let new = wire::teams::new(&wanted, tenant, visit.now)?;
    let _permit =
        visit.authorize(Action::ManageTeams, &Resource::Team(&new.tenant, &new.id)).map_err(|denied| {
            match denied {
                // They know their tenant; they do not look after it.
                Denied::NotYours if new.tenant == visit.caller.tenant => {
                    Denied::Role(visit.caller.role).into()
                }
                denied => Problem::denied(&denied, "tenant", &new.tenant),
            }
        })?;
    let team = state.keys.directory().create_team(new, &visit.act()).await?;
    Ok((StatusCode::CREATED, Json(wire::teams::shown(&team))))
}
