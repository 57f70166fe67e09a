//! Signing in: the OAuth endpoints that programs use, and the pages that people see.
//!
//! A program gets an access token, which is a key like any other (`identity::KeyKind::Session`), so that everything behind
//! the doors knows one kind of caller. What replicas have to agree on is in the store: tickets that are used once.

use std::convert::Infallible;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, FromRequestParts};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Router, middleware};
use http::header::STRICT_TRANSPORT_SECURITY;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Uri};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use stonegate_identity::DirectoryError;
use stonegate_identity::directory::{Act, Actor};
use stonegate_identity::provisioning::Provisioning;
use stonegate_identity::ticket::Tickets;
use tokio_util::sync::CancellationToken;

use crate::admin::AdminState;
use crate::asker::{Asker, Askers};
use crate::body_time::in_time;
use crate::clock;
use crate::config::{AwsAccount, Config, Provider, TotpRequired};
use crate::directory::DirectoryCache;
use crate::models_setting::DefaultModels;

mod account;
mod aws;
mod base;
mod browser;
mod device;
mod factor;
mod failures;
mod local;
mod metadata;
mod newest;
mod oauth;
mod oidc;
mod page;
mod pages;
mod passwords;
mod person;
mod polls;
mod provisioned;
mod revoke;
mod session;
mod settle;
mod setup;
mod token;
mod totp;
mod tries;

pub(crate) use base::Base;
pub(crate) use factor::reset as reset_totp;
pub(crate) use local::{login_of, remove_password};
pub(crate) use oidc::bearer::NotTaken;
pub(crate) use pages::link::{offer as offer_link, path as link_path};
pub(crate) use pages::password::offer as offer_password;
pub(crate) use passwords::{NotHashed, Passwords};
pub(crate) use person::{Origin, keep_out, origin};
pub(crate) use settle::{follow_all, is_last_admin, is_let_go, settle, settle_all};

use aws::Aws;
use oidc::Known;
use oidc::bearer::{Trust, Turns};
use polls::Polls;

/// What the handlers of sign-in see.
#[derive(Clone)]
pub struct SignIn(Arc<Shared>);

/// The parts of it.
pub struct Shared {
    /// Who holds which key; and, behind it, the directory.
    pub(crate) keys: Arc<DirectoryCache>,
    /// What is used once.
    pub(crate) tickets: Arc<dyn Tickets>,
    /// What identity providers keep of people and groups.
    pub(crate) provisioning: Arc<dyn Provisioning>,
    pub(crate) settings: Settings,
    pub(crate) passwords: Passwords,
    pub(crate) providers: Vec<Known>,
    /// What tokens of theirs are known by that are shown as they are.
    trust: Trust,
    /// Each of those is signed in once.
    first_sights: Turns,
    /// How AWS is asked who somebody is, where some of its accounts are trusted.
    aws: Option<Aws>,
    /// How often strangers ask.
    pub(crate) askers: Askers,
    polls: Polls,
    pub(crate) now: fn() -> Timestamp,
}

/// What the settings say of sign-in.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The gateway's address, as its clients know it.
    pub(crate) public: Option<Base>,
    /// Whether the gateway itself speaks TLS.
    pub(crate) is_tls: bool,
    /// Whether people may have passwords.
    pub(crate) local: bool,
    /// Of whom codes of an app are asked beside passwords.
    pub(crate) totp_required_of: TotpRequired,
    /// How long a body may take to come.
    pub(crate) body_timeout: Duration,
    /// How long an access token holds.
    pub(crate) access_token: SignedDuration,
    /// How long a session goes on.
    pub(crate) session: SignedDuration,
    /// Who else vouches for people and machines.
    pub(crate) providers: Vec<Provider>,
    /// Whose AWS credentials let somebody in.
    pub(crate) aws_accounts: Vec<AwsAccount>,
    /// Where AWS's STS is reached, when not by its own hosts.
    pub(crate) sts_endpoint_url: Option<String>,
    /// Whether administration has a listener of its own.
    pub(crate) is_administered_apart: bool,
    /// The models that clients are told to take, by what for.
    pub(crate) default_models: DefaultModels,
}

impl Settings {
    pub(crate) fn of(config: &Config) -> Self {
        let minutes = i64::from(config.signin.access_token_minutes);
        let days = i64::from(config.signin.session_days);
        Self {
            public: config.server.public_url.as_deref().map(Base::of_setting),
            is_tls: config.server.tls_cert.is_some(),
            local: config.signin.local,
            totp_required_of: config.signin.totp_required_of,
            body_timeout: config.server.body_timeout,
            access_token: SignedDuration::from_mins(minutes),
            session: SignedDuration::from_hours(days.saturating_mul(24)),
            providers: config.signin.providers.clone(),
            aws_accounts: config.signin.aws_accounts.clone(),
            sts_endpoint_url: config.signin.sts_endpoint_url.clone(),
            is_administered_apart: config.admin.listen.is_some(),
            // The catalog is asked for them first.
            default_models: DefaultModels::new(),
        }
    }
}

impl SignIn {
    /// # Errors
    /// When the machine's certificate authorities cannot be read, which the providers' are checked by.
    pub(crate) fn new(
        keys: Arc<DirectoryCache>,
        tickets: Arc<dyn Tickets>,
        provisioning: Arc<dyn Provisioning>,
        settings: Settings,
        now: fn() -> Timestamp,
    ) -> std::io::Result<Self> {
        let (passwords, askers, polls) = (Passwords::new(), Askers::default(), Polls::default());
        let (trust, first_sights) = (Trust::of(&settings.providers), Turns::new());
        let providers = settings.providers.iter().cloned().map(Known::new).collect::<Result<_, _>>()?;
        let accounts = Some(settings.aws_accounts.clone()).filter(|accounts| !accounts.is_empty());
        let sts = |accounts| Aws::new(accounts, settings.sts_endpoint_url.clone());
        let aws = accounts.map(sts).transpose()?;
        Ok(Self(Arc::new(Shared {
            keys,
            tickets,
            provisioning,
            settings,
            passwords,
            providers,
            trust,
            first_sights,
            aws,
            askers,
            polls,
            now,
        })))
    }

    /// The gateway's address for whoever sent this request; `None` when nobody has told it.
    pub(crate) fn base(&self, headers: &HeaderMap, uri: &Uri) -> Option<Base> {
        let settings = &self.settings;
        settings.public.clone().or_else(|| Base::of_request(headers, uri, settings.is_tls))
    }
}

impl Deref for SignIn {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What a request shows beside its body: what it calls the gateway, and where it came from.
struct Seen {
    headers: HeaderMap,
    uri: Uri,
    asker: Asker,
}

impl Seen {
    /// The gateway's address for whoever sent this.
    fn base(&self, at: &SignIn) -> Option<Base> {
        at.base(&self.headers, &self.uri)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Seen {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let asker = Asker::from_request_parts(parts, state).await?;
        Ok(Self { headers: parts.headers.clone(), uri: parts.uri.clone(), asker })
    }
}

/// What is done in a request before it is known for whom.
fn by_server(now: Timestamp, asker: Asker) -> Act {
    let request_id = Some(clock::call_id(now).to_string());
    Act { by: Actor::Server, at: now, request_id, address: asker.0 }
}

/// A stranger's text as it may be written down: neither a name in the store nor a line in the log is theirs to choose.
fn short_digest(text: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

/// How often tickets that have ended are taken away, and how many at a time.
const SWEEP_EVERY: Duration = Duration::from_secs(600);
const SWEEP_MOST: u32 = 1_000;

/// Takes away tickets that have ended, until it is stopped.
pub(crate) async fn sweep(tickets: Arc<dyn Tickets>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SWEEP_EVERY) => {}
        }
        if let Err(away) = sweep_all(&*tickets, clock::now(), SWEEP_MOST).await {
            tracing::warn!(error = &away as &dyn std::error::Error, "tickets could not be swept");
        }
    }
}

/// So many at a time, so that nobody else waits long for the store, until nothing that has ended is left.
async fn sweep_all(tickets: &dyn Tickets, now: Timestamp, most: u32) -> Result<u64, DirectoryError> {
    let mut all = 0;
    loop {
        let swept = tickets.sweep(now, most).await?;
        all += swept;
        if swept < u64::from(most) {
            return Ok(all);
        }
    }
}

/// Every route of sign-in.
pub(crate) fn router(at: SignIn) -> Router {
    let patience = at.settings.body_timeout;
    let router = Router::new()
        .route("/.well-known/oauth-authorization-server", get(metadata::authorization_server))
        .route("/oauth/device_authorization", post(device::authorize))
        .route("/oauth/token", post(token::token))
        .route("/oauth/revoke", post(revoke::revoke))
        .route("/signin", get(pages::signin::show).post(pages::signin::send))
        .route("/signin/password", get(pages::password::show).post(pages::password::send))
        .route("/signin/link", get(pages::link::show).post(pages::link::send))
        .route("/signin/totp", get(pages::totp::show).post(pages::totp::send))
        .route("/account/totp", post(account::totp))
        .route("/signin/with/{provider}", get(oidc::flow::leave))
        .route("/signin/callback", get(oidc::flow::come_back))
        .route("/signout", post(pages::signin::leave))
        .route("/setup", get(setup::setup))
        .route("/device", get(pages::device::show).post(pages::device::send))
        .layer(DefaultBodyLimit::max(oauth::FORM_MOST))
        .layer(middleware::from_fn_with_state(patience, in_time));
    by_tls_alone(router, &at).with_state(at)
}

/// What a person who has signed in sees of themselves, and what everyone may know of the gateway.
pub(crate) fn home(state: AdminState) -> Router {
    let router = Router::new()
        .route("/home", get(pages::home::show))
        .route("/.well-known/stonegate", get(metadata::stonegate));
    by_tls_alone(router, &state.sign_in).with_state(state)
}

/// A year. Not for names below this one, which are not ours to speak for.
const TLS_ALONE: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Lets browsers that came by TLS once never come without it again (RFC 6797), where the gateway's address says that it is
/// reached so.
fn by_tls_alone<S: Clone + Send + Sync + 'static>(router: Router<S>, at: &SignIn) -> Router<S> {
    async fn tell(mut response: Response) -> Response {
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, TLS_ALONE);
        std::future::ready(response).await
    }
    match &at.settings.public {
        Some(base) if base.is_bound_to_tls() => router.layer(middleware::map_response(tell)),
        Some(_) | None => router,
    }
}

#[cfg(test)]
mod tests;
