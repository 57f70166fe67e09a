//! `/signin/password`: setting a password by a link that works once.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use stonegate_identity::directory::{Act, NewPassword, User};
use stonegate_identity::ticket::{Ticket, TicketKind};
use stonegate_identity::{DirectoryError, PasswordToken, UserId};

use super::super::page::{Form, Page};
use super::super::passwords::NotHashed;
use super::super::session::is_in_good_standing;
use super::super::{Seen, SignIn, local};
use super::{Guest, Refusal, parameter};
use crate::asker::{Asker, Favour};
use crate::clock;

/// How long a link works.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// What a link is for, as things were when it was made. It works only while they are so.
#[derive(Serialize, Deserialize)]
struct Offer {
    user: String,
    login: String,
    role: String,
}

/// How often a link is put in the place of one that others make at the same time.
const ATTEMPTS: usize = 4;

/// A link by which a user sets the password that goes with a login, and when it ends. One that was made before ends now.
pub(crate) async fn offer(
    at: &SignIn,
    user: &User,
    login: &str,
    now: Timestamp,
) -> Result<(PasswordToken, Timestamp), DirectoryError> {
    let token = PasswordToken::mint(clock::random());
    let expires_at = now.saturating_add(LIFETIME).unwrap_or(now);
    let offer = Offer {
        user: user.id.to_string(),
        login: local::login_of(login),
        role: user.role.as_str().to_owned(),
    };
    let kind = TicketKind::PasswordLink;
    let name = token.digest().to_hex();
    let mine = || Ticket { kind, name: user.id.to_string(), body: name.clone(), expires_at };
    for _ in 0..ATTEMPTS {
        withdraw(at, &user.id, now).await?;
        if at.tickets.put(mine(), now).await? {
            let ticket = Ticket { kind, name, body: json!(offer).to_string(), expires_at };
            at.tickets.put(ticket, now).await?;
            return Ok((token, expires_at));
        }
    }
    Err(DirectoryError::Unavailable("links for one user are made from all sides".into()))
}

/// Ends the link that a user has.
pub(crate) async fn withdraw(at: &SignIn, user: &UserId, now: Timestamp) -> Result<(), DirectoryError> {
    if let Some(ticket) = at.tickets.take(TicketKind::PasswordLink, user.as_str(), now).await? {
        at.tickets.take(TicketKind::PasswordLink, &ticket.body, now).await?;
    }
    Ok(())
}

/// The user of a link, if the login is still theirs, and they are what they were when it was made: whoever made it for
/// somebody below them has no link for an administrator.
async fn offered(at: &SignIn, offer: &Offer) -> Result<Option<User>, DirectoryError> {
    let Ok(user) = UserId::parse(&offer.user) else { return Ok(None) };
    let Some(user) = at.keys.directory().find_user(&user).await? else { return Ok(None) };
    let has_login = user.email.as_deref().map(local::login_of).as_deref() == Some(&*offer.login);
    let is_as_before = has_login && user.role.as_str() == offer.role;
    Ok((is_as_before && is_in_good_standing(at, &user).await?).then_some(user))
}

/// `GET /signin/password`
pub(crate) async fn show(State(at): State<SignIn>, seen: Seen) -> Result<Response, Refusal> {
    let guest = Guest::of(&at, &seen).await?;
    let token = parameter(&seen.uri, "token").unwrap_or_default();
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
            "required type=\"password\" autocomplete=\"new-password\" minlength=\"12\"",
        )],
        buttons: &[("act", "set", "Set password")],
    })
    .cookie(cookie)
}

/// `POST /signin/password`
pub(crate) async fn send(
    State(at): State<SignIn>,
    asker: Asker,
    seen: Seen,
    body: Bytes,
) -> Result<Response, Refusal> {
    let (guest, sent) = Guest::with_form(&at, &seen, &body).await?;
    guest.ask(&at, asker, Favour::Look)?;
    let token =
        PasswordToken::parse(sent.find("token").unwrap_or_default()).map_err(|_not_ours| unknown())?;
    let name = token.digest().to_hex();
    // Only who has a link gets anything hashed.
    let found = at.tickets.find(TicketKind::PasswordLink, &name, guest.now).await?;
    let offer: Offer =
        found.and_then(|(ticket, _)| serde_json::from_str(&ticket.body).ok()).ok_or_else(unknown)?;
    let user = offered(&at, &offer).await?.ok_or_else(unknown)?;
    let holder = at.keys.directory().find_password(&offer.login).await?;
    if holder.is_some_and(|(holder, _)| holder.id != user.id) {
        let message =
            "This address cannot be used to sign in here. Ask your administrator for a link for another one.";
        return Err(Refusal::Told(StatusCode::CONFLICT, "Not possible", message.to_owned()));
    }
    let hash = match at.passwords.hash(sent.find("password").unwrap_or_default()).await {
        Ok(hash) => hash,
        Err(NotHashed::Unfit) => {
            let page = form(&guest, &token, Some(&format!("{}.", NotHashed::Unfit)));
            return Ok(page.status(StatusCode::BAD_REQUEST).into_response());
        }
        Err(NotHashed::Crowded | NotHashed::Failed) => return Err(Refusal::Away),
    };
    at.tickets.take(TicketKind::PasswordLink, &name, guest.now).await?.ok_or_else(unknown)?;
    let password = NewPassword { login: offer.login, hash };
    // Hashing took its time, and what began meanwhile by the old password does not count.
    let act = Act { at: (at.now)(), ..guest.act(&user.id) };
    local::set_password(&at, &user.id, password, &act).await?;
    withdraw(&at, &user.id, guest.now).await?;
    Ok(Page::new("Password set")
        .paragraph("You can sign in with it now.")
        .link("/signin", "Sign in")
        .into_response())
}

fn unknown() -> Refusal {
    let message = "This link was used, or is too old. Ask your administrator for another one.";
    Refusal::Told(StatusCode::NOT_FOUND, "Unknown link", message.to_owned())
}
