//! `/signin/with/{provider}` and `/signin/callback`: the authorization code flow with PKCE (OpenID Connect Core, 3.1).
//!
//! What belongs together is bound: state and nonce to this browser's cookie, the code to a verifier that only we know, the
//! answer to the provider that was asked.

use axum::extract::{Path, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use stonegate_identity::UserCode;
use stonegate_identity::ticket::{Ticket, TicketKind};

use super::super::page::redirect;
use super::super::pages::{Guest, Refusal, after_sign_in, parameter};
use super::super::person::NotAdmitted;
use super::super::{Seen, SignIn, browser, pages};
use super::{Known, ProviderError, claims};
use crate::asker::{Asker, Favour};
use crate::clock;

/// How long a person may take at the provider.
const LIFETIME: SignedDuration = SignedDuration::from_mins(15);

/// A sign-in that is under way.
#[derive(Serialize, Deserialize)]
struct Pending {
    provider: String,
    nonce: String,
    verifier: String,
    user_code: Option<String>,
    /// A digest of what the browser's forms hold.
    browser: String,
}

fn digest(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
}

fn secret() -> String {
    URL_SAFE_NO_PAD.encode(clock::random::<32>())
}

/// `GET /signin/with/{provider}`: on to the provider.
pub(crate) async fn leave(
    State(at): State<SignIn>,
    Path(id): Path<String>,
    asker: Asker,
    seen: Seen,
) -> Result<Response, Refusal> {
    let guest = Guest::of(&at, &seen).await?;
    guest.ask(&at, asker, Favour::Begin)?;
    let known = at
        .providers
        .iter()
        .find(|known| known.settings.id == id && known.settings.client_id.is_some())
        .ok_or_else(|| told(StatusCode::NOT_FOUND, "There is no such way to sign in."))?;
    let facts = known.facts(guest.now).await.map_err(|error| away(known, &error))?;
    let (state, nonce, verifier) = (secret(), secret(), secret());
    let (form_token, cookie) = guest.browser.form_token(&guest.base);
    let pending = Pending {
        provider: id,
        nonce: nonce.clone(),
        verifier: verifier.clone(),
        user_code: parameter(&seen.uri, "user_code")
            .and_then(|code| UserCode::parse(&code).ok())
            .map(|code| code.to_string()),
        browser: digest(&form_token),
    };
    let ticket = Ticket {
        kind: TicketKind::Provider,
        name: digest(&state),
        body: json!(pending).to_string(),
        expires_at: guest.now.saturating_add(LIFETIME).unwrap_or(guest.now),
    };
    at.tickets.put(ticket, guest.now).await?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", known.settings.client_id.as_deref().unwrap_or_default())
        .append_pair("redirect_uri", &guest.base.at("/signin/callback"))
        .append_pair("scope", &known.settings.scopes)
        .append_pair("state", &state)
        .append_pair("nonce", &nonce)
        .append_pair("code_challenge", &digest(&verifier))
        .append_pair("code_challenge_method", "S256");
    let endpoint = &facts.endpoints.authorization_endpoint;
    let mark = if endpoint.contains('?') { '&' } else { '?' };
    Ok(redirect(&format!("{endpoint}{mark}{}", query.finish()), cookie))
}

/// `GET /signin/callback`: back from the provider.
pub(crate) async fn come_back(
    State(at): State<SignIn>,
    asker: Asker,
    seen: Seen,
) -> Result<Response, Refusal> {
    let guest = Guest::of(&at, &seen).await?;
    guest.ask(&at, asker, Favour::Look)?;
    let unknown =
        || told(StatusCode::BAD_REQUEST, "This sign-in was not begun here, or is too old. Start again.");
    let state = parameter(&seen.uri, "state").ok_or_else(unknown)?;
    let state = digest(&state);
    // What is not there is looked for by reading alone: taking would hold up all who write.
    at.tickets.find(TicketKind::Provider, &state, guest.now).await?.ok_or_else(unknown)?;
    let ticket = at.tickets.take(TicketKind::Provider, &state, guest.now).await?.ok_or_else(unknown)?;
    let pending: Pending = serde_json::from_str(&ticket.body).map_err(|_not_ours| unknown())?;
    // Another browser's sign-in: whoever began it wants somebody else to be them.
    let (form_token, new_cookie) = guest.browser.form_token(&guest.base);
    if new_cookie.is_some() || digest(&form_token) != pending.browser {
        return Err(unknown());
    }
    let known =
        at.providers.iter().find(|known| known.settings.id == pending.provider).ok_or_else(unknown)?;
    // Where the answer says whose it is, it has to be theirs, and where they always say so, it has to be said (RFC 9207).
    let facts = known.facts(guest.now).await.map_err(|error| away(known, &error))?;
    if !facts.endpoints.may_say(parameter(&seen.uri, "iss").as_deref()) {
        return Err(unknown());
    }
    let code = parameter(&seen.uri, "code")
        .ok_or_else(|| told(StatusCode::FORBIDDEN, "The provider did not let you in. Start again."))?;
    let user = whose(&at, known, &code, &pending, &guest).await?;
    let user_code = pending.user_code.and_then(|code| UserCode::parse(&code).ok());
    pages::signin::end(&at, &guest).await?;
    let cookie = browser::sign_in(&at, &guest.base, &user, &guest.act(&user.id)).await?;
    Ok(redirect(&after_sign_in(user_code.as_ref()), Some(cookie)))
}

async fn whose(
    at: &SignIn,
    known: &Known,
    code: &str,
    pending: &Pending,
    guest: &Guest,
) -> Result<stonegate_identity::directory::User, Refusal> {
    let redirect_uri = guest.base.at("/signin/callback");
    let audiences: Vec<String> = known.settings.client_id.iter().cloned().collect();
    let proven = async {
        let (token, access) = known.redeem(code, &pending.verifier, &redirect_uri, guest.now).await?;
        let claims = known.verify(&token, &audiences, Some(&pending.nonce), guest.now).await?;
        known.complete(claims, access.as_deref(), guest.now).await
    };
    let act = &guest.by_server;
    let refused = match proven.await {
        Ok(proven) => match claims::admit(at, &known.settings, &proven, act).await {
            Ok(user) => return Ok(user),
            Err(NotAdmitted::Told(why)) => {
                told(StatusCode::FORBIDDEN, &format!("You cannot sign in: {why}."))
            }
            Err(NotAdmitted::Away(error)) => return Err(error.into()),
        },
        Err(error) => away(known, &error),
    };
    let subject = format!("provider:{}", known.settings.id);
    at.keys.directory().record("signin.refuse", subject, act).await?;
    Err(refused)
}

fn told(status: StatusCode, message: &str) -> Refusal {
    Refusal::Told(status, "Not signed in", message.to_owned())
}

/// The person learns that it did not work, the operator why.
fn away(known: &Known, error: &ProviderError) -> Refusal {
    tracing::warn!(
        provider = known.settings.id,
        error = error as &dyn std::error::Error,
        "a sign-in by a provider did not work"
    );
    let message = "The provider could not be asked, or its answer does not hold. Try again; if that does not help, the \
                   gateway's log says why.";
    told(StatusCode::BAD_GATEWAY, message)
}
