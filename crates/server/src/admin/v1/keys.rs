//! `/admin/v1/keys`

use stonegate_identity::{Action, KeyId, Resource, directory::Key};

use crate::admin::{AdminState, Problem, Visit};

pub(crate) mod create;
pub(crate) mod ephemeral;
pub(crate) mod limits;
pub(crate) mod list;
pub(crate) mod renew;
pub(crate) mod revoke;
pub(crate) mod rotate;
pub(crate) mod show;

/// The key of that id, if it is the caller's child, or the caller may manage it.
async fn held(state: &AdminState, visit: &Visit, id: &str) -> Result<Key, Problem> {
    if let Ok(parsed) = KeyId::parse(id)
        && let Some(key) = state.keys.directory().find_key(&parsed).await?
        && let Some(parent) = &key.parent
        && visit.authorize(Action::ManageChildKeys, &Resource::ChildrenOf(parent)).is_ok()
    {
        return Ok(key);
    }
    authorized(state, visit, Action::ManageKeys, id).await
}

/// The key of that id, if the caller may do this to it.
async fn authorized(state: &AdminState, visit: &Visit, action: Action, id: &str) -> Result<Key, Problem> {
    visit.reach(action)?;
    let missing = || Problem::not_found("key", id);
    let parsed = KeyId::parse(id).map_err(|_no_id| missing())?;
    let key = state.keys.directory().find_key(&parsed).await?.ok_or_else(missing)?;
    let _permit = visit
        .authorize(action, &Resource::User((&key).into()))
        .map_err(|denied| Problem::denied(&denied, "key", id))?;
    Ok(key)
}
