//! Sign-in over a temporary store, by requests as they come in, with a clock that is moved by hand.

use std::cell::Cell;

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use stonegate_identity::BootstrapToken;
use stonegate_identity::directory::{Act, Actor, AuditFilter, PageRequest};
use stonegate_store::{Durability, Options, Store};
use tower::ServiceExt as _;

use super::*;
use crate::admin;

mod attacks;
mod aws;
mod bearers;
mod devices;
mod floods;
mod links;
mod passwords;
mod providers;
mod sessions;
mod totp;

thread_local! {
    static SECOND: Cell<i64> = const { Cell::new(1_790_000_000) };
}

fn now() -> Timestamp {
    Timestamp::from_second(SECOND.get()).unwrap()
}

fn pass(seconds: i64) {
    SECOND.set(SECOND.get() + seconds);
}

const PASSWORD: &str = "correct horse battery";
const HOST: &str = "localhost:8080";

/// Everything that a person or program meets, with an administrator in it.
struct House {
    router: Router,
    sign_in: SignIn,
    store: Store,
    admin_key: String,
    _folder: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    fn member(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_else(|| panic!("{name} of {self:?}")).to_owned()
    }

    /// OAuth's error, with the status that it came with.
    fn error(&self) -> (u16, String) {
        (self.status.as_u16(), self.member("error"))
    }

    fn location(&self) -> &str {
        self.headers["location"].to_str().unwrap()
    }
}

impl House {
    async fn open() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("stonegate.db").display());
        let options = Options { durability: Durability::Process, ..Options::default() };
        let store = stonegate_store::open(&url, &options).await.unwrap();
        let keys = Arc::new(DirectoryCache::load(Arc::clone(&store.directory), now()).await.unwrap());
        let mut settings = Settings {
            public: None,
            is_tls: false,
            body_timeout: Duration::from_secs(60),
            local: true,
            totp_required_of: TotpRequired::Nobody,
            access_token: SignedDuration::from_hours(1),
            session: SignedDuration::from_hours(30 * 24),
            providers: Vec::new(),
            aws_accounts: Vec::new(),
            sts_endpoint_url: None,
            is_administered_apart: false,
            default_models: DefaultModels::new(),
        };
        change(&mut settings);
        let password = settings.local.then_some(PASSWORD);
        let sign_in = SignIn::new(
            Arc::clone(&keys),
            Arc::clone(&store.tickets),
            Arc::clone(&store.provisioning),
            settings,
            now,
        )
        .unwrap();
        let ledger = Arc::clone(&store.ledger);
        let state = AdminState {
            keys,
            ledger,
            keys_per_user: 100,
            sign_in: sign_in.clone(),
            now,
            installation: Arc::default(),
            calibrations: Arc::default(),
            side: admin::Side::Administration,
        };
        let router = router(sign_in.clone())
            .merge(home(state.clone()))
            .merge(crate::scim::router(state.clone()))
            .merge(admin::router(state));
        let mut house = Self { router, sign_in, store, admin_key: String::new(), _folder: folder };
        let token = BootstrapToken::mint([1; 24]);
        let act = Act { by: Actor::Server, at: now(), request_id: None, address: None };
        let end = now() + SignedDuration::from_hours(1);
        house.store.directory.offer_bootstrap(token.digest(), end, &act).await.unwrap();
        let first = json!({
            "token": token.as_str(), "name": "root", "email": "Root@Example.org", "password": password,
        });
        house.admin_key = house.api(None, "POST", "/bootstrap", first).await.member("key");
        house
    }

    async fn send(&self, request: http::request::Builder, body: impl Into<Body>) -> Reply {
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Reply { status, headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    async fn get(&self, path: &str) -> Reply {
        self.send(Request::get(path).header("host", HOST), "").await
    }

    /// A program's form.
    async fn form(&self, path: &str, pairs: &[(&str, &str)]) -> Reply {
        self.send(Request::post(path).header("host", HOST), encoded(pairs)).await
    }

    /// The same from an address.
    async fn form_from(&self, address: &str, path: &str, pairs: &[(&str, &str)]) -> Reply {
        let peer = std::net::SocketAddr::new(address.parse().unwrap(), 40_000);
        let from = axum::extract::ConnectInfo(peer);
        self.send(Request::post(path).header("host", HOST).extension(from), encoded(pairs)).await
    }

    /// The admin API.
    async fn api(&self, key: Option<&str>, method: &str, path: &str, body: Value) -> Reply {
        let mut request =
            Request::builder().method(method).uri(format!("/admin/v1{path}")).header("host", HOST);
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        self.send(request, if body.is_null() { String::new() } else { body.to_string() }).await
    }

    async fn as_admin(&self, method: &str, path: &str, body: Value) -> Reply {
        self.api(Some(&self.admin_key), method, path, body).await
    }

    /// A user who has set a password by the link that the administrator made.
    async fn person(&self, name: &str, role: &str) -> String {
        let email = format!("{name}@example.org");
        let user =
            self.as_admin("POST", "/users", json!({ "name": name, "email": email, "role": role })).await;
        let id = user.member("id");
        self.set_password(&id, PASSWORD).await;
        id
    }

    async fn set_password(&self, user: &str, password: &str) -> Reply {
        let link = self.as_admin("POST", &format!("/users/{user}/password-link"), Value::Null).await;
        assert_eq!(link.status, StatusCode::CREATED, "{link:?}");
        let url = link.member("url");
        let path = url.strip_prefix("http://localhost:8080").unwrap();
        let mut browser = Visitor::default();
        let page = browser.get(self, path).await;
        let token = path.split_once("token=").unwrap().1;
        browser.post(self, "/signin/password", &page, &[("token", token), ("password", password)]).await
    }

    /// A program's sign-in by password.
    async fn tokens(&self, name: &str, scope: &str) -> Reply {
        let email = format!("{name}@example.org");
        let pairs =
            [("grant_type", "password"), ("username", &*email), ("password", PASSWORD), ("scope", scope)];
        self.form("/oauth/token", &pairs).await
    }

    async fn whoami(&self, key: &str) -> Reply {
        self.api(Some(key), "GET", "/whoami", Value::Null).await
    }

    async fn audit(&self) -> Vec<(String, String)> {
        let entries = self
            .store
            .directory
            .list_audit(&AuditFilter::default(), &PageRequest::first())
            .await
            .unwrap()
            .items;
        entries.into_iter().map(|entry| (entry.action, entry.subject)).collect()
    }
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(pairs);
    form.finish()
}

/// A browser: it keeps cookies and fills in forms.
#[derive(Default, Clone)]
struct Visitor {
    cookies: std::collections::BTreeMap<String, String>,
}

impl Visitor {
    fn keep(&mut self, reply: &Reply) {
        for line in reply.headers.get_all("set-cookie") {
            let (name, value) = line.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }

    fn cookie_line(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    async fn get(&mut self, house: &House, path: &str) -> Reply {
        let request = Request::get(path).header("host", HOST).header("cookie", self.cookie_line());
        let reply = house.send(request, "").await;
        self.keep(&reply);
        reply
    }

    /// Sends the form of a page, with the page's own hidden token.
    async fn post(&mut self, house: &House, path: &str, page: &Reply, pairs: &[(&str, &str)]) -> Reply {
        let token = form_token(page);
        let all: Vec<(&str, &str)> =
            [("form_token", &*token)].into_iter().chain(pairs.iter().copied()).collect();
        let request = Request::post(path)
            .header("host", HOST)
            .header("origin", format!("http://{HOST}"))
            .header("sec-fetch-site", "same-origin")
            .header("cookie", self.cookie_line());
        let reply = house.send(request, encoded(&all)).await;
        self.keep(&reply);
        reply
    }

    async fn sign_in(&mut self, house: &House, name: &str, user_code: &str) -> Reply {
        let page = self.get(house, &format!("/signin?user_code={user_code}")).await;
        let email = format!("{name}@example.org");
        let pairs = [("email", &*email), ("password", PASSWORD), ("user_code", user_code)];
        self.post(house, "/signin", &page, &pairs).await
    }
}

fn form_token(page: &Reply) -> String {
    let after = page.text.split_once("name=\"form_token\" value=\"");
    after.and_then(|(_, rest)| rest.split_once('"')).map_or_else(String::new, |(token, _)| token.to_owned())
}
