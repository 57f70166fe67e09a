//! Budgets: defined, changed and removed without forgetting what was spent.

use jiff::SignedDuration;

use super::desk::{Desk, Fixture, settled};
use crate::{Budget, BudgetFilter, BudgetId, Limit, Mode, Nanodollars, StoreError, WhenShort, Window, Zone};

pub(super) async fn a_budget_reads_as_it_was_defined(store: impl Fixture) {
    let desk = Desk::new(store);
    let account = |text: &str| text.parse().expect("it is an account");
    let plain = Budget::block("b1", account("tenant:acme"), Window::Weekly, Limit::Usd(Nanodollars::new(7)));
    let rich = Budget {
        mode: Mode::Throttle { per_minute: 3 },
        time_zone: "Europe/Berlin".parse().expect("it is a zone"),
        when_short: WhenShort::Refuse,
        model_filter: Some("claude-*".to_owned()),
        thresholds: vec![50, 80],
        ..Budget::block("b2", account("key:k1"), Window::Total, Limit::Tokens(1_000_000))
    };
    desk.define(Budget { thresholds: vec![], when_short: WhenShort::Lower, ..rich.clone() }).await;
    desk.define(rich.clone()).await;
    desk.define(plain.clone()).await;

    let list = async |filter| {
        let states = desk.store().list_budgets(filter, desk.now).await.expect("it lists");
        states.into_iter().map(|state| (state.budget, state.window.to_string())).collect::<Vec<_>>()
    };
    let (first, second) = ((plain, "2026-W47".to_owned()), (rich, "total".to_owned()));
    assert_eq!(list(BudgetFilter::default()).await, [first, second.clone()]);
    assert_eq!(list(BudgetFilter { account: Some(account("key:k1")) }).await, [second]);
    assert_eq!(list(BudgetFilter { account: Some(account("key:k2")) }).await, []);
}

pub(super) async fn budgets_are_moved_to_a_calendar_and_nothing_else_of_them_changes(store: impl Fixture) {
    let mut desk = Desk::new(store).with_budget(100).await;
    let removed =
        Budget::block("b2", "user:ann".parse().expect("an account"), Window::Daily, Limit::Tokens(1));
    desk.define(removed.clone()).await;
    desk.store().remove_budget(removed.id.clone()).await.expect("it is removed");
    let book = desk.book("r1").await;
    let old_copy = desk.store().list_budgets(BudgetFilter::default(), desk.now).await.expect("it lists");
    // Somebody changes the limit after another has read it.
    desk = desk.with_budget(70).await;

    let zone: Zone = "Asia/Tokyo".parse().expect("it is a zone");
    let ids = old_copy.into_iter().map(|state| state.budget.id).chain([removed.id, BudgetId::new("nowhere")]);
    desk.store().move_budgets(ids.collect(), zone.clone()).await.expect("they are moved");

    let states = desk.store().list_budgets(BudgetFilter::default(), desk.now).await.expect("it lists");
    let now: Vec<_> =
        states.iter().map(|state| (state.budget.limit.amount(), state.budget.time_zone.clone())).collect();
    assert_eq!(now, [(70, zone)], "the newer limit holds, and what was removed is still gone");
    desk.pass(SignedDuration::from_millis(250));
    desk.sync(&book).await;
    desk.reserve(&book, 1, 71).await.expect_err("replicas hear of it");
    drop(desk.reserve(&book, 2, 70).await.expect("so much is left"));
}

pub(super) async fn changing_a_limit_keeps_what_was_spent(store: impl Fixture) {
    let desk = Desk::new(store).with_budget(100).await;
    let book = desk.book("r1").await;
    desk.reserve(&book, 1, 80).await.expect("it fits").settle(settled(80));
    desk.sync(&book).await;
    desk.reserve(&book, 2, 50).await.expect_err("it does not");

    let mut desk = desk.with_budget(200).await;
    desk.pass(SignedDuration::from_millis(250));
    desk.sync(&book).await;
    drop(desk.reserve(&book, 3, 50).await.expect("now it does"));

    let mut desk = desk.with_budget(90).await;
    desk.pass(SignedDuration::from_millis(250));
    desk.sync(&book).await;
    desk.reserve(&book, 4, 11).await.expect_err("the limit was lowered");
    drop(desk.reserve(&book, 5, 10).await.expect("so much is left"));
    desk.sync(&book).await;
    let (spent, leased, ..) = desk.b1_counts().await;
    assert!(spent == 80 && spent + leased <= 90, "{spent} + {leased}");
}

pub(super) async fn a_budget_made_while_a_call_is_under_way_is_charged(store: impl Fixture) {
    let mut desk = Desk::new(store);
    let book = desk.book("r1").await;
    let reservation = desk.reserve(&book, 1, 60).await.expect("there is no budget");

    desk = desk.with_budget(50).await;
    desk.pass(SignedDuration::from_millis(250));
    desk.sync(&book).await;
    reservation.settle(settled(60));
    desk.sync(&book).await;

    assert_eq!(desk.b1_counts().await, (60, 0, 60, 0), "charged, and counted as never reserved");
    desk.reserve(&book, 2, 1).await.expect_err("nothing is left of it");
}

pub(super) async fn a_budget_does_not_become_another(store: impl Fixture) {
    let desk = Desk::new(store).with_budget(100).await;
    let account = "tenant:acme".parse().expect("it is an account");
    let other = Budget::block("b1", account, Window::Monthly, Limit::Tokens(100));
    let refused = desk.store().define_budget(other).await;
    assert!(matches!(&refused, Err(StoreError::OtherBudget(id)) if id.as_str() == "b1"), "{refused:?}");
    let nameless = Budget { id: BudgetId::new(""), ..desk.b1().await.budget };
    let refused = desk.store().define_budget(nameless).await;
    assert!(matches!(refused, Err(StoreError::InvalidBudget(_))), "{refused:?}");
}

pub(super) async fn a_removed_budget_holds_no_one_back_and_remembers(store: impl Fixture) {
    let mut desk = Desk::new(store).with_budget(100).await;
    let book = desk.book("r1").await;
    let reservation = desk.reserve(&book, 1, 100).await.expect("it fits");

    assert!(desk.store().remove_budget(BudgetId::new("b1")).await.expect("it is removed"));
    assert!(!desk.store().remove_budget(BudgetId::new("b1")).await.expect("only once"));
    desk.pass(SignedDuration::from_millis(250));
    desk.sync(&book).await;
    drop(desk.reserve(&book, 2, 1_000).await.expect("nothing holds it back"));
    reservation.settle(settled(40));
    desk.sync(&book).await;

    let desk = desk.with_budget(100).await;
    assert_eq!(desk.b1_counts().await, (40, 0, 0, 0), "a budget of the same name is the same budget");
}

pub(super) async fn a_new_window_starts_with_nothing_spent(store: impl Fixture) {
    let mut desk = Desk::new(store).with_budget(100).await;
    let book = desk.book("r1").await;
    let late = desk.reserve(&book, 1, 100).await.expect("it fits");
    desk.reserve(&book, 2, 100).await.expect_err("the window is full");

    desk.pass(SignedDuration::from_hours(24 * 10));
    drop(desk.reserve(&book, 3, 100).await.expect("the next window is empty"));
    late.settle(settled(70));
    desk.sync(&book).await;

    assert_eq!(desk.b1_counts().await.0, 0, "a call belongs to the window that it was reserved in");
    desk.pass(SignedDuration::from_hours(24 * -10));
    assert_eq!(desk.b1_counts().await, (70, 0, 0, 0), "and what the old window had left was given back");
}

pub(super) async fn news_of_a_budget_can_be_asked_for(store: impl Fixture) {
    let desk = Desk::new(store);
    let book = desk.book("r1").await;
    let desk = desk.with_budget(100).await;
    assert!(book.plan_sync(desk.now).is_none(), "no poll is due yet");

    book.ask_for_news();
    desk.sync(&book).await;

    assert!(desk.reserve(&book, 1, 101).await.is_err(), "the budget is in force");
}
