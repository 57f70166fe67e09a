//! `GET /admin/v1/keys`

use axum::{Json, extract::State};
use stonegate_api::{Key, Page, Problem as ProblemReply};
use stonegate_identity::{Action, directory::Filter};

use crate::admin::{
    AdminState, Problem, Visit,
    body::Params,
    v1::list::{KeyListParams, shown},
    wire,
};

/// The keys that the caller may see, in the order in which they were made.
#[utoipa::path(
    get, path = "/admin/v1/keys", tag = "keys",
    params(KeyListParams),
    responses(
        (status = 200, body = Page<Key>), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply),
    ),
)]
pub(crate) async fn list(
    State(state): State<AdminState>,
    visit: Visit,
    Params(params): Params<KeyListParams>,
) -> Result<Json<Page<Key>>, Problem> {
    let reach = visit.reach(Action::ReadKeys)?;
    let (params, kind) = params.split()?;
    let filter = Filter { kind, ..params.filter(reach, visit.now)? };
    let page = state.keys.directory().list_keys(&filter, &params.page()?).await?;
    Ok(Json(shown(page, |key| wire::keys::shown(key, visit.now))))
}
