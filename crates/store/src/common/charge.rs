//! Charges from outside on either database: each one a lease of its own.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::Transaction;
use stonegate_ledger::{
    Authorization, Authorized, CHARGES_KNOWN, Charge, ChargeEnd, ChargeId, ChargePage, ChargeQuery,
    ChargeState, Estate, StoreError,
};

use super::{
    super::{Connection, Database, Pools},
    adjust, adopt, budgets, clean, hold, journal,
};
use crate::ledger::{
    charge,
    convert::{json, kept_time, unavailable},
    record::Array,
};

/// How many charges are ended in one go.
const BATCH: i64 = 1_000;
const BY_ID: &str = "SELECT state, expires_at, request, record FROM charges WHERE call = $1";
/// Those that hold credit, and those that ended.
const UP: &str = "SELECT call FROM charges WHERE state IN ('waiting', 'held') AND expires_at <= $1
     ORDER BY expires_at LIMIT $2";
const OLD: &str = "SELECT call FROM charges WHERE state NOT IN ('waiting', 'held') AND expires_at <= $1
     ORDER BY expires_at LIMIT $2";

/// Those that hold credit, by the index of them.
const OPEN: &str = "SELECT state, expires_at, request, record FROM charges
     WHERE state IN ('waiting', 'held') AND expires_at >= $1 AND (expires_at > $1 OR call > $2)
     ORDER BY expires_at, call LIMIT $3";

pub(super) async fn authorize(pools: &Pools, wanted: Authorization) -> Result<Authorized, StoreError> {
    let mut transaction = pools.write().await.map_err(unavailable)?;
    // Of two that come with one key, the second waits and finds the first one's charge.
    hold::key(&mut transaction, &wanted.key).await?;
    let row = sqlx::query("SELECT state, expires_at, request, record FROM charges WHERE key = $1")
        .bind(clean(&wanted.key))
        .fetch_optional(&mut *transaction)
        .await
        .map_err(unavailable)?;
    let mut charge = match &row {
        Some(row) => charge::parse(row)?,
        None => {
            let mut charge = Charge::new(&wanted);
            charge.record.counters = budgets::applicable(&mut transaction, &charge.record, wanted.at).await?;
            charge
        }
    };
    if !charge.lacks(&wanted) {
        return Ok(Authorized::Charge(Box::new(charge)));
    }
    let mut estate = load(&mut transaction, &charge).await?;
    let terms = budgets::terms(&mut transaction, estate.counters.keys(), wanted.at).await?;
    let authorized = estate.authorize(&mut charge, &wanted, &terms);
    save(&mut transaction, &charge, &estate).await?;
    if charge.is_open() {
        put(&mut transaction, &charge, &wanted.key).await?;
    } else {
        remove(&mut transaction, charge.id()).await?;
    }
    transaction.commit().await.map_err(unavailable)?;
    Ok(authorized)
}

pub(super) async fn end(
    pools: &Pools,
    id: ChargeId,
    end: ChargeEnd,
    at: Timestamp,
) -> Result<Charge, StoreError> {
    let mut transaction = pools.write().await.map_err(unavailable)?;
    hold::charge(&mut transaction, id).await?;
    let row = sqlx::query(BY_ID)
        .bind(id.0.to_string())
        .fetch_optional(&mut *transaction)
        .await
        .map_err(unavailable)?;
    let mut charge = charge::parse(&row.ok_or(StoreError::NoCharge(id))?)?;
    let was = charge.state;
    let mut estate = load(&mut transaction, &charge).await?;
    let terms = budgets::terms(&mut transaction, estate.counters.keys(), at).await?;
    let crossings = estate.end(&mut charge, &end, at, &terms)?;
    if charge.state != was {
        save(&mut transaction, &charge, &estate).await?;
        adjust::raise(&mut transaction, &crossings).await?;
        if charge.state == ChargeState::Captured {
            journal::append(&mut transaction, std::slice::from_ref(&charge.record)).await?;
        }
        if was == ChargeState::Waiting {
            remove(&mut transaction, id).await?;
        } else {
            sqlx::query("UPDATE charges SET state = $2, record = $3 WHERE call = $1")
                .bind(id.0.to_string())
                .bind(charge.state.as_str())
                .bind(json(&Array(&charge.record))?)
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?;
        }
    }
    transaction.commit().await.map_err(unavailable)?;
    Ok(charge)
}

pub(super) async fn expire(pools: &Pools, at: Timestamp) -> Result<u64, StoreError> {
    let due = until(pools, UP, at).await?;
    for id in &due {
        end(pools, *id, ChargeEnd::Expire, at).await?;
    }
    let known_since = at.saturating_sub(CHARGES_KNOWN).unwrap_or(Timestamp::UNIX_EPOCH);
    let old = until(pools, OLD, known_since).await?;
    if !old.is_empty() {
        let mut transaction = pools.write().await.map_err(unavailable)?;
        for id in &old {
            remove(&mut transaction, *id).await?;
        }
        transaction.commit().await.map_err(unavailable)?;
    }
    Ok(u64::try_from(due.len()).unwrap_or(u64::MAX))
}

/// Whose a charge is stands within its record, so that all that are open are read and those are kept that are asked for:
/// few are at a time.
pub(super) async fn open(pools: &Pools, query: ChargeQuery) -> Result<ChargePage, StoreError> {
    let mut after = match query.after {
        Some((expires_at, id)) => (kept_time(expires_at), id.0.to_string()),
        None => (0, String::new()),
    };
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    // One more tells whether there is another page.
    while found.len() <= limit {
        let (expires_at, call) = after;
        let rows = sqlx::query(OPEN)
            .bind(expires_at)
            .bind(call)
            .bind(BATCH)
            .fetch_all(pools.readers())
            .await
            .map_err(unavailable)?;
        let charges = rows.iter().map(charge::parse).collect::<Result<Vec<Charge>, _>>()?;
        let Some(last) = charges.last() else { break };
        after = (kept_time(last.expires_at), last.id().0.to_string());
        found.extend(charges.into_iter().filter(|charge| query.filter.admits(&charge.record)));
    }
    found.truncate(limit.saturating_add(1));
    Ok(ChargePage::cut(found, query.limit))
}

/// The charges whose time was up then, of those that the question is about.
async fn until(pools: &Pools, question: &'static str, at: Timestamp) -> Result<Vec<ChargeId>, StoreError> {
    let calls: Vec<String> = sqlx::query_scalar(question)
        .bind(kept_time(at))
        .bind(BATCH)
        .fetch_all(pools.readers())
        .await
        .map_err(unavailable)?;
    let id = |call: String| {
        call.parse().map(ChargeId).map_err(|_unknown| StoreError::Damaged(format!("a charge is {call}")))
    };
    calls.into_iter().map(id).collect()
}

pub(super) async fn find(pools: &Pools, id: ChargeId) -> Result<Option<Charge>, StoreError> {
    let row = sqlx::query(BY_ID)
        .bind(id.0.to_string())
        .fetch_optional(pools.readers())
        .await
        .map_err(unavailable)?;
    row.as_ref().map(charge::parse).transpose()
}

/// What a charge holds, and the counters of that.
async fn load(
    transaction: &mut Transaction<'static, Database>,
    charge: &Charge,
) -> Result<Estate, StoreError> {
    let holder = charge.id().holder();
    adopt::load(transaction, holder.as_str(), std::slice::from_ref(&charge.record)).await
}

async fn save(
    transaction: &mut Transaction<'static, Database>,
    charge: &Charge,
    estate: &Estate,
) -> Result<(), StoreError> {
    let holder = charge.id().holder();
    adopt::save_leases(transaction, holder.as_str(), &estate.leases, &BTreeMap::new()).await?;
    adopt::save_counters(transaction, estate).await
}

async fn put(connection: &mut Connection, charge: &Charge, key: &str) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO charges (call, key, state, expires_at, request, record) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (call) DO UPDATE SET state = excluded.state, expires_at = excluded.expires_at",
    )
    .bind(charge.record.call.to_string())
    .bind(clean(key))
    .bind(charge.state.as_str())
    .bind(kept_time(charge.expires_at))
    .bind(&*charge.request)
    .bind(json(&Array(&charge.record))?)
    .execute(connection)
    .await
    .map(drop)
    .map_err(unavailable)
}

async fn remove(connection: &mut Connection, id: ChargeId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM charges WHERE call = $1")
        .bind(id.0.to_string())
        .execute(connection)
        .await
        .map(drop)
        .map_err(unavailable)
}
