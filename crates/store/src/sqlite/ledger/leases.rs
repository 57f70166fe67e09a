//! Counters and leases: what a sync does to them, and how lists of them are saved.

use std::collections::BTreeMap;

use sqlx::{Sqlite, Transaction};
use stonegate_ledger::{Amount, Counter, CounterState, LeaseMove, LeaseState, StoreError};

use crate::ledger::convert::{Columns, json, kept, unavailable};

/// One counter and one replica's lease on it.
pub(super) struct Holding {
    pub(super) counter: CounterState,
    pub(super) lease: Amount,
    /// The limit, if there is one that holds anyone back.
    pub(super) limit: Option<Amount>,
}

/// Saves how counters stand. Parameter: [`counter_rows`].
macro_rules! save_counters {
    () => {
        "WITH given AS MATERIALIZED (SELECT value AS state FROM json_each(?))
         INSERT INTO counters (budget, \"window\", spent, leased, uncovered)
         SELECT state->>0, state->>1, state->>2, state->>3, state->>4 FROM given WHERE true
         ON CONFLICT DO UPDATE
         SET spent = excluded.spent, leased = excluded.leased, uncovered = excluded.uncovered"
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

/// Reads `spent, leased, uncovered`.
pub(super) fn counter_state(columns: &mut Columns<'_>) -> Result<CounterState, StoreError> {
    Ok(CounterState { spent: columns.count()?, leased: columns.count()?, uncovered: columns.count()? })
}

/// Lets the ledger's rules do to the holdings what a replica says.
pub(super) fn apply(moves: &[LeaseMove], holdings: &mut [Holding]) -> Vec<LeaseState> {
    // Only one server works on a file, so there is nobody to share with.
    const REPLICAS: u64 = 1;
    let apply = |(step, holding): (&LeaseMove, &mut Holding)| {
        let Holding { counter, lease, limit } = holding;
        counter.apply(lease, step, *limit, REPLICAS)
    };
    moves.iter().zip(holdings).map(apply).collect()
}

/// What a replica is answered whose moves were counted before.
pub(super) fn states(moves: &[LeaseMove], holdings: &[Holding]) -> Vec<LeaseState> {
    let state = |(step, holding): (&LeaseMove, &Holding)| {
        holding.counter.lease_state(step.counter.clone(), holding.lease, holding.limit)
    };
    moves.iter().zip(holdings).map(state).collect()
}

/// How counters stand, for [`save_counters`].
pub(super) fn counter_rows<'a>(
    counters: impl Iterator<Item = (&'a Counter, CounterState)>,
) -> Result<String, StoreError> {
    let rows = counters.map(|(counter, state)| {
        let (budget, window) = name(counter);
        (budget, window, kept(state.spent), kept(state.leased), kept(state.uncovered))
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
