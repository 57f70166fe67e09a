//! One sync: one transaction, and no more statements than it has kinds of things to say.

use jiff::SignedDuration;
use sqlx::{Sqlite, Transaction, sqlite::SqliteConnection};
use stonegate_ledger::{LeaseState, StoreError, SyncReply, SyncRequest};

use super::{
    super::Pools,
    adopt, budgets,
    convert::{Columns, json, kept, kept_time, unavailable},
    journal, leases,
    record::Array,
};

/// How often a replica that has nothing to say is noted to be alive. In between, its polls only read.
const HEARTBEAT: SignedDuration = SignedDuration::from_secs(2);

/// What the store knows of a replica.
struct Standing {
    sequence: u64,
    is_dead: bool,
    heard_at: i64,
    budgets_version: u64,
}

pub(super) async fn sync(pools: &Pools, request: &SyncRequest) -> Result<SyncReply, StoreError> {
    if request.is_idle()
        && let Some(reply) = poll(pools, request).await?
    {
        return Ok(reply);
    }
    let mut transaction = pools.write().await.map_err(unavailable)?;
    let standing = standing(&mut transaction, request).await?;
    let is_new = request.is_next_after(standing.sequence)?;
    if standing.is_dead {
        adopt::revive(&mut transaction, &request.replica).await?;
    }
    let leases = take(&mut transaction, request, is_new).await?;
    let heard_at = standing.heard_at.max(kept_time(request.at));
    sqlx::query(
        "INSERT INTO replicas (id, sequence, heard_at) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET sequence = excluded.sequence, heard_at = excluded.heard_at, is_dead = 0",
    )
    .bind(request.replica.as_str())
    .bind(kept(standing.sequence.max(request.sequence)))
    .bind(heard_at)
    .execute(&mut *transaction)
    .await
    .map_err(unavailable)?;
    let reply = answer(&mut transaction, request, &standing, leases).await?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(reply)
}

/// Answers a request that says nothing without writing anything. `None` when it is time to write.
async fn poll(pools: &Pools, request: &SyncRequest) -> Result<Option<SyncReply>, StoreError> {
    let mut transaction = pools.read().await.map_err(unavailable)?;
    let standing = standing(&mut transaction, request).await?;
    let silence = SignedDuration::from_micros(kept_time(request.at).saturating_sub(standing.heard_at));
    if standing.is_dead || standing.sequence != request.sequence || silence >= HEARTBEAT {
        return Ok(None);
    }
    answer(&mut transaction, request, &standing, Vec::new()).await.map(Some)
}

async fn standing(connection: &mut SqliteConnection, request: &SyncRequest) -> Result<Standing, StoreError> {
    let row = sqlx::query(
        "SELECT coalesce(sequence, 0), coalesce(is_dead, 0), coalesce(heard_at, 0),
                coalesce((SELECT max(version) FROM budgets), 0)
           FROM (SELECT 1) LEFT JOIN replicas ON id = ?1",
    )
    .bind(request.replica.as_str())
    .fetch_one(connection)
    .await
    .map_err(unavailable)?;
    let mut columns = Columns::of(&row);
    Ok(Standing {
        sequence: columns.count()?,
        is_dead: columns.flag()?,
        heard_at: columns.signed()?,
        budgets_version: columns.count()?,
    })
}

/// Counts a request if it is new, and says how its leases stand in either case.
async fn take(
    transaction: &mut Transaction<'static, Sqlite>,
    request: &SyncRequest,
    is_new: bool,
) -> Result<Vec<LeaseState>, StoreError> {
    let replica = request.replica.as_str();
    let moves = request.moves.as_slice();
    let holdings = match moves {
        [] => Vec::new(),
        moves => leases::load(transaction, replica, moves).await?,
    };
    if !is_new {
        return Ok(leases::states(moves, &holdings));
    }
    if !request.records.is_empty() {
        journal::append(transaction, &request.records).await?;
    }
    if !request.closed.is_empty() {
        close(transaction, request).await?;
    }
    if !request.opened.is_empty() {
        open(transaction, request).await?;
    }
    match moves {
        [] => Ok(Vec::new()),
        moves => leases::apply(transaction, replica, moves, holdings).await,
    }
}

async fn open(
    transaction: &mut Transaction<'static, Sqlite>,
    request: &SyncRequest,
) -> Result<(), StoreError> {
    let records: Vec<_> = request.opened.iter().map(|opened| Array(&opened.if_lost)).collect();
    sqlx::query(
        "INSERT OR REPLACE INTO opened_calls (call, replica, record)
         SELECT value->>0, ?1, value FROM json_each(?2)",
    )
    .bind(request.replica.as_str())
    .bind(json(&records)?)
    .execute(&mut **transaction)
    .await
    .map(drop)
    .map_err(unavailable)
}

async fn close(
    transaction: &mut Transaction<'static, Sqlite>,
    request: &SyncRequest,
) -> Result<(), StoreError> {
    let calls: Vec<_> = request.closed.iter().map(ToString::to_string).collect();
    sqlx::query("DELETE FROM opened_calls WHERE call IN (SELECT value FROM json_each(?1))")
        .bind(json(&calls)?)
        .execute(&mut **transaction)
        .await
        .map(drop)
        .map_err(unavailable)
}

async fn answer(
    connection: &mut SqliteConnection,
    request: &SyncRequest,
    standing: &Standing,
    leases: Vec<LeaseState>,
) -> Result<SyncReply, StoreError> {
    let budgets = if standing.budgets_version > request.budgets_version {
        budgets::changes_since(connection, request.budgets_version).await?
    } else {
        Vec::new()
    };
    Ok(SyncReply { sequence: request.sequence, leases, budgets_version: standing.budgets_version, budgets })
}
