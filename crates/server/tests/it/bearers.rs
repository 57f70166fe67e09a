//! Machines whose calls show their OpenID provider's token as it is.

use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use stonegate_server::clock;

use crate::client::{Answer, Request};
use crate::gateway::{SONNET, TestGateway, ask};

/// A provider that publishes its key, and signs what it is told to.
struct Provider {
    issuer: String,
    pair: EcdsaKeyPair,
}

impl Provider {
    async fn start() -> Provider {
        let random = SystemRandom::new();
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random)
            .expect("a key");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let issuer = format!("http://{}", listener.local_addr().expect("an address"));
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let keys =
            json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "1", "x": part(x), "y": part(y) }] });
        let metadata = json!({
            "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(|| async move { Json(metadata) }))
            .route("/keys", get(|| async move { Json(keys) }));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Provider { issuer, pair }
    }

    /// A token of a job's for five minutes.
    fn token(&self, audience: &str) -> String {
        let claims = json!({
            "iss": self.issuer, "aud": audience, "sub": "repo:acme/app", "preferred_username": "ci",
            "exp": clock::now().as_second() + 300,
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({ "alg": "ES256", "kid": "1" })), part(&claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    async fn gateway(&self) -> TestGateway {
        let settings = format!(
            "[[signin.providers]]\nid = \"ci\"\nissuer = \"{}\"\naudiences = [\"stonegate\"]\n\
             allow_private = true\nrules = [{{}}]\n",
            self.issuer
        );
        TestGateway::builder().settings(&settings).start().await
    }
}

/// A request of each dialect, with the status of a good one.
fn requests() -> Vec<(&'static str, Request)> {
    let input = json!({ "model": SONNET, "input": "Hello", "store": false }).to_string();
    let turn = json!([{ "role": "user", "content": "Hello" }]);
    let chat = json!({ "model": SONNET, "messages": turn, "max_tokens": 50 }).to_string();
    let turn = json!([{ "role": "user", "content": [{ "text": "Hello" }] }]);
    let converse = json!({ "messages": turn, "inferenceConfig": { "maxTokens": 50 } }).to_string();
    let model = "us.anthropic.claude-sonnet-5-5";
    vec![
        ("anthropic", Request::messages(&ask("Hello"))),
        ("anthropic", Request::post("/v1/messages/count_tokens", ask("Hello").to_string())),
        ("openai", Request::post("/v1/chat/completions", chat)),
        ("openai", Request::post("/v1/responses", input)),
        ("openai", Request::get("/v1/models")),
        ("bedrock", Request::post(&format!("/model/{model}/converse"), converse)),
    ]
}

async fn send(gateway: &TestGateway, request: Request, header: &str, value: &str) -> Answer {
    request.header(header, value).open(gateway.address).await.expect("an answer").whole().await
}

/// What an answer says in its dialect's shape of errors.
fn message(dialect: &str, answer: &Answer) -> String {
    let body = answer.json();
    let (kind, message) = match dialect {
        "anthropic" => (body["error"]["type"].clone(), body["error"]["message"].clone()),
        "openai" => (body["error"]["code"].clone(), body["error"]["message"].clone()),
        _ => (json!(answer.header("x-amzn-errortype")), body["message"].clone()),
    };
    let (status, kind) = (answer.status, kind.as_str().unwrap_or_default());
    format!("{status} {kind}: {}", message.as_str().expect("a message"))
}

#[tokio::test]
async fn every_api_takes_a_providers_token_and_all_calls_with_it_are_one_sessions() {
    let provider = Provider::start().await;
    let gateway = provider.gateway().await;
    let token = provider.token("stonegate");
    for (_, request) in requests() {
        for (header, value) in [("authorization", format!("Bearer {token}")), ("x-api-key", token.clone())] {
            let answer = send(&gateway, request.clone(), header, &value).await;
            assert_eq!(answer.status, 200, "{request:?}: {}", answer.text());
        }
    }
    let records = gateway.records_soon(8).await;
    let first = records[0].path.key().map(ToString::to_string);
    assert!(first.is_some() && first.as_deref() != Some(&*gateway.keys[0].about.id), "{first:?}");
    assert!(records.iter().all(|record| record.path.key().map(ToString::to_string) == first));
    // It is good for calls alone, and not written down.
    let admin =
        send(&gateway, Request::get("/admin/v1/whoami"), "authorization", &format!("Bearer {token}")).await;
    assert_eq!(admin.status, 401, "{}", admin.text());
    assert!(!gateway.log_text().contains(token.rsplit('.').next().expect("a signature")));
    gateway.finish().await;
}

#[tokio::test]
async fn a_token_that_does_not_hold_is_refused_in_the_callers_dialect() {
    let provider = Provider::start().await;
    let gateway = provider.gateway().await;
    let (elsewhere, stranger) = (provider.token("elsewhere"), Provider::start().await.token("stonegate"));
    let mut told = Vec::new();
    for (dialect, request) in requests() {
        for token in [&elsewhere, &stranger] {
            let answer = send(&gateway, request.clone(), "authorization", &format!("Bearer {token}")).await;
            told.push(message(dialect, &answer));
        }
    }
    told.sort();
    told.dedup();
    insta::assert_snapshot!(told.join("\n"), @r"
    401 authentication_error: the token does not hold: it is for another audience: have it made out to this gateway
    401 authentication_error: the token is of no provider whose machines are let in here
    401 invalid_api_key: the token does not hold: it is for another audience: have it made out to this gateway
    401 invalid_api_key: the token is of no provider whose machines are let in here
    403 AccessDeniedException: the token does not hold: it is for another audience: have it made out to this gateway
    403 AccessDeniedException: the token is of no provider whose machines are let in here
    ");
    gateway.finish().await;
}

#[tokio::test]
async fn a_revoked_session_of_a_token_stops_within_a_second() {
    let provider = Provider::start().await;
    let gateway = provider.gateway().await;
    let value = format!("Bearer {}", provider.token("stonegate"));
    let call = async || send(&gateway, Request::messages(&ask("Hello")), "authorization", &value).await;
    assert_eq!(call().await.status, 200);
    let records = gateway.records_soon(1).await;
    let key = records[0].path.key().expect("a key").to_string();
    gateway.operator().await.revoke_key(&key).await.expect("revoked");
    let revoked_at = std::time::Instant::now();
    let refused = loop {
        let answer = call().await;
        if answer.status != 200 {
            break answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert!(revoked_at.elapsed() < std::time::Duration::from_secs(1), "{:?}", revoked_at.elapsed());
    let (status, kind, message) = refused.error();
    assert_eq!((status, &*kind), (401, "authentication_error"));
    assert!(message.contains("was revoked"), "{message}");
    gateway.finish().await;
}

#[tokio::test]
async fn where_no_machines_are_let_in_a_token_is_no_key() {
    let gateway = TestGateway::start().await;
    let token = format!("Bearer {}", Provider::start().await.token("stonegate"));
    let answer = send(&gateway, Request::messages(&ask("Hello")), "authorization", &token).await;
    let (status, _, message) = answer.error();
    assert!(status == 401 && message.contains("no valid Stonegate key"), "{message}");
    gateway.finish().await;
}
