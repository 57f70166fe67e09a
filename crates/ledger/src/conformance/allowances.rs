//! What is allowed beside a limit, what is told of it, and budgets that hold no one back but slow down.

use jiff::{SignedDuration, Timestamp};

use super::desk::{Desk, Fixture, settled};
use crate::{
    Adjustment, AdjustmentQuery, Book, Budget, BudgetEvent, BudgetId, Change, EventQuery, InvalidBudget,
    Limit, Mode, Nanodollars, Override, StoreError, Window, WindowKey,
};

const POLL: SignedDuration = SignedDuration::from_millis(250);

fn adjustment(id: &str, at: Timestamp, change: Change) -> Adjustment {
    let (budget, reason) = (BudgetId::new("b1"), "a release week".to_owned());
    Adjustment { id: id.into(), budget, at, by: "usr_1".into(), reason, change }
}

async fn adjust<S: Fixture>(desk: &Desk<S>, id: &str, change: Change) {
    desk.store().adjust_budget(adjustment(id, desk.now, change)).await.expect("it is adjusted");
}

async fn polled<S: Fixture>(desk: &mut Desk<S>, book: &Book) {
    desk.pass(POLL);
    desk.sync(book).await;
}

/// The most that fits, among a few amounts.
async fn room<S: Fixture>(desk: &Desk<S>, book: &Book, number: u8) -> u64 {
    for asked in [1_000, 600, 150, 120, 110, 100, 90, 80, 1] {
        if desk.reserve(book, number, asked).await.is_ok() {
            return asked;
        }
    }
    0
}

pub(super) async fn credit_holds_for_a_window_or_for_ever(store: impl Fixture) {
    let mut desk = Desk::new(store).with_budget(100).await;
    let book = desk.book("r1").await;
    assert_eq!(room(&desk, &book, 1).await, 100);

    let this_month: WindowKey = "2026-11".parse().expect("it is a window");
    adjust(&desk, "a1", Change::Credit { amount: 30, window: Some(this_month) }).await;
    adjust(&desk, "a2", Change::Credit { amount: 20, window: None }).await;
    polled(&mut desk, &book).await;
    assert_eq!(room(&desk, &book, 2).await, 150);
    assert_eq!((desk.b1().await.limit, desk.b1().await.remaining()), (150, 150));

    adjust(&desk, "a3", Change::Credit { amount: -40, window: None }).await;
    polled(&mut desk, &book).await;
    assert_eq!(room(&desk, &book, 3).await, 110);

    let desk = desk.with_budget(100).await;
    assert_eq!(desk.b1().await.limit, 110, "a definition leaves what was allowed");
    let mut desk = desk;
    desk.pass(SignedDuration::from_hours(24 * 10));
    desk.sync(&book).await;
    assert_eq!((room(&desk, &book, 4).await, desk.b1().await.limit), (80, 80), "in the next window");
}

pub(super) async fn a_limit_for_a_time_begins_and_ends_by_itself(store: impl Fixture) {
    let mut desk = Desk::new(store).with_budget(100).await;
    let book = desk.book("r1").await;
    assert_eq!(room(&desk, &book, 1).await, 100);
    let hour = SignedDuration::from_hours(1);
    let overridden = Override { amount: 600, from: desk.now + hour, until: desk.now + hour * 2 };
    adjust(&desk, "a1", Change::Override(overridden.clone())).await;
    polled(&mut desk, &book).await;
    assert_eq!(room(&desk, &book, 2).await, 100, "it has not begun");
    assert_eq!(desk.b1().await.budget.allowance.overridden, Some(overridden));

    desk.pass(hour);
    desk.sync(&book).await;
    assert_eq!((room(&desk, &book, 3).await, desk.b1().await.limit), (600, 600));

    desk.pass(hour);
    desk.sync(&book).await;
    assert_eq!((room(&desk, &book, 4).await, desk.b1().await.limit), (100, 100), "it has ended");
    assert_eq!(desk.b1_counts().await.1, 100, "nothing beyond the limit is on lease any more");

    let again = Override { amount: 600, from: desk.now, until: desk.now + hour };
    adjust(&desk, "a2", Change::Override(again)).await;
    adjust(&desk, "a3", Change::EndOverride).await;
    polled(&mut desk, &book).await;
    assert_eq!(room(&desk, &book, 5).await, 100);
}

pub(super) async fn adjustments_are_kept_and_count_once(store: impl Fixture) {
    let desk = Desk::new(store).with_budget(100).await;
    let credit = |amount| Change::Credit { amount, window: None };
    adjust(&desk, "a1", credit(10)).await;
    adjust(&desk, "a1", credit(10)).await;
    let window = Some("2026-11".parse().expect("it is a window"));
    adjust(&desk, "a2", Change::Credit { amount: -3, window }).await;
    let overridden = Override { amount: 7, from: desk.now, until: desk.now + POLL };
    adjust(&desk, "a3", Change::Override(overridden.clone())).await;
    assert_eq!(desk.b1().await.limit, 14);

    let endless = Override { until: desk.now, ..overridden.clone() };
    let refused = desk.store().adjust_budget(adjustment("a4", desk.now, Change::Override(endless))).await;
    assert!(matches!(refused, Err(StoreError::InvalidBudget(InvalidBudget::Span))), "{refused:?}");
    let nobodys = Adjustment { budget: BudgetId::new("b9"), ..adjustment("a5", desk.now, credit(1)) };
    let refused = desk.store().adjust_budget(nobodys).await;
    assert!(matches!(&refused, Err(StoreError::NoBudget(id)) if id.as_str() == "b9"), "{refused:?}");

    let list = async |budget: &str, limit| {
        let query = AdjustmentQuery { budget: Some(BudgetId::new(budget)), limit };
        desk.store().adjustments(query).await.expect("it lists")
    };
    let first = adjustment("a1", desk.now, credit(10));
    let second = adjustment("a2", desk.now, Change::Credit { amount: -3, window });
    let third = adjustment("a3", desk.now, Change::Override(overridden));
    assert_eq!(list("b1", 9).await, [third.clone(), second.clone(), first]);
    assert_eq!(list("b1", 2).await, [third, second]);
    assert_eq!(list("b9", 9).await, []);
}

pub(super) async fn each_threshold_is_told_once_in_a_window(store: impl Fixture) {
    let mut desk = Desk::new(store);
    let account = "tenant:acme".parse().expect("it is an account");
    let limit = Limit::Usd(Nanodollars::new(100));
    let thresholds = vec![50, 80, 100];
    // One that holds no one back: of a hard one each of the two would keep a part for itself.
    let plain = Budget::block("b1", account, Window::Monthly, limit);
    let loud = Budget { thresholds, mode: Mode::Notify, ..plain };
    desk.define(loud.clone()).await;
    desk.define(Budget { id: BudgetId::new("b2"), mode: Mode::Throttle { per_minute: 1 }, ..loud }).await;
    let (one, two) = (desk.book("r1").await, desk.book("r2").await);
    let mut told = Vec::new();
    for (number, (book, cost)) in (1..).zip([(&one, 49), (&two, 2), (&one, 30), (&two, 18), (&one, 1)]) {
        desk.reserve(book, number, cost).await.expect("it fits").settle(settled(cost));
        // What is said twice is counted once.
        let request = book.plan_sync(desk.now).expect("there is something to say");
        let reply = desk.store().sync(&request).await.expect("the store takes it");
        desk.store().sync(&request).await.expect("the store knows it");
        told.extend(
            reply.crossings.iter().map(|crossing| (crossing.counter.to_string(), crossing.threshold)),
        );
        desk.hear(book, reply);
        desk.sync(book).await;
        desk.pass(POLL);
        desk.sync(&one).await;
        desk.sync(&two).await;
    }
    told.sort();
    let each = |budget: &str| [50, 80, 100].map(|threshold| (format!("{budget}@2026-11"), threshold));
    assert_eq!(told, [each("b1"), each("b2")].concat());

    let list = async |query| desk.store().events(query).await.expect("it lists");
    let read = |events: &[BudgetEvent]| -> Vec<_> {
        events.iter().map(|event| (event.crossing.threshold, event.spent(), event.limit)).collect()
    };
    let b1 = EventQuery { budget: Some(BudgetId::new("b1")), limit: 9, ..EventQuery::default() };
    let events = list(b1.clone()).await;
    assert_eq!(read(&events), [(50, 51, limit), (80, 81, limit), (100, 100, limit)]);
    assert!(events.is_sorted_by_key(|event| event.number));
    assert_eq!(list(EventQuery { after: events[1].number, ..b1.clone() }).await, &events[2..]);
    assert_eq!(list(EventQuery { limit: 1, ..b1.clone() }).await, &events[..1]);
    let acme = Some("tenant:acme".parse().expect("it is an account"));
    assert_eq!(list(EventQuery { account: acme, limit: 9, ..EventQuery::default() }).await.len(), 6);
    let other = Some("tenant:other".parse().expect("it is an account"));
    assert_eq!(list(EventQuery { account: other, limit: 9, ..EventQuery::default() }).await, []);

    desk.pass(SignedDuration::from_hours(24 * 10));
    desk.sync(&one).await;
    desk.reserve(&one, 9, 60).await.expect("it fits").settle(settled(60));
    desk.sync(&one).await;
    let events = desk.store().events(b1).await.expect("it lists");
    assert_eq!(events.len(), 4, "the next window tells anew");
}

pub(super) async fn what_the_dead_are_charged_reaches_thresholds_too(store: impl Fixture) {
    let desk = Desk::new(store);
    let account = "tenant:acme".parse().expect("it is an account");
    let limit = Limit::Usd(Nanodollars::new(100));
    let loud = Budget { thresholds: vec![50], ..Budget::block("b1", account, Window::Monthly, limit) };
    desk.define(loud).await;
    let book = desk.book("r1").await;
    let _open = desk.reserve(&book, 1, 60).await.expect("it fits");
    desk.sync(&book).await;
    desk.adopt("r2", None, crate::Unrecorded::Unknown).await;
    let query = EventQuery { limit: 9, ..EventQuery::default() };
    assert_eq!(desk.store().events(query).await.expect("it lists").len(), 1);
}

pub(super) async fn past_its_limit_a_budget_slows_all_replicas_down(store: impl Fixture) {
    let mut desk = Desk::new(store);
    let account = "user:ada".parse().expect("it is an account");
    let limit = Limit::Usd(Nanodollars::new(100));
    let slow = Budget::block("b1", account, Window::Daily, limit);
    desk.define(Budget { mode: Mode::Throttle { per_minute: 10 }, ..slow }).await;
    let (one, two) = (desk.book("r1").await, desk.book("r2").await);

    desk.reserve(&one, 1, 40).await.expect("it is below its limit").settle(settled(105));
    desk.sync(&one).await;
    assert_eq!(desk.b1_counts().await, (105, 0, 0, 0), "counted to the last, and never leased");
    for book in [&one, &two] {
        desk.pass(SignedDuration::from_secs(1));
        let short = desk.reserve(book, 2, 1).await.expect_err("five beyond are half a minute");
        let until = short.paced_until.expect("it says when").duration_since(desk.now);
        assert!(!short.may_improve && until > SignedDuration::from_secs(25), "{until:?}");
    }

    desk.pass(SignedDuration::from_secs(29));
    let call = desk.reserve(&two, 3, 5).await.expect("it is worked off");
    let short = desk.reserve(&two, 4, 5).await.expect_err("what the first one reads is worked off first");
    assert_eq!(short.paced_until, Some(desk.now + SignedDuration::from_secs(30)));
    call.settle(settled(20));
    desk.sync(&two).await;
    desk.pass(SignedDuration::from_secs(60));
    desk.reserve(&one, 5, 1).await.expect_err("twenty are two minutes");
    desk.pass(SignedDuration::from_secs(60));
    desk.reserve(&one, 6, 1).await.expect("they have passed").settle(settled(1));
    desk.sync(&one).await;

    desk.pass(SignedDuration::from_hours(12));
    for number in 7..9 {
        desk.reserve(&one, number, 30).await.expect("the next window is empty").settle(settled(30));
    }
    desk.sync(&one).await;
}

pub(super) async fn windows_turn_by_the_calendar_of_the_budget(store: impl Fixture) {
    let mut desk = Desk::new(store);
    let account = "tenant:acme".parse().expect("it is an account");
    let limit = Limit::Usd(Nanodollars::new(100));
    let utc = Budget::block("b1", account, Window::Daily, limit);
    let time_zone = "Asia/Tokyo".parse().expect("it is a zone");
    let tokyo = Budget { time_zone, ..utc.clone() };
    desk.define(tokyo).await;
    let book = desk.book("r1").await;
    desk.reserve(&book, 1, 100).await.expect("it fits").settle(settled(100));
    desk.sync(&book).await;
    let state = desk.b1().await;
    assert_eq!(state.window.to_string(), "2026-11-21");
    assert_eq!(state.renews_at, Some("2026-11-21T15:00:00Z".parse().expect("it is a time")));
    desk.pass(SignedDuration::from_hours(3));
    drop(desk.reserve(&book, 2, 100).await.expect("it is tomorrow in Tokyo"));

    desk.define(utc).await;
    polled(&mut desk, &book).await;
    desk.reserve(&book, 3, 1).await.expect_err("it is still today in UTC");
}
