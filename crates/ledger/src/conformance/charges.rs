//! Charges from outside: held, captured, voided, forgotten.

use jiff::{SignedDuration, Timestamp};

use super::desk::{Desk, Fixture, path, settled};
use crate::{
    AccountPath, Authorization, Authorized, Basis, Budget, CHARGES_KNOWN, CallId, Charge, ChargeEnd,
    ChargeId, ChargePage, ChargeQuery, ChargeState, Limit, Nanodollars, Outcome, StoreError, Tokens,
    UsageFilter, UsageRecord, Window,
};

const MINUTE: SignedDuration = SignedDuration::from_secs(60);

/// A charge of so many nano-dollars and as many tokens, held for a minute.
fn wanted(desk: &Desk<impl Fixture>, number: u8, amount: u64) -> Authorization {
    let record = UsageRecord {
        call: CallId::from_parts(desk.now, [number; 10]),
        started_at: desk.now,
        path: path(),
        dialect: "charge".into(),
        client: None,
        tags: "project=apollo".parse().expect("tags"),
        model_requested: "search".into(),
        model_served: "search".into(),
        endpoint: Some("charge".into()),
        tokens: Tokens { input: amount, ..Tokens::default() },
        cost: Nanodollars::new(amount),
        uncached_cost: Nanodollars::new(amount),
        price_version: "charge".into(),
        first_byte_us: None,
        total_us: 0,
        outcome: Outcome::Complete,
        basis: Basis::Reported,
        stop_reason: None,
        upstream_request_id: None,
        status: 0,
        stream: false,
        counters: Vec::new(),
    };
    let key = format!("ada {number}").into();
    let waits_until = desk.now + SignedDuration::from_secs(5);
    Authorization {
        record,
        key,
        request: format!("{amount}").into(),
        at: desk.now,
        expires_at: desk.now + MINUTE,
        waits_until,
    }
}

async fn held(desk: &Desk<impl Fixture>, number: u8, amount: u64) -> ChargeId {
    match desk.store().authorize(wanted(desk, number, amount)).await.expect("it answers") {
        Authorized::Charge(charge) => {
            assert_eq!(charge.state, ChargeState::Held);
            charge.id()
        }
        Authorized::Short { counters, .. } => unreachable!("it fits: {counters:?}"),
    }
}

fn capture(amount: u64) -> ChargeEnd {
    let tokens = Tokens { input: amount, ..Tokens::default() };
    ChargeEnd::Capture { cost: Nanodollars::new(amount), tokens }
}

async fn end(
    desk: &Desk<impl Fixture>,
    id: ChargeId,
    end: ChargeEnd,
    at: Timestamp,
) -> Result<Charge, StoreError> {
    desk.store().end_charge(id, end, at).await
}

pub(super) async fn what_is_held_is_captured_once(store: impl Fixture) {
    let mut desk = Desk::new(store).with_budget(100).await;
    let filtered = Budget::block("b2", "tenant:acme".parse().expect("one"), Window::Daily, Limit::Tokens(1));
    desk.define(Budget { model_filter: Some("claude-*".to_owned()), ..filtered }).await;
    let id = held(&desk, 1, 40).await;
    assert_eq!(desk.b1_counts().await, (0, 40, 0, 0));
    assert_eq!(held(&desk, 1, 40).await, id, "the same key is the same charge");
    assert_eq!(held(&desk, 1, 50).await, id, "whatever it is asked for");
    let known = desk.store().find_charge(id).await.expect("it reads").expect("there is one");
    assert_eq!((known.record.cost.get(), &*known.request), (40, "40"));
    assert_eq!(desk.b1_counts().await, (0, 40, 0, 0));

    let more = end(&desk, id, capture(41), desk.now).await;
    assert!(matches!(more, Err(StoreError::BeyondCharge(of)) if of == id), "{more:?}");
    desk.pass(SignedDuration::from_secs(2));
    for _ in 0..2 {
        let captured = end(&desk, id, capture(25), desk.now).await.expect("it is held");
        assert_eq!(captured.state, ChargeState::Captured);
    }
    assert_eq!(desk.b1_counts().await, (25, 0, 0, 0));
    for other in [capture(24), ChargeEnd::Void] {
        let refused = end(&desk, id, other, desk.now).await;
        assert!(
            matches!(refused, Err(StoreError::ChargeEnded(of, ChargeState::Captured)) if of == id),
            "{refused:?}"
        );
    }
    let records = desk.records().await;
    let [record] = &*records else { unreachable!("one charge, one record: {records:?}") };
    assert_eq!((record.call, record.cost.get(), record.total_us), (id.0, 25, 2_000_000));
    assert_eq!((record.uncached_cost.get(), record.tags.as_str()), (25, "project=apollo"));
    let counters: Vec<_> = record.counters.iter().map(ToString::to_string).collect();
    assert_eq!(counters, ["b1@2026-11"], "a budget for other things does not count it");
    let kept = desk.store().find_charge(id).await.expect("it reads").expect("there is one");
    assert_eq!((&kept.record, kept.state), (record, ChargeState::Captured));
}

pub(super) async fn what_is_voided_or_forgotten_is_free_again(store: impl Fixture) {
    let mut desk = Desk::new(store).with_budget(100).await;
    let voided = held(&desk, 1, 40).await;
    for _ in 0..2 {
        let ended = end(&desk, voided, ChargeEnd::Void, desk.now).await.expect("it is held");
        assert_eq!(ended.state, ChargeState::Voided);
    }
    assert_eq!(desk.b1_counts().await, (0, 0, 0, 0));

    let (late, forgotten) = (held(&desk, 2, 30).await, held(&desk, 3, 30).await);
    desk.pass(MINUTE);
    let ended = end(&desk, late, capture(1), desk.now).await.expect("it says how it is");
    assert_eq!(ended.state, ChargeState::Expired);
    assert_eq!(desk.b1_counts().await, (0, 30, 0, 0));
    assert_eq!(desk.store().expire_charges(desk.now).await.expect("it ends them"), 1);
    assert_eq!(desk.b1_counts().await, (0, 0, 0, 0));
    let kept = desk.store().find_charge(forgotten).await.expect("it reads").expect("there is one");
    assert_eq!(kept.state, ChargeState::Expired);
    assert_eq!(desk.records().await, [], "nobody is billed for it");
    let again = desk.store().authorize(wanted(&desk, 3, 30)).await.expect("it answers");
    let Authorized::Charge(charge) = again else { unreachable!("{again:?}") };
    assert_eq!((charge.id(), charge.state), (forgotten, ChargeState::Expired), "its name is taken");
    desk.pass(CHARGES_KNOWN);
    assert_eq!(desk.store().expire_charges(desk.now).await.expect("it ends them"), 0);
    assert_eq!(desk.store().find_charge(forgotten).await.expect("it reads"), None, "and is free one day");

    let nobodys = ChargeId(CallId::first_at(desk.now));
    let refused = end(&desk, nobodys, ChargeEnd::Void, desk.now).await;
    assert!(matches!(refused, Err(StoreError::NoCharge(id)) if id == nobodys), "{refused:?}");
}

pub(super) async fn those_that_hold_credit_are_listed_page_by_page(store: impl Fixture) {
    let desk = Desk::new(store).with_budget(100).await;
    // The third is free again first, the first and the second at one time.
    for (number, seconds, tenant) in [(1, 60, "acme"), (2, 60, "other"), (3, 30, "acme"), (4, 90, "acme")] {
        let mut asked = wanted(&desk, number, 10);
        asked.expires_at = desk.now + SignedDuration::from_secs(seconds);
        asked.record.path = AccountPath::new(tenant, None, "ada", None);
        desk.store().authorize(asked).await.expect("it answers");
    }
    let list = async |query: &ChargeQuery| desk.store().open_charges(query.clone()).await.expect("it lists");
    let numbers = |page: &ChargePage| -> Vec<u8> {
        let id = |number| ChargeId(CallId::from_parts(desk.now, [number; 10]));
        page.charges.iter().filter_map(|charge| (1..=4).find(|number| id(*number) == charge.id())).collect()
    };
    let all = ChargeQuery { limit: 4, ..ChargeQuery::default() };
    let page = list(&all).await;
    assert_eq!((numbers(&page), page.next), (vec![3, 1, 2, 4], None));
    assert_eq!(page.charges[0].state, ChargeState::Held);
    assert_eq!(
        (page.charges[0].record.cost.get(), page.charges[0].record.tags.as_str()),
        (10, "project=apollo")
    );

    let of = |tenant: &str| UsageFilter { tenant: Some(tenant.into()), ..UsageFilter::default() };
    for (filter, limit, expected) in [
        (UsageFilter::default(), 1, vec![vec![3], vec![1], vec![2], vec![4]]),
        (UsageFilter::default(), 3, vec![vec![3, 1, 2], vec![4]]),
        (of("acme"), 2, vec![vec![3, 1], vec![4]]),
        (of("other"), 1, vec![vec![2]]),
        (of("nobody"), 1, vec![vec![]]),
    ] {
        let mut query = ChargeQuery { filter, limit, after: None };
        let mut pages = Vec::new();
        loop {
            let page = list(&query).await;
            pages.push(numbers(&page));
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        assert_eq!(pages, expected, "{query:?}");
    }
    let [third, first, ..] = &*page.charges else { unreachable!("there are four") };
    end(&desk, third.id(), capture(5), desk.now).await.expect("it is held");
    end(&desk, first.id(), ChargeEnd::Void, desk.now).await.expect("it is held");
    assert_eq!(numbers(&list(&all).await), [2, 4], "what has ended holds nothing");
}

pub(super) async fn a_charge_that_does_not_fit_holds_nothing(store: impl Fixture) {
    let desk = Desk::new(store).with_budget(100).await;
    let account = "user:ada".parse().expect("it is an account");
    desk.define(Budget::block("b2", account, Window::Total, Limit::Tokens(50))).await;
    let short = desk.store().authorize(wanted(&desk, 1, 51)).await.expect("it answers");
    let Authorized::Short { counters, may_improve: false } = &short else { unreachable!("{short:?}") };
    assert_eq!(*counters, ["b2@total".parse().expect("a counter")]);
    assert_eq!(desk.b1_counts().await, (0, 0, 0, 0), "all or none");
    held(&desk, 1, 50).await;
    assert_eq!(desk.b1_counts().await, (0, 50, 0, 0));
}

pub(super) async fn what_replicas_hold_unused_comes_back_for_a_charge(store: impl Fixture) {
    let desk = Desk::new(store).with_budget(100).await;
    let book = desk.book("r1").await;
    let under_way = desk.reserve(&book, 9, 10).await.expect("it fits");
    desk.reserve(&book, 8, 30).await.expect("it fits").settle(settled(10));
    desk.sync(&book).await;
    let (spent, leased, ..) = desk.b1_counts().await;
    assert!(spent == 10 && leased > 10, "some of it is unused: {leased}");

    let short = desk.store().authorize(wanted(&desk, 1, 80)).await.expect("it answers");
    let Authorized::Short { counters, may_improve: true } = short else { unreachable!("{short:?}") };
    assert_eq!(desk.b1_counts().await, (10, 90, 0, 0), "it holds what there is");
    book.give_back(&counters);
    desk.sync(&book).await;
    let id = held(&desk, 1, 80).await;
    assert_eq!(desk.b1_counts().await, (10, 90, 0, 0));
    end(&desk, id, ChargeEnd::Void, desk.now).await.expect("it is held");
    under_way.settle(settled(10));
    book.retire();
    desk.sync(&book).await;
    assert_eq!(desk.b1_counts().await, (20, 0, 0, 0));
}

pub(super) async fn whoever_waits_no_longer_holds_nothing(store: impl Fixture) {
    let desk = Desk::new(store).with_budget(100).await;
    let book = desk.book("r1").await;
    let under_way = desk.reserve(&book, 9, 30).await.expect("it fits");
    let before = desk.b1_counts().await;
    let asked = wanted(&desk, 1, 80);
    let short = desk.store().authorize(asked.clone()).await.expect("it answers");
    assert!(matches!(short, Authorized::Short { may_improve: true, .. }), "{short:?}");
    let given_up = Authorization { waits_until: desk.now, ..asked };
    let short = desk.store().authorize(given_up).await.expect("it answers");
    assert!(matches!(short, Authorized::Short { may_improve: false, .. }), "{short:?}");
    assert_eq!(desk.b1_counts().await, before);

    // The server died that asked: what waited is forgotten, so that its name is free for who asks again.
    let asked = wanted(&desk, 2, 80);
    desk.store().authorize(asked.clone()).await.expect("it answers");
    let other = Authorization { request: "other words".into(), ..asked.clone() };
    let other = desk.store().authorize(other).await.expect("it answers");
    assert!(matches!(&other, Authorized::Charge(charge) if charge.request == asked.request), "{other:?}");
    let waits_until = asked.waits_until;
    assert_eq!(desk.store().expire_charges(waits_until).await.expect("it ends them"), 1);
    assert_eq!(desk.b1_counts().await, before);
    assert_eq!(desk.store().find_charge(ChargeId(asked.record.call)).await.expect("it reads"), None);
    drop(under_way);
}
