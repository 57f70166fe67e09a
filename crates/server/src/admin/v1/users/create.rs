//! `POST /admin/v1/users`

use axum::{Json, extract::State};
use http::StatusCode;
use stonegate_api::{Problem as ProblemReply, User, UserCreate};
use stonegate_identity::{Action, Owner, Resource, TenantId};

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
    visit.reach(Action::ManageUsers)?;
    let tenant = match wanted.tenant.as_deref() {
        Some(id) => TenantId::parse(id).map_err(|_no_id| Problem::not_found("tenant", id))?,
        None => visit.caller.tenant.clone(),
    };
    let new = wire::users::new(&wanted, tenant, visit.now)?;
    let owner = Owner { tenant: &new.tenant, team: None, user: &new.id, role: new.role };
    let _permit = visit
        .authorize(Action::ManageUsers, &Resource::User(owner))
        .map_err(|denied| Problem::denied(&denied, "tenant", &new.tenant))?;
    let user = state.keys.directory().create_user(new, &visit.act()).await?;
    Ok((StatusCode::CREATED, Json(wire::users::shown(&user))))
}
