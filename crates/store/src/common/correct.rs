//! What people found out about charges that rest on suspicion, on either database.

use std::{collections::BTreeMap, sync::Arc};

use sqlx::Transaction;
use stonegate_ledger::{
    CallId, Corrected, Correction, Counter, ReplicaId, StoreError, Tally, Tokens, Truth, UsageRecord,
    WriteOff,
};

use super::{
    super::{Connection, Database, Pools},
    adjust, adopt, budgets, hold, sums,
};
use crate::ledger::{
    convert::{json, kept, kept_time, unavailable},
    correction::{self, correction_columns, write_offs},
    record::{self, Array, journal_columns},
    sums::Turn,
};

pub(super) async fn correct(pools: &Pools, correction: Correction) -> Result<(), StoreError> {
    let mut transaction = pools.write().await.map_err(unavailable)?;
    // One after the other: of two with the same id, the second is to find the first.
    hold::corrections(&mut transaction).await?;
    let is_known = sqlx::query("SELECT 1 FROM corrections WHERE id = $1")
        .bind(&*correction.id)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(unavailable)?
        .is_some();
    if is_known {
        return Ok(());
    }
    match &correction.truth {
        Truth::Call { call, .. } => correct_call(&mut transaction, &correction, *call).await?,
        Truth::WriteOff { replica, counter, spent } => {
            let before = correct_write_off(&mut transaction, replica, counter, *spent).await?;
            append(&mut transaction, &correction, (before, *spent), None).await?;
        }
    }
    transaction.commit().await.map_err(unavailable)
}

async fn correct_call(
    transaction: &mut Transaction<'static, Database>,
    correction: &Correction,
    call: CallId,
) -> Result<(), StoreError> {
    let Truth::Call { cost, tokens, .. } = &correction.truth else { return Ok(()) };
    let missing = || StoreError::NothingUnresolved(format!("call {call}"));
    hold::record(transaction, call).await?;
    let row = sqlx::query(concat!("SELECT ", journal_columns!(), " FROM journal WHERE call = $1"))
        .bind(call.to_string())
        .fetch_optional(&mut **transaction)
        .await
        .map_err(unavailable)?;
    let before = record::parse(&row.ok_or_else(missing)?)?;
    if !before.basis.can_be_corrected() {
        return Err(missing());
    }
    let after = before.corrected(*cost, *tokens);
    let calls = [before];
    let mut estate = adopt::load(transaction, NOBODY, &calls).await?;
    let terms = budgets::terms(transaction, estate.counters.keys(), correction.at).await?;
    let [before] = &calls;
    let crossings = estate.correct(before, &after, &terms);
    adopt::save_counters(transaction, &estate).await?;
    adjust::raise(transaction, &crossings).await?;
    replace(transaction, &after).await?;
    sums::change(transaction, &Tally::of([before]), Turn::Remove).await?;
    sums::change(transaction, &Tally::of([&after]), Turn::Add).await?;
    append(transaction, correction, (before.cost.get(), after.cost.get()), Some(before)).await
}

/// No replica has an empty name, so it holds nothing.
const NOBODY: &str = "";

/// Puts what a call really took in the place of what was thought.
async fn replace(connection: &mut Connection, record: &UsageRecord) -> Result<(), StoreError> {
    let Tokens { input, output, cache_read, cache_write_5m, cache_write_1h, thinking } = record.tokens;
    sqlx::query(
        "UPDATE journal
            SET cost = $2, basis = $3, input_tokens = $4, output_tokens = $5, cache_read_tokens = $6,
                cache_write_5m_tokens = $7, cache_write_1h_tokens = $8, thinking_tokens = $9,
                uncached_cost = $10
          WHERE call = $1",
    )
    .bind(record.call.to_string())
    .bind(kept(record.cost.get()))
    .bind(record.basis.as_str())
    .bind(kept(input))
    .bind(kept(output))
    .bind(kept(cache_read))
    .bind(kept(cache_write_5m))
    .bind(kept(cache_write_1h))
    .bind(thinking.map(kept))
    .bind(kept(record.uncached_cost.get()))
    .execute(connection)
    .await
    .map(drop)
    .map_err(unavailable)
}

/// Gives what was written off before.
async fn correct_write_off(
    transaction: &mut Transaction<'static, Database>,
    replica: &ReplicaId,
    counter: &Counter,
    spent: u64,
) -> Result<u64, StoreError> {
    let replica = replica.as_str();
    hold::dead(transaction, replica).await?;
    let is_dead = sqlx::query("SELECT 1 FROM replicas WHERE id = $1 AND is_dead")
        .bind(replica)
        .fetch_optional(&mut **transaction)
        .await
        .map_err(unavailable)?
        .is_some();
    if !is_dead {
        return Err(StoreError::NothingUnresolved(format!("lease of {replica} on {counter}")));
    }
    let mut estate = adopt::load(transaction, replica, &[]).await?;
    let before = estate.correct_write_off(counter, spent)?;
    adopt::save_leases(transaction, replica, &BTreeMap::new(), &estate.written_off).await?;
    adopt::save_counters(transaction, &estate).await?;
    Ok(before)
}

/// Keeps a correction.
async fn append(
    connection: &mut Connection,
    correction: &Correction,
    (before, after): (u64, u64),
    record: Option<&UsageRecord>,
) -> Result<(), StoreError> {
    let (call, tokens, lease) = match &correction.truth {
        Truth::Call { call, tokens, .. } => (Some(call), Some(tokens), None),
        Truth::WriteOff { replica, counter, .. } => (None, None, Some((replica, counter))),
    };
    let count = |count: fn(&Tokens) -> u64| tokens.map(|tokens| kept(count(tokens)));
    sqlx::query(concat!(
        "INSERT INTO corrections (",
        correction_columns!(),
        ", record) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
    ))
    .bind(&*correction.id)
    .bind(kept_time(correction.at))
    .bind(&*correction.by)
    .bind(&correction.reason)
    .bind(call.map(ToString::to_string))
    .bind(count(|tokens| tokens.input))
    .bind(count(|tokens| tokens.output))
    .bind(count(|tokens| tokens.cache_read))
    .bind(count(|tokens| tokens.cache_write_5m))
    .bind(count(|tokens| tokens.cache_write_1h))
    .bind(tokens.and_then(|tokens| tokens.thinking).map(kept))
    .bind(lease.map(|(replica, _)| replica.as_str()))
    .bind(lease.map(|(_, counter)| counter.budget.as_str()))
    .bind(lease.map(|(_, counter)| counter.window.to_string()))
    .bind(kept(before))
    .bind(kept(after))
    .bind(record.map(|record| json(&Array(record))).transpose()?)
    .execute(connection)
    .await
    .map(drop)
    .map_err(unavailable)
}

pub(super) async fn list(pools: &Pools, limit: u32) -> Result<Vec<Corrected>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        correction_columns!(),
        " FROM corrections ORDER BY number DESC LIMIT $1"
    ))
    .bind(i64::from(limit))
    .fetch_all(pools.readers())
    .await
    .map_err(unavailable)?;
    rows.iter().map(correction::corrected).collect()
}

pub(super) async fn find(pools: &Pools, id: Arc<str>) -> Result<Option<Corrected>, StoreError> {
    let row = sqlx::query(concat!("SELECT ", correction_columns!(), " FROM corrections WHERE id = $1"))
        .bind(&*id)
        .fetch_optional(pools.readers())
        .await
        .map_err(unavailable)?;
    row.as_ref().map(correction::corrected).transpose()
}

pub(super) async fn write_offs(pools: &Pools) -> Result<Vec<WriteOff>, StoreError> {
    let rows = sqlx::query(write_offs!()).fetch_all(pools.readers()).await.map_err(unavailable)?;
    rows.iter().map(correction::write_off).collect()
}
