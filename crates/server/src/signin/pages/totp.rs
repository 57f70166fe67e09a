//! `/signin/totp`: codes of an app beside one's password.
//!
//! Each step shows the password anew: whoever finds a browser signed in gets no second factor of their own in its person's
//! place.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::super::factor::{self, Done, Wish};
use super::super::local::Shown;
use super::super::page::{Form, Page};
use super::super::totp::Secret;
use super::super::{Seen, SignIn};
use super::signin::{CODE, EMAIL, PASSWORD, told};
use super::{Guest, Refusal};
use crate::asker::Asker;

/// `GET /signin/totp`
pub(crate) async fn show(State(at): State<SignIn>, seen: Seen) -> Result<Response, Refusal> {
    let guest = Guest::of(&at, &seen).await?;
    Ok(start(&guest, None).into_response())
}

fn start(guest: &Guest, wrong: Option<&str>) -> Page {
    let (token, cookie) = guest.browser.form_token(&guest.base);
    let page = Page::new("Codes of an app");
    let page = match wrong {
        Some(wrong) => page.wrong(wrong),
        None => page.paragraph(
            "An authenticator app shows a code that changes every half minute. Once it is set up here, signing in with \
             your password takes a code, too.",
        ),
    };
    page.form(&Form {
        method: "post",
        action: "/signin/totp",
        hidden: &[("form_token", &token)],
        fields: &[EMAIL, PASSWORD, CODE],
        buttons: &[("act", "begin", "Set up an app"), ("act", "disable", "Ask for no codes any more")],
    })
    .cookie(cookie)
}

/// The secret, and the form for the first code by it.
fn begun(guest: &Guest, secret: &str, uri: &str, wrong: Option<&str>) -> Page {
    let (token, cookie) = guest.browser.form_token(&guest.base);
    let mut page = Page::new("Set up your app");
    if let Some(wrong) = wrong {
        page = page.wrong(wrong);
    }
    let fields = &[EMAIL, PASSWORD, ("otp", "Code that the app shows", CODE.2)];
    page.paragraph("Give this secret to your authenticator app: by the picture, by the link or by hand.")
        .picture(uri, "The secret as a QR code")
        .facts(&[("Secret", secret)])
        .link(uri, "Open in an app on this device")
        .paragraph("Then show that the app has it. The secret is good for 15 minutes until you do.")
        .form(&Form {
            method: "post",
            action: "/signin/totp",
            hidden: &[("form_token", &token), ("secret", secret)],
            fields,
            buttons: &[("act", "enable", "Ask for codes from now on")],
        })
        .cookie(cookie)
}

/// `POST /signin/totp`
pub(crate) async fn send(
    State(at): State<SignIn>,
    asker: Asker,
    seen: Seen,
    body: Bytes,
) -> Result<Response, Refusal> {
    let (guest, sent) = Guest::with_form(&at, &seen, &body).await?;
    if !at.settings.local {
        let page = start(&guest, Some("Passwords are not taken here."));
        return Ok(page.status(StatusCode::NOT_FOUND).into_response());
    }
    let text = |name| sent.find(name).unwrap_or_default();
    let wish = match text("act") {
        "enable" => Wish::Enable,
        "disable" => Wish::Disable,
        _ => Wish::Begin,
    };
    let shown = Shown {
        login: text("email"),
        password: text("password"),
        code: text("otp"),
        network: asker.network(),
    };
    let page = match factor::change(&at, &shown, wish, &guest.by_server).await {
        Ok(Done::Begun { secret, uri }) => begun(&guest, &secret, &uri, None),
        Ok(Done::Enabled(codes)) => enabled(&codes),
        Ok(Done::Disabled) => Page::new("No codes any more")
            .paragraph("Your password alone signs you in from now on.")
            .link("/signin", "Sign in"),
        Err(refused) => {
            let (status, wrong) = told(refused)?;
            // Whoever mistyped the first code has the secret still before them.
            let secret = Secret::parse(text("secret")).filter(|_| wish == Wish::Enable);
            let page = match secret {
                Some(secret) => {
                    begun(&guest, &secret.to_text(), &factor::uri(&secret, shown.login), Some(&wrong))
                }
                None => start(&guest, Some(&wrong)),
            };
            page.status(status)
        }
    };
    Ok(page.into_response())
}

fn enabled(codes: &[String]) -> Page {
    let page = Page::new("Codes are asked for").paragraph(
        "Signing in takes a code of your app from now on. If you lose the app, each of these codes signs you in once. They \
         are not shown again: keep them where the app is not.",
    );
    let codes: Vec<_> = codes.iter().map(|code| ("", code.as_str())).collect();
    page.facts(&codes).link("/signin", "Sign in")
}
