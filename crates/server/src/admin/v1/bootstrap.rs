//! `POST /admin/v1/bootstrap`

use axum::{Json, extract::State};
use http::StatusCode;
use stonegate_api::{Bootstrap, KeyCreate, KeyCreated, Problem as ProblemReply, Role, UserCreate};
use stonegate_identity::{
    BootstrapToken, DirectoryError, Scope, TenantId,
    directory::{Act, Actor, FirstAdmin, NewPassword, User},
};

use crate::admin::{AdminState, Problem, body::Body, visit::Arrival, wire};
use crate::asker::{Asker, Favour};
use crate::signin::{self, NotHashed};

/// The name of the first administrator when nobody gives one.
const ADMIN: &str = "admin";

/// Makes the first administrator and their key, with the token that the server printed at its first start. Works once.
#[utoipa::path(
    post, path = "/admin/v1/bootstrap", tag = "bootstrap", security(()),
    request_body = Bootstrap,
    responses(
        (status = 201, body = KeyCreated), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 429, body = ProblemReply),
    ),
)]
pub(crate) async fn bootstrap(
    State(state): State<AdminState>,
    arrival: Arrival,
    asker: Asker,
    Body(wanted): Body<Bootstrap>,
) -> Result<(StatusCode, Json<KeyCreated>), Problem> {
    let token = BootstrapToken::parse(wanted.token.trim())
        .map_err(|bad| Problem::invalid("token", bad.to_string()))?;
    let admitted = state.sign_in.askers.admit(asker.network(), Favour::Prove, arrival.now);
    admitted.map_err(Problem::too_many)?;
    let directory = state.keys.directory();
    let unknown = || {
        Problem::unauthenticated(
            "this token is unknown, used or too old; a server that never had an administrator prints a new one when it \
             starts",
        )
    };
    // Nobody else learns who has an account, or gets anything hashed.
    if !directory.is_bootstrap(token.digest(), arrival.now).await? {
        return Err(unknown());
    }
    let password = password(&state, &wanted).await?;
    let user = UserCreate {
        name: wanted.name.unwrap_or_else(|| ADMIN.to_owned()),
        email: wanted.email,
        role: Role::Admin,
        ..UserCreate::default()
    };
    let admin = wire::users::new(&user, TenantId::default_tenant(), arrival.now)?;
    let owner = User {
        id: admin.id.clone(),
        tenant: admin.tenant.clone(),
        team: None,
        name: admin.name.clone(),
        email: None,
        role: admin.role,
        models: admin.models.clone(),
        disabled_at: None,
        created_at: arrival.now,
    };
    let key = KeyCreate {
        name: ADMIN.to_owned(),
        scopes: Some(Scope::ALL.iter().map(ToString::to_string).collect()),
        ..KeyCreate::default()
    };
    let (key, text) = wire::keys::minted(&key, &owner, arrival.now)?;
    let act = Act {
        by: Actor::Bootstrap,
        at: arrival.now,
        request_id: Some(arrival.call.to_string()),
        address: asker.0,
    };
    let first = FirstAdmin { user: admin, key, password };
    let key = directory.redeem_bootstrap(token.digest(), first, &act).await.map_err(|error| match error {
        DirectoryError::NotFound { kind: "bootstrap token", .. } => unknown(),
        other => other.into(),
    })?;
    Ok((StatusCode::CREATED, Json(wire::keys::created(&key, &text, arrival.now))))
}

/// The password that the first administrator wants, hashed. All that could be wrong with it is found before the token is
/// used.
async fn password(state: &AdminState, wanted: &Bootstrap) -> Result<Option<NewPassword>, Problem> {
    let Some(password) = &wanted.password else { return Ok(None) };
    let sign_in = &state.sign_in;
    if !sign_in.settings.local {
        return Err(Problem::invalid("password", "passwords are not taken here: signin.local is off"));
    }
    let email = wanted
        .email
        .as_deref()
        .ok_or_else(|| Problem::invalid("email", "a password goes with an address to sign in with"))?;
    let login = signin::login_of(email);
    if state.keys.directory().find_password(&login).await?.is_some() {
        return Err(Problem::conflict("email", "another user signs in with this address"));
    }
    let hash = sign_in.passwords.hash(password).await.map_err(|not| match not {
        NotHashed::Unfit => Problem::invalid("password", not.to_string()),
        NotHashed::Crowded | NotHashed::Failed => Problem::busy(not),
    })?;
    Ok(Some(NewPassword { login, hash }))
}
