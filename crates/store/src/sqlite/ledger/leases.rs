//! Counters and leases: what a sync does to them, and how lists of them are saved.

use std::collections::BTreeMap;

use sqlx::{Sqlite, Transaction};
use stonegate_ledger::{Amount, Counter, CounterState, Crossing, LeaseMove, LeaseState, StoreError, Terms};

use crate::ledger::convert::{json, kept, kept_time, unavailable};

/// One counter and one replica's lease on it.
pub(super) struct Holding {
    pub(super) counter: CounterState,
    pub(super) lease: Amount,
    /// Whether the lease is another than before the request.
    pub(super) is_moved: bool,
    /// What its budget allows now.
    pub(super) terms: Terms,
}

/// Saves how counters stand. Parameter: [`counter_rows`].
macro_rules! save_counters {
    () => {
        "WITH given AS MATERIALIZED (SELECT value AS state FROM json_each(?))
         INSERT INTO counters (budget, \"window\", spent, leased, uncovered, raised, paced_until)
         SELECT state->>0, state->>1, state->>2, state->>3, state->>4, state->>5, state->>6 FROM given WHERE true
         ON CONFLICT DO UPDATE
         SET spent = excluded.spent, leased = excluded.leased, uncovered = excluded.uncovered,
             raised = excluded.raised, paced_until = excluded.paced_until"
    };
}

/// Saves what a replica holds. Parameters: [`lease_rows`], the replica.
macro_rules! save_leases {
    () => {
        "WITH given AS MATERIALIZED (SELECT value AS lease FROM json_each(?))
         INSERT INTO leases (replica, budget, \"window\", leased)
         SELECT ?, lease->>0, lease->>1, lease->>2 FROM given WHERE true
         ON CONFLICT DO UPDATE SET leased = excluded.leased, written_off = 0"
    };
}
pub(super) use {save_counters, save_leases};

/// Lets the ledger's rules do to the holdings what a replica says. Gives the thresholds that this reaches.
pub(super) fn apply(moves: &[LeaseMove], holdings: &mut [Holding]) -> (Vec<LeaseState>, Vec<Crossing>) {
    // Only one server works on a file, so there is nobody to share with.
    const REPLICAS: u64 = 1;
    let mut crossings = Vec::new();
    let apply = |(step, holding): (&LeaseMove, &mut Holding)| {
        let Holding { counter, lease, is_moved, terms } = holding;
        let before = *lease;
        let state = counter.apply(lease, step, terms, REPLICAS);
        *is_moved = *lease != before;
        crossings.extend(terms.crossings(&step.counter, counter));
        state
    };
    let states = moves.iter().zip(holdings).map(apply).collect();
    (states, crossings)
}

/// What a replica is answered whose moves were counted before.
pub(super) fn states(moves: &[LeaseMove], holdings: &[Holding]) -> Vec<LeaseState> {
    let state = |(step, holding): (&LeaseMove, &Holding)| {
        holding.counter.state(&step.counter, holding.lease, &holding.terms)
    };
    moves.iter().zip(holdings).map(state).collect()
}

/// How counters stand, for [`save_counters`].
pub(super) fn counter_rows<'a>(
    counters: impl Iterator<Item = (&'a Counter, CounterState)>,
) -> Result<String, StoreError> {
    let rows = counters.map(|(counter, state)| {
        let (budget, window) = name(counter);
        let amounts = (kept(state.spent), kept(state.leased), kept(state.uncovered));
        (budget, window, amounts.0, amounts.1, amounts.2, state.raised, kept_time(state.paced_until))
    });
    json(&rows.collect::<Vec<_>>())
}

/// What a replica holds, for [`save_leases`].
pub(super) fn lease_rows<'a>(
    leases: impl Iterator<Item = (&'a Counter, Amount)>,
) -> Result<String, StoreError> {
    let rows = leases.map(|(counter, lease)| {
        let (budget, window) = name(counter);
        (budget, window, kept(lease))
    });
    json(&rows.collect::<Vec<_>>())
}

/// Saves what of a dead replica's leases counts as spent, and forgets those of which nothing was left.
pub(super) async fn write_off(
    transaction: &mut Transaction<'static, Sqlite>,
    replica: &str,
    written_off: &BTreeMap<Counter, Amount>,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM leases WHERE replica = ?1")
        .bind(replica)
        .execute(&mut **transaction)
        .await
        .map_err(unavailable)?;
    let rows = written_off.iter().map(|(counter, amount)| {
        let (budget, window) = name(counter);
        (budget, window, kept(*amount))
    });
    let rows: Vec<_> = rows.collect();
    sqlx::query(
        "INSERT INTO leases (replica, budget, \"window\", leased, written_off)
         SELECT ?1, value->>0, value->>1, 0, value->>2 FROM json_each(?2)",
    )
    .bind(replica)
    .bind(json(&rows)?)
    .execute(&mut **transaction)
    .await
    .map(drop)
    .map_err(unavailable)
}

/// A counter as two columns.
pub(super) fn name(counter: &Counter) -> (&str, String) {
    (counter.budget.as_str(), counter.window.to_string())
}

/// Counters as pairs of budget and window.
pub(super) fn names<'a>(counters: impl Iterator<Item = &'a Counter>) -> Vec<(&'a str, String)> {
    counters.map(name).collect()
}
