//! Every route × every role × whose it is.

use super::*;

/// Who asks, in the order of the table's letters.
const ASKERS: [&str; 6] = ["nobody", "user", "lead", "other lead", "admin for calls", "admin"];

/// What stands behind the table's letters: `y` yes (2xx), `1` 401, `3` 403, `4` 404.
///
/// The things asked about belong to the plain user `ann` of the tenant `acme`; `user` is `bob` of the same tenant, `lead`
/// the team lead of `acme`, `other lead` the one of another tenant, `admin for calls` an administrator's key without
/// administrative scopes.
const ROUTES: &[(&str, &str, &str, &str)] = &[
    ("POST", "/bootstrap", "1-----", ""),
    ("GET", "/whoami", "1yyyyy", ""),
    ("GET", "/keys", "1yyy3y", ""),
    ("POST", "/keys", "1yyy3y", r#"{"name":"own"}"#),
    ("POST", "/keys", "14y43y", r#"{"name":"hers","user":"ANN","scopes":["messages:send"]}"#),
    ("GET", "/keys/{id}", "14y43y", ""),
    ("POST", "/keys/ephemeral", "1yyyyy", r#"{"scopes":["messages:send"]}"#),
    ("POST", "/keys/{id}/renew", "14y43y", ""),
    ("POST", "/keys/{id}/rotate", "14y43y", ""),
    ("POST", "/keys/{id}/revoke", "14y43y", ""),
    ("GET", "/users", "1yyyyy", ""),
    ("POST", "/users", "13y43y", r#"{"name":"NEW","tenant":"acme"}"#),
    ("POST", "/users", "13343y", r#"{"name":"NEW","tenant":"acme","role":"admin"}"#),
    ("GET", "/users/{id}", "14y44y", ""),
    ("PATCH", "/users/{id}", "13y43y", r#"{"email":"ann@example.org"}"#),
    ("POST", "/users/{id}/password-link", "13y43y", ""),
    ("GET", "/tenants", "13yy3y", ""),
    ("POST", "/tenants", "13333y", r#"{"id":"NEW"}"#),
    ("GET", "/tenants/{id}", "13y43y", ""),
    ("PATCH", "/tenants/{id}", "13333y", r#"{"name":"Acme"}"#),
    ("GET", "/budgets", "1yyyyy", ""),
    ("POST", "/budgets", "13y43y", r#"{"account":"user:ANN","window":"daily","limit_usd":"5"}"#),
    ("POST", "/budgets", "13343y", r#"{"account":"tenant:acme","window":"daily","limit_usd":"5"}"#),
    ("DELETE", "/budgets/{id}", "13y43y", ""),
    ("GET", "/budgets/{id}/adjustments", "14y44y", ""),
    ("POST", "/budgets/{id}/adjustments", "13y43y", r#"{"amount":"1","reason":"a test"}"#),
    ("GET", "/budget-events", "1yyyyy", ""),
    ("POST", "/charges", "1yyy3y", r#"{"service":"search","amount_usd":"0.01"}"#),
    ("GET", "/charges/{id}", "144434", ""),
    ("POST", "/charges/{id}/capture", "144434", ""),
    ("POST", "/charges/{id}/void", "144434", ""),
    ("GET", "/usage", "1yyyyy", ""),
    ("GET", "/audit", "13333y", ""),
    ("GET", "/usage/unresolved", "1yyyyy", ""),
    ("GET", "/usage/corrections", "13333y", ""),
    (
        "POST",
        "/usage/corrections",
        "134434",
        r#"{"call":{"id":"req_00000000000000000000000001","cost_usd":"0"},"reason":"a test"}"#,
    ),
];

fn letter(status: StatusCode) -> char {
    match status.as_u16() {
        200..300 => 'y',
        401 => '1',
        403 => '3',
        404 => '4',
        _ => '?',
    }
}

/// Something of ann's, made anew for each try, since some tries take it away.
async fn hers(house: &House, ann: &Person, method: &str, path: &str) -> String {
    match path.split('/').nth(1) {
        Some("keys") if path.ends_with("/renew") => {
            let wanted = json!({ "scopes": ["messages:send"] });
            house.send(Some(&ann.key), "POST", "/keys/ephemeral", wanted).await.text("id")
        }
        Some("keys") if method == "POST" => {
            let wanted = json!({ "name": "spare", "user": ann.user, "scopes": ["messages:send"] });
            house.as_admin("POST", "/keys", wanted).await.text("id")
        }
        Some("keys") => ann.key_id.clone(),
        Some("users") => ann.user.clone(),
        Some("charges") => {
            let wanted = json!({ "service": "search", "amount_usd": "0.01" });
            house.send(Some(&ann.key), "POST", "/charges", wanted).await.text("id")
        }
        Some("tenants") => "acme".to_owned(),
        _ => {
            let account = format!("user:{}", ann.user);
            let wanted = json!({ "account": account, "window": "monthly", "limit_usd": "1" });
            house.as_admin("POST", "/budgets", wanted).await.text("id")
        }
    }
}

#[tokio::test]
async fn every_route_is_open_to_whom_the_table_says() {
    let house = House::open().await;
    for tenant in ["acme", "other"] {
        house.as_admin("POST", "/tenants", json!({ "id": tenant })).await;
    }
    let ann = house.person("acme", "ann", "user").await;
    let bob = house.person("acme", "bob", "user").await;
    let lead = house.person("acme", "lea", "team_lead").await;
    let other = house.person("other", "leo", "team_lead").await;
    let calls = house.as_admin("POST", "/keys", json!({ "name": "calls" })).await.text("key");
    let keys =
        [None, Some(&bob.key), Some(&lead.key), Some(&other.key), Some(&calls), Some(&house.admin.key)];

    let mut wrong = Vec::new();
    for (number, (method, path, expected, body)) in ROUTES.iter().copied().enumerate() {
        for (at, (asker, key)) in ASKERS.into_iter().zip(keys).enumerate() {
            let expected = char::from(expected.as_bytes()[at]);
            if expected == '-' {
                continue;
            }
            let id =
                if path.contains("{id}") { hers(&house, &ann, method, path).await } else { String::new() };
            let body = body.replace("ANN", &ann.user).replace("NEW", &format!("new-{number}-{at}"));
            let body = if body.is_empty() { Value::Null } else { serde_json::from_str(&body).unwrap() };
            let body = if path == "/bootstrap" {
                json!({ "token": BootstrapToken::mint([9; 24]).as_str() })
            } else {
                body
            };
            let reply = house.send(key.map(String::as_str), method, &path.replace("{id}", &id), body).await;
            if letter(reply.status) != expected {
                wrong.push(format!(
                    "{method} {path} as {asker}: {expected} expected, {} {}",
                    reply.status, reply.body
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_names_every_route_of_the_document() {
    let named: BTreeSet<(String, String)> =
        ROUTES.iter().map(|(method, path, ..)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(named, documented());
}

#[tokio::test]
async fn a_list_shows_only_what_is_in_reach() {
    let house = House::open().await;
    house.as_admin("POST", "/tenants", json!({ "id": "acme" })).await;
    let ann = house.person("acme", "ann", "user").await;
    let lead = house.person("acme", "lea", "team_lead").await;
    let budget = |account: String| json!({ "account": account, "window": "daily", "limit_usd": "5" });
    house.as_admin("POST", "/budgets", budget(format!("user:{}", ann.user))).await;
    house.as_admin("POST", "/budgets", budget(format!("key:{}", lead.key_id))).await;
    house.as_admin("POST", "/budgets", budget("tenant:acme".to_owned())).await;
    house.as_admin("POST", "/budgets", budget("tenant:default".to_owned())).await;
    for (person, keys, users, budgets) in [(&ann, 1, 1, 1), (&lead, 2, 2, 3), (&house.admin, 3, 3, 4)] {
        for (path, expected) in [("/keys", keys), ("/users", users), ("/budgets", budgets)] {
            let list = house.send(Some(&person.key), "GET", path, Value::Null).await;
            assert_eq!(
                list.body["data"].as_array().map(Vec::len),
                Some(expected),
                "{path} of {}",
                person.user
            );
        }
    }
}

#[tokio::test]
async fn whoever_may_not_see_a_thing_is_told_that_there_is_none() {
    let house = House::open().await;
    let (ann, bob) =
        (house.person("default", "ann", "user").await, house.person("default", "bob", "user").await);
    for path in ["/keys/KEY", "/users/USER"] {
        let hers = path.replace("KEY", &bob.key_id).replace("USER", &bob.user);
        let none = path.replace("KEY", "key_none").replace("USER", "usr_none");
        let (hers, none) = (
            house.send(Some(&ann.key), "GET", &hers, Value::Null).await,
            house.send(Some(&ann.key), "GET", &none, Value::Null).await,
        );
        let unnamed = |reply: &Reply, id: &str| reply.problem().1.replace(id, "…");
        assert_eq!(hers.status, none.status);
        assert_eq!(
            unnamed(&hers, if path.contains("KEY") { &bob.key_id } else { &bob.user }),
            unnamed(&none, if path.contains("KEY") { "key_none" } else { "usr_none" }),
        );
    }
    let others = house.send(Some(&ann.key), "GET", &format!("/usage?user={}", bob.user), Value::Null).await;
    assert_eq!(others.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_child_key_never_has_more_than_its_parent() {
    let house = House::open().await;
    let end = "2026-12-01T00:00:00Z";
    let narrow = json!({
        "name": "narrow", "scopes": ["keys:manage", "messages:send"], "expires_at": end,
        "models": { "allow": ["claude-haiku-*"] },
    });
    let parent = house.as_admin("POST", "/keys", narrow).await.text("key");
    let child = async |body: Value| house.send(Some(&parent), "POST", "/keys", body).await;
    for (body, field) in [
        (json!({ "name": "a", "expires_at": end, "scopes": ["admin:write"] }), "scopes"),
        (json!({ "name": "a" }), "expires_at"),
        (json!({ "name": "a", "expires_at": "2026-12-02T00:00:00Z" }), "expires_at"),
        (json!({ "name": "a", "expires_at": end, "models": { "allow": ["claude-*"] } }), "models"),
        (json!({ "name": "a", "expires_at": end, "models": {} }), "models"),
    ] {
        let refused = child(body).await;
        assert_eq!((refused.status, &refused.body["error"]["field"]), (StatusCode::FORBIDDEN, &json!(field)));
    }
    let made = child(json!({ "name": "a", "expires_at": end })).await;
    assert_eq!(made.status, StatusCode::CREATED);
    assert_eq!(made.body["scopes"], json!(["messages:send"]));
    assert_eq!(made.body["models"]["allow"], json!(["claude-haiku-*"]));
    // Nor does it get at a stronger key by rotating it.
    let stolen =
        house.send(Some(&parent), "POST", &format!("/keys/{}/rotate", house.admin.key_id), Value::Null).await;
    assert_eq!(stolen.status, StatusCode::FORBIDDEN, "{stolen:?}");
}
