//! Leases of one replica that another one lacks.

use jiff::SignedDuration;

use super::desk::{Desk, Fixture, settled};

/// How often replicas ask for news.
const POLL: SignedDuration = SignedDuration::from_millis(250);

pub(super) async fn what_others_hold_unused_comes_back_within_a_poll(store: impl Fixture) {
    let mut desk = Desk::new(store).with_budget(100).await;
    let (stocked, short) = (desk.book("stocked").await, desk.book("short").await);
    desk.reserve(&stocked, 1, 40).await.expect("it fits").settle(settled(10));
    desk.sync(&stocked).await;
    let (_, unused, ..) = desk.b1_counts().await;
    assert!(unused > 10, "it keeps a stock: {unused}");

    let shortfall = desk.reserve(&short, 2, 90).await.expect_err("the other one holds a part of it");
    assert!(shortfall.may_free && shortfall.is_elsewhere, "{shortfall:?}");
    for _ in 0..3 {
        desk.pass(POLL);
        desk.sync(&stocked).await;
    }
    drop(desk.reserve(&short, 3, 90).await.expect("it came back"));
}

pub(super) async fn nobody_is_told_who_is_alone(store: impl Fixture) {
    let mut desk = Desk::new(store).with_budget(100).await;
    let book = desk.book("alone").await;
    let held = desk.reserve(&book, 1, 100).await.expect("it fits");
    drop(held);
    desk.sync(&book).await;
    desk.reserve(&book, 2, 100).await.expect("all of it can be had").settle(settled(1));
    desk.pass(POLL);
    let request = book.plan_sync(desk.now).expect("a poll is due");
    assert!(request.is_poll);
    let reply = desk.store().sync(&request).await.expect("it is answered");
    assert_eq!(reply.exhausted, []);
}
