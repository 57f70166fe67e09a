//! `POST /admin/v1/users`

use axum::{Json, extract::State};
use http::StatusCode;
use stonegate_api::{Problem as ProblemReply, User, UserCreate};
use stonegate_identity::{Action, Reach, Resource, TenantId};

use crate::admin::{AdminState, Problem, Visit, body::Body, wire};

/// Makes a user.
#[utoipa::path(
    post, path = "/admin/v1/users", tag = "users",
    request_body = UserCreate,
    responses(
        (status = 201, body = User), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply), (status = 404, body = ProblemReply), (status = 409, body = ProblemReply),
    ),
)]
pub(crate) async fn create(
    State(state): State<AdminState>,
    visit: Visit,
    Body(wanted): Body<UserCreate>,
) -> Result<(StatusCode, Json<User>), Problem> {
    let reach = visit.reach(Action::ManageUsers)?;
    let tenant = match wanted.tenant.as_deref() {
        Some(id) => TenantId::parse(id).map_err(|_no_id| Problem::not_found("tenant", id))?,
        None => visit.caller.tenant.clone(),
    };
    let mut new = wire::users::new(&wanted, tenant, visit.now)?;
    if let (None, Reach::Team(_, mine)) = (&new.team, reach) {
        new.team = Some(mine);
    }
    let _permit =
        visit.authorize(Action::ManageUsers, &Resource::User((&new).into())).map_err(
            |denied| match &wanted.team {
                Some(team) if new.tenant == visit.caller.tenant => Problem::denied(&denied, "team", team),
                Some(_) | None => Problem::denied(&denied, "tenant", &new.tenant),
            },
        )?;
    let user = state.keys.directory().create_user(new, &visit.act()).await?;
    Ok((StatusCode::CREATED, Json(wire::users::shown(&user))))
}
