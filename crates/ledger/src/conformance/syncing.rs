//! Syncs: counted once, in order, and never past a limit.

use std::sync::Arc;

use super::desk::{Desk, Fixture, settled};
use crate::{Book, BookOptions, Nanodollars, ReplicaId, StoreError, SyncReply};

pub(super) async fn a_settled_call_is_recorded_and_charged(store: impl Fixture) {
    let desk = Desk::new(store).with_budget(100).await;
    let book = desk.book("r1").await;
    let reservation = desk.reserve(&book, 1, 60).await.expect("it fits");

    let ticket = reservation.settle(settled(25));
    assert!(book.durable() < ticket, "what no store has taken is not durable");
    desk.sync(&book).await;

    assert!(book.durable() >= ticket);
    let (spent, leased, uncovered, _) = desk.b1_counts().await;
    assert_eq!((spent, uncovered), (25, 0));
    assert!(spent + leased <= 100);
    let records = desk.records().await;
    let [record] = records.as_slice() else { unreachable!("one call, one record: {records:?}") };
    assert_eq!(record.cost.get(), 25);
    assert_eq!(record.counters.iter().map(ToString::to_string).collect::<Vec<_>>(), ["b1@2026-11"]);
}

pub(super) async fn the_same_request_twice_counts_once(store: impl Fixture) {
    let desk = Desk::new(store).with_budget(100).await;
    let book = desk.book("r1").await;
    drop(desk.reserve(&book, 1, 60).await.expect("it fits"));
    desk.reserve(&book, 2, 60).await.expect("it fits").settle(settled(30));

    let request = book.plan_sync(desk.now).expect("there is something to say");
    let first = desk.store().sync(&request).await.expect("it is taken");
    let counts = desk.b1_counts().await;
    assert_eq!(book.plan_sync(desk.now).as_deref(), Some(&*request), "unanswered, it is said again");
    let second = desk.store().sync(&request).await.expect("it is answered again");

    // But for what its own clock says, if it has one.
    let second = SyncReply { store_time: first.store_time, ..second };
    assert_eq!(first, second);
    assert_eq!(desk.b1_counts().await, counts);
    assert_eq!(desk.records().await.len(), 2);
    desk.hear(&book, second.clone());
    desk.hear(&book, second);
    desk.sync(&book).await;
    assert_eq!(desk.b1_counts().await.0, 30);
}

pub(super) async fn a_gap_in_what_a_replica_says_is_noticed(store: impl Fixture) {
    let desk = Desk::new(store).with_budget(100).await;
    let book = desk.book("r1").await;
    desk.reserve(&book, 1, 60).await.expect("it fits").settle(settled(30));
    let mut request = (*book.plan_sync(desk.now).expect("there is something to say")).clone();
    request.sequence += 1;

    let refused = desk.store().sync(&Arc::new(request)).await;

    assert!(matches!(refused, Err(StoreError::OutOfOrder { .. })), "{refused:?}");
    assert_eq!(desk.records().await, []);
}

pub(super) async fn an_idle_request_changes_nothing_but_brings_news(store: impl Fixture) {
    let desk = Desk::new(store);
    let book = Book::new(ReplicaId::new("r1"), BookOptions::default());
    assert!(!book.is_ready());
    let shortfall = desk.try_reserve(&book, 1, 1).expect_err("unknown budgets are no credit");
    assert_eq!((shortfall.budget, shortfall.may_improve), (None, true));
    desk.sync(&book).await;
    drop(desk.try_reserve(&book, 1, u64::MAX).expect("an account without a budget has no limit"));

    let desk = desk.with_budget(10).await;
    let idle = Book::new(ReplicaId::new("r1"), BookOptions::default());
    let request = idle.plan_sync(desk.now).expect("a first poll is due");
    assert!(request.is_idle());
    let reply = desk.store().sync(&request).await.expect("it is answered");
    assert_eq!((reply.budgets.len(), reply.sequence), (1, request.sequence));
}

pub(super) async fn a_waiting_call_gets_the_last_of_a_budget_and_no_one_more(store: impl Fixture) {
    let desk = Desk::new(store).with_budget(100).await;
    let book = desk.book("r1").await;
    let mut held = Vec::new();
    for number in 0..10 {
        held.push(desk.reserve(&book, number, 10).await.expect("ten times ten fits into a hundred"));
    }
    let shortfall = desk.reserve(&book, 10, 1).await.expect_err("it is used up");
    assert!(!shortfall.may_improve, "the store has said so");
    assert_eq!(shortfall.renews_at, "2026-12-01T00:00:00Z".parse().ok());

    for reservation in held {
        reservation.settle(settled(10));
    }
    desk.sync(&book).await;
    assert_eq!(desk.b1_counts().await, (100, 0, 0, 0));
}

pub(super) async fn what_costs_more_than_was_leased_is_charged_and_counted(store: impl Fixture) {
    let desk = Desk::new(store).with_budget(100).await;
    let book = desk.book("r1").await;
    let reservation = desk.reserve(&book, 1, 100).await.expect("it fits");
    reservation.settle(settled(130));
    desk.sync(&book).await;
    assert_eq!(desk.b1_counts().await, (130, 0, 30, 0));
    desk.reserve(&book, 2, 1).await.expect_err("and nothing more is granted");
}

pub(super) async fn a_large_batch_is_taken_whole(store: impl Fixture) {
    let desk = Desk::new(store).with_budget(1_000_000).await;
    let book = desk.book("r1").await;
    // Enough to pass any limit on the parameters of a statement.
    for number in 0..3_000_u32 {
        let mut draft = desk.draft(0);
        draft.call = crate::CallId::from(draft.call.get() + u128::from(number));
        let reserve = || book.reserve(&super::desk::path(), super::desk::quote(10), draft.clone(), desk.now);
        let reservation = match reserve() {
            Ok(reservation) => reservation,
            Err(_) => {
                desk.sync(&book).await;
                reserve().expect("there is enough")
            }
        };
        if number < 2_990 {
            std::mem::forget(reservation);
        } else {
            reservation.settle(settled(1));
        }
    }
    desk.sync(&book).await;
    assert_eq!(desk.records().await.len(), 10);
    assert_eq!(desk.b1_counts().await.0, 10);
}

pub(super) async fn amounts_beyond_counting_hold_nobody_up(store: impl Fixture) {
    let desk = Desk::new(store);
    let book = desk.book("r1").await;
    for round in 0..3_u8 {
        for number in [1, 2] {
            let reservation = desk.reserve(&book, round * 2 + number, 1).await.expect("there is no budget");
            reservation.settle(settled(1));
        }
        let mut request = (*book.plan_sync(desk.now).expect("there is something to say")).clone();
        for record in &mut request.records {
            record.cost = Nanodollars::MAX;
            record.uncached_cost = Nanodollars::MAX;
            record.tokens.output = u64::MAX;
            record.tokens.thinking = (round > 0).then_some(u64::MAX);
        }
        let reply = desk.store().sync(&Arc::new(request)).await.expect("it is taken all the same");
        desk.hear(&book, reply);
    }
}
