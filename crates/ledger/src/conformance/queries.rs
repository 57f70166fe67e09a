//! Questions about the past.

use std::sync::Arc;

use jiff::SignedDuration;

use super::desk::{Desk, Fixture, quote, settled};
use crate::{
    AccountPath, Basis, CallId, JournalQuery, Nanodollars, Outcome, Settlement, Tokens, UsageBy, UsageFilter,
    UsageQuery, UsageSum,
};

/// Three calls of two people on two days: 10, 200 and 3000 nano-dollars.
async fn three_calls<S: Fixture>(store: S) -> Desk<S> {
    let mut desk = Desk::new(store);
    let book = desk.book("r1").await;
    let ada = AccountPath::new("acme", Some("core".into()), "ada", Some("k1".into()));
    let bob = AccountPath::new("acme", None, "bob", None);
    for (number, path, model, cost) in
        [(1, &ada, "opus", 10), (2, &bob, "sonnet", 200), (3, &ada, "sonnet", 3_000)]
    {
        let mut draft = desk.draft(number);
        draft.model_served = model.into();
        let reservation = book.reserve(path, quote(1), draft, desk.now).expect("there is no budget");
        reservation.settle(settled(cost));
        desk.pass(SignedDuration::from_hours(11));
    }
    desk.sync(&book).await;
    desk
}

async fn sums<S: Fixture>(desk: &Desk<S>, by: UsageBy, filter: UsageFilter) -> Vec<(String, u64, u64)> {
    let sums = desk.store().usage(UsageQuery { filter, by }).await.expect("it sums");
    let short = |sum: UsageSum| {
        assert_eq!((sum.tokens.input, sum.estimated, sum.unresolved), (sum.cost.get(), 0, 0));
        (sum.group.as_ref().to_owned(), sum.calls, sum.cost.get())
    };
    sums.into_iter().map(short).collect()
}

pub(super) async fn usage_is_summed_by_every_group(store: impl Fixture) {
    let desk = three_calls(store).await;
    for (by, expected) in [
        (UsageBy::Tenant, vec![("acme", 3, 3_210)]),
        (UsageBy::Team, vec![("", 1, 200), ("core", 2, 3_010)]),
        (UsageBy::User, vec![("ada", 2, 3_010), ("bob", 1, 200)]),
        (UsageBy::Key, vec![("", 1, 200), ("k1", 2, 3_010)]),
        (UsageBy::Model, vec![("opus", 1, 10), ("sonnet", 2, 3_200)]),
        (UsageBy::Day, vec![("2026-11-21", 2, 210), ("2026-11-22", 1, 3_000)]),
    ] {
        let expected: Vec<_> =
            expected.into_iter().map(|(group, calls, cost)| (group.to_owned(), calls, cost)).collect();
        assert_eq!(sums(&desk, by, UsageFilter::default()).await, expected, "by {by}");
    }
}

pub(super) async fn usage_can_be_filtered(store: impl Fixture) {
    let desk = three_calls(store).await;
    let all = UsageFilter::default;
    let some = |text: &str| Some(Arc::from(text));
    let second = "2026-11-21T23:00:00Z".parse().ok();
    for (filter, expected) in [
        (UsageFilter { tenant: some("acme"), ..all() }, 3_210),
        (UsageFilter { tenant: some("other"), ..all() }, 0),
        (UsageFilter { team: some("core"), ..all() }, 3_010),
        (UsageFilter { user: some("bob"), ..all() }, 200),
        (UsageFilter { key: some("k1"), ..all() }, 3_010),
        (UsageFilter { key: some("k1"), model: some("opus"), ..all() }, 10),
        (UsageFilter { from: second, ..all() }, 3_200),
        (UsageFilter { until: second, ..all() }, 10),
        (UsageFilter { from: second, until: second, ..all() }, 0),
    ] {
        let text = format!("{filter:?}");
        let found: u64 = sums(&desk, UsageBy::Tenant, filter).await.iter().map(|(.., cost)| cost).sum();
        assert_eq!(found, expected, "{text}");
    }
}

pub(super) async fn the_journal_is_read_page_by_page(store: impl Fixture) {
    let desk = three_calls(store).await;
    let page = async |before: Option<CallId>, filter: UsageFilter| {
        let query = JournalQuery { filter, before, limit: 2 };
        let page = desk.store().journal(query).await.expect("it reads");
        (page.records.iter().map(|record| record.cost.get()).collect::<Vec<_>>(), page.next)
    };
    let (costs, next) = page(None, UsageFilter::default()).await;
    assert_eq!(costs, [3_000, 200]);
    assert!(next.is_some());
    assert_eq!(page(next, UsageFilter::default()).await, (vec![10], None));
    let of_ada = UsageFilter { user: Some("ada".into()), ..UsageFilter::default() };
    assert_eq!(page(None, of_ada).await, (vec![3_000, 10], None));
}

pub(super) async fn a_record_reads_as_it_was_written(store: impl Fixture) {
    let desk = Desk::new(store).with_budget(100).await;
    let book = desk.book("r1").await;
    let reservation = desk.reserve(&book, 1, 60).await.expect("it fits");
    let call = reservation.call();
    let tokens = Tokens {
        input: 1,
        output: 2,
        cache_read: 3,
        cache_write_5m: 4,
        cache_write_1h: 5,
        thinking: Some(1),
    };
    reservation.settle(Settlement {
        first_byte_us: Some(1_500),
        total_us: 90_000,
        stop_reason: Some("end_turn".into()),
        status: 200,
        model_served: Some("claude-\"quoted\"-\u{1F980}".into()),
        endpoint: Some("eu-west-1".into()),
        upstream_request_id: Some("aws-1".into()),
        ..Settlement::new(Outcome::UpstreamFailed, Basis::Estimated, Nanodollars::new(33), tokens)
    });
    let said = book.plan_sync(desk.now).expect("there is something to say").records.clone();
    desk.sync(&book).await;

    let read = desk.records().await;
    assert_eq!(read, said);
    assert_eq!(read.first().map(|record| record.call), Some(call));
}
