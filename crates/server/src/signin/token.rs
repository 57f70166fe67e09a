//! `POST /oauth/token`: what a program gets, by a device's code, by its last refresh token, by a password, or by
//! what others vouch for.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use serde_json::json;
use stonegate_identity::directory::{Act, Actor};
use stonegate_identity::provisioning::ProvisionedKind;
use stonegate_identity::{DeviceCode, RefreshToken, Scopes, UnknownScope};

use super::aws::AWS_IDENTITY;
use super::device::NoTokens;
use super::local::{self, Refused, Shown};
use super::oauth::{Form, OAuthError, label};
use super::oidc::{self, ProviderError};
use super::person::NotAdmitted;
use super::session::{Lasting, Tokens};
use super::{Seen, SignIn, aws, device, session};
use crate::asker::{Favour, Network};

/// The grant of RFC 8628.
pub(super) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// The grant of RFC 7523.
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// A grant that is not served.
const UNSUPPORTED: &str = "unsupported_grant_type";
/// The longest name of a session, in characters.
const NAME_MOST: usize = 100;

/// `POST /oauth/token`
pub(super) async fn token(State(at): State<SignIn>, seen: Seen, body: Bytes) -> Result<Response, OAuthError> {
    let now = (at.now)();
    let act = super::by_server(now, seen.asker);
    let form = Form::parse(&body)?;
    let network = seen.asker.network();
    at.askers.admit(network, Favour::Look, now).map_err(OAuthError::too_often)?;
    let tokens = match form.need("grant_type")? {
        DEVICE_CODE => by_device(&at, form.need("device_code")?, act).await?,
        "refresh_token" => by_refresh(&at, form.need("refresh_token")?, &act).await?,
        JWT_BEARER => by_assertion(&at, &form, act).await?,
        "password" if at.settings.local => by_password(&at, &form, network, act).await?,
        AWS_IDENTITY => by_aws(&at, &form, &seen, act).await?,
        _ => {
            let description = "this gateway has no such grant: see /.well-known/oauth-authorization-server";
            return Err(OAuthError::new(UNSUPPORTED, description));
        }
    };
    Ok(shown(&tokens))
}

fn shown(tokens: &Tokens) -> Response {
    let mut answer = json!({
        "access_token": tokens.access.as_str(),
        "token_type": "Bearer",
        "expires_in": tokens.expires_in_seconds,
        "scope": tokens.scopes.to_string(),
    });
    let refresh = tokens.refresh.as_ref().map(RefreshToken::as_str);
    for (name, value) in [("refresh_token", refresh), ("email", tokens.email.as_deref())] {
        if let (Some(value), Some(answer)) = (value, answer.as_object_mut()) {
            answer.insert(name.to_owned(), json!(value));
        }
    }
    ([(CACHE_CONTROL, "no-store")], Json(answer)).into_response()
}

async fn by_device(at: &SignIn, code: &str, act: Act) -> Result<Tokens, OAuthError> {
    let unknown = || OAuthError::invalid_grant("this device code is unknown, or was used");
    let code = DeviceCode::parse(code).map_err(|_not_ours| unknown())?;
    let (outcome, request) = device::poll(at, &code, act.at).await?.ok_or_else(unknown)?;
    let approval = outcome.map_err(|why| match why {
        NoTokens::Pending => OAuthError::new("authorization_pending", "nobody has approved this device yet"),
        NoTokens::TooSoon => OAuthError::new("slow_down", "ask five seconds less often"),
        NoTokens::Denied => OAuthError::new("access_denied", "the person said no"),
        NoTokens::Expired => OAuthError::new("expired_token", "nobody approved this device in time"),
        NoTokens::Redeemed => unknown(),
    })?;
    let denied = || OAuthError::new("access_denied", "this person may not sign in");
    let directory = at.keys.directory();
    let user = directory.find_user(&approval.user().ok_or_else(denied)?).await?.ok_or_else(denied)?;
    // Whoever approved it may have known a password that is another one by now.
    let set_at = directory.password_set_at(&user.id).await?;
    // Or have been somebody else, whose user a provider has taken over.
    let provisioned = at.provisioning.find(&user.tenant, ProvisionedKind::User, user.id.as_str()).await?;
    let came_at = provisioned.map(|(person, _)| person.created_at);
    let is_outdated = [set_at, came_at].into_iter().flatten().any(|time| approval.is_before(time));
    if is_outdated || !session::is_in_good_standing(at, &user).await? {
        return Err(denied());
    }
    let act = Act { by: Actor::User(user.id.clone()), ..act };
    let wanted = (request.scopes(), request.session_name());
    Ok(session::open(at, &user, wanted, Lasting::Refreshed, &act).await?)
}

async fn by_refresh(at: &SignIn, text: &str, act: &Act) -> Result<Tokens, OAuthError> {
    let text = RefreshToken::parse(text).map_err(|_not_ours| OAuthError::sign_in_again())?;
    session::refresh(at, &text, act).await?.ok_or_else(OAuthError::sign_in_again)
}

async fn by_password(at: &SignIn, form: &Form, network: Network, act: Act) -> Result<Tokens, OAuthError> {
    let shown = Shown {
        login: form.need("username")?,
        password: form.need("password")?,
        code: form.find("otp").unwrap_or_default(),
        network,
    };
    let scopes = wanted(form)?;
    let proven = local::sign_in(at, &shown, &act).await;
    let proven = proven.map_err(|refused| OAuthError::of_password(refused, act.at))?;
    let name = name(form, "password");
    let user = &proven.user;
    let act = Act { by: Actor::User(user.id.clone()), ..act };
    let tokens = session::open(at, user, (scopes, name), Lasting::Refreshed, &act).await?;
    if local::still_holds(at, &proven, &act).await? {
        Ok(tokens)
    } else {
        Err(OAuthError::of_password(Refused::Wrong, act.at))
    }
}

/// Somebody shows by a signature who they are to AWS.
async fn by_aws(at: &SignIn, form: &Form, seen: &Seen, act: Act) -> Result<Tokens, OAuthError> {
    let aws = at.aws.as_ref().ok_or_else(|| {
        OAuthError::new(UNSUPPORTED, "this gateway trusts no AWS account: sign in in another way")
    })?;
    let assertion = form.need("assertion")?;
    let scopes = wanted(form)?;
    let user = aws::sign_in(at, aws, assertion, seen, &act).await?;
    let act = Act { by: Actor::User(user.id.clone()), ..act };
    let name = name(form, "aws");
    Ok(session::open(at, &user, (scopes, name), Lasting::Within(aws::SESSION), &act).await?)
}

/// A machine shows a token of a provider's that is made out to us.
async fn by_assertion(at: &SignIn, form: &Form, act: Act) -> Result<Tokens, OAuthError> {
    let token = form.need("assertion")?;
    let wanted = wanted(form)?;
    let foreign = || OAuthError::invalid_grant("this token is of no provider whose machines are let in here");
    let known = at.of_machines(token).ok_or_else(foreign)?;
    let claims =
        known.verify(token, &known.settings.audiences, None, act.at).await.map_err(|error| match error {
            ProviderError::Unproven(why) => {
                OAuthError::invalid_grant(format!("the token does not hold: {why}"))
            }
            other => {
                tracing::warn!(
                    provider = known.settings.id,
                    error = &other as &dyn std::error::Error,
                    "no keys to check by"
                );
                OAuthError::unavailable("the token cannot be checked at the moment; try again")
            }
        })?;
    if at.was_ended(token).await? {
        return Err(OAuthError::invalid_grant("what this token opened was ended: get a new one"));
    }
    let user = oidc::claims::admit(at, &known.settings, &claims, &act).await.map_err(|not| match not {
        NotAdmitted::Told(why) => OAuthError::invalid_grant(why),
        NotAdmitted::Away(away) => away.into(),
    })?;
    let act = Act { by: Actor::User(user.id.clone()), ..act };
    let scopes = known.settings.machine_scopes.map_or(wanted, |most| wanted.and(most));
    let name = name(form, &known.settings.id);
    Ok(session::open(at, &user, (scopes, name), Lasting::Until(claims.ends_at), &act).await?)
}

/// The scopes that were asked for; those for calling models when none were.
fn wanted(form: &Form) -> Result<Scopes, OAuthError> {
    let Some(words) = form.find("scope") else { return Ok(Scopes::for_calls()) };
    words.parse().map_err(|unknown: UnknownScope| OAuthError::new("invalid_scope", unknown.to_string()))
}

fn name(form: &Form, otherwise: &str) -> String {
    match label(form.find("device_name").unwrap_or_default(), NAME_MOST) {
        name if name.is_empty() => otherwise.to_owned(),
        name => name,
    }
}
