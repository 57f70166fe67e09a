//! Every route of the calls × every role × whose it is, and every route of sign-in. Administration and provisioning have
//! tables of their own, beside their handlers.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};
use stonegate_api::{ModelRule, Role, TenantCreate, UserCreate};
use stonegate_server::operator::{KeyRequest, Operator};

use crate::client::Request;
use crate::gateway::{SONNET, TestGateway, ask, key_of};

/// Who asks, in the order of the table's letters.
const ASKERS: [&str; 8] = [
    "nobody",
    "ann, whose it is",
    "bob of the same tenant",
    "the lead of the tenant",
    "eve of another tenant",
    "an administrator",
    "ann with a key for reports only",
    "may of a tenant that may use no model",
];

/// Methods, paths that lead to the same, what is answered to whom, and the body.
type Row = (&'static str, &'static [&'static str], &'static str, fn() -> Value);

/// What stands behind the table's letters: `y` yes (2xx), `b` 400, `1` 401, `3` 403, `4` 404, `u` 426.
///
/// What is called is no one tenant's: a key's scopes and models decide. What is kept is its maker's alone, and to others it
/// is as if it were not there: 404, and 400 for a call that would go on from it.
const ROUTES: &[Row] = &[
    ("POST", &["/v1/messages", "/anthropic/v1/messages"], "1yyyyy33", || ask("Hello")),
    ("POST", &["/v1/messages/count_tokens", "/anthropic/v1/messages/count_tokens"], "1yyyyy33", || {
        ask("Hello")
    }),
    ("POST", &["/v1/chat/completions", "/openai/v1/chat/completions"], "1yyyyy33", || ask("Hello")),
    ("POST", &["/v1/responses", "/openai/v1/responses"], "1yyyyy33", || input(json!({}))),
    ("POST", &["/v1/responses"], "1ybbbb3b", || input(json!({ "previous_response_id": HERS }))),
    ("GET", &["/v1/responses", "/openai/v1/responses"], "uuuuuuuu", || Value::Null),
    ("POST", &["/v1/responses/compact", "/openai/v1/responses/compact"], "1yyyyy33", || input(json!({}))),
    ("POST", &["/v1/responses/input_tokens", "/openai/v1/responses/input_tokens"], "1yyyyy33", || {
        input(json!({}))
    }),
    ("GET", &["/v1/responses/{id}", "/openai/v1/responses/{id}"], "1y444434", || Value::Null),
    ("DELETE", &["/v1/responses/{id}", "/openai/v1/responses/{id}"], "1y444434", || Value::Null),
    ("GET", &["/v1/responses/{id}/input_items", "/openai/v1/responses/{id}/input_items"], "1y444434", || {
        Value::Null
    }),
    // Hers is complete, and nobody can cancel it any more.
    ("POST", &["/v1/responses/{id}/cancel", "/openai/v1/responses/{id}/cancel"], "1b444434", || json!({})),
    (
        "POST",
        &["/v1/embeddings", "/openai/v1/embeddings"],
        "1yyyyy33",
        || json!({ "model": "titan-embed-text-v2", "input": "Stone" }),
    ),
    (
        "POST",
        &["/v1/rerank", "/v2/rerank"],
        "1yyyyy33",
        || json!({ "model": "cohere-rerank-v3-5", "query": "capital", "documents": ["Paris"] }),
    ),
    (
        "POST",
        &["/v1/images/generations", "/openai/v1/images/generations"],
        "1yyyyy33",
        || json!({ "model": "nova-canvas", "prompt": "A gate" }),
    ),
    // Nobody needs a scope to see what there is, and sees only what they may use.
    ("GET", &["/v1/models", "/openai/v1/models"], "1yyyyyyy", || Value::Null),
    ("GET", &["/v1/models/{*id}", "/openai/v1/models/{*id}"], "1yyyyyy4", || Value::Null),
    ("POST", &["/model/{id}/converse", "/bedrock/model/{id}/converse"], "3yyyyy33", converse),
    ("POST", &["/model/{id}/converse-stream", "/bedrock/model/{id}/converse-stream"], "3yyyyy33", converse),
    ("POST", &["/model/{id}/invoke", "/bedrock/model/{id}/invoke"], "3yyyyy33", invoke),
    (
        "POST",
        &["/model/{id}/invoke-with-response-stream", "/bedrock/model/{id}/invoke-with-response-stream"],
        "3yyyyy33",
        invoke,
    ),
    (
        "POST",
        &["/model/{id}/count-tokens", "/bedrock/model/{id}/count-tokens"],
        "3yyyyy33",
        || json!({ "input": { "converse": converse() } }),
    ),
    ("GET", &["/foundation-models", "/bedrock/foundation-models"], "3yyyyyyy", || Value::Null),
    ("GET", &["/foundation-models/{id}", "/bedrock/foundation-models/{id}"], "3yyyyyy4", || Value::Null),
    ("GET", &["/inference-profiles", "/bedrock/inference-profiles"], "3yyyyyyy", || Value::Null),
    ("GET", &["/inference-profiles/{id}", "/bedrock/inference-profiles/{id}"], "3yyyyyy4", || Value::Null),
    ("GET", &["/bedrock/credentials"], "3yyyyyyy", || Value::Null),
    // Each tenant's own: the default tenant has a policy here, and the others have none.
    ("GET", &["/managed/settings"], "1yyy4yy4", || Value::Null),
    // Clients would try again and again what is refused; what nobody sent is taken and let go.
    ("POST", &["/v1/metrics", "/v1/logs", "/v1/traces"], "1yyyyyyy", || json!({})),
    // What says nothing of anybody.
    ("ANY", &["/", "/api/hello"], "yyyyyyyy", || Value::Null),
    ("GET", &["/healthz", "/readyz"], "yyyyyyyy", || Value::Null),
];

/// Stands for a response that ann keeps.
const HERS: &str = "HERS";

fn input(more: Value) -> Value {
    crate::gateway::with(json!({ "model": SONNET, "input": "Hello" }), more)
}

fn converse() -> Value {
    json!({ "messages": [{ "role": "user", "content": [{ "text": "Hello" }] }] })
}

fn invoke() -> Value {
    let turn = json!([{ "role": "user", "content": "Hello" }]);
    json!({ "anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "messages": turn })
}

fn letter(status: u16) -> char {
    match status {
        200..300 => 'y',
        400 => 'b',
        401 => '1',
        403 => '3',
        404 => '4',
        426 => 'u',
        _ => '?',
    }
}

/// A key of each asker's, in the order of the letters.
async fn keys(gateway: &TestGateway) -> [String; ASKERS.len()] {
    let operator: Operator = gateway.operator().await;
    for (id, models) in
        [("other", None), ("barred", Some(ModelRule { allow: Vec::new(), deny: vec!["*".to_owned()] }))]
    {
        let tenant = TenantCreate { id: id.to_owned(), models, ..TenantCreate::default() };
        operator.create_tenant(&tenant).await.expect("a tenant");
    }
    let lead = UserCreate { name: "lea".to_owned(), role: Role::TeamLead, ..UserCreate::default() };
    operator.create_user(&lead).await.expect("a user");
    let of = |tenant: &str, user: &str, scopes: Option<&str>| KeyRequest {
        tenant: Some(tenant.to_owned()),
        scopes: scopes.map(str::to_owned),
        ..key_of("laptop", user)
    };
    let mut keys = vec!["nobody".to_owned(), gateway.key.clone()];
    for wanted in [
        of("default", "bob", None),
        of("default", "lea", None),
        of("other", "eve", None),
        KeyRequest { name: "root".to_owned(), scopes: Some("all".to_owned()), ..KeyRequest::default() },
        KeyRequest { name: "reports".to_owned(), ..of("default", "ann", Some("usage:read")) },
        of("barred", "may", None),
    ] {
        keys.push(operator.create_key(&wanted).await.expect("a key").key);
    }
    operator.close().await;
    keys.try_into().expect("one for each")
}

/// A response that ann keeps.
async fn hers(gateway: &TestGateway) -> String {
    let made = gateway.send(Request::post("/v1/responses", input(json!({})).to_string())).await.json();
    made["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn every_route_of_the_calls_is_open_to_whom_the_table_says() {
    let gateway = TestGateway::start().await;
    let keys = keys(&gateway).await;
    let operator = gateway.operator().await;
    let policy = json!({ "managed_settings": { "env": { "A": "b" } } });
    operator
        .update_tenant("default", &serde_json::from_value(policy).expect("an update"))
        .await
        .expect("changed");
    operator.close().await;
    let mut wrong = Vec::new();
    for (method, paths, expected, body) in ROUTES {
        for path in *paths {
            let mut found = String::new();
            for key in &keys {
                let body = body().to_string();
                let hers = if path.contains("/responses/{id}") || body.contains(HERS) {
                    hers(&gateway).await
                } else {
                    String::new()
                };
                let concrete = match *path {
                    "/inference-profiles/{id}" | "/bedrock/inference-profiles/{id}" => {
                        path.replace("{id}", "us.anthropic.claude-sonnet-5-5")
                    }
                    _ if path.contains("/responses/") => path.replace("{id}", &hers),
                    _ if path.contains("foundation-models") => {
                        path.replace("{id}", "anthropic.claude-sonnet-5-5")
                    }
                    _ => path.replace("{*id}", SONNET).replace("{id}", "us.anthropic.claude-sonnet-5-5"),
                };
                let request = match *method {
                    "POST" => Request::post(&concrete, body.replace(HERS, &hers)),
                    "ANY" => Request::get(&concrete),
                    method => Request::new(method.parse::<Method>().expect("a method"), &concrete),
                };
                found.push(letter(gateway.send(request.key(key)).await.status));
            }
            if found != **expected {
                wrong.push(format!("{method} {path}: {found}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{ASKERS:?}\n{}", wrong.join("\n"));
    gateway.finish().await;
}

/// Every route of the router that calls go by, as its source has them.
fn routed() -> BTreeSet<(String, String)> {
    let source = include_str!("../../src/router.rs");
    let body = |function: &str| {
        let from = source.find(&format!("\nfn {function}(")).expect(function);
        let text = &source[from..];
        &text[..text.find("\n}\n").expect("its end")]
    };
    let constant = |name: &str| {
        let line =
            source.lines().find(|line| line.starts_with(&format!("const {name}:"))).expect("a constant");
        line.split('"').nth(1).expect("a text")
    };
    let routes = |function: &str, prefix: &str| {
        // What a function puts between its prefix and each of its paths.
        let between = body(function).split("\"{prefix}").nth(1).and_then(|rest| rest.split("{path}").next());
        let prefix = format!("{prefix}{}", between.unwrap_or_default());
        let mut found = Vec::new();
        for route in body(function).split(".route(").skip(1) {
            let route = route.trim_start();
            let path =
                match route.strip_prefix("&at").unwrap_or(route).trim_start_matches('(').strip_prefix('"') {
                    Some(text) => text.split('"').next().expect("a path"),
                    None => constant(route.split(',').next().expect("a name")),
                };
            for method in ["get", "post", "put", "patch", "delete", "any"] {
                if route.contains(&format!("{method}(")) {
                    found.push((method.to_uppercase(), format!("{prefix}{path}")));
                }
            }
        }
        assert!(!found.is_empty(), "{function} has no routes?");
        found
    };
    let mut all: BTreeSet<_> = routes("router", "").into_iter().collect();
    for function in ["responses", "bedrock"] {
        let merged = format!(".merge({function}(\"");
        let prefixes = body("router").split(&merged).skip(1);
        all.extend(prefixes.flat_map(|rest| routes(function, rest.split('"').next().expect("a prefix"))));
    }
    all
}

#[test]
fn every_route_has_a_row() {
    let named = ROUTES.iter().flat_map(|(method, paths, _, _)| {
        paths.iter().map(|path| ((*method).to_owned(), (*path).to_owned()))
    });
    assert_eq!(routed(), named.collect());
    for (_, paths, expected, _) in ROUTES {
        assert_eq!(expected.len(), ASKERS.len(), "{paths:?}");
    }
}

/// The routes by which people sign in, and what each answers whoever comes without a session. No key opens more: a session
/// does, which only the identity that a person has at a provider, or a password, begins.
const SIGN_IN: &[(&str, &str, u16)] = &[
    ("GET", "/.well-known/oauth-authorization-server", 200),
    ("GET", "/.well-known/stonegate", 200),
    ("POST", "/oauth/device_authorization", 200),
    ("POST", "/oauth/token", 400),
    ("POST", "/oauth/revoke", 400),
    ("GET", "/signin", 200),
    ("POST", "/signin", 403),
    ("GET", "/signin/password", 404),
    ("POST", "/signin/password", 403),
    ("GET", "/signin/link", 404),
    ("POST", "/signin/link", 403),
    ("GET", "/signin/totp", 200),
    ("POST", "/signin/totp", 403),
    ("POST", "/account/totp", 400),
    ("GET", "/signin/with/{provider}", 404),
    ("GET", "/signin/callback", 400),
    ("POST", "/signout", 403),
    ("GET", "/setup", 200),
    ("GET", "/device", 303),
    ("POST", "/device", 403),
    ("GET", "/home", 303),
];

#[tokio::test]
async fn no_key_opens_what_a_session_opens() {
    let gateway = TestGateway::builder().settings("server.public_url = 'http://localhost'").start().await;
    let keys = keys(&gateway).await;
    let mut wrong = Vec::new();
    for (method, path, expected) in SIGN_IN {
        for (key, asker) in keys.iter().zip(ASKERS) {
            let path = path.replace("{provider}", "none");
            let request = match *method {
                "POST" => Request::post(&path, String::new()),
                _ => Request::get(&path),
            };
            let status = gateway.send(request.key(key)).await.status;
            if status != *expected {
                wrong.push(format!("{method} {path}, {asker}: {status}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    gateway.finish().await;
}

#[test]
fn every_route_of_sign_in_has_a_row() {
    let routes = include_str!("../../src/signin.rs").split(".route(\"").skip(1).flat_map(|route| {
        let (path, handlers) = route.split_once("\", ").expect("a path and its handlers");
        let handlers = handlers.lines().next().expect("a line").to_owned();
        let is_there = move |method: &&str| handlers.contains(&format!("{method}("));
        ["get", "post"].into_iter().filter(is_there).map(|method| (method.to_uppercase(), path.to_owned()))
    });
    let named = SIGN_IN.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()));
    assert_eq!(routes.collect::<BTreeSet<_>>(), named.collect());
}
