//! `/admin/v1/users`

use stonegate_identity::{Action, Owner, Resource, UserId, directory::User};

use crate::admin::{AdminState, Problem, Visit};

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod password_link;
pub(crate) mod show;
pub(crate) mod totp_reset;
pub(crate) mod update;

/// The user of that id, if the caller may do this to them.
async fn authorized(state: &AdminState, visit: &Visit, action: Action, id: &str) -> Result<User, Problem> {
    visit.reach(action)?;
    let missing = || Problem::not_found("user", id);
    let parsed = UserId::parse(id).map_err(|_no_id| missing())?;
    let user = state.keys.directory().find_user(&parsed).await?.ok_or_else(missing)?;
    allow(visit, action, (&user).into())?;
    Ok(user)
}

/// Whether the caller may do this to a user as they are, or are to be.
fn allow(visit: &Visit, action: Action, owner: Owner<'_>) -> Result<(), Problem> {
    let user = owner.user;
    match visit.authorize(action, &Resource::User(owner)) {
        Ok(_permit) => Ok(()),
        Err(denied) => Err(Problem::denied(&denied, "user", user)),
    }
}
