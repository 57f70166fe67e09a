//! `/signin`, `/signout`

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use stonegate_identity::UserCode;

use super::super::browser;
use super::super::local::{self, Refused, Shown};
use super::super::page::{Form, Page, redirect};
use super::super::{Seen, SignIn};
use super::{Guest, Refusal, after_sign_in, parameter};
use crate::asker::Asker;

/// `GET /signin`: who one is here, or the form to say so.
pub(crate) async fn show(State(at): State<SignIn>, seen: Seen) -> Result<Response, Refusal> {
    let guest = Guest::of(&at, &seen).await?;
    let user_code = parameter(&seen.uri, "user_code").and_then(|code| UserCode::parse(&code).ok());
    match &guest.browser.caller {
        Some(_) if user_code.is_some() => Ok(redirect(&after_sign_in(user_code.as_ref()), None)),
        Some(caller) => Ok(welcome(&guest, &caller.user_name).into_response()),
        None => Ok(form(&at, &guest, user_code.as_ref(), None).into_response()),
    }
}

fn welcome(guest: &Guest, name: &str) -> Page {
    let (token, cookie) = guest.browser.form_token(&guest.base);
    Page::new("Signed in")
        .paragraph(&format!("You are signed in as {name}."))
        .link("/home", "Your account")
        .link("/device", "Enter a device's code")
        .form(&Form {
            method: "post",
            action: "/signout",
            hidden: &[("form_token", &token)],
            fields: &[],
            buttons: &[("act", "signout", "Sign out")],
        })
        .cookie(cookie)
}

fn form(at: &SignIn, guest: &Guest, user_code: Option<&UserCode>, wrong: Option<&str>) -> Page {
    let (token, cookie) = guest.browser.form_token(&guest.base);
    let code = user_code.map(ToString::to_string).unwrap_or_default();
    let mut page = Page::new("Sign in");
    if let Some(wrong) = wrong {
        page = page.wrong(wrong);
    }
    let providers: Vec<_> = at.settings.providers.iter().filter(|known| known.client_id.is_some()).collect();
    for provider in &providers {
        let to = format!("/signin/with/{}?user_code={code}", provider.id);
        page = page.link(&to, &format!("Sign in with {}", provider.name));
    }
    if !at.settings.local {
        let nobody = "Nobody can sign in here yet: the operator has set up no way to.";
        return if providers.is_empty() { page.paragraph(nobody) } else { page }.cookie(cookie);
    }
    page.form(&Form {
        method: "post",
        action: "/signin",
        hidden: &[("form_token", &token), ("user_code", &code)],
        // Asked of everyone in one form: that a code is missing would tell that the password is right.
        fields: &[EMAIL, PASSWORD, CODE],
        buttons: &[("act", "signin", "Sign in")],
    })
    .link("/signin/totp", "Codes of an app")
    .cookie(cookie)
}

/// A field of a form: name, label, attributes.
type Field = (&'static str, &'static str, &'static str);

pub(super) const EMAIL: Field =
    ("email", "E-mail", "required type=\"email\" autocomplete=\"username\" autofocus");
pub(super) const PASSWORD: Field =
    ("password", "Password", "required type=\"password\" autocomplete=\"current-password\"");
pub(super) const CODE: Field =
    ("otp", "Code of your app, if you have set one up", "autocomplete=\"one-time-code\" inputmode=\"text\"");

/// What somebody reads who does not get in, and its status.
pub(super) fn told(refused: Refused) -> Result<(StatusCode, String), Refusal> {
    let (status, text) = match refused {
        Refused::Wrong => (StatusCode::UNAUTHORIZED, "E-mail, password or code is wrong."),
        Refused::NoFactor => (
            StatusCode::FORBIDDEN,
            "You need codes of an app to sign in here. Set one up first: the way is below, “Codes of an app”.",
        ),
        Refused::Told(why) => {
            let mut letters = why.chars();
            let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
            return Ok((StatusCode::CONFLICT, format!("{first}{}.", letters.as_str())));
        }
        Refused::Locked(_) => {
            (StatusCode::TOO_MANY_REQUESTS, "Too many wrong tries. Wait a while before the next.")
        }
        Refused::TooOften(_) => {
            (StatusCode::TOO_MANY_REQUESTS, "Too many tries from your network. Wait a minute.")
        }
        Refused::Crowded => (StatusCode::SERVICE_UNAVAILABLE, "Many sign in at this moment. Try again."),
        Refused::Away(away) => return Err(away.into()),
    };
    Ok((status, text.to_owned()))
}

/// `POST /signin`
pub(crate) async fn send(
    State(at): State<SignIn>,
    asker: Asker,
    seen: Seen,
    body: Bytes,
) -> Result<Response, Refusal> {
    let (guest, sent) = Guest::with_form(&at, &seen, &body).await?;
    let user_code = sent.find("user_code").and_then(|code| UserCode::parse(code).ok());
    let again = |status, wrong: &str| {
        Ok(form(&at, &guest, user_code.as_ref(), Some(wrong)).status(status).into_response())
    };
    if !at.settings.local {
        return again(StatusCode::NOT_FOUND, "Passwords are not taken here.");
    }
    let shown = Shown {
        login: sent.find("email").unwrap_or_default(),
        password: sent.find("password").unwrap_or_default(),
        code: sent.find("otp").unwrap_or_default(),
        network: asker.network(),
    };
    match local::sign_in(&at, &shown, &guest.by_server).await {
        Ok(proven) => {
            let act = guest.act(&proven.user.id);
            end(&at, &guest).await?;
            let cookie = browser::sign_in(&at, &guest.base, &proven.user, &act).await?;
            if !local::still_holds(&at, &proven, &act).await? {
                let (status, wrong) = told(Refused::Wrong)?;
                return again(status, &wrong);
            }
            Ok(redirect(&after_sign_in(user_code.as_ref()), Some(cookie)))
        }
        Err(refused) => {
            let (status, wrong) = told(refused)?;
            again(status, &wrong)
        }
    }
}

/// `POST /signout`
pub(crate) async fn leave(State(at): State<SignIn>, seen: Seen, body: Bytes) -> Result<Response, Refusal> {
    let (guest, _) = Guest::with_form(&at, &seen, &body).await?;
    end(&at, &guest).await?;
    Ok(redirect("/signin", Some(browser::signed_out(&guest.base))))
}

/// Ends the sign-in that the browser has, if it has one.
pub(in crate::signin) async fn end(at: &SignIn, guest: &Guest) -> Result<(), Refusal> {
    if let Some(caller) = &guest.browser.caller
        && let Some(key) = &caller.key
    {
        at.keys.directory().revoke_key(key, &guest.act(&caller.user)).await?;
        at.keys.refresh(guest.now).await?;
    }
    Ok(())
}
