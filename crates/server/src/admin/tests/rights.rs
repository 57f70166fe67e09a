//! Every route × every role × whose it is.

use super::*;

/// Who asks, in the order of the table's letters.
const ASKERS: [&str; 8] = [
    "nobody",
    "user",
    "lead",
    "lead of the team",
    "lead of another team",
    "other lead",
    "admin for calls",
    "admin",
];

/// What stands behind the table's letters: `y` yes (2xx), `1` 401, `3` 403, `4` 404.
///
/// The things asked about belong to the plain user `ann` of the team `core` of the tenant `acme`; `user` is `bob` of the same
/// tenant's team `rest`, `lead` the lead of `acme` (in no team), then come the leads of `core` and `rest`, `other lead` is the
/// one of another tenant, `admin for calls` an administrator's key without administrative scopes.
const ROUTES: &[(&str, &str, &str, &str)] = &[
    ("POST", "/bootstrap", "1-------", ""),
    ("GET", "/whoami", "1yyyyyyy", ""),
    ("POST", "/sign-in-links", "13333333", ""),
    ("GET", "/keys", "1yyyyy3y", ""),
    ("POST", "/keys", "1yyyyy3y", r#"{"name":"own"}"#),
    ("POST", "/keys", "14yy443y", r#"{"name":"hers","user":"ANN","scopes":["messages:send"]}"#),
    ("GET", "/keys/{id}", "14yy443y", ""),
    ("POST", "/keys/ephemeral", "1yyyyyyy", r#"{"scopes":["messages:send"]}"#),
    ("POST", "/keys/{id}/renew", "14yy443y", ""),
    ("POST", "/keys/{id}/rotate", "14yy443y", ""),
    ("POST", "/keys/{id}/revoke", "14yy443y", ""),
    ("GET", "/users", "1yyyyyyy", ""),
    ("POST", "/users", "13yyy43y", r#"{"name":"NEW","tenant":"acme"}"#),
    ("POST", "/users", "13yy443y", r#"{"name":"NEW","tenant":"acme","team":"CORE"}"#),
    ("POST", "/users", "1333343y", r#"{"name":"NEW","tenant":"acme","role":"admin"}"#),
    ("GET", "/users/{id}", "14yy444y", ""),
    ("PATCH", "/users/{id}", "13yy443y", r#"{"email":"ann@example.org"}"#),
    ("PATCH", "/users/{id}", "13yy443y", r#"{"team":"CORE"}"#),
    ("PATCH", "/users/{id}", "13y4443y", r#"{"team":"REST"}"#),
    ("PATCH", "/users/{id}", "13y3443y", r#"{"team":null}"#),
    ("POST", "/users/{id}/password-link", "13yy443y", ""),
    ("POST", "/users/{id}/totp-reset", "13yy443y", r#"{"reason":"a test"}"#),
    ("GET", "/teams", "13yyyy3y", ""),
    ("POST", "/teams", "13y3343y", r#"{"name":"NEW","tenant":"acme"}"#),
    ("GET", "/teams/{id}", "13yy443y", ""),
    ("PATCH", "/teams/{id}", "13y3443y", r#"{"name":"core"}"#),
    ("GET", "/tenants", "13yyyy3y", ""),
    ("POST", "/tenants", "1333333y", r#"{"id":"NEW"}"#),
    ("GET", "/tenants/{id}", "13yyy43y", ""),
    ("PATCH", "/tenants/{id}", "1333333y", r#"{"name":"Acme"}"#),
    ("GET", "/budgets", "1yyyyyyy", ""),
    ("POST", "/budgets", "13yy443y", r#"{"account":"user:ANN","window":"daily","limit_usd":"5"}"#),
    ("POST", "/budgets", "13y3443y", r#"{"account":"team:CORE","window":"daily","limit_usd":"5"}"#),
    ("POST", "/budgets", "1334443y", r#"{"account":"tenant:acme","window":"daily","limit_usd":"5"}"#),
    ("DELETE", "/budgets/{id}", "13yy443y", ""),
    ("GET", "/budgets/{id}/adjustments", "14yy444y", ""),
    ("POST", "/budgets/{id}/adjustments", "13yy443y", r#"{"amount":"1","reason":"a test"}"#),
    ("GET", "/budget-events", "1yyyyyyy", ""),
    ("POST", "/charges", "1yyyyy3y", r#"{"service":"search","amount_usd":"0.01"}"#),
    ("GET", "/charges", "1yyyyyyy", ""),
    ("GET", "/charges/{id}", "14444434", ""),
    ("POST", "/charges/{id}/capture", "14444434", ""),
    ("POST", "/charges/{id}/void", "14444434", ""),
    ("GET", "/usage", "1yyyyyyy", ""),
    ("GET", "/audit", "1333333y", ""),
    ("GET", "/audit/chain", "1333333y", ""),
    ("GET", "/trust", "1333333y", ""),
    ("GET", "/endpoints", "1333333y", ""),
    ("GET", "/models", "1333333y", ""),
    ("GET", "/usage/unresolved", "1yyyyyyy", ""),
    ("GET", "/usage/corrections", "1333333y", ""),
    (
        "POST",
        "/usage/corrections",
        "13444434",
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
async fn hers(house: &House, (ann, core): (&Person, &str), method: &str, path: &str) -> String {
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
        Some("users") => {
            // Some tries move her.
            let back =
                house.as_admin("PATCH", &format!("/users/{}", ann.user), json!({ "team": core })).await;
            assert_eq!(back.status, StatusCode::OK, "{back:?}");
            ann.user.clone()
        }
        Some("teams") => core.to_owned(),
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
    let (core, rest) = (house.team("acme", "core").await, house.team("acme", "rest").await);
    let ann = house.member("acme", &core, "ann", "user").await;
    let bob = house.member("acme", &rest, "bob", "user").await;
    let lead = house.person("acme", "lea", "team_lead").await;
    let core_lead = house.member("acme", &core, "cole", "team_lead").await;
    let rest_lead = house.member("acme", &rest, "rex", "team_lead").await;
    let other = house.person("other", "leo", "team_lead").await;
    let calls = house.as_admin("POST", "/keys", json!({ "name": "calls" })).await.text("key");
    let people = [&bob, &lead, &core_lead, &rest_lead, &other].map(|person| Some(&person.key));
    let keys = [&[None][..], &people, &[Some(&calls), Some(&house.admin.key)]].concat();

    let mut wrong = Vec::new();
    for (number, (method, path, expected, body)) in ROUTES.iter().copied().enumerate() {
        for (at, (asker, key)) in ASKERS.into_iter().zip(keys.iter().copied()).enumerate() {
            let expected = char::from(expected.as_bytes()[at]);
            if expected == '-' {
                continue;
            }
            let id = if path.contains("{id}") {
                hers(&house, (&ann, &core), method, path).await
            } else {
                String::new()
            };
            let body = body.replace("ANN", &ann.user).replace("CORE", &core).replace("REST", &rest);
            let body = body.replace("NEW", &format!("new-{number}-{at}"));
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
    let core = house.team("acme", "core").await;
    house.team("acme", "rest").await;
    let ann = house.person("acme", "ann", "user").await;
    let bob = house.member("acme", &core, "bob", "user").await;
    let core_lead = house.member("acme", &core, "cole", "team_lead").await;
    let lead = house.person("acme", "lea", "team_lead").await;
    for account in [
        format!("user:{}", ann.user),
        format!("user:{}", bob.user),
        format!("key:{}", lead.key_id),
        format!("team:{core}"),
        "tenant:acme".to_owned(),
        "tenant:default".to_owned(),
    ] {
        let budget = json!({ "account": account, "window": "daily", "limit_usd": "5" });
        assert_eq!(house.as_admin("POST", "/budgets", budget).await.status, StatusCode::CREATED);
    }
    for (person, keys, users, teams, budgets) in [
        (&ann, 1, 1, None, 1),
        (&bob, 1, 1, None, 1),
        (&core_lead, 2, 2, Some(1), 2),
        (&lead, 4, 4, Some(2), 5),
        (&house.admin, 5, 5, Some(2), 6),
    ] {
        for (path, expected) in
            [("/keys", Some(keys)), ("/users", Some(users)), ("/teams", teams), ("/budgets", Some(budgets))]
        {
            let list = house.send(Some(&person.key), "GET", path, Value::Null).await;
            assert_eq!(list.body["data"].as_array().map(Vec::len), expected, "{path} of {}", person.user);
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
