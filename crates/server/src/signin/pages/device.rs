//! `/device`: a person compares a code and says whether the device that shows it may act for them.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use stonegate_identity::UserCode;

use super::super::device::{self, Decision, DeviceRequest};
use super::super::failures::{self, Try};
use super::super::page::{Form, Page, redirect};
use super::super::{Seen, SignIn};
use super::{Guest, Refusal, parameter};

const UNKNOWN: &str = "There is no device with this code, or its time is over. Start again on the device.";

/// `GET /device`
pub(crate) async fn show(State(at): State<SignIn>, seen: Seen) -> Result<Response, Refusal> {
    let guest = Guest::of(&at, &seen).await?;
    let typed = parameter(&seen.uri, "user_code").filter(|typed| !typed.trim().is_empty());
    let code = typed.as_deref().map(UserCode::parse);
    if guest.browser.caller.is_none() {
        let to = match code {
            Some(Ok(code)) => format!("/signin?user_code={code}"),
            Some(Err(_)) | None => "/signin".to_owned(),
        };
        return Ok(redirect(&to, None));
    }
    match code {
        None => Ok(ask(None).into_response()),
        Some(Err(wrong)) => Ok(ask(Some(&wrong.to_string())).status(StatusCode::BAD_REQUEST).into_response()),
        Some(Ok(code)) => {
            let request = looked_up(&at, &guest, &seen.headers, &code).await?;
            in_person(&guest)?;
            Ok(confirm(&guest, &code, &request).into_response())
        }
    }
}

/// A device may get all that its person may, and a browser that a command line signed in only what that may.
fn in_person(guest: &Guest) -> Result<(), Refusal> {
    if !guest.browser.is_borrowed() {
        return Ok(());
    }
    let message =
        "This browser was signed in by `stonegate ui`. Sign out and sign in here to connect a device.";
    Err(Refusal::Told(StatusCode::FORBIDDEN, "Sign in here first", message.to_owned()))
}

/// The form for a code that a person types.
fn ask(wrong: Option<&str>) -> Page {
    let mut page = Page::new("Connect a device");
    if let Some(wrong) = wrong {
        page = page.wrong(wrong);
    }
    page.form(&Form {
        method: "get",
        action: "/device",
        hidden: &[],
        fields: &[(
            "user_code",
            "The code that your device shows",
            "required autocomplete=\"off\" autocapitalize=\"characters\" spellcheck=\"false\" autofocus",
        )],
        buttons: &[("act", "next", "Next")],
    })
}

/// Never done by itself (RFC 8628, 5.4): whoever sends somebody a link must not get in by their mere click.
fn confirm(guest: &Guest, code: &UserCode, request: &DeviceRequest) -> Page {
    let (token, cookie) = guest.browser.form_token(&guest.base);
    let (shown, scopes) = (code.to_string(), request.scopes().to_string());
    let name = guest.browser.caller.as_ref().map_or("", |caller| &*caller.user_name);
    let device = if request.device.is_empty() { "unnamed" } else { &*request.device };
    Page::new("Connect a device")
        .paragraph("Is this the code that your own device shows right now?")
        .code(&shown)
        .facts(&[
            ("Program", &request.client),
            ("Device, as it calls itself", device),
            ("It may", &scopes),
            ("In the name of", name),
        ])
        .paragraph("If somebody sent you this link or code, say no: it would let them act for you.")
        .form(&Form {
            method: "post",
            action: "/device",
            hidden: &[("form_token", &token), ("user_code", &shown)],
            fields: &[],
            buttons: &[("decision", "approve", "Yes, connect it"), ("decision", "deny", "No")],
        })
        .cookie(cookie)
}

/// `POST /device`
pub(crate) async fn send(State(at): State<SignIn>, seen: Seen, body: Bytes) -> Result<Response, Refusal> {
    let (guest, form) = Guest::with_form(&at, &seen, &body).await?;
    let Some(caller) = guest.browser.caller.clone() else { return Ok(redirect("/signin", None)) };
    in_person(&guest)?;
    let unknown = || Refusal::Told(StatusCode::NOT_FOUND, "Unknown code", UNKNOWN.to_owned());
    let code = UserCode::parse(form.find("user_code").unwrap_or_default()).map_err(|_no_code| unknown())?;
    looked_up(&at, &guest, &seen.headers, &code).await?;
    let (decision, action, page) = match form.find("decision") {
        Some("approve") => (
            Decision::Approve(&caller.user),
            "device.approve",
            Page::new("Connected").paragraph("Your device is connected. You can close this page."),
        ),
        Some("deny") => (
            Decision::Deny,
            "device.deny",
            Page::new("Not connected").paragraph("The device was told no. You can close this page."),
        ),
        Some(_) | None => return Err(Refusal::Forged),
    };
    let (is_decided, request) = device::decide(&at, &code, decision, guest.now).await?.ok_or_else(unknown)?;
    if !is_decided {
        return Err(unknown());
    }
    let subject = format!("device:{}", request.client);
    at.keys.directory().record(action, subject, &guest.act(&caller.user)).await?;
    Ok(page.into_response())
}

/// The device of a code. A person who is wrong too often has to wait, so that nobody finds others' codes by trying; one that
/// was right takes back its own try only. Where another site sent the person here, that is counted apart: no page elsewhere
/// keeps them from typing a code at ours.
async fn looked_up(
    at: &SignIn,
    guest: &Guest,
    headers: &HeaderMap,
    code: &UserCode,
) -> Result<DeviceRequest, Refusal> {
    let user = guest.browser.caller.as_ref().map_or_else(String::new, |caller| caller.user.to_string());
    let site = headers.get("sec-fetch-site").map(http::HeaderValue::as_bytes);
    let who = match site {
        None | Some(b"same-origin" | b"none") => format!("code:{user}"),
        Some(_) => format!("code-from-elsewhere:{user}"),
    };
    if let Try::Locked(_) = failures::begin(&*at.tickets, &who, guest.now).await? {
        let message = "Too many codes were wrong. Wait a while before the next.".to_owned();
        return Err(Refusal::Told(StatusCode::TOO_MANY_REQUESTS, "Wait a while", message));
    }
    match device::find(at, code, guest.now).await? {
        Some(request) if request.is_waiting(guest.now) => {
            failures::take_back(&*at.tickets, &who, guest.now).await?;
            Ok(request)
        }
        Some(_) | None => Err(Refusal::Told(StatusCode::NOT_FOUND, "Unknown code", UNKNOWN.to_owned())),
    }
}
