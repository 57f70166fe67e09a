//! Teams: who is in them, what that changes, and what leads may do.

use super::*;

#[tokio::test]
async fn a_user_moves_between_teams_and_brings_no_limits_along() {
    let house = House::open().await;
    let (core, rest) = (house.team("default", "core").await, house.team("default", "rest").await);
    let narrow = json!({ "models": { "allow": ["claude-*"] } });
    house.as_admin("PATCH", &format!("/teams/{core}"), narrow).await;
    let ann = house.member("default", &core, "ann", "user").await;
    for (team, name, allowed) in
        [(Some(&core), Some("core"), false), (Some(&rest), Some("rest"), true), (None, None, true)]
    {
        let path = format!("/users/{}", ann.user);
        let moved = house.as_admin("PATCH", &path, json!({ "team": team })).await;
        assert_eq!((moved.status, moved.body["team"].as_str()), (StatusCode::OK, team.map(String::as_str)));
        let who = house.send(Some(&ann.key), "GET", "/whoami", Value::Null).await;
        assert_eq!(who.body["team"].as_str(), team.map(String::as_str));
        assert_eq!(who.body["team_name"].as_str(), name);
        let digest = stonegate_identity::KeyText::parse(&ann.key).unwrap().digest();
        let grant = house.state.keys.grant(&digest, now()).await.unwrap().unwrap();
        assert_eq!(grant.caller.models.allows("nova-pro"), allowed, "{team:?}");
    }
    let absent =
        house.as_admin("PATCH", &format!("/users/{}", ann.user), json!({ "team": "team_none" })).await;
    assert_eq!((absent.status, absent.problem().1), (StatusCode::NOT_FOUND, "there is no team `team_none`"));
}

#[tokio::test]
async fn a_team_ends_when_nobody_is_in_it_and_its_books_stay() {
    let house = House::open().await;
    let core = house.team("default", "core").await;
    let ann = house.member("default", &core, "ann", "user").await;
    let wanted = json!({ "account": format!("team:{core}"), "window": "monthly", "limit_usd": "5" });
    assert_eq!(house.as_admin("POST", "/budgets", wanted).await.status, StatusCode::CREATED);
    let path = format!("/teams/{core}");
    let refused = house.as_admin("PATCH", &path, json!({ "archived": true })).await;
    assert_eq!((refused.status, &refused.body["error"]["field"]), (StatusCode::CONFLICT, &json!("archived")));
    house.as_admin("PATCH", &format!("/users/{}", ann.user), json!({ "team": null })).await;
    let over = house.as_admin("PATCH", &path, json!({ "archived": true })).await;
    assert_eq!((over.status, over.text("archived_at")), (StatusCode::OK, now().to_string()));
    let again = house.as_admin("PATCH", &format!("/users/{}", ann.user), json!({ "team": core })).await;
    assert_eq!((again.status, &again.body["error"]["field"]), (StatusCode::CONFLICT, &json!("team")));
    let count = async |path: &str| {
        house.as_admin("GET", path, Value::Null).await.body["data"].as_array().map(Vec::len)
    };
    assert_eq!(count("/teams").await, Some(1));
    assert_eq!(count("/teams?active=true").await, Some(0));
    assert_eq!(
        count(&format!("/budgets?account=team:{core}")).await,
        Some(1),
        "nothing is lost from the books"
    );
    let back = house.as_admin("PATCH", &path, json!({ "archived": false })).await;
    assert!(back.body.get("archived_at").is_none(), "{back:?}");
}

#[tokio::test]
async fn lists_and_reports_are_narrowed_to_a_team() {
    let house = House::open().await;
    let core = house.team("default", "core").await;
    let ann = house.member("default", &core, "ann", "user").await;
    let lead = house.member("default", &core, "lea", "team_lead").await;
    let get = async |key: &str, path: String| house.send(Some(key), "GET", &path, Value::Null).await;
    for (path, expected) in [("/users", 2), ("/keys", 2)] {
        let listed = get(&house.admin.key, format!("{path}?team={core}")).await;
        assert_eq!(listed.body["data"].as_array().map(Vec::len), Some(expected), "{path}");
    }
    let of_ann = get(&house.admin.key, format!("/teams?user={}", ann.user)).await;
    assert_eq!(of_ann.body["data"][0]["id"], json!(core));
    let wrong = get(&house.admin.key, "/users?team=a%20b".to_owned()).await;
    assert_eq!((wrong.status, &wrong.body["error"]["field"]), (StatusCode::BAD_REQUEST, &json!("team")));
    for (query, status) in [
        (format!("?by=team&team={core}"), 200),
        (format!("?user={}", lead.user), 200),
        ("?team=team_other".to_owned(), 404),
    ] {
        assert_eq!(get(&lead.key, format!("/usage{query}")).await.status.as_u16(), status, "{query}");
    }
}

#[tokio::test]
async fn a_lead_of_a_team_makes_users_of_that_team() {
    let house = House::open().await;
    let (core, rest) = (house.team("default", "core").await, house.team("default", "rest").await);
    let lead = house.member("default", &core, "lea", "team_lead").await;
    let make = async |body: Value| house.send(Some(&lead.key), "POST", "/users", body).await;
    let made = make(json!({ "name": "ann" })).await;
    assert_eq!((made.status, made.text("team")), (StatusCode::CREATED, core.clone()));
    let elsewhere = make(json!({ "name": "bob", "team": rest })).await;
    assert_eq!(elsewhere.status, StatusCode::NOT_FOUND);
    assert_eq!(elsewhere.problem().1, format!("there is no team `{rest}`"));
    // Their own limits are others' business.
    for (path, body) in [
        (format!("/teams/{core}"), json!({ "models": {} })),
        (format!("/users/{}", lead.user), json!({ "team": null })),
    ] {
        let refused = house.send(Some(&lead.key), "PATCH", &path, body).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
    }
}

#[tokio::test]
async fn what_is_done_to_teams_is_in_the_audit_log() {
    let house = House::open().await;
    let core = house.team("default", "core").await;
    let path = format!("/teams/{core}");
    house.as_admin("PATCH", &path, json!({ "name": "heart" })).await;
    house.as_admin("PATCH", &path, json!({ "managed_settings": { "model": "opus" } })).await;
    let log = house.as_admin("GET", &format!("/audit?subject=team:{core}"), Value::Null).await.body;
    let said: Vec<_> =
        log["data"].as_array().unwrap().iter().map(|act| (&act["before"], &act["after"])).collect();
    assert_eq!(
        said[0].1,
        &json!({ "managed_settings": "sha256:3b6166240df66a70606cf24065eb39d43048ce465a20deb9a7f65f070e0a674f" })
    );
    assert_eq!((said[1].0, said[1].1), (&json!({ "name": "core" }), &json!({ "name": "heart" })));
    assert_eq!(said[2].1, &json!({ "name": "core", "tenant": "default" }));
    for (body, field) in [
        (json!({ "managed_settings": 5 }), "managed_settings"),
        (json!({ "managed_settings": { "env": [] } }), "managed_settings.env"),
        (json!({ "managed_settings": { "env": { "A": "1", "B": 2 } } }), "managed_settings.env.B"),
        (json!({ "managed_settings": { "permissions": true } }), "managed_settings.permissions"),
        (
            json!({ "managed_settings": { "permissions": { "ask": "x" } } }),
            "managed_settings.permissions.ask",
        ),
        (
            json!({ "managed_settings": { "permissions": { "deny": ["a", {}] } } }),
            "managed_settings.permissions.deny[1]",
        ),
        (json!({ "name": "" }), "name"),
        (json!({ "models": { "deny": [""] } }), "models"),
        (json!({ "tenant": "acme" }), "tenant"),
    ] {
        let refused = house.as_admin("PATCH", &path, body).await;
        assert_eq!(
            (refused.status, &refused.body["error"]["field"]),
            (StatusCode::BAD_REQUEST, &json!(field))
        );
    }
}
