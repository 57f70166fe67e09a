//! `/signin/password`: setting a password by a link that works once.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, Uri};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use stonegate_identity::directory::NewPassword;
use stonegate_identity::ticket::{Ticket, TicketKind};
use stonegate_identity::{DirectoryError, PasswordToken, UserId};

use super::super::page::{Form, Page};
use super::super::passwords::NotHashed;
use super::super::{SignIn, local};
use super::{Guest, Refusal, parameter};
use crate::asker::{Asker, Favour};
use crate::clock;

/// How long a link works.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24);

#[derive(Serialize, Deserialize)]
struct Offer {
    user: String,
    login: String,
}

/// A link by which a person sets the password that goes with a login, and when it ends.
pub(crate) async fn offer(
    at: &SignIn,
    user: &UserId,
    login: &str,
    now: Timestamp,
) -> Result<(PasswordToken, Timestamp), DirectoryError> {
    let token = PasswordToken::mint(clock::random());
    let expires_at = now.saturating_add(LIFETIME).unwrap_or(now);
    let offer = Offer { user: user.to_string(), login: local::login_of(login) };
    let ticket = Ticket {
        kind: TicketKind::PasswordLink,
        name: token.digest().to_hex(),
        body: json!(offer).to_string(),
        expires_at,
    };
    at.tickets.put(ticket, now).await?;
    Ok((token, expires_at))
}

/// `GET /signin/password`
pub(crate) async fn show(
    State(at): State<SignIn>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Refusal> {
    let guest = Guest::of(&at, &headers, &uri).await?;
    let token = parameter(&uri, "token").unwrap_or_default();
    let token = PasswordToken::parse(&token).map_err(|_not_ours| unknown())?;
    Ok(form(&guest, &token, None).into_response())
}

fn form(guest: &Guest, token: &PasswordToken, wrong: Option<&str>) -> Page {
    let (form_token, cookie) = guest.browser.form_token(&guest.base);
    let mut page = Page::new("Set your password");
    if let Some(wrong) = wrong {
        page = page.wrong(wrong);
    }
    page.form(&Form {
        method: "post",
        action: "/signin/password",
        hidden: &[("form_token", &form_token), ("token", token.as_str())],
        fields: &[(
            "password",
            "New password",
            "type=\"password\" autocomplete=\"new-password\" minlength=\"12\"",
        )],
        buttons: &[("act", "set", "Set password")],
    })
    .cookie(cookie)
}

/// `POST /signin/password`
pub(crate) async fn send(
    State(at): State<SignIn>,
    asker: Asker,
    headers: HeaderMap,
    uri: Uri,
    body: Bytes,
) -> Result<Response, Refusal> {
    let (guest, sent) = Guest::with_form(&at, &headers, &uri, &body).await?;
    guest.ask(&at, asker, Favour::Look)?;
    let token =
        PasswordToken::parse(sent.find("token").unwrap_or_default()).map_err(|_not_ours| unknown())?;
    let name = token.digest().to_hex();
    // Only who has a link gets anything hashed.
    at.tickets.find(TicketKind::PasswordLink, &name, guest.now).await?.ok_or_else(unknown)?;
    let hash = match at.passwords.hash(sent.find("password").unwrap_or_default()).await {
        Ok(hash) => hash,
        Err(NotHashed::Unfit) => {
            let page = form(&guest, &token, Some(&format!("{}.", NotHashed::Unfit)));
            return Ok(page.status(StatusCode::BAD_REQUEST).into_response());
        }
        Err(NotHashed::Crowded | NotHashed::Failed) => return Err(Refusal::Away),
    };
    let ticket = at.tickets.take(TicketKind::PasswordLink, &name, guest.now).await?.ok_or_else(unknown)?;
    let offer: Offer =
        serde_json::from_str(&ticket.body).map_err(|bad| DirectoryError::Unavailable(Box::new(bad)))?;
    let user = UserId::parse(&offer.user).map_err(|bad| DirectoryError::Unavailable(Box::new(bad)))?;
    let password = NewPassword { login: offer.login, hash };
    local::set_password(&at, &user, password, &guest.act(&user)).await?;
    Ok(Page::new("Password set")
        .paragraph("You can sign in with it now.")
        .link("/signin", "Sign in")
        .into_response())
}

fn unknown() -> Refusal {
    let message = "This link was used, or is too old. Ask your administrator for another one.";
    Refusal::Told(StatusCode::NOT_FOUND, "Unknown link", message.to_owned())
}
