//! `/signin/link`: a command line that is signed in signs a browser in, by a link that works once.
//!
//! The link's token goes into a cookie at once, and the browser on to an address without it, so that no history keeps it. Nothing
//! happens before the person says yes to the name on our page: whoever sends somebody a link of their own would have them work
//! in the wrong account.
//!
//! The browser's key is a child of the sign-in that made the link: it may do no more, and ends with it. So that nobody gets from a
//! narrow sign-in to a wide one, it connects no devices.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::SET_COOKIE;
use jiff::{SignedDuration, Timestamp};
use stonegate_identity::directory::{Key, User};
use stonegate_identity::ticket::{Ticket, TicketKind};
use stonegate_identity::{DirectoryError, KeyId, KeyKind, LinkToken};

use super::super::browser;
use super::super::page::{Form, Page, redirect};
use super::super::session::is_in_good_standing;
use super::super::{Seen, SignIn};
use super::{Guest, Refusal, parameter};
use crate::asker::{Asker, Favour};
use crate::clock;

/// How long a link works: somebody opens it at once.
const LIFETIME: SignedDuration = SignedDuration::from_secs(120);
const PATH: &str = "/signin/link";

/// Makes a link for the person of a session, and says when it ends.
pub(crate) async fn offer(
    at: &SignIn,
    session: &KeyId,
    now: Timestamp,
) -> Result<(LinkToken, Timestamp), DirectoryError> {
    let token = LinkToken::mint(clock::random());
    let expires_at = now.saturating_add(LIFETIME).unwrap_or(now);
    let (kind, name) = (TicketKind::BrowserLink, token.digest().to_hex());
    at.tickets.put(Ticket { kind, name, body: session.to_string(), expires_at }, now).await?;
    Ok((token, expires_at))
}

/// Where a browser goes with it.
pub(crate) fn path(token: &LinkToken) -> String {
    format!("{PATH}?token={}", token.as_str())
}

/// `GET /signin/link`
pub(crate) async fn show(State(at): State<SignIn>, asker: Asker, seen: Seen) -> Result<Response, Refusal> {
    let guest = Guest::of(&at, &seen).await?;
    if let Some(token) = parameter(&seen.uri, "token") {
        let token = LinkToken::parse(&token).map_err(|_not_ours| unknown())?;
        return Ok(redirect(PATH, Some(browser::kept_link(&guest.base, &token, LIFETIME))));
    }
    guest.ask(&at, asker, Favour::Look)?;
    let token = browser::link(&guest.base, &seen.headers).ok_or_else(unknown)?;
    let name = token.digest().to_hex();
    let ticket = at.tickets.find(TicketKind::BrowserLink, &name, guest.now).await?.ok_or_else(unknown)?.0;
    let (_, user) = session_of(&at, &ticket, guest.now).await?.ok_or_else(unknown)?;
    Ok(ask(&guest, &user, &name).into_response())
}

fn ask(guest: &Guest, user: &User, name: &str) -> Page {
    let (token, cookie) = guest.browser.form_token(&guest.base);
    let mut page = Page::new("Sign in")
        .paragraph("Did you just run `stonegate ui`?")
        .facts(&[("Sign in as", &*user.name), ("of", user.tenant.as_str())]);
    if let Some(before) = &guest.browser.caller
        && before.user != user.id
    {
        page = page.paragraph(&format!("You are signed in as {}, which ends.", before.user_name));
    }
    page.paragraph(
        "If somebody sent you this link, leave this page: what you do next would be in their name.",
    )
    .form(&Form {
        method: "post",
        action: PATH,
        hidden: &[("form_token", &token), ("link", name)],
        fields: &[],
        buttons: &[("act", "signin", "Sign in")],
    })
    .cookie(cookie)
}

/// `POST /signin/link`
pub(crate) async fn send(
    State(at): State<SignIn>,
    asker: Asker,
    seen: Seen,
    body: Bytes,
) -> Result<Response, Refusal> {
    let (guest, sent) = Guest::with_form(&at, &seen, &body).await?;
    guest.ask(&at, asker, Favour::Look)?;
    let token = browser::link(&guest.base, &seen.headers).ok_or_else(unknown)?;
    let name = token.digest().to_hex();
    // Another link may have come in between, with another name than the one that the person said yes to.
    if sent.find("link") != Some(&*name) {
        return Err(unknown());
    }
    // What is not there is looked for by reading alone: taking would hold up all who write.
    at.tickets.find(TicketKind::BrowserLink, &name, guest.now).await?.ok_or_else(unknown)?;
    let ticket = at.tickets.take(TicketKind::BrowserLink, &name, guest.now).await?.ok_or_else(unknown)?;
    let (session, user) = session_of(&at, &ticket, guest.now).await?.ok_or_else(unknown)?;
    let act = guest.act(&user.id);
    super::signin::end(&at, &guest).await?;
    let cookie = browser::sign_in_by(&at, &guest.base, &session, &act).await?;
    at.keys.directory().record("signin.link", format!("user:{}", user.id), &act).await?;
    let mut response = redirect("/home", Some(cookie));
    response.headers_mut().append(SET_COOKIE, browser::used_link(&guest.base));
    Ok(response)
}

/// The session that made a link and its person, if both are still in order.
async fn session_of(
    at: &SignIn,
    ticket: &Ticket,
    now: Timestamp,
) -> Result<Option<(Key, User)>, DirectoryError> {
    let Ok(session) = KeyId::parse(&ticket.body) else { return Ok(None) };
    let directory = at.keys.directory();
    let Some(session) = directory.find_key(&session).await? else { return Ok(None) };
    let is_over = session.revoked_at.is_some() || session.expires_at.is_some_and(|end| end <= now);
    if session.kind != KeyKind::Session || is_over {
        return Ok(None);
    }
    let Some(user) = directory.find_user(&session.user).await? else { return Ok(None) };
    Ok(is_in_good_standing(at, &user).await?.then_some((session, user)))
}

fn unknown() -> Refusal {
    let message = "This link was used, or is too old. Run `stonegate ui` again for another one.";
    Refusal::Told(StatusCode::NOT_FOUND, "Unknown link", message.to_owned())
}
