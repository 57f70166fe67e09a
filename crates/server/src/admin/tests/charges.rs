//! Credit is held, captured and voided by whoever may, and by nobody else.

use super::*;

async fn charging() -> (House, Person) {
    let house = House::open().await;
    let ann = house.person("default", "ann", "user").await;
    let account = format!("user:{}", ann.user);
    let budget = json!({ "id": "b1", "account": account, "window": "total", "limit_usd": "1" });
    house.as_admin("POST", "/budgets", budget).await;
    (house, ann)
}

impl House {
    async fn stands(&self) -> (u64, u64) {
        let budgets = self.as_admin("GET", "/budgets", Value::Null).await;
        let amount = |name: &str| budgets.body["data"][0][name].as_u64().unwrap();
        (amount("spent"), amount("leased"))
    }

    /// Asks for credit with a name of one's own for it.
    async fn charge(&self, person: &Person, name: &str, body: Value) -> Reply {
        let request = Request::post("/admin/v1/charges")
            .header("authorization", format!("Bearer {}", person.key))
            .header("idempotency-key", name)
            .body(Body::from(body.to_string()));
        let response = self.router.clone().oneshot(request.unwrap()).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap();
        Reply { status, body, request_id: String::new() }
    }
}

#[tokio::test]
async fn a_part_of_what_is_held_is_captured_and_the_rest_is_free() {
    let (house, ann) = charging().await;
    let wanted = json!({ "service": "web-search", "amount_usd": "0.40" });
    let held = house.charge(&ann, "search 1", wanted.clone()).await;
    assert_eq!((held.status, &held.body["state"]), (StatusCode::CREATED, &json!("held")), "{held:?}");
    assert_eq!(held.body["budgets"], json!(["b1@total"]));
    let again = house.charge(&ann, "search 1", wanted.clone()).await;
    assert_eq!(again.body, held.body, "the same key is the same charge");
    assert_eq!(house.stands().await, (0, 400_000_000));
    let other =
        house.charge(&ann, "search 1", json!({ "service": "web-search", "amount_usd": "0.41" })).await;
    assert_eq!(other.status, StatusCode::CONFLICT, "{other:?}");

    let same = house.charge(&ann, "search 1", json!({ "service": "web-search", "amount_usd": "0.4" })).await;
    assert_eq!(same.body, held.body, "in whatever spelling");

    let path = format!("/charges/{}", held.text("id"));
    let capture = format!("{path}/capture");
    let more = house.send(Some(&ann.key), "POST", &capture, json!({ "amount_usd": "0.5" })).await;
    assert_eq!((more.status, &more.body["error"]["field"]), (StatusCode::BAD_REQUEST, &json!("amount_usd")));
    for _ in 0..2 {
        let taken = house.send(Some(&ann.key), "POST", &capture, json!({ "amount_usd": "0.25" })).await;
        assert_eq!(
            (taken.status, &taken.body["state"], &taken.body["amount_usd"]),
            (StatusCode::OK, &json!("captured"), &json!("0.25"))
        );
    }
    assert_eq!(house.stands().await, (250_000_000, 0));
    let void = house.send(Some(&ann.key), "POST", &format!("{path}/void"), Value::Null).await;
    assert_eq!(void.status, StatusCode::CONFLICT, "{void:?}");
    let usage = house.as_admin("GET", "/usage?by=model", Value::Null).await;
    let row = &usage.body["data"][0];
    assert_eq!((&row["group"], &row["cost_usd"]), (&json!("web-search"), &json!("0.25")));
    let usage = house.as_admin("GET", "/usage?by=endpoint", Value::Null).await;
    assert_eq!(usage.body["data"][0]["group"], json!("charge"), "{usage:?}");
    let shown = house.send(Some(&ann.key), "GET", &path, Value::Null).await;
    assert_eq!(shown.body["state"], json!("captured"));
    let again = house.charge(&ann, "search 1", wanted).await;
    assert_eq!((again.status, &again.body["state"]), (StatusCode::CREATED, &json!("captured")));
    assert_eq!(house.stands().await, (250_000_000, 0), "nothing more is held");
}

#[tokio::test]
async fn what_no_budget_covers_is_refused_and_holds_nothing() {
    let (house, ann) = charging().await;
    let first = house.charge(&ann, "1", json!({ "service": "search", "amount_usd": "0.7" })).await;
    let short = house.charge(&ann, "2", json!({ "service": "search", "amount_usd": "0.31" })).await;
    assert_eq!(short.status, StatusCode::PAYMENT_REQUIRED, "{short:?}");
    assert_eq!(short.problem(), ("budget", "not covered by b1@total; ask for less, or wait until it renews"));
    assert_eq!(house.stands().await, (0, 700_000_000));
    let void = format!("/charges/{}/void", first.text("id"));
    for _ in 0..2 {
        let voided = house.send(Some(&ann.key), "POST", &void, Value::Null).await;
        assert_eq!((voided.status, &voided.body["state"]), (StatusCode::OK, &json!("voided")));
    }
    assert_eq!(house.stands().await, (0, 0));
    let log = house.as_admin("GET", "/audit?action=charge.void", Value::Null).await;
    assert_eq!(log.body["data"], json!([]), "it is hers, and no act of administration");
    let again = house.charge(&ann, "1", json!({ "service": "search", "amount_usd": "0.7" })).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{again:?}");
    let fits = house.charge(&ann, "2", json!({ "service": "search", "amount_usd": "0.31" })).await;
    assert_eq!(fits.status, StatusCode::CREATED, "{fits:?}");
}

#[tokio::test]
async fn a_charge_that_cannot_be_is_refused() {
    let (house, ann) = charging().await;
    for (body, field) in [
        (json!({ "service": "", "amount_usd": "1" }), "service"),
        (json!({ "service": "web search", "amount_usd": "1" }), "service"),
        (json!({ "service": "search", "amount_usd": "-1" }), "amount_usd"),
        (json!({ "service": "search", "amount_usd": "1", "tokens": u64::MAX }), "tokens"),
        (json!({ "service": "search", "amount_usd": "1", "expires_in_seconds": 0 }), "expires_in_seconds"),
        (
            json!({ "service": "search", "amount_usd": "1", "expires_in_seconds": 604_801 }),
            "expires_in_seconds",
        ),
    ] {
        let refused = house.charge(&ann, "1", body.clone()).await;
        assert_eq!(
            (refused.status, &refused.body["error"]["field"]),
            (StatusCode::BAD_REQUEST, &json!(field)),
            "{body} {refused:?}"
        );
    }
    assert_eq!(house.stands().await, (0, 0));
}

#[tokio::test]
async fn what_is_held_is_listed_to_whom_it_concerns() {
    let (house, ann) = charging().await;
    let bob = house.person("default", "bob", "user").await;
    let lead = house.person("default", "lea", "team_lead").await;
    house.as_admin("POST", "/tenants", json!({ "id": "other" })).await;
    let stranger = house.person("other", "leo", "team_lead").await;
    for (name, seconds) in [("b", 600), ("a", 60)] {
        let wanted = json!({ "service": name, "amount_usd": "0.10", "expires_in_seconds": seconds });
        assert_eq!(house.charge(&ann, name, wanted).await.status, StatusCode::CREATED);
    }
    let services = async |key: &str, path: &str| -> Vec<String> {
        let listed = house.send(Some(key), "GET", path, Value::Null).await;
        let data = listed.body["data"].as_array().unwrap_or_else(|| unreachable!("{listed:?}")).iter();
        data.map(|charge| charge["service"].as_str().unwrap().to_owned()).collect()
    };
    for (who, key, expected) in [
        ("ann", &ann.key, 2),
        ("bob", &bob.key, 0),
        ("lead", &lead.key, 2),
        ("stranger", &stranger.key, 0),
        ("admin", &house.admin.key, 2),
    ] {
        assert_eq!(services(key, "/charges").await.len(), expected, "{who}");
    }
    let hers = format!("/charges?user={}", ann.user);
    assert_eq!(services(&lead.key, &hers).await, ["a", "b"], "those that are free again soonest come first");
    let refused = house.send(Some(&bob.key), "GET", &hers, Value::Null).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND, "{refused:?}");

    let first = house.as_admin("GET", "/charges?limit=1", Value::Null).await;
    let charge = &first.body["data"][0];
    assert_eq!(
        (&charge["user"], &charge["tenant"], &charge["key"]),
        (&json!(ann.user), &json!("default"), &json!(ann.key_id))
    );
    let next = first.text("next").replace(':', "%3A").replace('/', "%2F");
    assert_eq!(services(&house.admin.key, &format!("/charges?limit=1&after={next}")).await, ["b"]);
    let wrong = house.as_admin("GET", "/charges?after=x", Value::Null).await;
    assert_eq!((wrong.status, &wrong.body["error"]["field"]), (StatusCode::BAD_REQUEST, &json!("after")));

    // A service's own key, which can do nothing else.
    let wanted = json!({ "name": "tools", "user": ann.user, "scopes": ["charges:make"] });
    let tools = house.as_admin("POST", "/keys", wanted).await.text("key");
    assert_eq!(services(&tools, "/charges").await, ["a", "b"]);
    let wanted = json!({ "name": "calls", "user": ann.user, "scopes": ["messages:send"] });
    let calls = house.as_admin("POST", "/keys", wanted).await.text("key");
    let refused = house.send(Some(&calls), "GET", "/charges", Value::Null).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
}
