//! A person's browser: its cookie, and whether a form that it sends was made by us for this very person.
//!
//! The cookie is a key of its own kind, made anew at every sign-in, so that nobody can be given one beforehand. A form holds
//! a token that follows from the cookie, which no other site can read, and is taken only from pages of ours.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{COOKIE, ORIGIN};
use http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use stonegate_identity::directory::{Act, Key, NewKey, User};
use stonegate_identity::{
    Caller, DirectoryError, KeyId, KeyKind, KeyText, LinkToken, ModelRule, Scopes, UserId,
};
use subtle::ConstantTimeEq as _;

use super::SignIn;
use super::base::Base;
use crate::clock;

/// How long a browser stays signed in.
const LIFETIME: SignedDuration = SignedDuration::from_hours(12);
/// How many browsers a user may be signed in with.
const BROWSERS_MOST: u32 = 20;

/// What is known of a browser by one of its requests.
pub(super) struct Browser {
    /// Whoever has signed in with it.
    pub(super) caller: Option<Arc<Caller>>,
    /// What its forms' tokens follow from.
    cookie: Option<String>,
}

impl Browser {
    /// The browser that sent these headers.
    pub(super) async fn of(
        at: &SignIn,
        base: &Base,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Self, DirectoryError> {
        if let Some(text) = cookie(headers, Name::Session.in_full(base))
            && let Ok(key) = KeyText::parse(text)
            && let Some(grant) = at.keys.grant(&key.digest(), now).await?
            && let Ok(caller) = grant.admit_cookie(now)
        {
            return Ok(Self { caller: Some(Arc::clone(caller)), cookie: Some(text.to_owned()) });
        }
        let before = cookie(headers, Name::Visitor.in_full(base)).filter(|text| text.len() == VISITOR_LENGTH);
        Ok(Self { caller: None, cookie: before.map(str::to_owned) })
    }

    /// Whether somebody's command line signed it in: it is no proof of its own that the person is there.
    pub(super) fn is_borrowed(&self) -> bool {
        self.caller
            .as_ref()
            .is_some_and(|caller| caller.payer.as_ref().map(|payer| &payer.id) != caller.key.as_ref())
    }

    /// What goes into a form, and the cookie that has to go with it where the browser has none yet.
    pub(super) fn form_token(&self, base: &Base) -> (String, Option<HeaderValue>) {
        match &self.cookie {
            Some(cookie) => (token_of(cookie), None),
            None => {
                let made = URL_SAFE_NO_PAD.encode(clock::random::<24>());
                let header = Name::Visitor.set(base, &made, LIFETIME);
                (token_of(&made), Some(header))
            }
        }
    }

    /// Whether a form is ours, sent from a page of ours by this browser.
    pub(super) fn sent(&self, base: &Base, headers: &HeaderMap, token: Option<&str>) -> bool {
        let (Some(cookie), Some(token)) = (&self.cookie, token) else { return false };
        is_same_origin(base, headers) && bool::from(token_of(cookie).as_bytes().ct_eq(token.as_bytes()))
    }
}

/// Whether a request comes from a page of ours, as browsers tell.
fn is_same_origin(base: &Base, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text("sec-fetch-site");
    match headers.get(ORIGIN) {
        Some(origin) => {
            origin.as_bytes() == base.origin().as_bytes() && site.is_none_or(|site| site == "same-origin")
        }
        None => site == Some("same-origin"),
    }
}

/// Signs a person's browser in: a cookie that nobody had before.
pub(super) async fn sign_in(
    at: &SignIn,
    base: &Base,
    user: &User,
    act: &Act,
) -> Result<HeaderValue, DirectoryError> {
    let ends_at = act.at.saturating_add(LIFETIME).unwrap_or(act.at);
    let scopes = Scopes::all().and(user.role.may_hold());
    make(at, base, Made { user: user.id.clone(), parent: None, scopes, ends_at }, act).await
}

/// Signs a browser in for the person of a session, as far as the session goes.
pub(super) async fn sign_in_by(
    at: &SignIn,
    base: &Base,
    session: &Key,
    act: &Act,
) -> Result<HeaderValue, DirectoryError> {
    let ends_at = act.at.saturating_add(LIFETIME).unwrap_or(act.at);
    let made = Made {
        user: session.user.clone(),
        parent: Some(session.id.clone()),
        scopes: session.scopes,
        ends_at: session.expires_at.map_or(ends_at, |end| end.min(ends_at)),
    };
    make(at, base, made, act).await
}

/// What is different between browsers' keys.
struct Made {
    user: UserId,
    parent: Option<KeyId>,
    scopes: Scopes,
    ends_at: Timestamp,
}

async fn make(at: &SignIn, base: &Base, made: Made, act: &Act) -> Result<HeaderValue, DirectoryError> {
    let text = KeyText::mint(clock::random());
    let new = NewKey {
        id: KeyId::mint(act.at, clock::random()),
        user: made.user,
        name: "browser".to_owned(),
        kind: KeyKind::Browser,
        parent: made.parent,
        most: Some(BROWSERS_MOST),
        digest: text.digest(),
        public_form: text.public_form(),
        scopes: made.scopes,
        models: ModelRule::default(),
        tags: None,
        expires_at: Some(made.ends_at),
        text_until: None,
    };
    at.keys.directory().create_key(new, act).await?;
    Ok(Name::Session.set(base, text.as_str(), LIFETIME))
}

/// The cookie that holds a link's token until the person has said yes.
pub(super) fn kept_link(base: &Base, token: &LinkToken, lifetime: SignedDuration) -> HeaderValue {
    Name::Link.set(base, token.as_str(), lifetime)
}

/// What takes its place when it is used.
pub(super) fn used_link(base: &Base) -> HeaderValue {
    Name::Link.set(base, "", SignedDuration::ZERO)
}

/// The token of the link that this browser came by.
pub(super) fn link(base: &Base, headers: &HeaderMap) -> Option<LinkToken> {
    LinkToken::parse(cookie(headers, Name::Link.in_full(base))?).ok()
}

/// The cookie that takes the place of a browser's when it is signed out.
pub(super) fn signed_out(base: &Base) -> HeaderValue {
    Name::Session.set(base, "", SignedDuration::ZERO)
}

const VISITOR_LENGTH: usize = 32;

/// Our cookies.
#[derive(Debug, Clone, Copy)]
enum Name {
    /// Of someone who has signed in.
    Session,
    /// Of someone who has not.
    Visitor,
    /// A link that somebody came by.
    Link,
}

impl Name {
    /// By TLS, browsers hold a cookie of such a name to be this host's own.
    fn in_full(self, base: &Base) -> &'static str {
        match (self, base.is_secure()) {
            (Self::Session, true) => "__Host-stonegate-session",
            (Self::Session, false) => "stonegate-session",
            (Self::Visitor, true) => "__Host-stonegate-visitor",
            (Self::Visitor, false) => "stonegate-visitor",
            (Self::Link, true) => "__Host-stonegate-link",
            (Self::Link, false) => "stonegate-link",
        }
    }

    fn set(self, base: &Base, value: &str, lifetime: SignedDuration) -> HeaderValue {
        let secure = if base.is_secure() { "; Secure" } else { "" };
        let (name, seconds) = (self.in_full(base), lifetime.as_secs());
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
        HeaderValue::from_str(&text).expect("our cookies' values are plain letters and digits")
    }
}

/// The value of a cookie.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    all.flat_map(|line| line.split(';')).find_map(|pair| {
        pair.trim().split_once('=').filter(|(known, _)| *known == name).map(|(_, value)| value)
    })
}

fn token_of(cookie: &str) -> String {
    let digest = Sha256::new().chain_update(b"stonegate form\0").chain_update(cookie.as_bytes()).finalize();
    URL_SAFE_NO_PAD.encode(digest)
}
