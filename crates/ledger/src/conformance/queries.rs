//! Questions about the past.

use std::sync::Arc;

use jiff::SignedDuration;

use super::desk::{Desk, Fixture, quote, settled};
use crate::{
    AccountPath, Basis, CallId, JournalQuery, Nanodollars, Outcome, Settlement, Tokens, Unrecorded, UsageBy,
    UsageFilter, UsagePer, UsageQuery, UsageSum,
};

/// Three calls of two people on two days: 10, 200 and 3000 nano-dollars.
async fn three_calls<S: Fixture>(store: S) -> Desk<S> {
    let mut desk = Desk::new(store);
    let book = desk.book("r1").await;
    let ada = AccountPath::new("acme", Some("core".into()), "ada", Some("k1".into()));
    let bob = AccountPath::new("acme", None, "bob", None);
    for (number, path, model, cost, tags) in [
        (1, &ada, "opus", 10, "project=x,stage=test"),
        (2, &bob, "sonnet", 200, ""),
        (3, &ada, "sonnet", 3_000, "project=y"),
    ] {
        let mut draft = desk.draft(number);
        draft.model_served = model.into();
        draft.tags = tags.parse().expect("tags");
        draft.client = path.team().map(|_| "codex".into());
        let reservation = book.reserve(path, quote(1), draft, desk.now).expect("there is no budget");
        let endpoint = Some(format!("eu-{number}").into());
        let uncached_cost = Nanodollars::new(cost * 2);
        reservation.settle(Settlement { endpoint, uncached_cost, ..settled(cost) });
        desk.pass(SignedDuration::from_hours(11));
    }
    desk.sync(&book).await;
    desk
}

async fn sums<S: Fixture>(desk: &Desk<S>, query: UsageQuery) -> Vec<(String, u64, u64)> {
    let sums = desk.store().usage(query).await.expect("it sums");
    let short = |sum: UsageSum| {
        assert_eq!((sum.tokens.input, sum.estimated, sum.unresolved), (sum.cost.get(), 0, 0));
        assert_eq!(sum.uncached_cost.get(), sum.cost.get() * 2);
        let period = sum.period.map(|at| at.strftime("%F %H ").to_string()).unwrap_or_default();
        (period + &sum.group, sum.calls, sum.cost.get())
    };
    sums.into_iter().map(short).collect()
}

fn owned(expected: &[(&str, u64, u64)]) -> Vec<(String, u64, u64)> {
    expected.iter().map(|(group, calls, cost)| ((*group).to_owned(), *calls, *cost)).collect()
}

pub(super) async fn usage_is_summed_by_every_group(store: impl Fixture) {
    let desk = three_calls(store).await;
    for (by, expected) in [
        (None, &[("", 3, 3_210)][..]),
        (Some(UsageBy::Tenant), &[("acme", 3, 3_210)]),
        (Some(UsageBy::Team), &[("", 1, 200), ("core", 2, 3_010)]),
        (Some(UsageBy::User), &[("ada", 2, 3_010), ("bob", 1, 200)]),
        (Some(UsageBy::Key), &[("", 1, 200), ("k1", 2, 3_010)]),
        (Some(UsageBy::Model), &[("opus", 1, 10), ("sonnet", 2, 3_200)]),
        (Some(UsageBy::Endpoint), &[("eu-1", 1, 10), ("eu-2", 1, 200), ("eu-3", 1, 3_000)]),
        (Some(UsageBy::Client), &[("", 1, 200), ("codex", 2, 3_010)]),
        (Some(UsageBy::Dialect), &[("anthropic", 3, 3_210)]),
        (
            Some(UsageBy::Tag),
            &[("", 1, 200), ("project=x", 1, 10), ("project=y", 1, 3_000), ("stage=test", 1, 10)],
        ),
    ] {
        let query = UsageQuery { by, ..UsageQuery::of(UsageFilter::default()) };
        assert_eq!(sums(&desk, query).await, owned(expected), "by {by:?}");
    }
}

pub(super) async fn usage_is_summed_per_day_and_hour_and_read_page_by_page(store: impl Fixture) {
    let desk = three_calls(store).await;
    let (day, hour) = (Some(UsagePer::Day), Some(UsagePer::Hour));
    for (by, per, expected) in [
        (None, day, &[("2026-11-21 00 ", 2, 210), ("2026-11-22 00 ", 1, 3_000)][..]),
        (None, hour, &[("2026-11-21 12 ", 1, 10), ("2026-11-21 23 ", 1, 200), ("2026-11-22 10 ", 1, 3_000)]),
        (
            Some(UsageBy::User),
            day,
            &[("2026-11-21 00 ada", 1, 10), ("2026-11-21 00 bob", 1, 200), ("2026-11-22 00 ada", 1, 3_000)],
        ),
        (
            Some(UsageBy::Tag),
            day,
            &[
                ("2026-11-21 00 ", 1, 200),
                ("2026-11-21 00 project=x", 1, 10),
                ("2026-11-21 00 stage=test", 1, 10),
                ("2026-11-22 00 project=y", 1, 3_000),
            ],
        ),
    ] {
        // Whatever is before the first call, and however long it is.
        for from in ["", "2026-11-21T00:00:00Z", "2026-11-11T07:30:00Z", "2025-06-01T05:30:00Z"] {
            let filter = UsageFilter { from: from.parse().ok(), ..UsageFilter::default() };
            let query = UsageQuery { by, per, ..UsageQuery::of(filter) };
            assert_eq!(
                sums(&desk, query.clone()).await,
                owned(expected),
                "by {by:?} per {per:?} from {from}"
            );
            let mut query = UsageQuery { limit: 1, ..query };
            for expected in expected {
                let page = desk.store().usage(query.clone()).await.expect("it sums");
                assert_eq!(sums(&desk, query.clone()).await, owned(&[*expected]), "by {by:?} per {per:?}");
                query.after = page.into_iter().next().map(|sum| (sum.period, sum.group));
            }
            assert_eq!(sums(&desk, query).await, []);
        }
    }
}

pub(super) async fn usage_can_be_filtered(store: impl Fixture) {
    let desk = three_calls(store).await;
    let all = UsageFilter::default;
    let some = |text: &str| Some(Arc::from(text));
    let second = "2026-11-21T23:00:00Z".parse().ok();
    let midnight = "2026-11-22T00:00:00Z".parse().ok();
    for (filter, expected) in [
        (UsageFilter { tenant: some("acme"), ..all() }, 3_210),
        (UsageFilter { tenant: some("other"), ..all() }, 0),
        (UsageFilter { team: some("core"), ..all() }, 3_010),
        (UsageFilter { user: some("bob"), ..all() }, 200),
        (UsageFilter { key: some("k1"), ..all() }, 3_010),
        (UsageFilter { key: some("k1"), model: some("opus"), ..all() }, 10),
        (UsageFilter { endpoint: some("eu-2"), ..all() }, 200),
        (UsageFilter { client: some("codex"), ..all() }, 3_010),
        (UsageFilter { dialect: some("converse"), ..all() }, 0),
        (UsageFilter { tag: some("project"), ..all() }, 3_010),
        (UsageFilter { tag: some("project=y"), ..all() }, 3_000),
        (UsageFilter { tag: some("project="), ..all() }, 0),
        (UsageFilter { tag: some("roject"), ..all() }, 0),
        (UsageFilter { from: second, ..all() }, 3_200),
        (UsageFilter { until: second, ..all() }, 10),
        (UsageFilter { until: midnight, ..all() }, 210),
        (UsageFilter { from: midnight, ..all() }, 3_000),
        (UsageFilter { from: second, until: second, ..all() }, 0),
    ] {
        let text = format!("{filter:?}");
        let query = UsageQuery { by: Some(UsageBy::Tenant), ..UsageQuery::of(filter) };
        let found: u64 = sums(&desk, query).await.iter().map(|(.., cost)| cost).sum();
        assert_eq!(found, expected, "{text}");
    }
    let filter = UsageFilter { tag: some("project"), ..all() };
    let query = UsageQuery { by: Some(UsageBy::Tag), ..UsageQuery::of(filter) };
    assert_eq!(sums(&desk, query).await, owned(&[("project=x", 1, 10), ("project=y", 1, 3_000)]));
}

pub(super) async fn old_records_go_and_their_sums_stay(store: impl Fixture) {
    let desk = three_calls(store).await;
    let query = UsageQuery { by: Some(UsageBy::User), ..UsageQuery::of(UsageFilter::default()) };
    let before = sums(&desk, query.clone()).await;
    let third = desk.now - SignedDuration::from_hours(11);
    assert_eq!(desk.store().forget_records(third, 1).await.expect("it forgets"), 1);
    assert_eq!(desk.store().forget_records(third, 10).await.expect("it forgets"), 1);
    assert_eq!(desk.store().forget_records(third, 10).await.expect("it forgets"), 0);
    let query_left = JournalQuery { filter: UsageFilter::default(), before: None, limit: 10 };
    let left = desk.store().journal(query_left).await.expect("it reads").records;
    assert_eq!(left.iter().map(|record| record.cost.get()).collect::<Vec<_>>(), [3_000]);
    assert_eq!(sums(&desk, query).await, before);
}

pub(super) async fn what_is_unresolved_is_not_forgotten(store: impl Fixture) {
    let mut desk = Desk::new(store).with_budget(100).await;
    let dead = desk.book("dead").await;
    std::mem::forget(desk.reserve(&dead, 1, 30).await.expect("it fits"));
    desk.pass(SignedDuration::from_millis(250));
    desk.sync(&dead).await;
    desk.adopt("heir", None, Unrecorded::None).await;
    desk.pass(SignedDuration::from_hours(24_000));
    assert_eq!(desk.store().forget_records(desk.now, 10).await.expect("it forgets"), 0);
    assert_eq!(desk.records().await.len(), 1);
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
    let of = |user: &str| UsageFilter { user: Some(user.into()), ..UsageFilter::default() };
    assert_eq!(page(None, of("ada")).await, (vec![3_000, 10], None));
    assert_eq!(page(next, of("ada")).await, (vec![10], None));
    assert_eq!(page(None, of("nobody")).await, (vec![], None));
    let of_acme = UsageFilter { tenant: Some("acme".into()), ..UsageFilter::default() };
    let (costs, next) = page(None, of_acme.clone()).await;
    assert_eq!(costs, [3_000, 200]);
    assert_eq!(page(next, of_acme.clone()).await, (vec![10], None));
    let time = |text: &str| text.parse().ok();
    for (from, until, expected) in [
        ("2026-11-21T12:00:00Z", "2026-11-22T10:00:00Z", &[200, 10][..]),
        ("2026-11-21T12:00:00.001Z", "2026-11-22T10:00:00.001Z", &[3_000, 200]),
        ("2026-11-21T23:00:00Z", "2026-11-21T23:30:00Z", &[200]),
        ("2026-11-21T23:30:00Z", "2026-11-22T09:30:00Z", &[]),
    ] {
        let filter = UsageFilter { from: time(from), until: time(until), ..of_acme.clone() };
        assert_eq!(page(None, filter).await.0, expected, "from {from} until {until}");
    }
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
        uncached_cost: Nanodollars::new(44),
        ..Settlement::new(Outcome::UpstreamFailed, Basis::Estimated, Nanodollars::new(33), tokens)
    });
    let said = book.plan_sync(desk.now).expect("there is something to say").records.clone();
    desk.sync(&book).await;

    let read = desk.records().await;
    assert_eq!(read, said);
    assert_eq!(read.first().map(|record| record.call), Some(call));
}
