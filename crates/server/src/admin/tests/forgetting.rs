//! What is forgotten of keys that came by themselves and are long over.

use jiff::SignedDuration;
use stonegate_identity::{
    KeyId, KeyKind, KeyText, ModelRule, Scopes, UserId,
    directory::{Key, NewKey},
};
use stonegate_ledger::{
    AccountPath, Basis, Book, BookOptions, CallId, Draft, Nanodollars, Outcome, Picodollars, Quote,
    ReplicaId, Settlement, Tags, Tokens,
};

use super::*;

/// A sign-in of a program that ends in an hour.
async fn session(house: &House, of: &Person, number: u8) -> Key {
    let text = KeyText::mint([number; 24]);
    let new = NewKey {
        id: KeyId::mint(now(), [number; 6]),
        user: UserId::parse(&of.user).unwrap(),
        name: format!("laptop {number}"),
        kind: KeyKind::Session,
        parent: None,
        most: None,
        digest: text.digest(),
        public_form: text.public_form(),
        scopes: Scopes::for_calls(),
        models: ModelRule::default(),
        tags: None,
        expires_at: Some(now() + SignedDuration::from_hours(1)),
        text_until: None,
    };
    let act = Act { by: Actor::Operator, at: now(), request_id: None, address: None };
    house.store.directory.create_key(new, &act).await.unwrap()
}

/// A call with that key, which cost something.
async fn call(house: &House, of: &Person, key: &Key) {
    let book = Book::new(ReplicaId::new("server"), BookOptions::default());
    let sync = async || {
        while let Some(request) = book.plan_sync(now()) {
            let reply = house.store.ledger.sync(&request).await.unwrap();
            book.apply_sync(reply, now());
        }
    };
    sync().await;
    let path = AccountPath::new("default", None, &*of.user, Some(key.id.as_str().into()));
    let draft = Draft {
        call: CallId::from_parts(now(), [7; 10]),
        started_at: now(),
        dialect: "anthropic".into(),
        client: None,
        tags: Tags::default(),
        model_requested: "sonnet".into(),
        model_served: "claude-sonnet-5-5".into(),
        price_version: "2026-11".into(),
        stream: false,
    };
    let cost = Nanodollars::new(42);
    let quote = Quote {
        input: cost,
        input_tokens: 1,
        per_output_token: Picodollars::new(0),
        output_tokens: 0,
        least_output_tokens: 0,
    };
    let reservation = book.reserve(&path, quote, draft, now()).unwrap();
    reservation.settle(Settlement::new(Outcome::Complete, Basis::Reported, cost, Tokens::default()));
    sync().await;
}

#[tokio::test]
async fn what_reports_and_budgets_name_keeps_its_name() {
    let house = House::open().await;
    let ann = house.person("default", "ann", "user").await;
    let (called, unused) = (session(&house, &ann, 1).await, session(&house, &ann, 2).await);
    let limited = session(&house, &ann, 3).await;
    call(&house, &ann, &called).await;
    let account = format!("key:{}", limited.id);
    house
        .as_admin("POST", "/budgets", json!({ "account": account, "window": "total", "limit_usd": "1" }))
        .await;
    let forget = async || {
        let end = now() + SignedDuration::from_hours(2);
        house.store.directory.forget(end, 100).await.unwrap()
    };
    assert_eq!((forget().await, forget().await), (3, 0));

    let usage = house.as_admin("GET", "/usage?by=key", Value::Null).await;
    assert_eq!(usage.body["data"][0]["name"], json!("laptop 1 (ann)"), "{usage:?}");
    for (key, number, status) in [(&called, 1, 200), (&unused, 2, 404), (&limited, 3, 200)] {
        let shown = house.as_admin("GET", &format!("/keys/{}", key.id), Value::Null).await;
        assert_eq!(shown.status.as_u16(), status, "{shown:?}");
        let digest = KeyText::mint([number; 24]).digest();
        assert_eq!(house.store.directory.grant_by_digest(digest).await.unwrap(), None);
    }
    let listed = house.as_admin("GET", "/keys?kind=session", Value::Null).await;
    assert_eq!(listed.body["data"], json!([]));
}
