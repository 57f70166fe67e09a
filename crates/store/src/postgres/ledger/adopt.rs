//! Closing the books of the dead, and opening them again for those that were not.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::{PgConnection, Postgres, Row as _, Transaction};
use stonegate_ledger::{
    Adopted, Adoption, Counter, CounterState, Estate, ReplicaId, StoreError, Tally, UsageRecord,
};

use super::{
    super::Pools,
    adjust, budgets, journal, store_time, sums,
    sync::{make_counters, names},
};
use crate::ledger::{
    budget::counter_state,
    convert::{Columns, kept, kept_time, unavailable},
    record::{self, JsonRow, journal_columns},
    sums::Turn,
};

/// Which replicas are dead: those that this server has not heard of for so many microseconds, or all but one.
macro_rules! is_dead_now {
    () => {
        concat!("NOT is_dead AND id <> $1 AND ($2 IS NULL OR heard_at < ", store_time!(), " - $2)")
    };
}

/// Declares replicas dead and charges what they cannot account for any more. Each one in a transaction of its own, by
/// whoever comes first.
pub(super) async fn adopt(pools: &Pools, adoption: Adoption) -> Result<Adopted, StoreError> {
    let silence = adoption
        .silent_since
        .map(|since| i64::try_from(adoption.at.duration_since(since).as_micros()).unwrap_or(i64::MAX));
    let dead: Vec<String> =
        sqlx::query_scalar(concat!("SELECT id FROM replicas WHERE ", is_dead_now!(), " ORDER BY id"))
            .bind(adoption.by.as_str())
            .bind(silence)
            .fetch_all(pools.readers())
            .await
            .map_err(unavailable)?;
    let mut adopted = Adopted::default();
    for replica in &dead {
        let mut transaction = pools.write().await.map_err(unavailable)?;
        // Someone else may be closing these books, or the replica may have spoken after all.
        let is_ours = sqlx::query(concat!(
            "SELECT FROM replicas WHERE id = $3 AND ",
            is_dead_now!(),
            " FOR UPDATE SKIP LOCKED"
        ))
        .bind(adoption.by.as_str())
        .bind(silence)
        .bind(replica)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(unavailable)?
        .is_some();
        if is_ours {
            close_books(&mut transaction, replica, &adoption, &mut adopted).await?;
            transaction.commit().await.map_err(unavailable)?;
        }
    }
    Ok(adopted)
}

async fn close_books(
    transaction: &mut Transaction<'static, Postgres>,
    replica: &str,
    adoption: &Adoption,
    adopted: &mut Adopted,
) -> Result<(), StoreError> {
    let lost = opened(transaction, replica).await?;
    let mut estate = load(transaction, replica, &lost).await?;
    let terms = budgets::terms(transaction, estate.counters.keys(), adoption.at).await?;
    let crossings = estate.close(&lost, &terms, adoption.unrecorded);
    adjust::raise(transaction, &crossings).await?;
    journal::append(transaction, &lost).await?;
    save_leases(transaction, replica, &BTreeMap::new(), &estate.written_off).await?;
    save_counters(transaction, &estate).await?;
    sqlx::query("UPDATE replicas SET is_dead = true WHERE id = $1")
        .bind(replica)
        .execute(&mut **transaction)
        .await
        .map_err(unavailable)?;
    let count = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
    adopted.replicas += 1;
    adopted.calls += count(lost.len());
    adopted.leases += count(estate.written_off.len());
    Ok(())
}

/// Lets go of the dead of long ago, but for those of which something is still charged on suspicion.
pub(super) async fn forget(pools: &Pools, before: Timestamp, most: u32) -> Result<u64, StoreError> {
    let mut transaction = pools.write().await.map_err(unavailable)?;
    let gone: Vec<String> = sqlx::query_scalar(
        "DELETE FROM replicas WHERE id IN (
             SELECT id FROM replicas WHERE is_dead AND heard_at < $1
                AND NOT EXISTS (SELECT 1 FROM opened_calls WHERE opened_calls.replica = replicas.id)
                AND NOT EXISTS (SELECT 1 FROM leases WHERE leases.replica = replicas.id
                                                       AND (leased <> 0 OR written_off <> 0)) LIMIT $2)
         RETURNING id",
    )
    .bind(kept_time(before))
    .bind(i64::from(most))
    .fetch_all(&mut *transaction)
    .await
    .map_err(unavailable)?;
    for replica in &gone {
        sqlx::query("DELETE FROM leases WHERE replica = $1")
            .bind(replica)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
    }
    transaction.commit().await.map_err(unavailable)?;
    Ok(u64::try_from(gone.len()).unwrap_or(u64::MAX))
}

/// Takes back what was charged for a replica that was thought dead, and takes it for alive.
pub(super) async fn revive(pools: &Pools, replica: &ReplicaId, at: Timestamp) -> Result<(), StoreError> {
    let mut transaction = pools.write().await.map_err(unavailable)?;
    let replica = replica.as_str();
    // Of two that come for it, the second finds nothing to do.
    let revived = sqlx::query(concat!(
        "UPDATE replicas SET is_dead = false, heard_at = ",
        store_time!(),
        " WHERE id = $1 AND is_dead"
    ))
    .bind(replica)
    .execute(&mut *transaction)
    .await
    .map_err(unavailable)?;
    if revived.rows_affected() > 0 {
        reopen_books(&mut transaction, replica, at).await?;
    }
    transaction.commit().await.map_err(unavailable)
}

async fn reopen_books(
    transaction: &mut Transaction<'static, Postgres>,
    replica: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    // As they are charged now: a person may have corrected them.
    let rows = sqlx::query(concat!(
        "DELETE FROM journal WHERE call IN (SELECT call FROM opened_calls WHERE replica = $1) RETURNING ",
        journal_columns!()
    ))
    .bind(replica)
    .fetch_all(&mut **transaction)
    .await
    .map_err(unavailable)?;
    let open = rows.iter().map(record::parse).collect::<Result<Vec<_>, _>>()?;
    let mut estate = load(transaction, replica, &open).await?;
    let terms = budgets::terms(transaction, estate.counters.keys(), at).await?;
    estate.reopen(&open, &terms);
    save_leases(transaction, replica, &estate.leases, &BTreeMap::new()).await?;
    save_counters(transaction, &estate).await?;
    sums::change(transaction, &Tally::of(&open), Turn::Remove).await
}

/// The calls that a replica has open, as they would be recorded.
async fn opened(connection: &mut PgConnection, replica: &str) -> Result<Vec<UsageRecord>, StoreError> {
    let rows = sqlx::query("SELECT record FROM opened_calls WHERE replica = $1 ORDER BY call")
        .bind(replica)
        .fetch_all(connection)
        .await
        .map_err(unavailable)?;
    let opened = |row: &sqlx::postgres::PgRow| {
        let text: &str = row.try_get(0).map_err(unavailable)?;
        record::parse(&JsonRow::parse(text)?)
    };
    rows.iter().map(opened).collect()
}

/// What a replica holds, and the counters of that and of those calls, locked in the order of their names.
pub(super) async fn load(
    connection: &mut PgConnection,
    replica: &str,
    calls: &[UsageRecord],
) -> Result<Estate, StoreError> {
    let (budgets, windows) = names(calls.iter().flat_map(|record| &record.counters));
    make_counters(connection, budgets.clone(), windows.clone()).await?;
    let rows = sqlx::query(
        "WITH concerned AS (
             SELECT budget, \"window\" FROM leases WHERE replica = $1
             UNION SELECT * FROM unnest($2, $3)
         ), locked AS MATERIALIZED (
             SELECT budget, \"window\", spent, leased, uncovered, credit, raised, paced_until FROM counters
              WHERE (budget, \"window\") IN (SELECT budget, \"window\" FROM concerned)
              ORDER BY budget, \"window\" FOR UPDATE
         )
         SELECT locked.budget || '@' || locked.\"window\", spent, locked.leased, uncovered, credit, raised, paced_until,
                coalesce(leases.leased, 0), coalesce(leases.written_off, 0)
           FROM locked
           LEFT JOIN leases ON leases.budget = locked.budget AND leases.\"window\" = locked.\"window\"
                            AND leases.replica = $1",
    )
    .bind(replica)
    .bind(budgets)
    .bind(windows)
    .fetch_all(connection)
    .await
    .map_err(unavailable)?;
    let mut estate = Estate::default();
    for row in &rows {
        let mut columns = Columns::of(row);
        let counter: Counter = columns.parsed()?;
        estate.counters.insert(counter.clone(), counter_state(&mut columns)?);
        keep(&mut estate.leases, &counter, columns.count()?);
        keep(&mut estate.written_off, &counter, columns.count()?);
    }
    Ok(estate)
}

fn keep(amounts: &mut BTreeMap<Counter, u64>, counter: &Counter, amount: u64) {
    if amount > 0 {
        amounts.insert(counter.clone(), amount);
    }
}

/// Saves how the counters stand; all of them are there.
pub(super) async fn save_counters(connection: &mut PgConnection, estate: &Estate) -> Result<(), StoreError> {
    let (budgets, windows) = names(estate.counters.keys());
    let amounts = |amount: fn(&CounterState) -> i64| estate.counters.values().map(amount).collect::<Vec<_>>();
    sqlx::query(
        "UPDATE counters SET spent = given.spent, leased = given.leased, uncovered = given.uncovered,
                             raised = given.raised, paced_until = given.paced_until
           FROM unnest($1, $2, $3, $4, $5, $6, $7)
             AS given (budget, \"window\", spent, leased, uncovered, raised, paced_until)
          WHERE counters.budget = given.budget AND counters.\"window\" = given.\"window\"",
    )
    .bind(budgets)
    .bind(windows)
    .bind(amounts(|counter| kept(counter.spent)))
    .bind(amounts(|counter| kept(counter.leased)))
    .bind(amounts(|counter| kept(counter.uncovered)))
    .bind(amounts(|counter| i64::from(counter.raised)))
    .bind(amounts(|counter| kept_time(counter.paced_until)))
    .execute(connection)
    .await
    .map(drop)
    .map_err(unavailable)
}

/// Puts what a replica holds, and what of it counts as spent, in the place of all that was there.
pub(super) async fn save_leases(
    connection: &mut PgConnection,
    replica: &str,
    leases: &BTreeMap<Counter, u64>,
    written_off: &BTreeMap<Counter, u64>,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM leases WHERE replica = $1")
        .bind(replica)
        .execute(&mut *connection)
        .await
        .map_err(unavailable)?;
    let (budgets, windows) = names(leases.keys().chain(written_off.keys()));
    let held = leases.values().map(|amount| (kept(*amount), 0));
    let (held, lost): (Vec<i64>, Vec<i64>) =
        held.chain(written_off.values().map(|amount| (0, kept(*amount)))).unzip();
    sqlx::query(
        "INSERT INTO leases (replica, budget, \"window\", leased, written_off)
         SELECT $1, * FROM unnest($2, $3, $4, $5)",
    )
    .bind(replica)
    .bind(budgets)
    .bind(windows)
    .bind(held)
    .bind(lost)
    .execute(connection)
    .await
    .map(drop)
    .map_err(unavailable)
}
