//! The admin API over a temporary store, by requests as they come in.

use std::collections::BTreeSet;

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use stonegate_identity::{
    BootstrapToken,
    directory::{Act, Actor},
};
use stonegate_store::{Durability, Options, Store};
use tower::ServiceExt as _;

use super::*;

mod acts;
mod attacks;
mod charges;
mod corrections;
mod document;
mod ephemeral;
mod forgetting;
mod rights;
mod scim;
mod teams;

/// The admin API with people in it.
struct House {
    router: Router,
    state: AdminState,
    store: Store,
    admin: Person,
    _folder: tempfile::TempDir,
}

/// Someone with a key.
struct Person {
    user: String,
    key: String,
    key_id: String,
}

fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

/// What came back.
#[derive(Debug)]
struct Reply {
    status: StatusCode,
    body: Value,
    request_id: String,
}

impl Reply {
    /// Kind and message of a problem.
    fn problem(&self) -> (&str, &str) {
        (self.body["error"]["type"].as_str().unwrap(), self.body["error"]["message"].as_str().unwrap())
    }

    fn text(&self, member: &str) -> String {
        self.body[member].as_str().unwrap_or_else(|| panic!("{member} of {self:?}")).to_owned()
    }
}

impl House {
    /// A store with its first administrator, made by the bootstrap token.
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("stonegate.db").display());
        let options = Options { durability: Durability::Process, ..Options::default() };
        let store = stonegate_store::open(&url, &options).await.unwrap();
        let keys = Arc::new(DirectoryCache::load(Arc::clone(&store.directory), now()).await.unwrap());
        let settings = crate::signin::Settings {
            public: Some(crate::signin::Base::of_setting("https://gateway.example.org")),
            is_tls: false,
            body_timeout: std::time::Duration::from_secs(60),
            local: true,
            totp_required_of: crate::config::TotpRequired::Nobody,
            access_token: jiff::SignedDuration::from_hours(1),
            session: jiff::SignedDuration::from_hours(24),
            providers: Vec::new(),
            aws_accounts: Vec::new(),
            sts_endpoint_url: None,
            is_administered_apart: false,
            default_models: crate::models_setting::DefaultModels::new(),
        };
        let sign_in = SignIn::new(
            Arc::clone(&keys),
            Arc::clone(&store.tickets),
            Arc::clone(&store.provisioning),
            settings,
            now,
        )
        .unwrap();
        let state = AdminState {
            keys,
            ledger: Arc::clone(&store.ledger),
            keys_per_user: 1_000,
            sign_in,
            now,
            installation: Arc::default(),
            calibrations: Arc::default(),
            side: Side::Administration,
        };
        let router = router(state.clone());
        let admin = Person { user: String::new(), key: String::new(), key_id: String::new() };
        let mut house = Self { router, state, store, admin, _folder: folder };
        let token = house.offer(1).await;
        let made = house.send(None, "POST", "/bootstrap", json!({ "token": token.as_str() })).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        house.admin = Person::of(&made);
        house
    }

    async fn offer(&self, number: u8) -> BootstrapToken {
        let token = BootstrapToken::mint([number; 24]);
        let act = Act { by: Actor::Server, at: now(), request_id: None, address: None };
        let end = now() + jiff::SignedDuration::from_hours(1);
        self.store.directory.offer_bootstrap(token.digest(), end, &act).await.unwrap();
        token
    }

    async fn send(&self, key: Option<&str>, method: &str, path: &str, body: Value) -> Reply {
        let mut request = Request::builder().method(method).uri(format!("/admin/v1{path}"));
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status();
        let request_id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Reply { status, body, request_id }
    }

    async fn as_admin(&self, method: &str, path: &str, body: Value) -> Reply {
        self.send(Some(&self.admin.key), method, path, body).await
    }

    /// A team's id.
    async fn team(&self, tenant: &str, name: &str) -> String {
        let team = self.as_admin("POST", "/teams", json!({ "name": name, "tenant": tenant })).await;
        assert_eq!(team.status, StatusCode::CREATED, "{team:?}");
        team.text("id")
    }

    /// The same as `person`, in a team.
    async fn member(&self, tenant: &str, team: &str, name: &str, role: &str) -> Person {
        let person = self.person(tenant, name, role).await;
        let path = format!("/users/{}", person.user);
        let moved = self.as_admin("PATCH", &path, json!({ "team": team })).await;
        assert_eq!(moved.status, StatusCode::OK, "{moved:?}");
        person
    }

    /// A user with a key of all the scopes that the role may hold.
    async fn person(&self, tenant: &str, name: &str, role: &str) -> Person {
        let user =
            self.as_admin("POST", "/users", json!({ "name": name, "tenant": tenant, "role": role })).await;
        assert_eq!(user.status, StatusCode::CREATED, "{user:?}");
        let mut scopes: Vec<&str> =
            stonegate_identity::Scope::ALL.iter().map(|scope| scope.as_str()).collect();
        let role: stonegate_identity::Role = role.parse().unwrap();
        scopes.retain(|scope| role.may_hold().contains(scope.parse().unwrap()));
        let wanted = json!({ "name": "laptop", "user": user.text("id"), "scopes": scopes });
        let key = self.as_admin("POST", "/keys", wanted).await;
        assert_eq!(key.status, StatusCode::CREATED, "{key:?}");
        Person::of(&key)
    }
}

impl Person {
    fn of(made: &Reply) -> Self {
        Self { user: made.text("user"), key: made.text("key"), key_id: made.text("id") }
    }
}

#[test]
fn the_checked_in_document_is_the_one_that_is_served() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi/admin.json");
    let made = openapi().unwrap() + "\n";
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    if made != kept {
        // The next commit shows what has changed; a run of the tests without it fails.
        std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi")).unwrap();
        std::fs::write(path, &made).unwrap();
    }
    assert!(
        made == kept,
        "openapi/admin.json was out of date and has been written anew: look at it and commit it"
    );
}

#[test]
fn every_route_is_in_the_document_and_the_other_way_round() {
    let methods = ["get", "post", "put", "patch", "delete"];
    let routed = |route: &str| {
        let path = route.split('"').nth(1)?.to_owned();
        let of = |method: &&str| route.contains(&format!("{method}("));
        let found = methods.iter().filter(|method| of(method)).map(|method| method.to_uppercase());
        Some(found.map(|method| (method, path.clone())).collect::<Vec<_>>())
    };
    let source = include_str!("v1.rs").split(".route(").skip(1);
    let routes: BTreeSet<_> = source.filter_map(routed).flatten().collect();
    assert_eq!(routes, documented());
}

/// Every method and path of the document.
fn documented() -> BTreeSet<(String, String)> {
    let document: Value = serde_json::from_str(&openapi().unwrap()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let methods = |(path, methods): (&String, &Value)| {
        let of = |method: &String| (method.to_uppercase(), path.trim_start_matches("/admin/v1").to_owned());
        methods.as_object().unwrap().keys().map(of).collect::<Vec<_>>()
    };
    paths.iter().flat_map(methods).collect()
}
