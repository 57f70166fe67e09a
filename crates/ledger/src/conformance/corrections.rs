//! What people find out about charges that rest on suspicion.

use jiff::SignedDuration;

use super::desk::{Desk, Fixture, settled};
use crate::{
    Basis, CallId, Corrected, Correction, Counter, JournalQuery, Nanodollars, ReplicaId, StoreError, Tokens,
    Truth, Unrecorded, UsageFilter, UsageRecord,
};

const POLL: SignedDuration = SignedDuration::from_millis(250);

fn of_call(desk: &Desk<impl Fixture>, id: &str, call: CallId, cost: u64) -> Correction {
    let tokens = Tokens { output: cost, ..Tokens::default() };
    of(desk, id, Truth::Call { call, cost: Nanodollars::new(cost), tokens })
}

fn of_lease(desk: &Desk<impl Fixture>, id: &str, spent: u64) -> Correction {
    let counter = "b1@2026-11".parse().expect("a counter");
    of(desk, id, Truth::WriteOff { replica: ReplicaId::new("dead"), counter, spent })
}

fn of(desk: &Desk<impl Fixture>, id: &str, truth: Truth) -> Correction {
    let (by, reason) = ("operator".into(), "by the provider's log".to_owned());
    Correction { id: id.into(), at: desk.now, by, reason, truth }
}

async fn unresolved(desk: &Desk<impl Fixture>) -> Vec<UsageRecord> {
    let query = JournalQuery { filter: UsageFilter::default(), before: None, limit: 10 };
    desk.store().unresolved(query).await.expect("it lists").records
}

/// A replica has ended a call that cost 10, and dies with another that had reserved 30.
async fn bereaved<S: Fixture>(store: S) -> (Desk<S>, CallId) {
    let mut desk = Desk::new(store).with_budget(100).await;
    let dead = desk.book("dead").await;
    desk.reserve(&dead, 1, 10).await.expect("it fits").settle(settled(10));
    let lost = desk.reserve(&dead, 2, 30).await.expect("it fits");
    let call = lost.call();
    std::mem::forget(lost);
    desk.pass(POLL);
    desk.sync(&dead).await;
    desk.adopt("heir", None, Unrecorded::Unknown).await;
    (desk, call)
}

pub(super) async fn a_lost_call_is_charged_what_it_really_cost(store: impl Fixture) {
    let (desk, call) = bereaved(store).await;
    let (spent, .., written_off) = desk.b1_counts().await;
    assert_eq!(spent, 40 + written_off);
    let listed = unresolved(&desk).await;
    assert_eq!(listed.iter().map(|record| record.call).collect::<Vec<_>>(), [call]);

    let correction = of_call(&desk, "c1", call, 12);
    desk.store().correct(correction.clone()).await.expect("it is corrected");
    desk.store().correct(of_call(&desk, "c1", call, 99)).await.expect("the same id counts once");

    assert_eq!(desk.b1_counts().await, (22 + written_off, 0, 0, written_off));
    assert_eq!(unresolved(&desk).await, []);
    let records = desk.records().await;
    let record = records.iter().find(|record| record.call == call).expect("it is there");
    assert_eq!((record.cost.get(), record.tokens.output, record.basis), (12, 12, Basis::Corrected));

    // More than was thought is charged as well, and counted as what no lease covered.
    desk.store().correct(of_call(&desk, "c2", call, 42)).await.expect("it is corrected again");
    assert_eq!(desk.b1_counts().await, (52 + written_off, 0, 30, written_off));

    let kept = desk.store().corrections(9).await.expect("it lists");
    let second = Corrected { correction: of_call(&desk, "c2", call, 42), before: 12, after: 42 };
    let first = Corrected { correction, before: 30, after: 12 };
    assert_eq!(kept, [second.clone(), first.clone()]);
    assert_eq!(desk.store().corrections(1).await.expect("it lists"), [second]);
    for (id, expected) in [("c1", Some(first)), ("c3", None)] {
        assert_eq!(desk.store().find_correction(id.into()).await.expect("it looks"), expected);
    }
}

pub(super) async fn what_is_known_is_not_corrected(store: impl Fixture) {
    let (desk, call) = bereaved(store).await;
    let records = desk.records().await;
    let known = records.iter().find(|record| record.call != call).expect("it ended").call;
    for (correction, unresolved) in [
        (of_call(&desk, "c1", known, 1), format!("call {known}")),
        (of_call(&desk, "c2", CallId::first_at(desk.now), 1), format!("call {}", CallId::first_at(desk.now))),
    ] {
        let refused = desk.store().correct(correction).await;
        assert!(
            matches!(&refused, Err(StoreError::NothingUnresolved(name)) if *name == unresolved),
            "{refused:?}"
        );
    }
    let nobodys = Truth::WriteOff {
        replica: ReplicaId::new("heir"),
        counter: "b1@2026-11".parse().expect("a counter"),
        spent: 0,
    };
    let refused = desk.store().correct(of(&desk, "c3", nobodys)).await;
    assert!(matches!(refused, Err(StoreError::NothingUnresolved(_))), "{refused:?}");
    assert_eq!(desk.store().corrections(9).await.expect("it lists"), []);
}

pub(super) async fn what_was_not_spent_of_a_dead_lease_is_free_again(store: impl Fixture) {
    let (desk, _) = bereaved(store).await;
    let (spent, .., written_off) = desk.b1_counts().await;
    assert!(written_off > 5, "{written_off}");
    let listed = desk.store().write_offs().await.expect("it lists");
    let [write_off] = &*listed else { unreachable!("one lease: {listed:?}") };
    assert_eq!(write_off.replica, ReplicaId::new("dead"));
    assert_eq!(write_off.counter, "b1@2026-11".parse::<Counter>().expect("a counter"));
    assert_eq!(
        (write_off.account.to_string(), write_off.amount.amount()),
        ("tenant:acme".to_owned(), written_off)
    );

    let refused = desk.store().correct(of_lease(&desk, "c1", written_off + 1)).await;
    assert!(
        matches!(refused, Err(StoreError::BeyondWriteOff(amount)) if amount == written_off),
        "{refused:?}"
    );
    assert_eq!(desk.b1_counts().await, (spent, 0, 0, written_off));

    desk.store().correct(of_lease(&desk, "c1", 5)).await.expect("it is corrected");
    assert_eq!(desk.b1_counts().await, (45, 0, 0, 5));
    assert_eq!(desk.store().write_offs().await.expect("it lists"), [], "what someone has looked at is done");
    desk.store().correct(of_lease(&desk, "c2", 0)).await.expect("it is corrected again");
    assert_eq!(desk.b1_counts().await, (40, 0, 0, 0));

    let kept = desk.store().corrections(9).await.expect("it lists");
    let amounts: Vec<_> = kept.iter().map(|entry| (entry.before, entry.after)).collect();
    assert_eq!(amounts, [(5, 0), (written_off, 5)]);
    let heir = desk.book("heir").await;
    drop(desk.reserve(&heir, 3, 60).await.expect("all of the rest can be had"));
}

/// What the replica itself knows comes after what was said of it.
pub(super) async fn a_replica_that_returns_has_the_last_word(store: impl Fixture) {
    let mut desk = Desk::new(store).with_budget(100).await;
    let lost = desk.book("lost").await;
    let told = desk.reserve(&lost, 1, 30).await.expect("it fits");
    let call = told.call();
    desk.pass(POLL);
    desk.sync(&lost).await;
    desk.adopt("heir", None, Unrecorded::Unknown).await;
    desk.store().correct(of_call(&desk, "c1", call, 2)).await.expect("it is corrected");

    desk.pass(POLL);
    told.settle(settled(12));
    desk.sync(&lost).await;

    let (spent, leased, uncovered, unresolved) = desk.b1_counts().await;
    assert_eq!((spent, unresolved), (12, 0), "once, and as it was");
    assert!(spent + leased <= 100 + uncovered);
    let records = desk.records().await;
    let [record] = records.as_slice() else { unreachable!("one call, one record: {records:?}") };
    assert_eq!((record.cost.get(), record.basis), (12, Basis::Reported));
}
