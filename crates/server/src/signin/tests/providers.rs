//! People and machines of an OpenID provider, which is a small one of the test's own.

use std::future::{Ready, ready};
use std::sync::Mutex;

use axum::Json;
use axum::extract::State;

use serde_json::Map;

use super::*;
use crate::config::Config;
use crate::signin::oidc::tests::Signer;
use crate::signin::token::{DEVICE_CODE, JWT_BEARER};

mod provisioned;

/// Who becomes what of the provider's people, unless a test says otherwise.
const RULES: &str = r#"
    { group = "leads", role = "team_lead" },
    { group = "staff", allow_models = ["claude-*"] },
    { group = "elsewhere", tenant = "acme" },
"#;

/// What the provider does when it is asked.
#[derive(Clone)]
pub(super) struct Idp {
    pub(super) issuer: String,
    state: Arc<Mutex<Script>>,
}

struct Script {
    signer: Signer,
    /// What its next token says beside the usual.
    says: Map<String, Value>,
    /// What was sent to the token endpoint.
    redeemed: Vec<String>,
    metadata: Value,
    /// What it says of ann when it is asked.
    userinfo: Value,
    asked_for_metadata: u32,
    /// A claim that its tokens do not have.
    leaves_out: Option<&'static str>,
    asked_for_keys: u32,
}

impl Idp {
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let metadata = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize?tenant=a"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/keys"),
        });
        let script = Script {
            signer: Signer::new("first"),
            says: Map::new(),
            redeemed: Vec::new(),
            metadata,
            userinfo: Value::Null,
            asked_for_metadata: 0,
            leaves_out: None,
            asked_for_keys: 0,
        };
        let idp = Self { issuer, state: Arc::new(Mutex::new(script)) };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(Self::metadata))
            .route("/keys", get(Self::keys))
            .route("/token", post(Self::token))
            .route("/userinfo", get(Self::userinfo))
            .with_state(idp.clone());
        let serving = tokio_util::task::TaskTracker::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        idp
    }

    fn metadata(State(idp): State<Self>) -> Ready<Json<Value>> {
        let mut script = idp.state.lock().unwrap();
        script.asked_for_metadata += 1;
        ready(Json(script.metadata.clone()))
    }

    fn keys(State(idp): State<Self>) -> Ready<Json<Value>> {
        let mut script = idp.state.lock().unwrap();
        script.asked_for_keys += 1;
        ready(Json(json!({ "keys": [script.signer.public()] })))
    }

    fn token(State(idp): State<Self>, body: String) -> Ready<Json<Value>> {
        let token = idp.signed(&[]);
        let mut script = idp.state.lock().unwrap();
        script.redeemed.push(body);
        ready(Json(json!({ "id_token": token, "access_token": "x", "token_type": "Bearer" })))
    }

    fn userinfo(State(idp): State<Self>, headers: HeaderMap) -> Ready<Json<Value>> {
        assert_eq!(headers["authorization"], "Bearer x");
        ready(Json(idp.state.lock().unwrap().userinfo.clone()))
    }

    /// A token of ann's for the gateway.
    pub(super) fn signed(&self, more: &[(&str, Value)]) -> String {
        let claims = self.claims(more);
        self.state.lock().unwrap().signer.sign(&claims)
    }

    /// The same, with more in its header.
    pub(super) fn signed_as(&self, more: Value) -> String {
        let mut header = json!({ "alg": "ES256", "kid": "first" });
        header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let claims = self.claims(&[]);
        self.state.lock().unwrap().signer.sign_as(&header, &claims)
    }

    /// The same, with another text of its claims.
    pub(super) fn signed_text(&self, change: impl FnOnce(String) -> String) -> String {
        let claims = change(self.claims(&[]).to_string());
        self.state.lock().unwrap().signer.sign_text(r#"{"alg":"ES256","kid":"first"}"#, &claims)
    }

    pub(super) fn public_key(&self) -> Value {
        self.state.lock().unwrap().signer.public()
    }

    /// It signs with another key from now on.
    pub(super) fn turns_to(&self, signer: Signer) {
        self.state.lock().unwrap().signer = signer;
    }

    pub(super) fn falls_silent(&self) {
        self.state.lock().unwrap().metadata = Value::Null;
    }

    pub(super) fn asked_for_keys(&self) -> u32 {
        self.state.lock().unwrap().asked_for_keys
    }

    fn claims(&self, more: &[(&str, Value)]) -> Value {
        let script = self.state.lock().unwrap();
        let mut claims = json!({
            "iss": self.issuer, "aud": "stonegate", "sub": "ann-at-idp", "exp": SECOND.get() + 300,
            "iat": SECOND.get(), "email": "ann@example.org", "preferred_username": "ann", "groups": ["staff"],
        });
        let members = claims.as_object_mut().unwrap();
        members.extend(script.says.clone());
        members.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        if let Some(name) = script.leaves_out {
            claims.as_object_mut().unwrap().remove(name);
        }
        claims
    }

    fn says(&self, name: &str, value: Value) {
        self.state.lock().unwrap().says.insert(name.to_owned(), value);
    }

    pub(super) async fn house(&self) -> House {
        self.house_by(RULES).await
    }

    /// One with these rules.
    async fn house_by(&self, rules: &str) -> House {
        self.house_with("", rules).await
    }

    /// One with these rules and further lines of settings.
    pub(super) async fn house_with(&self, more: &str, rules: &str) -> House {
        let providers = self.settings("stonegate", more, rules);
        House::with(|settings| settings.providers = providers).await
    }

    /// Sign-in on the store of a house, as another replica has it, or the same one later, with these rules and for machines'
    /// tokens of this audience.
    pub(super) async fn signing_in_on(&self, house: &House, rules: &str, audience: &str) -> SignIn {
        self.signing_in_by(house, self.settings(audience, "", rules)).await
    }

    /// The same with these providers.
    pub(super) async fn signing_in_by(&self, house: &House, providers: Vec<Provider>) -> SignIn {
        let settings = Settings { providers, ..house.sign_in.settings.clone() };
        let keys = DirectoryCache::load(Arc::clone(&house.store.directory), now()).await.unwrap();
        let (tickets, provisioning) = (&house.store.tickets, &house.store.provisioning);
        SignIn::new(Arc::new(keys), Arc::clone(tickets), Arc::clone(provisioning), settings, now).unwrap()
    }

    /// The same by the rules that the house has.
    pub(super) async fn house_on(&self, house: &House) -> SignIn {
        self.signing_in_on(house, RULES, "stonegate").await
    }

    pub(super) fn settings(&self, audience: &str, more: &str, rules: &str) -> Vec<Provider> {
        let audiences = if audience.is_empty() { String::new() } else { format!("{audience:?}") };
        let config = Config::from_toml(&format!(
            r#"
            [[signin.providers]]
            id = "corp"
            name = "Corp SSO"
            issuer = "{}"
            client_id = "stonegate"
            audiences = [{audiences}]
            allow_private = true
            rules = [{rules}]
            {more}
            "#,
            self.issuer
        ))
        .unwrap();
        config.signin.providers
    }

    /// Sends a browser to the provider and gives what the provider was told.
    async fn begin(&self, house: &House, browser: &mut Visitor, user_code: &str) -> Map<String, Value> {
        let sent = browser.get(house, &format!("/signin/with/corp?user_code={user_code}")).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{sent:?}");
        let query = sent.location().strip_prefix(&format!("{}/authorize?tenant=a&", self.issuer)).unwrap();
        form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into_owned(), json!(value)))
            .collect()
    }

    /// The whole way, with the person saying yes at the provider.
    async fn sign_in(&self, house: &House, browser: &mut Visitor, user_code: &str) -> Reply {
        let asked = self.begin(house, browser, user_code).await;
        self.says("nonce", asked["nonce"].clone());
        let state = asked["state"].as_str().unwrap();
        browser.get(house, &format!("/signin/callback?code=c0de&state={state}")).await
    }
}

fn assertion<'a>(token: &'a str, scope: &'a str) -> [(&'a str, &'a str); 3] {
    [("grant_type", JWT_BEARER), ("assertion", token), ("scope", scope)]
}

#[tokio::test]
async fn a_person_of_a_provider_approves_a_device() {
    let idp = Idp::start().await;
    let house = idp.house().await;
    assert_eq!(
        house.get("/.well-known/stonegate").await.json()["sign_in"]["providers"],
        json!([{ "id": "corp", "name": "Corp SSO" }])
    );
    let device = house.form("/oauth/device_authorization", &[]).await.json();
    let code = device["user_code"].as_str().unwrap();
    let mut browser = Visitor::default();
    let page = browser.get(&house, &format!("/signin?user_code={code}")).await;
    assert!(page.text.contains(&format!("href=\"/signin/with/corp?user_code={code}\"")), "{}", page.text);
    let back = idp.sign_in(&house, &mut browser, code).await;
    assert_eq!(
        (back.status, back.location()),
        (StatusCode::SEE_OTHER, &*format!("/device?user_code={code}")),
        "{back:?}"
    );
    let redeemed = idp.state.lock().unwrap().redeemed.remove(0);
    for part in [
        "code=c0de",
        "code_verifier=",
        "client_id=stonegate",
        "redirect_uri=http%3A%2F%2Flocalhost%3A8080%2Fsignin%2Fcallback",
    ] {
        assert!(redeemed.contains(part), "{part}: {redeemed}");
    }
    let page = browser.get(&house, back.location()).await;
    browser.post(&house, "/device", &page, &[("user_code", code), ("decision", "approve")]).await;
    let pairs = [("grant_type", DEVICE_CODE), ("device_code", device["device_code"].as_str().unwrap())];
    let tokens = house.form("/oauth/token", &pairs).await;
    let who = house.whoami(&tokens.member("access_token")).await;
    assert_eq!((who.member("user_name"), who.member("role")), ("ann".to_owned(), "user".to_owned()));
    // Whoever comes again is the same person, with what the provider says by now.
    idp.says("groups", json!(["leads"]));
    idp.says("email", json!("ann@new.example.org"));
    idp.sign_in(&house, &mut Visitor::default(), "").await;
    let again = house.whoami(&tokens.member("access_token")).await;
    assert_eq!((again.member("user"), again.member("role")), (who.member("user"), "team_lead".to_owned()));
    assert_eq!(again.member("email"), "ann@new.example.org");
}

#[tokio::test]
async fn what_a_token_leaves_out_is_asked_for_and_has_to_be_about_the_same_person() {
    let idp = Idp::start().await;
    let house = idp.house().await;
    {
        let mut script = idp.state.lock().unwrap();
        script.metadata["userinfo_endpoint"] = json!(format!("{}/userinfo", idp.issuer));
        script.userinfo = json!({ "sub": "root-at-idp", "groups": ["leads"] });
        script.says.insert("groups".to_owned(), Value::Null);
    }
    // A claim that is there is not asked for, be it empty.
    let refused = idp.sign_in(&house, &mut Visitor::default(), "").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
    idp.state.lock().unwrap().leaves_out = Some("groups");
    let refused = idp.sign_in(&house, &mut Visitor::default(), "").await;
    assert_eq!(refused.status, StatusCode::BAD_GATEWAY, "{refused:?}");
    idp.state.lock().unwrap().userinfo =
        json!({ "sub": "ann-at-idp", "groups": ["leads"], "email": "x@evil.example" });
    let mut browser = Visitor::default();
    let back = idp.sign_in(&house, &mut browser, "").await;
    assert_eq!((back.status, back.location()), (StatusCode::SEE_OTHER, "/signin"), "{back:?}");
    let users = house.as_admin("GET", "/users?name=ann", Value::Null).await.json();
    assert_eq!(users["data"][0]["role"], json!("team_lead"));
    assert_eq!(users["data"][0]["email"], json!("ann@example.org"), "what the token says itself holds");
}

#[tokio::test]
async fn groups_say_which_team_somebody_is_in() {
    let idp = Idp::start().await;
    let house = idp
        .house_by(
            r#"
            { group = "research", team = "research" },
            { group = "core", team = "core", role = "team_lead" },
            { group = "staff" },
            "#,
        )
        .await;
    let sign_in = async |group: &str| {
        let token = idp.signed(&[("groups", json!([group]))]);
        house.form("/oauth/token", &assertion(&token, "messages:send")).await
    };
    let refused = sign_in("core").await;
    assert_eq!(refused.error(), (400, "invalid_grant".to_owned()), "there is no such team yet");
    let mut ids = Vec::new();
    for name in ["core", "research"] {
        ids.push(house.as_admin("POST", "/teams", json!({ "name": name })).await.member("id"));
    }
    for (group, team, role) in [
        ("core", Some("core"), "team_lead"),
        ("research", Some("research"), "user"),
        ("staff", None, "user"),
        ("core", Some("core"), "team_lead"),
    ] {
        let tokens = sign_in(group).await;
        let who = house.whoami(&tokens.member("access_token")).await.json();
        assert_eq!((who["team_name"].as_str(), &who["role"]), (team, &json!(role)), "{group}");
    }
    // A team that is over lets nobody in, and keeps nobody where they are not to be.
    house.as_admin("PATCH", &format!("/teams/{}", ids[1]), json!({ "archived": true })).await;
    assert_eq!(sign_in("research").await.error(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn rules_without_teams_leave_people_where_an_administrator_put_them() {
    let idp = Idp::start().await;
    let house = idp.house().await;
    let sign_in = async || {
        let tokens = house.form("/oauth/token", &assertion(&idp.signed(&[]), "messages:send")).await;
        house.whoami(&tokens.member("access_token")).await
    };
    let who = sign_in().await;
    let core = house.as_admin("POST", "/teams", json!({ "name": "core" })).await.member("id");
    let path = format!("/users/{}", who.member("user"));
    house.as_admin("PATCH", &path, json!({ "team": core })).await;
    assert_eq!(sign_in().await.member("team"), core);
}

#[tokio::test]
async fn a_machine_comes_with_a_token_of_its_provider() {
    let idp = Idp::start().await;
    let house = idp.house().await;
    let token = idp.signed(&[("sub", json!("repo:acme/app")), ("preferred_username", json!("ci"))]);
    let tokens = house.form("/oauth/token", &assertion(&token, "messages:send")).await;
    assert_eq!(tokens.status, StatusCode::OK, "{tokens:?}");
    assert_eq!((&tokens.json()["refresh_token"], &tokens.json()["expires_in"]), (&Value::Null, &json!(300)));
    let who = house.whoami(&tokens.member("access_token")).await;
    assert_eq!(
        (who.member("user_name"), &who.json()["scopes"]),
        ("ci".to_owned(), &json!(["messages:send"]))
    );
    pass(300);
    assert_eq!(house.whoami(&tokens.member("access_token")).await.status, StatusCode::UNAUTHORIZED);
    let metadata = house.get("/.well-known/oauth-authorization-server").await.json();
    assert!(metadata["grant_types_supported"].as_array().unwrap().contains(&json!(JWT_BEARER)));
}

#[tokio::test]
async fn whoever_is_in_no_group_any_more_is_out_until_they_are_in_one_again() {
    let idp = Idp::start().await;
    let house = idp.house().await;
    let come = async |group: &str| {
        let token = idp.signed(&[("groups", json!([group]))]);
        house.form("/oauth/token", &assertion(&token, "messages:send keys:manage")).await
    };
    let first = come("leads").await;
    assert_eq!(first.status, StatusCode::OK, "{first:?}");
    let access = first.member("access_token");
    let wanted = json!({ "name": "laptop", "scopes": ["messages:send"] });
    let key = house.api(Some(&access), "POST", "/keys", wanted).await.member("key");
    let standings = async || {
        let mut all = Vec::new();
        for text in [&access, &key] {
            all.push(house.whoami(text).await.status.as_u16());
        }
        all
    };
    // To nobody's group, and to one of another tenant.
    for group in ["strangers", "elsewhere"] {
        assert_eq!(standings().await, [200, 200]);
        assert_eq!(come(group).await.error(), (400, "invalid_grant".to_owned()), "{group}");
        assert_eq!(standings().await, [401, 401], "{group}");
        assert_eq!(come("leads").await.status, StatusCode::OK, "{group}");
    }
    // Whom an administrator disabled does not come back that way.
    let user = house.whoami(&key).await.member("user");
    come("strangers").await;
    let path = format!("/users/{user}");
    for disabled in [false, true] {
        pass(1);
        house.as_admin("PATCH", &path, json!({ "disabled": disabled })).await;
    }
    assert_eq!(come("leads").await.error(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn forged_expired_and_foreign_tokens_get_nothing() {
    let idp = Idp::start().await;
    let house = idp.house().await;
    let foreign = Signer::new("first")
        .sign(&json!({ "iss": idp.issuer, "aud": "stonegate", "sub": "x", "exp": SECOND.get() + 60 }));
    for (name, token) in [
        ("forged", foreign),
        ("expired", idp.signed(&[("exp", json!(SECOND.get() - 120))])),
        ("wrong audience", idp.signed(&[("aud", json!("another-gateway"))])),
        ("another issuer", idp.signed(&[("iss", json!("https://evil.example"))])),
        ("in no group", idp.signed(&[("groups", json!(["strangers"]))])),
        ("in a tenant that there is not", idp.signed(&[("groups", json!(["elsewhere"]))])),
        ("no token", "nonsense".to_owned()),
    ] {
        let refused = house.form("/oauth/token", &assertion(&token, "")).await;
        assert_eq!(refused.error(), (400, "invalid_grant".to_owned()), "{name}: {refused:?}");
    }
    // A person who was disabled stays out, whatever the provider says.
    let tokens = house.form("/oauth/token", &assertion(&idp.signed(&[]), "messages:send")).await;
    let user = house.whoami(&tokens.member("access_token")).await.member("user");
    house.as_admin("PATCH", &format!("/users/{user}"), json!({ "disabled": true })).await;
    let refused = house.form("/oauth/token", &assertion(&idp.signed(&[]), "")).await;
    assert_eq!(refused.error(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn a_providers_new_keys_are_learned_and_made_up_ones_do_not_keep_us_busy() {
    let idp = Idp::start().await;
    let house = idp.house().await;
    let token = idp.signed(&[]);
    assert_eq!(house.form("/oauth/token", &assertion(&token, "")).await.status, StatusCode::OK);
    for _ in 0..5 {
        let made_up = Signer::new("made-up")
            .sign(&json!({ "iss": idp.issuer, "aud": "stonegate", "sub": "x", "exp": SECOND.get() + 60 }));
        assert_eq!(house.form("/oauth/token", &assertion(&made_up, "")).await.error().1, "invalid_grant");
    }
    assert_eq!(idp.state.lock().unwrap().asked_for_keys, 1);
    idp.state.lock().unwrap().signer = Signer::new("second");
    pass(31);
    assert_eq!(house.form("/oauth/token", &assertion(&idp.signed(&[]), "")).await.status, StatusCode::OK);
    assert_eq!(idp.state.lock().unwrap().asked_for_keys, 2);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_not_asked_by_everyone() {
    let idp = Idp::start().await;
    let house = idp.house().await;
    let come = async || house.form("/oauth/token", &assertion(&idp.signed(&[]), "")).await.status;
    assert_eq!(come().await, StatusCode::OK);
    let good = idp.state.lock().unwrap().metadata.clone();
    idp.state.lock().unwrap().metadata = Value::Null;
    pass(3_600);
    for _ in 0..3 {
        assert_eq!(come().await, StatusCode::OK, "its older keys go on");
    }
    assert_eq!(idp.state.lock().unwrap().asked_for_metadata, 2);
    pass(24 * 3_600);
    for _ in 0..3 {
        assert_eq!(come().await, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(idp.state.lock().unwrap().asked_for_metadata, 3);
    idp.state.lock().unwrap().metadata = good;
    pass(30);
    assert_eq!(come().await, StatusCode::OK);
}

#[tokio::test]
async fn mix_up_an_answer_that_should_say_whose_it_is_has_to() {
    let idp = Idp::start().await;
    idp.state.lock().unwrap().metadata["authorization_response_iss_parameter_supported"] = json!(true);
    let house = idp.house().await;
    let silent = idp.sign_in(&house, &mut Visitor::default(), "").await;
    assert_eq!(silent.status, StatusCode::BAD_REQUEST, "{silent:?}");
    let mut browser = Visitor::default();
    let asked = idp.begin(&house, &mut browser, "").await;
    idp.says("nonce", asked["nonce"].clone());
    let back = format!("/signin/callback?code=c0de&state={}&iss=", asked["state"].as_str().unwrap());
    let said = browser.get(&house, &format!("{back}{}", idp.issuer)).await;
    assert_eq!(said.status, StatusCode::SEE_OTHER, "{said:?}");
}

#[tokio::test]
async fn csrf_of_the_callback_anothers_sign_in_is_not_finished() {
    let idp = Idp::start().await;
    let house = idp.house().await;
    let mut eve = Visitor::default();
    let asked = idp.begin(&house, &mut eve, "").await;
    idp.says("nonce", asked["nonce"].clone());
    let callback = format!("/signin/callback?code=c0de&state={}", asked["state"].as_str().unwrap());
    // Eve sends ann the address at which her own sign-in would end.
    for mut ann in [Visitor::default(), {
        let mut visited = Visitor::default();
        visited.get(&house, "/signin").await;
        visited
    }] {
        let refused = ann.get(&house, &callback).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
        assert!(!ann.cookies.contains_key("stonegate-session"));
    }
    // And it was used up by the try.
    assert_eq!(eve.get(&house, &callback).await.status, StatusCode::BAD_REQUEST);
    for query in ["", "code=x", "state=x", "code=x&state=y", "error=access_denied&state=x"] {
        assert_eq!(
            eve.get(&house, &format!("/signin/callback?{query}")).await.status,
            StatusCode::BAD_REQUEST
        );
    }
    // An answer to another sign-in, or of another provider.
    let asked = idp.begin(&house, &mut eve, "").await;
    idp.says("nonce", json!("another"));
    let refused =
        eve.get(&house, &format!("/signin/callback?code=c&state={}", asked["state"].as_str().unwrap())).await;
    assert_eq!(refused.status, StatusCode::BAD_GATEWAY, "{refused:?}");
    let asked = idp.begin(&house, &mut eve, "").await;
    let mixed = format!(
        "/signin/callback?code=c&iss=https://evil.example&state={}",
        asked["state"].as_str().unwrap()
    );
    assert_eq!(eve.get(&house, &mixed).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn ssrf_a_provider_leads_nowhere_that_it_may_not() {
    let idp = Idp::start().await;
    // Metadata of another issuer.
    let house = idp.house().await;
    idp.state.lock().unwrap().metadata["issuer"] = json!("https://evil.example");
    let refused = house.form("/oauth/token", &assertion(&idp.signed(&[]), "")).await;
    assert_eq!(refused.error(), (503, "temporarily_unavailable".to_owned()));
    assert!(!refused.text.contains("evil"), "{refused:?}");
    // Private places are not asked unless the operator says so.
    for (url, allow_private, expected) in [
        ("https://id.example.org/keys", false, true),
        ("http://id.example.org/keys", false, false),
        ("https://127.0.0.1/keys", false, false),
        ("https://169.254.169.254/latest/meta-data", false, false),
        ("https://[::1]/keys", false, false),
        ("https://10.0.0.1/keys", false, false),
        ("http://127.0.0.1:9/keys", true, true),
        ("file:///etc/passwd", true, false),
        ("/keys", true, false),
    ] {
        let reached = url.parse().is_ok_and(|uri| crate::media::may_be_reached(&uri, allow_private));
        assert_eq!(reached, expected, "{url}");
    }
    for issuer in ["http://id.example.org", "ftp://id.example.org", "id.example.org", ""] {
        let toml = format!(
            "[[signin.providers]]\nid = \"x\"\nissuer = \"{issuer}\"\nclient_id = \"y\"\nrules = [{{}}]\n"
        );
        assert!(Config::from_toml(&toml).is_err(), "{issuer}");
    }
}
