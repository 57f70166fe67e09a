//! Attacks on the admin API by whoever has a key: more scopes than one's own, and keys of another tenant.

use stonegate_identity::Scope;

use super::*;

#[tokio::test]
async fn scope_escalation_no_way_of_making_a_key_gives_more_than_one_has() {
    let house = House::open().await;
    let ann = house.person("default", "ann", "team_lead").await;
    let own = ["keys:manage", "messages:send"];
    let narrow = json!({ "name": "narrow", "scopes": own });
    let narrow = house.send(Some(&ann.key), "POST", "/keys", narrow).await;
    let by = async |method: &str, path: &str, body: Value| {
        house.send(Some(&narrow.text("key")), method, path, body).await
    };
    let scopes = async |id: &str| {
        house.as_admin("GET", &format!("/keys/{id}"), Value::Null).await.body["scopes"].clone()
    };
    let before = scopes(&ann.key_id).await;
    for scope in Scope::ALL.map(Scope::as_str).into_iter().filter(|scope| !own.contains(scope)) {
        for wanted in [vec![scope], vec![scope, "messages:send"]] {
            let made = by("POST", "/keys", json!({ "name": "more", "scopes": wanted })).await;
            // What the role may not hold is wrong whoever asks; else it is more than this key has.
            assert!(matches!(made.status.as_u16(), 400 | 403), "{wanted:?}: {made:?}");
            assert_eq!(made.body["error"]["field"], json!("scopes"), "{wanted:?}: {made:?}");
            let made = by("POST", "/keys/ephemeral", json!({ "scopes": wanted })).await;
            assert!(matches!(made.status.as_u16(), 400 | 403), "{wanted:?}: {made:?}");
        }
    }
    // A stronger key of one's own is not had by a new text of it, nor is one made for somebody else.
    let stolen = by("POST", &format!("/keys/{}/rotate", ann.key_id), Value::Null).await;
    assert_eq!(stolen.status, StatusCode::FORBIDDEN, "{stolen:?}");
    let bob = house.person("default", "bob", "user").await;
    for (method, path, body) in [
        ("POST", "/keys".to_owned(), json!({ "name": "his", "user": bob.user, "scopes": ["messages:send"] })),
        ("POST", format!("/keys/{}/rotate", bob.key_id), Value::Null),
        ("POST", format!("/keys/{}/rotate", house.admin.key_id), Value::Null),
        ("PATCH", format!("/users/{}", ann.user), json!({ "role": "admin" })),
        ("POST", "/users".to_owned(), json!({ "name": "eve", "role": "admin" })),
    ] {
        let refused = by(method, &path, body).await;
        assert!(matches!(refused.status.as_u16(), 403 | 404), "{method} {path}: {refused:?}");
    }
    // One's own new text has what the old one had.
    let rotated = by("POST", &format!("/keys/{}/rotate", narrow.text("id")), Value::Null).await;
    assert_eq!(
        (rotated.status, &rotated.body["scopes"]),
        (StatusCode::OK, &narrow.body["scopes"]),
        "{rotated:?}"
    );
    assert_eq!(scopes(&ann.key_id).await, before);
    // Nor does a child make another.
    let child = by("POST", "/keys/ephemeral", json!({ "scopes": ["messages:send"] })).await.text("key");
    for path in ["/keys", "/keys/ephemeral"] {
        let wanted = json!({ "name": "grandchild", "scopes": ["messages:send"] });
        assert_eq!(
            house.send(Some(&child), "POST", path, wanted).await.status,
            StatusCode::FORBIDDEN,
            "{path}"
        );
    }
}

#[tokio::test]
async fn key_of_another_tenant_is_as_if_it_were_not_there() {
    let house = House::open().await;
    for tenant in ["acme", "other"] {
        house.as_admin("POST", "/tenants", json!({ "id": tenant })).await;
    }
    let ann = house.person("acme", "ann", "user").await;
    let child =
        house.send(Some(&ann.key), "POST", "/keys/ephemeral", json!({ "scopes": ["messages:send"] })).await;
    // Whoever looks after another tenant, with every scope that there is for it.
    let leo = house.person("other", "leo", "team_lead").await;
    let (key, child) = (ann.key_id.clone(), child.text("id"));
    let nobodys = "key_01KADZ9Q8N0000000000000000";
    for (method, path, body) in [
        ("GET", "/keys/KEY", Value::Null),
        ("POST", "/keys/KEY/rotate", json!({ "overlap_seconds": 0 })),
        ("POST", "/keys/KEY/revoke", Value::Null),
        ("POST", "/keys/KEY/renew", Value::Null),
        ("GET", "/usage?key=KEY", Value::Null),
        ("POST", "/budgets", json!({ "account": "key:KEY", "window": "daily", "limit_usd": "5" })),
        ("GET", "/budgets?account=key:KEY", Value::Null),
    ] {
        let tried = async |id: &str| {
            let body = match &body {
                Value::Null => Value::Null,
                body => serde_json::from_str(&body.to_string().replace("KEY", id)).unwrap(),
            };
            let reply = house.send(Some(&leo.key), method, &path.replace("KEY", id), body).await;
            (reply.status.as_u16(), reply.body.to_string().replace(id, "…").replace(&reply.request_id, ""))
        };
        for id in [&key, &child] {
            let (found, none) = (tried(id).await, tried(nobodys).await);
            assert_eq!(found, none, "{method} {path}: nothing tells that there is one");
            // Lists and reports are of what one looks after, and have nothing of it.
            let is_empty = path.contains('?') && found.1.contains("\"data\":[]");
            assert!(matches!(found.0, 403 | 404) || is_empty, "{method} {path}: {found:?}");
        }
    }
    let list = house.send(Some(&leo.key), "GET", "/keys?kind=all", Value::Null).await;
    assert!(!list.body.to_string().contains(&key) && !list.body.to_string().contains(&child), "{list:?}");
    // And it is as it was.
    let whoami = house.send(Some(&ann.key), "GET", "/whoami", Value::Null).await;
    assert_eq!((whoami.status, whoami.text("key")), (StatusCode::OK, key));
}
