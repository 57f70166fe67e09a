//! The device flow from its first question to a call.

use super::*;
use crate::signin::token::DEVICE_CODE;

async fn ask(house: &House, pairs: &[(&str, &str)]) -> Value {
    let asked = house.form("/oauth/device_authorization", pairs).await;
    assert_eq!(asked.status, StatusCode::OK, "{asked:?}");
    asked.json()
}

async fn poll(house: &House, device: &Value) -> Reply {
    let code = device["device_code"].as_str().unwrap();
    house.form("/oauth/token", &[("grant_type", DEVICE_CODE), ("device_code", code)]).await
}

#[tokio::test]
async fn claude_code_signs_in_by_a_person_with_a_browser() {
    let house = House::open().await;
    let ann = house.person("ann", "user").await;
    let metadata = house.get("/.well-known/oauth-authorization-server").await;
    let endpoint = metadata.member("device_authorization_endpoint");
    assert_eq!(endpoint, "http://localhost:8080/oauth/device_authorization");
    let device = ask(&house, &[("surface", "claude_code"), ("something", "new")]).await;
    let code = device["user_code"].as_str().unwrap();
    assert_eq!(device["verification_uri"], json!("http://localhost:8080/device"));
    assert_eq!(
        device["verification_uri_complete"],
        json!(format!("http://localhost:8080/device?user_code={code}"))
    );
    assert_eq!(poll(&house, &device).await.error(), (400, "authorization_pending".to_owned()));

    let mut browser = Visitor::default();
    let sent_on = browser.get(&house, &format!("/device?user_code={code}")).await;
    assert_eq!(
        (sent_on.status, sent_on.location()),
        (StatusCode::SEE_OTHER, &*format!("/signin?user_code={code}"))
    );
    let signed_in = browser.sign_in(&house, "ann", code).await;
    assert_eq!(
        (signed_in.status, signed_in.location()),
        (StatusCode::SEE_OTHER, &*format!("/device?user_code={code}"))
    );
    let page = browser.get(&house, signed_in.location()).await;
    for shown in [code, "claude_code", "messages:send", "ann"] {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
    let approved =
        browser.post(&house, "/device", &page, &[("user_code", code), ("decision", "approve")]).await;
    assert_eq!(approved.status, StatusCode::OK, "{approved:?}");

    pass(5);
    let tokens = poll(&house, &device).await;
    assert_eq!(tokens.status, StatusCode::OK, "{tokens:?}");
    assert_eq!(
        (tokens.member("token_type"), tokens.member("email")),
        ("Bearer".to_owned(), "ann@example.org".to_owned())
    );
    assert_eq!(tokens.json()["expires_in"], json!(3600));
    let who = house.whoami(&tokens.member("access_token")).await;
    assert_eq!((who.member("user"), who.member("key_kind")), (ann, "session".to_owned()));
    assert_eq!(who.member("key_name"), "claude_code");
    assert_eq!(poll(&house, &device).await.error(), (400, "invalid_grant".to_owned()));
    let acts: Vec<String> = house.audit().await.into_iter().map(|(action, _)| action).take(3).collect();
    assert_eq!(acts, ["key.create", "device.approve", "key.create"]);
}

#[tokio::test]
async fn a_device_gets_no_more_than_was_asked_for_nor_than_the_person_may() {
    let house = House::open().await;
    house.person("ann", "user").await;
    let wanted = "messages:send keys:manage admin:write";
    let device =
        ask(&house, &[("client_id", "stonegate-cli"), ("scope", wanted), ("device_name", "laptop")]).await;
    let code = device["user_code"].as_str().unwrap();
    let mut browser = Visitor::default();
    browser.sign_in(&house, "ann", code).await;
    let page =
        browser.get(&house, &format!("/device?user_code={}", code.to_lowercase().replace('-', ""))).await;
    browser.post(&house, "/device", &page, &[("user_code", code), ("decision", "approve")]).await;
    let tokens = poll(&house, &device).await;
    assert_eq!(tokens.member("scope"), "messages:send keys:manage");
    let who = house.whoami(&tokens.member("access_token")).await;
    assert_eq!(who.member("key_name"), "stonegate-cli on laptop");
    let child = json!({ "scopes": ["messages:send"] });
    let made = house.api(Some(&tokens.member("access_token")), "POST", "/keys/ephemeral", child).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let refused = house.form("/oauth/device_authorization", &[("scope", "messages:send fly")]).await;
    assert_eq!(refused.error(), (400, "invalid_scope".to_owned()));
}

#[tokio::test]
async fn a_device_that_is_denied_late_or_hasty_is_told_so() {
    let house = House::open().await;
    house.person("ann", "user").await;
    let [denied, late] = [ask(&house, &[]).await, ask(&house, &[]).await];
    let code = denied["user_code"].as_str().unwrap();
    let mut browser = Visitor::default();
    browser.sign_in(&house, "ann", code).await;
    let page = browser.get(&house, &format!("/device?user_code={code}")).await;
    browser.post(&house, "/device", &page, &[("user_code", code), ("decision", "deny")]).await;
    assert_eq!(poll(&house, &denied).await.error(), (400, "access_denied".to_owned()));
    assert_eq!(poll(&house, &late).await.error(), (400, "authorization_pending".to_owned()));
    assert_eq!(poll(&house, &late).await.error(), (400, "slow_down".to_owned()));
    pass(600);
    assert_eq!(poll(&house, &late).await.error(), (400, "expired_token".to_owned()));
    let code = late["user_code"].as_str().unwrap();
    assert_eq!(browser.get(&house, &format!("/device?user_code={code}")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_person_who_was_disabled_meanwhile_gets_nothing() {
    let house = House::open().await;
    let ann = house.person("ann", "user").await;
    let device = ask(&house, &[]).await;
    let code = device["user_code"].as_str().unwrap();
    let mut browser = Visitor::default();
    browser.sign_in(&house, "ann", code).await;
    let page = browser.get(&house, &format!("/device?user_code={code}")).await;
    browser.post(&house, "/device", &page, &[("user_code", code), ("decision", "approve")]).await;
    house.as_admin("PATCH", &format!("/users/{ann}"), json!({ "disabled": true })).await;
    assert_eq!(poll(&house, &device).await.error(), (400, "access_denied".to_owned()));
}

#[tokio::test]
async fn an_approval_by_the_old_password_ends_with_it() {
    let house = House::open().await;
    let ann = house.person("ann", "user").await;
    let [before, after] = [ask(&house, &[]).await, ask(&house, &[]).await];
    let approve = async |device: &Value| {
        let code = device["user_code"].as_str().unwrap();
        let mut browser = Visitor::default();
        browser.sign_in(&house, "ann", code).await;
        let page = browser.get(&house, &format!("/device?user_code={code}")).await;
        browser.post(&house, "/device", &page, &[("user_code", code), ("decision", "approve")]).await
    };
    assert_eq!(approve(&before).await.status, StatusCode::OK);
    pass(1);
    house.set_password(&ann, PASSWORD).await;
    pass(1);
    assert_eq!(approve(&after).await.status, StatusCode::OK);
    assert_eq!(poll(&house, &before).await.error(), (400, "access_denied".to_owned()));
    assert_eq!(poll(&house, &after).await.status, StatusCode::OK);
}

#[tokio::test]
async fn discovery_tells_what_there_is() {
    let house = House::open().await;
    let found = house.get("/.well-known/stonegate").await;
    assert_eq!(found.headers["cache-control"], "public, max-age=300");
    let found = found.json();
    assert_eq!((&found["version"], &found["sign_in"]["local"]), (&json!(1), &json!(true)));
    assert_eq!(found["issuer"], json!("http://localhost:8080"));
    let api = found["api"].as_object().unwrap();
    assert!(api.len() > 9 && api.values().all(|is_served| *is_served == json!(true)), "{api:?}");
    assert_eq!(found["models"], json!({ "default": null }));
    let told = [("anthropic".to_owned(), "claude-sonnet-5-5".to_owned())];
    let told = House::with(|settings| settings.default_models = told.into()).await;
    let told = told.get("/.well-known/stonegate").await.json();
    assert_eq!(told["models"], json!({ "default": { "anthropic": "claude-sonnet-5-5" } }));
    let without = House::with(|settings| settings.local = false).await;
    let metadata = without.get("/.well-known/oauth-authorization-server").await.json();
    assert_eq!(metadata["grant_types_supported"], json!([DEVICE_CODE, "refresh_token"]));
    assert_eq!(without.tokens("ann", "").await.error(), (400, "unsupported_grant_type".to_owned()));
}
