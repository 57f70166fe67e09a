//! Counters and leases: loaded and saved by lists.

use std::collections::BTreeMap;

use sqlx::{Sqlite, Transaction};
use stonegate_ledger::{Amount, Counter, CounterState, LeaseMove, LeaseState, StoreError};

use super::convert::{Columns, json, kept, unavailable};

/// One counter and one replica's lease on it.
pub(super) struct Holding {
    pub(super) counter: CounterState,
    pub(super) lease: Amount,
    /// The limit, if there is one that holds anyone back.
    pub(super) limit: Option<Amount>,
}

/// Loads what a replica's moves are about, in their order.
pub(super) async fn load(
    transaction: &mut Transaction<'static, Sqlite>,
    replica: &str,
    moves: &[LeaseMove],
) -> Result<Vec<Holding>, StoreError> {
    let rows = sqlx::query(
        "SELECT coalesce(counters.spent, 0), coalesce(counters.leased, 0), coalesce(counters.uncovered, 0),
                coalesce(leases.leased, 0),
                CASE WHEN budgets.mode = 'block' AND NOT budgets.removed THEN budgets.limit_amount END
           FROM json_each(?1) AS wanted
           LEFT JOIN budgets ON budgets.id = wanted.value->>0
           LEFT JOIN counters ON counters.budget = wanted.value->>0 AND counters.\"window\" = wanted.value->>1
           LEFT JOIN leases ON leases.budget = wanted.value->>0 AND leases.\"window\" = wanted.value->>1
                AND leases.replica = ?2
          ORDER BY wanted.key",
    )
    .bind(json(&names(moves.iter().map(|step| &step.counter)))?)
    .bind(replica)
    .fetch_all(&mut **transaction)
    .await
    .map_err(unavailable)?;
    let holding = |row| {
        let mut columns = Columns::of(row);
        Ok(Holding {
            counter: counter_state(&mut columns)?,
            lease: columns.count()?,
            limit: columns.count_or_none()?,
        })
    };
    rows.iter().map(holding).collect()
}

/// Reads `spent, leased, uncovered`.
pub(super) fn counter_state(columns: &mut Columns<'_>) -> Result<CounterState, StoreError> {
    Ok(CounterState { spent: columns.count()?, leased: columns.count()?, uncovered: columns.count()? })
}

/// Lets the ledger's rules do what a replica says, and saves what comes of it.
pub(super) async fn apply(
    transaction: &mut Transaction<'static, Sqlite>,
    replica: &str,
    moves: &[LeaseMove],
    mut holdings: Vec<Holding>,
) -> Result<Vec<LeaseState>, StoreError> {
    // Only one server works on a file, so there is nobody to share with.
    const REPLICAS: u64 = 1;
    let states = moves.iter().zip(&mut holdings).map(|(step, holding)| {
        let Holding { counter, lease, limit } = holding;
        counter.apply(lease, step, *limit, REPLICAS)
    });
    let states: Vec<_> = states.collect();
    let counters = moves.iter().zip(&holdings).map(|(step, holding)| (&step.counter, holding.counter));
    save_counters(transaction, counters).await?;
    let leases = moves.iter().zip(&holdings).map(|(step, holding)| (&step.counter, holding.lease));
    save_leases(transaction, replica, leases).await?;
    Ok(states)
}

/// What a replica is answered whose moves were counted before.
pub(super) fn states(moves: &[LeaseMove], holdings: &[Holding]) -> Vec<LeaseState> {
    let state = |(step, holding): (&LeaseMove, &Holding)| LeaseState {
        counter: step.counter.clone(),
        leased: holding.lease,
        remaining: holding.counter.remaining(holding.limit),
    };
    moves.iter().zip(holdings).map(state).collect()
}

/// Saves how counters stand.
pub(super) async fn save_counters(
    transaction: &mut Transaction<'static, Sqlite>,
    counters: impl Iterator<Item = (&Counter, CounterState)>,
) -> Result<(), StoreError> {
    let rows = counters.map(|(counter, state)| {
        let (budget, window) = name(counter);
        (budget, window, kept(state.spent), kept(state.leased), kept(state.uncovered))
    });
    let rows: Vec<_> = rows.collect();
    sqlx::query(
        "INSERT INTO counters (budget, \"window\", spent, leased, uncovered)
         SELECT value->>0, value->>1, value->>2, value->>3, value->>4 FROM json_each(?1) WHERE true
         ON CONFLICT DO UPDATE SET spent = excluded.spent, leased = excluded.leased, uncovered = excluded.uncovered",
    )
    .bind(json(&rows)?)
    .execute(&mut **transaction)
    .await
    .map(drop)
    .map_err(unavailable)
}

/// Saves what a replica holds.
pub(super) async fn save_leases(
    transaction: &mut Transaction<'static, Sqlite>,
    replica: &str,
    leases: impl Iterator<Item = (&Counter, Amount)>,
) -> Result<(), StoreError> {
    let rows = leases.map(|(counter, lease)| {
        let (budget, window) = name(counter);
        (budget, window, kept(lease))
    });
    let rows: Vec<_> = rows.collect();
    sqlx::query(
        "INSERT INTO leases (replica, budget, \"window\", leased)
         SELECT ?1, value->>0, value->>1, value->>2 FROM json_each(?2) WHERE true
         ON CONFLICT DO UPDATE SET leased = excluded.leased, written_off = 0",
    )
    .bind(replica)
    .bind(json(&rows)?)
    .execute(&mut **transaction)
    .await
    .map(drop)
    .map_err(unavailable)
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

fn name(counter: &Counter) -> (&str, String) {
    (counter.budget.as_str(), counter.window.to_string())
}

/// Counters as pairs of budget and window.
pub(super) fn names<'a>(counters: impl Iterator<Item = &'a Counter>) -> Vec<(&'a str, String)> {
    counters.map(name).collect()
}
