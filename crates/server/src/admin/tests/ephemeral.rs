//! Keys for programs that run for a while.

use super::*;

async fn mint(house: &House, key: &str, wanted: Value) -> Reply {
    house.send(Some(key), "POST", "/keys/ephemeral", wanted).await
}

#[tokio::test]
async fn an_ephemeral_key_is_made_renewed_and_ends_with_its_parent() {
    let house = House::open().await;
    let ann = house.person("default", "ann", "user").await;
    let wanted = json!({ "name": "claude", "scopes": ["messages:send"], "minutes": 10 });
    let made = mint(&house, &ann.key, wanted).await;
    assert_eq!((made.status, made.text("kind")), (StatusCode::CREATED, "ephemeral".to_owned()), "{made:?}");
    assert_eq!((made.text("parent"), made.text("user")), (ann.key_id.clone(), ann.user.clone()));
    let minutes = |minutes: i64| (now() + jiff::SignedDuration::from_mins(minutes)).to_string();
    assert_eq!((made.text("expires_at"), &made.body["scopes"]), (minutes(10), &json!(["messages:send"])));
    let who = house.send(Some(&made.text("key")), "GET", "/whoami", Value::Null).await;
    assert_eq!((who.text("key_kind"), who.text("expires_at")), ("ephemeral".to_owned(), minutes(10)));

    let renew = format!("/keys/{}/renew", made.text("id"));
    let renewed = house.send(Some(&ann.key), "POST", &renew, json!({ "minutes": 60 })).await;
    assert_eq!(renewed.text("expires_at"), minutes(60));
    let by_itself = house.send(Some(&made.text("key")), "POST", &renew, Value::Null).await;
    assert_eq!(by_itself.status, StatusCode::FORBIDDEN, "{by_itself:?}");

    house.as_admin("POST", &format!("/keys/{}/revoke", ann.key_id), Value::Null).await;
    let refused = house.send(Some(&made.text("key")), "GET", "/whoami", Value::Null).await;
    assert_eq!(refused.problem(), ("authentication", "this key was revoked"));
}

#[tokio::test]
async fn an_ephemeral_key_has_no_more_than_its_parent() {
    let house = House::open().await;
    let ann = house.person("default", "ann", "user").await;
    let end = now() + jiff::SignedDuration::from_mins(5);
    let narrow = json!({
        "name": "narrow", "scopes": ["messages:send", "keys:manage"], "models": { "allow": ["claude-*"] },
        "expires_at": end.to_string(), "tags": { "project": "apollo" },
    });
    let narrow = house.send(Some(&ann.key), "POST", "/keys", narrow).await;
    let made = mint(&house, &narrow.text("key"), json!({ "scopes": ["messages:send"] })).await;
    assert_eq!(made.text("expires_at"), end.to_string());
    assert_eq!(made.body["models"]["allow"], json!(["claude-*"]));
    assert_eq!(made.body["tags"], json!({ "project": "apollo" }));
    for (key, wanted, status, field) in [
        (&narrow, json!({ "scopes": ["chat:send"] }), 403, Some("scopes")),
        (&narrow, json!({ "scopes": ["messages:send"], "models": { "allow": ["*"] } }), 403, Some("models")),
        (&narrow, json!({ "scopes": ["keys:manage"] }), 400, Some("scopes")),
        (&narrow, json!({ "scopes": [] }), 400, Some("scopes")),
        (&narrow, json!({ "scopes": ["messages:send", "chat:send"] }), 400, Some("scopes")),
        (&narrow, json!({ "scopes": ["messages:send", "messages:send"] }), 400, Some("scopes")),
        (&narrow, json!({}), 400, None),
        (&narrow, json!({ "scopes": ["messages:send"], "minutes": 0 }), 400, Some("minutes")),
        (&narrow, json!({ "scopes": ["messages:send"], "minutes": 61 }), 400, Some("minutes")),
        (&narrow, json!({ "scopes": ["messages:send"], "name": "a\nb" }), 400, Some("name")),
        (&made, json!({ "scopes": ["messages:send"] }), 403, None),
    ] {
        let refused = mint(&house, &key.text("key"), wanted.clone()).await;
        let found = (refused.status.as_u16(), refused.body["error"]["field"].as_str());
        assert_eq!(found, (status, field), "{wanted}: {}", refused.body);
    }
}

#[tokio::test]
async fn a_key_for_calls_alone_holds_its_own_children_and_no_other_keys() {
    let house = House::open().await;
    let ann = house.person("default", "ann", "user").await;
    let calls = json!({ "name": "calls", "scopes": ["messages:send"] });
    let calls = house.send(Some(&ann.key), "POST", "/keys", calls).await.text("key");
    let wanted = || json!({ "scopes": ["messages:send"] });
    let (mine, hers) = (mint(&house, &calls, wanted()).await, mint(&house, &ann.key, wanted()).await);
    assert_eq!((mine.status, hers.status), (StatusCode::CREATED, StatusCode::CREATED), "{mine:?}");
    for (key, child, act, expected) in [
        (&calls, &mine, "renew", StatusCode::OK),
        (&calls, &hers, "renew", StatusCode::FORBIDDEN),
        (&calls, &hers, "revoke", StatusCode::FORBIDDEN),
        (&mine.text("key"), &mine, "renew", StatusCode::FORBIDDEN),
        (&mine.text("key"), &mine, "revoke", StatusCode::FORBIDDEN),
        (&calls, &mine, "revoke", StatusCode::OK),
    ] {
        let reply =
            house.send(Some(key), "POST", &format!("/keys/{}/{act}", child.text("id")), Value::Null).await;
        assert_eq!(reply.status, expected, "{act}: {reply:?}");
    }
    // Nor does it make keys that last, or see any.
    let lasting = house.send(Some(&calls), "POST", "/keys", json!({ "name": "lasting" })).await;
    let list = house.send(Some(&calls), "GET", "/keys?kind=ephemeral", Value::Null).await;
    assert_eq!((lasting.status, list.status), (StatusCode::FORBIDDEN, StatusCode::FORBIDDEN));
}

#[tokio::test]
async fn lists_have_the_kind_that_was_asked_for() {
    let house = House::open().await;
    let ann = house.person("default", "ann", "user").await;
    mint(&house, &ann.key, json!({ "scopes": ["messages:send"] })).await;
    for (query, expected) in
        [("", 1), ("?kind=long_lived", 1), ("?kind=ephemeral", 1), ("?kind=session", 0), ("?kind=all", 2)]
    {
        let list = house.send(Some(&ann.key), "GET", &format!("/keys{query}"), Value::Null).await;
        assert_eq!(list.body["data"].as_array().map(Vec::len), Some(expected), "{query}: {}", list.body);
    }
    let refused = house.send(Some(&ann.key), "GET", "/keys?kind=golden", Value::Null).await;
    assert_eq!(refused.body["error"]["field"], json!("kind"));
}

#[tokio::test]
async fn a_user_has_a_bounded_number_of_keys() {
    let mut house = House::open().await;
    house.state.keys_per_user = 2;
    house.router = router(house.state.clone());
    let ann = house.person("default", "ann", "user").await;
    let wanted = || json!({ "name": "another", "user": ann.user });
    let second = house.as_admin("POST", "/keys", wanted()).await;
    assert_eq!(second.status, StatusCode::CREATED);
    let third = house.as_admin("POST", "/keys", wanted()).await;
    assert_eq!((third.status, &third.body["error"]["field"]), (StatusCode::CONFLICT, &json!("user")));
    // What is made for a while does not count, and what is revoked makes room.
    assert_eq!(mint(&house, &ann.key, json!({ "scopes": ["messages:send"] })).await.status, 201);
    house.as_admin("POST", &format!("/keys/{}/revoke", second.text("id")), Value::Null).await;
    assert_eq!(house.as_admin("POST", "/keys", wanted()).await.status, StatusCode::CREATED);
}
