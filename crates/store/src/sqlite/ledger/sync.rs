//! One sync: one transaction of four round trips to the connection's thread, whatever there is to say. Begin, read all
//! that concerns the request, write all that comes of it, commit.

use jiff::SignedDuration;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use stonegate_ledger::{LeaseState, StoreError, SyncReply, SyncRequest};

use super::{
    super::Pools,
    adopt, budgets,
    convert::{Columns, json, kept, kept_time, unavailable},
    journal::append_records,
    leases::{self, Holding, load_holdings, save_counters, save_leases},
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

/// Reads a [`Standing`]. Parameter: the replica.
macro_rules! load_standing {
    () => {
        "SELECT coalesce(sequence, 0), coalesce(is_dead, 0), coalesce(heard_at, 0),
                coalesce((SELECT max(version) FROM budgets), 0)
           FROM (SELECT 1) LEFT JOIN replicas ON id = ?"
    };
}

pub(super) async fn sync(pools: &Pools, request: &SyncRequest) -> Result<SyncReply, StoreError> {
    if request.is_idle()
        && let Some(reply) = poll(pools, request).await?
    {
        return Ok(reply);
    }
    let mut transaction = pools.write().await.map_err(unavailable)?;
    let (mut standing, mut holdings) = load(&mut transaction, request).await?;
    let is_new = request.is_next_after(standing.sequence)?;
    if standing.is_dead {
        adopt::revive(&mut transaction, &request.replica).await?;
        (standing, holdings) = load(&mut transaction, request).await?;
    }
    let heard_at = standing.heard_at.max(kept_time(request.at));
    let leases = if is_new {
        let leases = leases::apply(&request.moves, &mut holdings);
        save(&mut transaction, request, heard_at, &holdings).await?;
        leases
    } else {
        touch(&mut transaction, request, heard_at).await?;
        leases::states(&request.moves, &holdings)
    };
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
    let row = sqlx::query(load_standing!())
        .bind(request.replica.as_str())
        .fetch_one(connection)
        .await
        .map_err(unavailable)?;
    Standing::parse(&row)
}

impl Standing {
    fn parse(row: &SqliteRow) -> Result<Self, StoreError> {
        let mut columns = Columns::of(row);
        Ok(Self {
            sequence: columns.count()?,
            is_dead: columns.flag()?,
            heard_at: columns.signed()?,
            budgets_version: columns.count()?,
        })
    }
}

/// Reads how a replica stands, and what its moves are about.
async fn load(
    connection: &mut SqliteConnection,
    request: &SyncRequest,
) -> Result<(Standing, Vec<Holding>), StoreError> {
    let counters = request.moves.iter().map(|step| &step.counter);
    // Two statements, one after the other: the first row answers the first, all others the second.
    let rows = sqlx::query(concat!(load_standing!(), ";", load_holdings!()))
        .bind(request.replica.as_str())
        .bind(json(&leases::names(counters))?)
        .bind(request.replica.as_str())
        .fetch_all(connection)
        .await
        .map_err(unavailable)?;
    let Some((standing, holdings)) = rows.split_first() else {
        return Err(StoreError::Damaged("a statement that gives one row gave none".to_owned()));
    };
    let holdings: Vec<_> = holdings.iter().map(Holding::parse).collect::<Result<_, _>>()?;
    Ok((Standing::parse(standing)?, holdings))
}

/// Writes a request that was not counted before, and what it did to the holdings. Parameters in the order in which they
/// stand in the text: statements that are run together share one list of them.
async fn save(
    connection: &mut SqliteConnection,
    request: &SyncRequest,
    heard_at: i64,
    holdings: &[Holding],
) -> Result<(), StoreError> {
    let replica = request.replica.as_str();
    let records: Vec<_> = request.records.iter().map(Array).collect();
    let closed: Vec<_> = request.closed.iter().map(ToString::to_string).collect();
    let opened: Vec<_> = request.opened.iter().map(|opened| Array(&opened.if_lost)).collect();
    let counters = || request.moves.iter().map(|step| &step.counter).zip(holdings);
    sqlx::query(concat!(
        append_records!(),
        "; DELETE FROM opened_calls WHERE call IN (SELECT value FROM json_each(?));
         WITH given AS MATERIALIZED (SELECT value AS record FROM json_each(?))
         INSERT OR REPLACE INTO opened_calls (call, replica, record) SELECT record->>0, ?, record FROM given; ",
        save_counters!(),
        ";",
        save_leases!(),
        "; INSERT INTO replicas (id, sequence, heard_at) VALUES (?, ?, ?)
           ON CONFLICT DO UPDATE SET sequence = excluded.sequence, heard_at = excluded.heard_at, is_dead = 0"
    ))
    .bind(json(&records)?)
    .bind(json(&closed)?)
    .bind(json(&opened)?)
    .bind(replica)
    .bind(leases::counter_rows(counters().map(|(counter, holding)| (counter, holding.counter)))?)
    .bind(leases::lease_rows(counters().map(|(counter, holding)| (counter, holding.lease)))?)
    .bind(replica)
    .bind(replica)
    .bind(kept(request.sequence))
    .bind(heard_at)
    .execute(connection)
    .await
    .map(drop)
    .map_err(unavailable)
}

/// Notes that a replica is alive.
async fn touch(
    connection: &mut SqliteConnection,
    request: &SyncRequest,
    heard_at: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO replicas (id, sequence, heard_at) VALUES (?1, 0, ?2)
         ON CONFLICT DO UPDATE SET heard_at = excluded.heard_at, is_dead = 0",
    )
    .bind(request.replica.as_str())
    .bind(heard_at)
    .execute(connection)
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
