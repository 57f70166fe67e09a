//! What the acts do, and how their refusals read.

use stonegate_identity::directory::{AuditFilter, PageRequest};

use super::*;

#[tokio::test]
async fn a_revoked_key_is_refused_at_once() {
    let house = House::open().await;
    let ann = house.person("default", "ann", "user").await;
    let revoked = house.as_admin("POST", &format!("/keys/{}/revoke", ann.key_id), Value::Null).await;
    assert_eq!((revoked.status, &revoked.body["status"]), (StatusCode::OK, &json!("revoked")));
    let refused = house.send(Some(&ann.key), "GET", "/whoami", Value::Null).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refused.problem(), ("authentication", "this key was revoked"));
}

#[tokio::test]
async fn a_disabled_user_is_out_and_may_come_back() {
    let house = House::open().await;
    let ann = house.person("default", "ann", "user").await;
    for (disabled, expected) in [(true, StatusCode::UNAUTHORIZED), (false, StatusCode::OK)] {
        let path = format!("/users/{}", ann.user);
        house.as_admin("PATCH", &path, json!({ "disabled": disabled })).await;
        assert_eq!(house.send(Some(&ann.key), "GET", "/whoami", Value::Null).await.status, expected);
    }
}

#[tokio::test]
async fn a_rotated_key_keeps_its_id_and_both_texts_work() {
    let house = House::open().await;
    let ann = house.person("default", "ann", "user").await;
    let rotated = house.as_admin("POST", &format!("/keys/{}/rotate", ann.key_id), json!({})).await;
    assert_eq!((rotated.status, rotated.text("id")), (StatusCode::OK, ann.key_id.clone()));
    for key in [&ann.key, &rotated.text("key")] {
        let who = house.send(Some(key), "GET", "/whoami", Value::Null).await;
        assert_eq!((who.status, who.text("key")), (StatusCode::OK, ann.key_id.clone()));
    }
    let again = json!({ "overlap_seconds": 0 });
    house.as_admin("POST", &format!("/keys/{}/rotate", ann.key_id), again).await;
    let old = house.send(Some(&rotated.text("key")), "GET", "/whoami", Value::Null).await;
    assert_eq!(old.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_bootstrap_token_works_once() {
    let house = House::open().await;
    let token = BootstrapToken::mint([1; 24]);
    let again = house.send(None, "POST", "/bootstrap", json!({ "token": token.as_str() })).await;
    assert_eq!((again.status, again.problem().0), (StatusCode::UNAUTHORIZED, "authentication"));
    let cut = house.send(None, "POST", "/bootstrap", json!({ "token": &token.as_str()[1..] })).await;
    assert_eq!((cut.status, &cut.body["error"]["field"]), (StatusCode::BAD_REQUEST, &json!("token")));
}

#[tokio::test]
async fn a_key_is_never_shown_again() {
    let house = House::open().await;
    let ann = house.person("default", "ann", "user").await;
    for path in ["/keys".to_owned(), format!("/keys/{}", ann.key_id), "/whoami".to_owned()] {
        let shown = house.as_admin("GET", &path, Value::Null).await.body.to_string();
        assert!(!shown.contains(&ann.key) && !shown.contains(&house.admin.key), "{path}: {shown}");
    }
}

#[tokio::test]
async fn a_refusal_names_the_member_and_the_request() {
    let house = House::open().await;
    let ann = house.person("default", "ann", "user").await;
    let account = format!("user:{}", ann.user);
    for (method, path, body, status, field) in [
        ("POST", "/keys", json!({ "name": "" }), 400, "name"),
        ("POST", "/keys", json!({ "name": "a\nb" }), 400, "name"),
        ("POST", "/keys", json!({ "name": "a", "scopes": ["fly"] }), 400, "scopes"),
        ("POST", "/keys", json!({ "name": "a", "scopes": [] }), 400, "scopes"),
        ("POST", "/keys", json!({ "name": "a", "expires_at": "soon" }), 400, "expires_at"),
        ("POST", "/keys", json!({ "name": "a", "expires_at": "2020-01-01T00:00:00Z" }), 400, "expires_at"),
        ("POST", "/keys", json!({ "name": "a", "models": { "allow": [""] } }), 400, "models"),
        ("POST", "/keys", json!({ "name": "a", "colour": "red" }), 400, "colour"),
        ("POST", "/users", json!({ "name": "ann" }), 409, "name"),
        ("POST", "/users", json!({ "name": "b", "role": "king" }), 400, "role"),
        ("POST", "/users", json!({ "name": "b", "email": "b" }), 400, "email"),
        ("POST", "/tenants", json!({ "id": "a b" }), 400, "id"),
        ("POST", "/tenants", json!({ "id": "default" }), 409, "id"),
        (
            "POST",
            "/budgets",
            json!({ "account": "ann", "window": "daily", "limit_usd": "1" }),
            400,
            "account",
        ),
        (
            "POST",
            "/budgets",
            json!({ "account": account, "window": "hourly", "limit_usd": "1" }),
            400,
            "window",
        ),
        ("POST", "/budgets", json!({ "account": account, "window": "daily" }), 400, "limit_usd"),
        (
            "POST",
            "/budgets",
            json!({ "account": account, "window": "daily", "limit_usd": "1e9" }),
            400,
            "limit_usd",
        ),
        (
            "POST",
            "/budgets",
            json!({ "account": account, "window": "daily", "limit_usd": "1", "limit_tokens": 5 }),
            400,
            "limit_tokens",
        ),
        ("GET", "/keys?limit=0", Value::Null, 400, "limit"),
        ("GET", "/keys?user=a%20b", Value::Null, 400, "user"),
        ("GET", "/usage?from=yesterday", Value::Null, 400, "from"),
        ("GET", "/usage?per=hour", Value::Null, 400, "per"),
        ("GET", "/usage?limit=0", Value::Null, 400, "limit"),
        ("GET", "/usage?after=next", Value::Null, 400, "after"),
    ] {
        let refused = house.as_admin(method, path, body.clone()).await;
        let found = (refused.status.as_u16(), refused.body["error"]["field"].as_str());
        assert_eq!(found, (status, Some(field)), "{method} {path} {body}: {}", refused.body);
        assert_eq!(refused.body["error"]["request_id"], json!(refused.request_id));
        assert!(refused.request_id.starts_with("req_"));
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_in_the_same_shape() {
    let house = House::open().await;
    for (method, path, status) in [
        ("GET", "/nothing", 404),
        ("GET", "/keys/..%2f..%2fusers", 404),
        ("GET", "/keys/%00", 404),
        ("PUT", "/keys", 405),
        ("GET", "/keys?limit=many", 400),
        ("GET", "/keys?colour=red", 400),
        ("GET", "/usage?by=moon", 400),
        ("DELETE", "/budgets/none", 404),
    ] {
        let refused = house.as_admin(method, path, Value::Null).await;
        assert_eq!(refused.status.as_u16(), status, "{method} {path}: {}", refused.body);
        assert!(!refused.problem().1.is_empty());
    }
    let long = json!({ "name": "x".repeat(BODY_MOST) });
    let refused = house.as_admin("POST", "/keys", long).await;
    assert_eq!((refused.status, refused.problem().0), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
}

#[tokio::test]
async fn a_budget_is_made_changed_and_removed() {
    let house = House::open().await;
    let wanted = |usd: &str| json!({ "account": "tenant:default", "window": "monthly", "limit_usd": usd });
    let made = house.as_admin("POST", "/budgets", wanted("0.000000001")).await;
    assert_eq!((made.status, &made.body["limit"]), (StatusCode::CREATED, &json!(1)));
    let changed = house.as_admin("POST", "/budgets", wanted("100.5")).await;
    assert_eq!(changed.text("id"), made.text("id"));
    assert_eq!((changed.text("limit_usd"), changed.text("unit")), ("100.50".to_owned(), "usd".to_owned()));
    assert_eq!(changed.text("window_key"), "2026-09");
    let path = format!("/budgets/{}", made.text("id"));
    assert_eq!(house.as_admin("DELETE", &path, Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.as_admin("DELETE", &path, Value::Null).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn usage_of_nobody_is_an_empty_list_with_a_total() {
    let house = House::open().await;
    for by in ["user", "key", "team", "tenant", "model", "endpoint", "client", "dialect", "tag"] {
        let usage =
            house.as_admin("GET", &format!("/usage?by={by}&from=2026-09-01T00:00:00Z"), Value::Null).await;
        assert_eq!((usage.status, &usage.body["data"]), (StatusCode::OK, &json!([])));
        assert_eq!(usage.body["total"]["cost_usd"], json!("0.00"));
    }
}

#[tokio::test]
async fn every_act_is_in_the_audit_log_with_its_request() {
    let house = House::open().await;
    let made = house.as_admin("POST", "/users", json!({ "name": "ann" })).await;
    let page = PageRequest { after: None, limit: 1 };
    let logged =
        house.store.directory.list_audit(&AuditFilter::default(), &page).await.unwrap().items.remove(0);
    assert_eq!(logged.actor, format!("user:{}", house.admin.user));
    assert_eq!(
        (logged.action.as_str(), logged.subject),
        ("user.create", format!("user:{}", made.text("id")))
    );
    assert_eq!(logged.request_id.as_ref(), Some(&made.request_id));
    // And administrators can read it, page by page.
    let first = house.as_admin("GET", "/audit?limit=1", Value::Null).await;
    let line = &first.body["data"][0];
    assert_eq!((&line["action"], &line["request_id"]), (&json!("user.create"), &json!(made.request_id)));
    let next = first.text("next");
    let second = house.as_admin("GET", &format!("/audit?limit=1&after={next}"), Value::Null).await;
    assert_eq!(second.body["data"][0]["action"], json!("bootstrap.redeem"));
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_a_503_that_tells_nothing() {
    let house = House::open().await;
    house.store.close().await;
    let refused = house.as_admin("GET", "/keys", Value::Null).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.problem(), ("unavailable", "the store does not answer; try again in a moment"));
    assert!(house.state.keys.refresh(now()).await.is_err());
}

#[tokio::test]
async fn answers_are_not_to_be_kept_by_anyone_between() {
    let house = House::open().await;
    let request = Request::get("/admin/v1/whoami").body(Body::empty()).unwrap();
    let response = house.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn what_was_done_to_budgets_is_in_the_audit_log_too() {
    let house = House::open().await;
    let ann = house.person("default", "ann", "user").await;
    let wanted = json!({ "account": format!("user:{}", ann.user), "window": "daily", "limit_usd": "5" });
    let budget = house.as_admin("POST", "/budgets", wanted.clone()).await.text("id");
    let mut raised = wanted;
    raised["limit_usd"] = json!("8");
    house.as_admin("POST", "/budgets", raised).await;
    let credit = json!({ "amount": "1", "reason": "a demo" });
    house.as_admin("POST", &format!("/budgets/{budget}/adjustments"), credit).await;
    house.as_admin("DELETE", &format!("/budgets/{budget}"), Value::Null).await;
    let log = house.as_admin("GET", &format!("/audit?subject=budget:{budget}"), Value::Null).await.body;
    let said = log["data"].as_array().unwrap().iter().map(|act| act["action"].as_str().unwrap());
    assert_eq!(said.collect::<Vec<_>>(), ["budget.remove", "budget.adjust", "budget.set", "budget.set"]);
    assert_eq!(log["data"][1]["after"]["reason"], "a demo");
    assert_eq!(
        (&log["data"][2]["before"], &log["data"][2]["after"]),
        (&json!({ "own_limit": 5_000_000_000_u64 }), &json!({ "own_limit": 8_000_000_000_u64 }))
    );
    assert!(log["data"][3].get("before").is_none());
    let refused = house.as_admin("GET", "/audit?limit=0", Value::Null).await;
    assert_eq!(refused.problem().0, "invalid_request");
}

#[tokio::test]
async fn an_adjustment_that_is_sent_twice_counts_and_is_logged_once() {
    let house = House::open().await;
    let limit = json!({ "account": "tenant:default", "window": "monthly", "limit_usd": "10" });
    let budget = house.as_admin("POST", "/budgets", limit).await.text("id");
    let path = format!("/budgets/{budget}/adjustments");
    let grant = |amount: &str| json!({ "id": "release", "amount": amount, "reason": "release week" });
    let first = house.as_admin("POST", &path, grant("5")).await;
    let again = house.as_admin("POST", &path, grant("5")).await;
    assert_eq!((again.status, &again.body), (StatusCode::CREATED, &first.body));
    let other = house.send(Some(&house.admin.key), "POST", &path, grant("700")).await;
    assert_eq!((other.status, &other.body["error"]["field"]), (StatusCode::CONFLICT, &json!("id")));

    let elsewhere = json!({ "account": "tenant:default", "window": "daily", "limit_usd": "10" });
    let elsewhere = house.as_admin("POST", "/budgets", elsewhere).await.text("id");
    let path = format!("/budgets/{elsewhere}/adjustments");
    let other = house.send(Some(&house.admin.key), "POST", &path, grant("5")).await;
    assert_eq!(other.status, StatusCode::CONFLICT);

    let log = house.as_admin("GET", "/audit?action=budget.adjust", Value::Null).await;
    assert_eq!(log.body["data"].as_array().map(Vec::len), Some(1), "{}", log.body);
}

#[tokio::test]
async fn a_budget_of_another_tenant_reads_as_one_that_there_is_not() {
    let house = House::open().await;
    house.as_admin("POST", "/tenants", json!({ "id": "acme", "name": "Acme" })).await;
    let ann = house.person("acme", "ann", "user").await;
    let lead = house.person("default", "lead", "team_lead").await;
    let wanted = json!({ "account": format!("user:{}", ann.user), "window": "daily", "limit_usd": "1" });
    let made = house.as_admin("POST", "/budgets", wanted).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    for id in [made.text("id"), "bdg_made_up".to_owned()] {
        let refused = house.send(Some(&lead.key), "DELETE", &format!("/budgets/{id}"), Value::Null).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND);
        assert_eq!(refused.body["error"]["message"], json!(format!("there is no budget `{id}`")));
    }
}
