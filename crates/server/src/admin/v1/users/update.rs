//! `PATCH /admin/v1/users/{id}`

use axum::{
    Json,
    extract::{Path, State},
};
use stonegate_api::{Problem as ProblemReply, User, UserUpdate};
use stonegate_identity::{Action, Owner, Resource, directory::UserEdit};

use super::{allow, authorized};
use crate::admin::{AdminState, Problem, Visit, body::Body, wire};
use crate::signin::keep_out;

/// Changes a user. A disabled user's keys stop at once, and work again when the user is enabled.
#[utoipa::path(
    patch, path = "/admin/v1/users/{id}", tag = "users",
    params(("id" = String, Path, description = "The user's id")),
    request_body = UserUpdate,
    responses(
        (status = 200, body = User), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply), (status = 404, body = ProblemReply), (status = 409, body = ProblemReply),
    ),
)]
pub(crate) async fn update(
    State(state): State<AdminState>,
    visit: Visit,
    Path(id): Path<String>,
    Body(wanted): Body<UserUpdate>,
) -> Result<Json<User>, Problem> {
    let user = authorized(&state, &visit, Action::ManageUsers, &id).await?;
    let edit = wire::users::edit(&wanted)?;
    let owner = Owner { role: edit.role.unwrap_or(user.role), ..Owner::from(&user) };
    allow(&visit, Action::ManageUsers, owner)?;
    allow_team(&visit, owner, &edit)?;
    let is_disabled = edit.disabled == Some(true);
    let user = state.keys.directory().update_user(&user.id, edit, &visit.act()).await?;
    if is_disabled {
        keep_out(&*state.sign_in.tickets, &user.id, visit.now).await?;
    }
    state.keys.refresh(visit.now).await?;
    Ok(Json(wire::users::shown(&user)))
}

/// Whether the caller looks after the team, too, that a user is to be in; out of all teams, after the tenant.
fn allow_team(visit: &Visit, owner: Owner<'_>, edit: &UserEdit) -> Result<(), Problem> {
    let Some(team) = &edit.team else { return Ok(()) };
    let moved = Resource::User(Owner { team: team.as_ref(), ..owner });
    match (visit.authorize(Action::ManageUsers, &moved), team) {
        (Ok(_permit), _) => Ok(()),
        (Err(denied), Some(team)) => Err(Problem::denied(&denied, "team", team)),
        (Err(_), None) => Err(Problem::forbidden(
            "team",
            "only someone who looks after the tenant takes a user out of a team",
        )),
    }
}
