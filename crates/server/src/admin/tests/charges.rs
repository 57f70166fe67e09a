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
