//! What is charged on suspicion is listed, and what it really was takes its place.

use stonegate_ledger::{
    AccountPath, Adoption, Book, BookOptions, CallId, Draft, Nanodollars, Picodollars, Quote, ReplicaId,
    Reservation, Tags, Unrecorded,
};

use super::*;

/// A server died with one call under way, which had reserved a dollar.
async fn bereaved() -> (House, Person, String) {
    let house = House::open().await;
    let ann = house.person("default", "ann", "user").await;
    let account = format!("user:{}", ann.user);
    let wanted = json!({ "id": "b1", "account": account, "window": "total", "limit_usd": "50" });
    house.as_admin("POST", "/budgets", wanted).await;
    let options = BookOptions { open_grace: jiff::SignedDuration::ZERO, ..BookOptions::default() };
    let book = Book::new(ReplicaId::new("dead"), options);
    sync(&house, &book).await;
    let lost = reserve(&house, &book, &ann).await;
    let call = lost.call().to_string();
    std::mem::forget(lost);
    book.ask_for_news();
    sync(&house, &book).await;
    let adoption = Adoption {
        at: now(),
        by: ReplicaId::new("heir"),
        silent_since: None,
        unrecorded: Unrecorded::Unknown,
    };
    house.store.ledger.adopt(adoption).await.unwrap();
    (house, ann, call)
}

async fn sync(house: &House, book: &Book) {
    while let Some(request) = book.plan_sync(now()) {
        let reply = house.store.ledger.sync(&request).await.unwrap();
        book.apply_sync(reply, now());
    }
}

async fn reserve(house: &House, book: &Book, ann: &Person) -> Reservation {
    let path = AccountPath::new("default", None, &*ann.user, None);
    let quote = Quote {
        input: Nanodollars::new(1_000_000_000),
        input_tokens: 1_000,
        per_output_token: Picodollars::new(0),
        output_tokens: 0,
        least_output_tokens: 0,
    };
    loop {
        let draft = Draft {
            call: CallId::from_parts(now(), [7; 10]),
            started_at: now(),
            dialect: "anthropic".into(),
            client: None,
            tags: Tags::default(),
            model_requested: "sonnet".into(),
            model_served: "claude-sonnet-5-5".into(),
            price_version: "2026-11".into(),
            stream: true,
        };
        match book.reserve(&path, quote, draft, now()) {
            Ok(reservation) => return reservation,
            Err(_) => sync(house, book).await,
        }
    }
}

async fn spent(house: &House) -> u64 {
    let budgets = house.as_admin("GET", "/budgets", Value::Null).await;
    budgets.body["data"][0]["spent"].as_u64().unwrap()
}

#[tokio::test]
async fn a_lost_call_and_a_dead_lease_are_corrected() {
    let (house, ann, call) = bereaved().await;
    let listed = house.as_admin("GET", "/usage/unresolved", Value::Null).await;
    let found = &listed.body["data"][0];
    assert_eq!(
        (&found["call"], &found["cost_usd"], &found["outcome"], &found["budgets"]),
        (&json!(call), &json!("1.00"), &json!("lost"), &json!(["b1@total"]))
    );
    let lease = &listed.body["write_offs"][0];
    assert_eq!((&lease["replica"], &lease["budget"]), (&json!("dead"), &json!("b1")));
    let written_off = lease["amount"].as_u64().unwrap();
    assert_eq!(spent(&house).await, 1_000_000_000 + written_off);
    let hers = house.send(Some(&ann.key), "GET", "/usage/unresolved", Value::Null).await;
    assert_eq!(hers.body, listed.body, "it is hers");

    let truth = json!({ "id": "c1", "reason": "its log",
        "call": { "id": call, "cost_usd": "0.25", "input_tokens": 9, "output_tokens": 4 } });
    for _ in 0..2 {
        let kept = house.as_admin("POST", "/usage/corrections", truth.clone()).await;
        assert_eq!(
            (kept.status, &kept.body["before"], &kept.body["after"]),
            (StatusCode::CREATED, &json!(1_000_000_000_u64), &json!(250_000_000_u64))
        );
    }
    assert_eq!(spent(&house).await, 250_000_000 + written_off);
    let truth = json!({ "id": "c2", "reason": "it was idle",
        "write_off": { "replica": "dead", "budget": "b1", "window_key": "total", "spent": "0.10" } });
    for _ in 0..2 {
        let kept = house.as_admin("POST", "/usage/corrections", truth.clone()).await;
        assert_eq!((kept.status, &kept.body["after"]), (StatusCode::CREATED, &json!(100_000_000_u64)));
    }
    assert_eq!(spent(&house).await, 350_000_000);
    for (id, cost) in [("c1", "0.26"), ("c2", "0.25")] {
        let another = json!({ "id": id, "reason": "its log",
            "call": { "id": call, "cost_usd": cost, "input_tokens": 9, "output_tokens": 4 } });
        let refused = house.as_admin("POST", "/usage/corrections", another).await;
        assert_eq!((refused.status, &refused.body["error"]["field"]), (StatusCode::CONFLICT, &json!("id")));
    }
    assert_eq!(spent(&house).await, 350_000_000);

    let listed = house.as_admin("GET", "/usage/unresolved", Value::Null).await;
    assert_eq!(listed.body, json!({ "data": [], "write_offs": [] }));
    let usage = house.as_admin("GET", "/usage", Value::Null).await;
    assert_eq!(
        (&usage.body["total"]["unresolved"], &usage.body["total"]["cost_usd"]),
        (&json!(0), &json!("0.25"))
    );
    let kept = house.as_admin("GET", "/usage/corrections", Value::Null).await;
    assert_eq!((&kept.body["data"][0]["id"], &kept.body["data"][1]["id"]), (&json!("c2"), &json!("c1")));
}

#[tokio::test]
async fn a_correction_is_in_the_audit_log_once() {
    let (house, _, call) = bereaved().await;
    let listed = house.as_admin("GET", "/usage/unresolved", Value::Null).await;
    let written_off = listed.body["write_offs"][0]["amount"].as_u64().unwrap();
    let of_call = json!({ "id": "c1", "reason": "its log",
        "call": { "id": call, "cost_usd": "0.25", "input_tokens": 9, "output_tokens": 4 } });
    let of_lease = json!({ "id": "c2", "reason": "it was idle",
        "write_off": { "replica": "dead", "budget": "b1", "window_key": "total", "spent": "0.10" } });
    let first = house.as_admin("POST", "/usage/corrections", of_call.clone()).await;
    for again in [of_call.clone(), of_lease.clone(), of_lease] {
        house.as_admin("POST", "/usage/corrections", again).await;
    }
    let mut other = of_call;
    other["call"]["cost_usd"] = json!("0.26");
    let refused = house.as_admin("POST", "/usage/corrections", other).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);

    let log = house.as_admin("GET", "/audit?action=usage.correct", Value::Null).await.body;
    let entries = log["data"].as_array().unwrap();
    let told: Vec<_> = entries.iter().map(|one| (&one["subject"], &one["before"], &one["after"])).collect();
    assert_eq!(
        told,
        [
            (
                &json!("budget:b1"),
                &json!({ "spent": written_off }),
                &json!({ "spent": 100_000_000_u64, "replica": "dead", "window_key": "total", "correction": "c2",
                    "reason": "it was idle" })
            ),
            (
                &json!(format!("call:{call}")),
                &json!({ "cost_nanodollars": 1_000_000_000_u64 }),
                &json!({ "cost_nanodollars": 250_000_000_u64, "correction": "c1", "reason": "its log" })
            ),
        ]
    );
    assert_eq!(
        (&entries[1]["actor"], &entries[1]["request_id"]),
        (&json!(format!("user:{}", house.admin.user)), &json!(first.request_id))
    );
}

#[tokio::test]
async fn a_correction_that_cannot_be_is_refused_and_changes_nothing() {
    let (house, _, call) = bereaved().await;
    let before = spent(&house).await;
    let write_off =
        |spent: &str| json!({ "replica": "dead", "budget": "b1", "window_key": "total", "spent": spent });
    for (wanted, status, field) in [
        (json!({ "reason": "x" }), 400, json!("call")),
        (json!({ "reason": "x", "call": { "id": call, "cost_usd": "-1" } }), 400, json!("call.cost_usd")),
        (json!({ "reason": "x", "call": { "id": "seven", "cost_usd": "1" } }), 400, json!("call.id")),
        (json!({ "reason": " ", "call": { "id": call, "cost_usd": "1" } }), 400, json!("reason")),
        (json!({ "reason": "x", "write_off": write_off("49.5") }), 400, json!("write_off.spent")),
        (json!({ "reason": "x", "write_off": write_off("much") }), 400, json!("write_off.spent")),
        (
            json!({ "reason": "x", "write_off": { "replica": "heir", "budget": "b1", "window_key": "total", "spent": "0" } }),
            404,
            Value::Null,
        ),
    ] {
        let refused = house.as_admin("POST", "/usage/corrections", wanted.clone()).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.body["error"]["field"]),
            (status, &field),
            "{wanted} {refused:?}"
        );
    }
    assert_eq!(spent(&house).await, before);
}
