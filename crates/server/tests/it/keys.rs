//! Who gets in, and who does not.

use std::time::{Duration, Instant};

use serde_json::json;
use stonegate_server::operator::KeyRequest;

use crate::client::Request;
use crate::gateway::{SOON, TestGateway, ask, key_of, with};

#[tokio::test]
async fn without_a_good_key_nothing_goes_upstream() {
    let expired = KeyRequest { expires: Some("1s".to_owned()), ..key_of("old", "ann") };
    let gateway = TestGateway::builder().key(expired).start().await;
    let made_up = "sk-stone-0000000000000000000000000000000000000000000000";
    let revoked = gateway.operator().await.create_key(&key_of("gone", "ann")).await.expect("a key");
    gateway.operator().await.revoke_key(&revoked.about.id).await.expect("revoked");
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    for (name, value, why) in [
        ("x-other", "none", "no valid Stonegate key"),
        ("x-api-key", "", "no valid Stonegate key"),
        ("x-api-key", made_up, "no valid Stonegate key"),
        ("x-api-key", "sk-ant-api03-x", "no valid Stonegate key"),
        ("authorization", "Basic YTpi", "no valid Stonegate key"),
        ("x-api-key", &revoked.key, "revoked"),
        ("x-api-key", &gateway.keys[1].key, "expired"),
    ] {
        for path in ["/v1/messages", "/v1/messages/count_tokens"] {
            let request = Request::post(path, ask("Hello").to_string()).header(name, value);
            let answer = request.open(gateway.address).await.expect("an answer").whole().await;
            let (status, kind, message) = answer.error();
            assert_eq!((status, &*kind), (401, "authentication_error"), "{name}: {value}");
            assert!(message.contains(why), "{value}: {message}");
            assert!(!message.contains("sk-stone-0"), "{message}");
            assert_eq!(answer.header("x-should-retry"), Some("false"));
        }
        let models = Request::get("/v1/models").header(name, value);
        assert_eq!(models.open(gateway.address).await.expect("an answer").status, 401, "{value}");
    }
    assert_eq!(gateway.simulator.log().len(), 0);
    gateway.finish().await;
}

#[tokio::test]
async fn a_key_revoked_by_another_process_stops_within_a_second() {
    let gateway = TestGateway::start().await;
    assert_eq!(gateway.messages(&ask("Hello")).await.status, 200);
    gateway.operator().await.revoke_key(&gateway.keys[0].about.id).await.expect("revoked");
    let revoked_at = Instant::now();
    while gateway.messages(&ask("Hello")).await.status == 200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(revoked_at.elapsed() < Duration::from_secs(1), "{:?}", revoked_at.elapsed());
    gateway.finish().await;
}

#[tokio::test]
async fn a_key_made_by_another_process_works_at_once() {
    let gateway = TestGateway::start().await;
    let made = gateway.operator().await.create_key(&key_of("new", "bob")).await.expect("a key");
    let answer = gateway.send(Request::messages(&ask("Hello")).key(&made.key)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(gateway.record().await.path.key().map(|key| &**key), Some(&*made.about.id));
    gateway.finish().await;
}

#[tokio::test]
async fn a_key_is_good_for_the_models_it_is_made_for() {
    let haiku_only = KeyRequest { allow_models: vec!["claude-haiku-*".to_owned()], ..key_of("haiku", "bob") };
    let gateway = TestGateway::builder().key(haiku_only).start().await;
    let key = gateway.keys[1].key.clone();
    let sonnet = Request::messages(&ask("Hello")).key(&key);
    let (status, kind, message) = gateway.send(sonnet).await.error();
    assert_eq!((status, &*kind), (403, "permission_error"));
    assert!(message.contains("claude-sonnet-5-5"), "{message}");
    let count = Request::post("/v1/messages/count_tokens", ask("Hello").to_string()).key(&key);
    assert_eq!(gateway.send(count).await.status, 403);
    let haiku = Request::messages(&with(ask("Hello"), json!({ "model": "claude-haiku-4-5" }))).key(&key);
    assert_eq!(gateway.send(haiku).await.status, 200);
    let list = gateway.send(Request::get("/v1/models").key(&key)).await.json();
    let ids = list["data"].as_array().expect("a list").iter().map(|model| model["id"].as_str());
    assert!(ids.flatten().all(|id| id.starts_with("claude-haiku-")), "{list}");
    gateway.finish().await;
}

#[tokio::test]
async fn a_key_without_the_scope_may_not_call() {
    let usage_only = KeyRequest { scopes: Some("usage:read".to_owned()), ..key_of("reader", "bob") };
    let gateway = TestGateway::builder().key(usage_only).start().await;
    let request = Request::messages(&ask("Hello")).key(&gateway.keys[1].key);
    let (status, kind, message) = gateway.send(request).await.error();
    assert_eq!((status, &*kind), (403, "permission_error"), "{message}");
    assert!(message.contains("messages:send"), "{message}");
    gateway.finish().await;
}

#[tokio::test]
async fn a_personal_key_of_anthropics_beside_ours_does_no_harm() {
    let gateway = TestGateway::start().await;
    let ours = format!("Bearer {}", gateway.key);
    let personal = "sk-ant-api03-personal";
    for request in [
        Request::messages(&ask("Hello")).header("x-api-key", personal).header("authorization", &ours),
        Request::messages(&ask("Hello"))
            .header("x-api-key", &gateway.key)
            .header("authorization", &format!("Bearer {personal}")),
    ] {
        assert_eq!(gateway.send(request).await.status, 200);
    }
    for entry in gateway.invocations() {
        assert!(entry.headers.iter().all(|(_, value)| !value.contains("sk-")), "no key goes upstream");
    }
    gateway.finish().await;
}

#[tokio::test]
async fn a_rotated_key_works_beside_the_new_one_for_a_while() {
    let gateway = TestGateway::start().await;
    let id = &gateway.keys[0].about.id;
    let rotated = gateway.operator().await.rotate_key(id, Some(1)).await.expect("rotated");
    assert_eq!(gateway.send(Request::messages(&ask("Hello")).key(&rotated.key)).await.status, 200);
    assert_eq!(gateway.messages(&ask("Hello")).await.status, 200, "the old one has a second left");
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    assert_eq!(gateway.messages(&ask("Hello")).await.status, 401);
    assert_eq!(gateway.send(Request::messages(&ask("Hello")).key(&rotated.key)).await.status, 200);
    gateway.finish().await;
}

#[tokio::test]
async fn an_ephemeral_key_calls_at_its_parents_cost_and_ends_with_it() {
    let parent =
        KeyRequest { scopes: Some("messages:send,keys:manage".to_owned()), ..key_of("parent", "bob") };
    let gateway = TestGateway::builder().key(parent).start().await;
    let parent = &gateway.keys[1];
    let wanted = json!({ "scopes": ["messages:send"] }).to_string();
    let made = gateway.send(Request::post("/admin/v1/keys/ephemeral", wanted).key(&parent.key)).await.json();
    let call = || Request::messages(&ask("Hello")).key(made["key"].as_str().expect("a key"));
    assert_eq!(gateway.send(call()).await.status, 200);
    assert_eq!(gateway.record().await.path.key().map(|key| &**key), Some(&*parent.about.id));
    let other_door = Request::post("/v1/chat/completions", ask("Hello").to_string());
    let refused = gateway.send(other_door.key(made["key"].as_str().expect("a key"))).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    gateway.operator().await.revoke_key(&parent.about.id).await.expect("revoked");
    let stopped = async {
        while gateway.send(call()).await.status == 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, stopped).await.expect("it ends with its parent");
    assert_eq!(gateway.send(call()).await.status, 401);
    gateway.finish().await;
}
