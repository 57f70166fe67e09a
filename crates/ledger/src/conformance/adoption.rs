//! Replicas that die, and replicas that were only thought dead.

use jiff::SignedDuration;

use super::desk::{Desk, Fixture, settled};
use crate::{Adopted, Basis, Outcome, Unrecorded};

pub(super) async fn a_dead_replica_is_charged_what_its_calls_had_reserved(store: impl Fixture) {
    let mut desk = Desk::new(store).with_budget(100).await;
    let dead = desk.book("dead").await;
    std::mem::forget(desk.reserve(&dead, 1, 30).await.expect("it fits"));
    desk.pass(SignedDuration::from_millis(250));
    desk.sync(&dead).await;
    desk.book("heir").await;

    let adopted = desk.adopt("heir", None, Unrecorded::None).await;

    assert_eq!(adopted, Adopted { replicas: 1, calls: 1, leases: 0 });
    assert_eq!(desk.b1_counts().await, (30, 0, 0, 0));
    let records = desk.records().await;
    let [record] = records.as_slice() else { unreachable!("one call, one record: {records:?}") };
    assert_eq!((record.cost.get(), record.basis, record.outcome), (30, Basis::Unresolved, Outcome::Lost));

    let again = desk.adopt("heir", None, Unrecorded::None).await;
    assert_eq!(again, Adopted::default(), "the dead die once");
}

pub(super) async fn what_a_dead_replica_may_have_spent_counts_as_spent(store: impl Fixture) {
    let desk = Desk::new(store).with_budget(100).await;
    let dead = desk.book("dead").await;
    desk.reserve(&dead, 1, 30).await.expect("it fits").settle(settled(10));
    desk.sync(&dead).await;
    let (spent, leased, ..) = desk.b1_counts().await;
    assert!(spent == 10 && leased > 0);

    let adopted = desk.adopt("heir", None, Unrecorded::Unknown).await;

    assert_eq!(adopted, Adopted { replicas: 1, calls: 0, leases: 1 });
    assert_eq!(desk.b1_counts().await, (10 + leased, 0, 0, leased));
}

pub(super) async fn a_replica_that_retires_leaves_nothing_to_write_off(store: impl Fixture) {
    let desk = Desk::new(store).with_budget(100).await;
    let leaving = desk.book("leaving").await;
    desk.reserve(&leaving, 1, 30).await.expect("it fits").settle(settled(10));

    leaving.retire();
    desk.sync(&leaving).await;

    assert_eq!(desk.b1_counts().await, (10, 0, 0, 0));
    assert!(!leaving.has_work(), "all is said");
    assert!(desk.try_reserve(&leaving, 2, 1).is_err(), "it grants nothing any more");
    let adopted = desk.adopt("heir", None, Unrecorded::Unknown).await;
    assert_eq!((adopted.calls, adopted.leases), (0, 0));
    assert_eq!(desk.b1_counts().await, (10, 0, 0, 0));
}

pub(super) async fn what_is_known_to_be_unused_is_free_again(store: impl Fixture) {
    let desk = Desk::new(store).with_budget(100).await;
    let dead = desk.book("dead").await;
    desk.reserve(&dead, 1, 30).await.expect("it fits").settle(settled(10));
    desk.sync(&dead).await;

    desk.adopt("heir", None, Unrecorded::None).await;

    assert_eq!(desk.b1_counts().await, (10, 0, 0, 0));
    let heir = desk.book("heir").await;
    drop(desk.reserve(&heir, 2, 90).await.expect("all of the rest can be had"));
}

pub(super) async fn a_replica_that_returns_gets_everything_back(store: impl Fixture) {
    let mut desk = Desk::new(store).with_budget(100).await;
    let lost = desk.book("lost").await;
    let told = desk.reserve(&lost, 1, 30).await.expect("it fits");
    desk.pass(SignedDuration::from_millis(250));
    desk.sync(&lost).await;
    let before = desk.b1_counts().await;

    desk.adopt("heir", None, Unrecorded::Unknown).await;
    let (spent, leased, uncovered, _) = desk.b1_counts().await;
    assert_eq!((spent, leased, uncovered), (before.0 + before.1, 0, 0));

    // Cut off, it went on within its lease, which was covered by what had been written off.
    desk.pass(SignedDuration::from_millis(250));
    told.settle(settled(12));
    desk.sync(&lost).await;

    let (spent, leased, uncovered, unresolved) = desk.b1_counts().await;
    assert_eq!((spent, uncovered, unresolved), (12, 0, 0));
    assert!(spent + leased <= 100);
    let records = desk.records().await;
    let [record] = records.as_slice() else { unreachable!("one call, one record: {records:?}") };
    assert_eq!((record.cost.get(), record.basis), (12, Basis::Reported));
}

pub(super) async fn the_dead_are_forgotten_when_nothing_is_suspected_of_them(store: impl Fixture) {
    let mut desk = Desk::new(store).with_budget(100).await;
    let (retired, suspected) = (desk.book("retired").await, desk.book("suspected").await);
    desk.reserve(&retired, 1, 30).await.expect("it fits").settle(settled(10));
    retired.retire();
    desk.sync(&retired).await;
    std::mem::forget(desk.reserve(&suspected, 2, 30).await.expect("it fits"));
    desk.pass(SignedDuration::from_millis(250));
    desk.sync(&suspected).await;
    desk.adopt("heir", None, Unrecorded::Unknown).await;
    let before = (desk.b1_counts().await, desk.records().await);
    // A store may tell by a clock of its own when it heard of them.
    let forget = async |before| desk.store().forget_replicas(before, 10).await.expect("it forgets");
    assert_eq!(forget(jiff::Timestamp::UNIX_EPOCH).await, 0);
    assert_eq!(forget(jiff::Timestamp::MAX).await, 1);
    assert_eq!(forget(jiff::Timestamp::MAX).await, 0);
    assert_eq!((desk.b1_counts().await, desk.records().await), before);
    // The one of which something is suspected may still return.
    desk.sync(&suspected).await;
}

pub(super) async fn only_the_silent_are_dead(store: impl Fixture) {
    let mut desk = Desk::new(store).with_budget(100).await;
    let silent = desk.book("silent").await;
    let alive = desk.book("alive").await;
    for (number, book) in [(1, &silent), (2, &alive)] {
        desk.reserve(book, number, 20).await.expect("it fits").settle(settled(5));
        desk.sync(book).await;
    }
    desk.pass_for_all(SignedDuration::from_secs(10)).await;
    desk.sync(&alive).await;

    let since = desk.now.checked_sub(SignedDuration::from_secs(5)).expect("it is a time");
    let adopted = desk.adopt("alive", Some(since), Unrecorded::None).await;

    assert_eq!(adopted.replicas, 1);
    desk.reserve(&alive, 3, 20).await.expect("the living live on").settle(settled(5));
    desk.sync(&alive).await;
    assert_eq!(desk.b1_counts().await.0, 15);
}
