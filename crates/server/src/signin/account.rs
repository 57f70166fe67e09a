//! `POST /account/totp`: what people with passwords do about their second factor without a browser. They show the password with
//! each step, so that a session, a cookie or a key that somebody has got hold of is no way in for good.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use serde_json::json;

use super::factor::{self, Done, Wish};
use super::local::Shown;
use super::oauth::{Form, OAuthError};
use super::{Seen, SignIn};

/// A form with `action` (`begin`, `enable`, `disable`), `username`, `password` and `otp`.
pub(super) async fn totp(State(at): State<SignIn>, seen: Seen, body: Bytes) -> Result<Response, OAuthError> {
    let act = super::by_server((at.now)(), seen.asker);
    let form = Form::parse(&body)?;
    let wish = match form.need("action")? {
        "begin" => Wish::Begin,
        "enable" => Wish::Enable,
        "disable" => Wish::Disable,
        _ => return Err(OAuthError::invalid_request("`action` is `begin`, `enable` or `disable`")),
    };
    if !at.settings.local {
        return Err(OAuthError::invalid_request("passwords are not taken here: signin.local is off"));
    }
    let shown = Shown {
        login: form.need("username")?,
        password: form.need("password")?,
        code: form.find("otp").unwrap_or_default(),
        network: seen.asker.network(),
    };
    let done = factor::change(&at, &shown, wish, &act).await;
    let answer = match done.map_err(|refused| OAuthError::of_password(refused, act.at))? {
        Done::Begun { secret, uri } => json!({ "secret": secret, "uri": uri }),
        Done::Enabled(codes) => json!({ "recovery_codes": codes }),
        Done::Disabled => json!({}),
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}
