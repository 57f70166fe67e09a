//! Closing the books of the dead, and opening them again for those that were not.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::{Sqlite, Transaction, sqlite::SqliteConnection};
use stonegate_ledger::{Adopted, Adoption, Counter, Estate, ReplicaId, StoreError, Tally, UsageRecord};

use super::{super::Pools, adjust, budgets, journal, leases, sums};
use crate::ledger::{
    budget::counter_state,
    convert::{Columns, json, kept_time, unavailable},
    record::{self, array_columns, journal_columns},
    sums::Turn,
};

/// Declares replicas dead and charges what they cannot account for any more.
pub(super) async fn adopt(pools: &Pools, adoption: Adoption) -> Result<Adopted, StoreError> {
    let mut transaction = pools.write().await.map_err(unavailable)?;
    let dead: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM replicas WHERE NOT is_dead AND id <> ?1 AND (?2 IS NULL OR heard_at < ?2)",
    )
    .bind(adoption.by.as_str())
    .bind(adoption.silent_since.map(kept_time))
    .fetch_all(&mut *transaction)
    .await
    .map_err(unavailable)?;
    let mut adopted = Adopted::default();
    for replica in &dead {
        close_books(&mut transaction, replica, &adoption, &mut adopted).await?;
    }
    transaction.commit().await.map_err(unavailable)?;
    Ok(adopted)
}

async fn close_books(
    transaction: &mut Transaction<'static, Sqlite>,
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
    sqlx::query("UPDATE replicas SET is_dead = 1 WHERE id = ?1")
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
             SELECT id FROM replicas WHERE is_dead AND heard_at < ?1
                AND NOT EXISTS (SELECT 1 FROM opened_calls WHERE opened_calls.replica = replicas.id)
                AND NOT EXISTS (SELECT 1 FROM leases WHERE leases.replica = replicas.id
                                                       AND (leased <> 0 OR written_off <> 0)) LIMIT ?2)
         RETURNING id",
    )
    .bind(kept_time(before))
    .bind(i64::from(most))
    .fetch_all(&mut *transaction)
    .await
    .map_err(unavailable)?;
    for replica in &gone {
        sqlx::query("DELETE FROM leases WHERE replica = ?1")
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
    let revived = sqlx::query("UPDATE replicas SET is_dead = 0 WHERE id = ?1 AND is_dead")
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
    transaction: &mut Transaction<'static, Sqlite>,
    replica: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    // As they are charged now: a person may have corrected them.
    let rows = sqlx::query(concat!(
        "DELETE FROM journal WHERE call IN (SELECT call FROM opened_calls WHERE replica = ?1) RETURNING ",
        journal_columns!()
    ))
    .bind(replica)
    .fetch_all(&mut **transaction)
    .await
    .map_err(unavailable)?;
    let open = rows.iter().map(record::parse).collect::<Result<Vec<_>, _>>()?;
    sums::change(transaction, &Tally::of(&open), Turn::Remove).await?;
    let mut estate = load(transaction, replica, &open).await?;
    let terms = budgets::terms(transaction, estate.counters.keys(), at).await?;
    estate.reopen(&open, &terms);
    save_leases(transaction, replica, &estate.leases, &estate.written_off).await?;
    save_counters(transaction, &estate).await
}

/// Saves how the counters stand.
pub(super) async fn save_counters(
    connection: &mut SqliteConnection,
    estate: &Estate,
) -> Result<(), StoreError> {
    let counters = estate.counters.iter().map(|(counter, state)| (counter, *state));
    sqlx::query(leases::save_counters!())
        .bind(leases::counter_rows(counters)?)
        .execute(connection)
        .await
        .map(drop)
        .map_err(unavailable)
}

/// Puts what a replica holds, and what of it counts as spent, in the place of all that was there.
pub(super) async fn save_leases(
    transaction: &mut Transaction<'static, Sqlite>,
    replica: &str,
    held: &BTreeMap<Counter, u64>,
    written_off: &BTreeMap<Counter, u64>,
) -> Result<(), StoreError> {
    leases::write_off(transaction, replica, written_off).await?;
    let held = held.iter().map(|(counter, lease)| (counter, *lease));
    sqlx::query(leases::save_leases!())
        .bind(leases::lease_rows(held)?)
        .bind(replica)
        .execute(&mut **transaction)
        .await
        .map(drop)
        .map_err(unavailable)
}

/// The calls that a replica has open, as they would be recorded.
async fn opened(connection: &mut SqliteConnection, replica: &str) -> Result<Vec<UsageRecord>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        array_columns!("record"),
        " FROM opened_calls WHERE replica = ?1 ORDER BY call"
    ))
    .bind(replica)
    .fetch_all(connection)
    .await
    .map_err(unavailable)?;
    rows.iter().map(record::parse).collect()
}

/// What a replica holds, and the counters of that and of those calls.
pub(super) async fn load(
    connection: &mut SqliteConnection,
    replica: &str,
    calls: &[UsageRecord],
) -> Result<Estate, StoreError> {
    let rows = sqlx::query(
        "WITH concerned (budget, \"window\") AS (
             SELECT budget, \"window\" FROM leases WHERE replica = ?1
             UNION SELECT value->>0, value->>1 FROM json_each(?2)
         )
         SELECT budget || '@' || \"window\", coalesce(spent, 0), coalesce(counters.leased, 0),
                coalesce(uncovered, 0), coalesce(counters.credit, 0), coalesce(raised, 0),
                coalesce(paced_until, 0), coalesce(leases.leased, 0), coalesce(written_off, 0)
           FROM concerned
           LEFT JOIN counters USING (budget, \"window\")
           LEFT JOIN (SELECT * FROM leases WHERE replica = ?1) AS leases USING (budget, \"window\")",
    )
    .bind(replica)
    .bind(json(&leases::names(counters(calls)))?)
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

fn counters(records: &[UsageRecord]) -> impl Iterator<Item = &Counter> {
    records.iter().flat_map(|record| &record.counters)
}
