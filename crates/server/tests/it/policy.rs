//! What Claude Code asks of a gateway that it signed in to, beside calls: its policy, and where to send what it measures.

use serde_json::{Value, json};
use stonegate_server::operator::KeyRequest;

use crate::client::{Answer, Request};
use crate::gateway::{TestGateway, key_of};

async fn policy(gateway: &TestGateway, known: Option<&str>) -> Answer {
    let request = Request::get("/managed/settings").key(&gateway.keys[0].key);
    gateway
        .send(match known {
            Some(known) => request.header("if-none-match", known),
            None => request,
        })
        .await
}

#[tokio::test]
async fn a_tenants_policy_reaches_claude_code_and_is_told_once() {
    let admin = KeyRequest { scopes: Some("all".to_owned()), user: None, ..key_of("admin", "admin") };
    let gateway = TestGateway::builder().key(admin).start().await;
    let admin = &gateway.keys[1].key;
    let set = async |settings: Value| {
        let body = json!({ "managed_settings": settings }).to_string();
        let set = Request::patch("/admin/v1/tenants/default", body).key(admin);
        let answer = gateway.send(set).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    assert_eq!(policy(&gateway, None).await.status, 404);
    assert_eq!(policy(&gateway, Some("*")).await.status, 404);
    let wanted = json!({ "permissions": { "deny": ["WebFetch"] }, "env": { "A": "1" } });
    assert_eq!(set(wanted.clone()).await["managed_settings"], wanted);
    let told = policy(&gateway, None).await;
    let body = told.json();
    assert_eq!((told.status, &body["settings"]), (200, &wanted));
    // Of {"env":{"A":"1"},"permissions":{"deny":["WebFetch"]}}, as Claude Code computes it.
    let checksum = "sha256:a3fa1f1b3ad82aa5721a27069cd764dc6e625742788e0cbc06c09240bff7e3c9";
    assert_eq!(body["checksum"], json!(checksum));
    let tag = told.header("etag").expect("a tag").to_owned();
    assert_eq!(tag, format!("\"{checksum}\""));
    let again = policy(&gateway, Some(&tag)).await;
    assert_eq!((again.status, again.text(), again.header("etag")), (304, "", Some(&*tag)));
    assert_eq!(policy(&gateway, Some("\"sha256:0\"")).await.status, 200);
    set(json!({})).await;
    assert_eq!(policy(&gateway, Some(&tag)).await.json()["settings"], json!({}));
    set(Value::Null).await;
    assert_eq!(policy(&gateway, None).await.status, 404);
    let without = gateway.send(Request::get("/managed/settings").key("none")).await;
    assert_eq!((without.status, without.header("x-should-retry")), (401, Some("false")));
    gateway.finish().await;
}

#[tokio::test]
async fn what_clients_measure_is_taken_from_those_who_have_a_key() {
    let gateway = TestGateway::start().await;
    for (path, kind, body, expected) in [
        ("/v1/metrics", "application/json", "{\"resourceMetrics\":[]}", "{}"),
        ("/v1/logs", "application/x-protobuf", "\u{1}\u{2}", ""),
        ("/v1/traces", "application/x-protobuf", "", ""),
    ] {
        let request = || Request::post(path, body).header("content-type", kind);
        let taken = gateway.send(request().key(&gateway.keys[0].key)).await;
        assert_eq!(
            (taken.status, taken.text(), taken.header("content-type")),
            (200, expected, Some(kind)),
            "{path}"
        );
        let refused = gateway.send(request().key("none")).await;
        assert_eq!((refused.status, refused.header("x-should-retry")), (401, Some("false")), "{path}");
    }
    gateway.finish().await;
}
