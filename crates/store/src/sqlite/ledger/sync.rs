//! One sync: one transaction on the thread that is there for it. Read all that concerns the request, let the ledger's
//! rules decide, write all that comes of it.

use std::mem;
use std::sync::Arc;

use jiff::SignedDuration;
use rusqlite::{Connection, ErrorCode, TransactionBehavior, params};
use stonegate_ledger::{
    Counter, CounterState, Crossing, LeaseState, Opened, ReplicaId, StoreError, SyncReply, SyncRequest, Tally,
};

use super::{
    super::Pools,
    adopt, define,
    known::{Known, Standing},
    leases::{self, Holding},
    sums,
};
use crate::ledger::{
    convert::{json, kept, kept_time},
    record::{Array, Names, journal_columns},
};

/// How often a replica that has nothing to say is noted to be alive. In between, its polls only read.
const HEARTBEAT: SignedDuration = SignedDuration::from_secs(2);

/// What the sync thread answers.
pub(crate) enum Taken {
    /// The request is in the store, now or since before.
    Kept {
        /// How the leases of its moves stand.
        leases: Vec<LeaseState>,
        /// The newest change to budgets.
        budgets_version: u64,
        /// The thresholds that it reached.
        crossings: Vec<Crossing>,
    },
    /// Nothing was done: the replica had been declared dead, and has to be brought back to life first.
    Dead,
}

pub(super) async fn sync(pools: &Pools, request: &Arc<SyncRequest>) -> Result<SyncReply, StoreError> {
    let (leases, budgets_version, crossings) = loop {
        match pools.sync_thread().take(Arc::clone(request)).await? {
            Taken::Kept { leases, budgets_version, crossings } => break (leases, budgets_version, crossings),
            Taken::Dead => adopt::revive(pools, &request.replica, request.at).await?,
        }
    };
    // What was changed after the transaction may be among them, and is told once more next time.
    let budgets = if budgets_version > request.budgets_version {
        define::changes_since(pools, request.budgets_version).await?
    } else {
        Vec::new()
    };
    // Only one server works on a file, so there is nobody who could lack what it holds.
    let exhausted = Vec::new();
    // And its clock is the server's.
    let (sequence, store_time) = (request.sequence, None);
    Ok(SyncReply { sequence, store_time, leases, exhausted, budgets_version, budgets, crossings })
}

/// The transaction. `memory` is what is known of the file since the one before.
pub(crate) fn take(
    connection: &mut Connection,
    memory: &mut Known,
    request: &SyncRequest,
) -> Result<Taken, StoreError> {
    if request.is_idle() {
        let standing = Standing::load(connection, &request.replica)?;
        let silence = SignedDuration::from_micros(kept_time(request.at).saturating_sub(standing.heard_at));
        if !standing.is_dead && standing.sequence == request.sequence && silence < HEARTBEAT {
            return Ok(standing.kept(Vec::new(), Vec::new()));
        }
    }
    // It holds the file's write lock from the start, so that it cannot find at its end that what it read has changed.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    // Until it is committed, nothing is known.
    let mut known = mem::take(memory).unless_written_by_others(&transaction).map_err(failed)?;
    let standing = known.standing(&transaction, &request.replica)?;
    let is_new = request.is_next_after(standing.sequence)?;
    if standing.is_dead {
        return Ok(Taken::Dead);
    }
    let mut holdings = known.holdings(&transaction, request)?;
    let (leases, crossings) = if is_new {
        let (leases, crossings) = leases::apply(&request.moves, &mut holdings);
        save(&transaction, request, &holdings)?;
        raise(&transaction, &crossings).map_err(failed)?;
        (leases, crossings)
    } else {
        (leases::states(&request.moves, &holdings), Vec::new())
    };
    let sequence = if is_new { request.sequence } else { standing.sequence };
    let standing = Standing { sequence, heard_at: standing.heard_at.max(kept_time(request.at)), ..standing };
    save_replica(&transaction, &request.replica, &standing).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    *memory = known.after(request, standing, holdings);
    Ok(standing.kept(leases, crossings))
}

/// What a failure of SQLite means.
pub(crate) fn failed(error: rusqlite::Error) -> StoreError {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
    let is_damage =
        matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..))
            || matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
            );
    if is_damage {
        StoreError::Damaged(error.to_string())
    } else {
        StoreError::Unavailable(error.to_string())
    }
}

/// Writes what was not counted before, and what it did to the holdings.
fn save(connection: &Connection, request: &SyncRequest, holdings: &[Holding]) -> Result<(), StoreError> {
    append(connection, request).map_err(failed)?;
    for call in &request.closed {
        let mut statement =
            connection.prepare_cached("DELETE FROM opened_calls WHERE call = ?1").map_err(failed)?;
        statement.execute([call.to_string()]).map_err(failed)?;
    }
    for opened in &request.opened {
        open(connection, &request.replica, opened)?;
    }
    save_holdings(connection, request, holdings).map_err(failed)
}

/// Appends the records and counts them. One that is there already was counted, and stays as it is; one that was only assumed has been
/// taken out by the replica's return.
fn append(connection: &Connection, request: &SyncRequest) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(concat!(
        "INSERT OR IGNORE INTO journal (",
        journal_columns!(),
        ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, \
         ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30)"
    ))?;
    let mut tally = Tally::default();
    for record in &request.records {
        let (path, tokens) = (&record.path, &record.tokens);
        let appended = statement.execute(params![
            record.call.to_string(),
            kept_time(record.started_at),
            path.tenant(),
            path.team(),
            path.user(),
            path.key(),
            record.dialect,
            record.client,
            record.model_requested,
            record.model_served,
            record.endpoint,
            kept(tokens.input),
            kept(tokens.output),
            kept(tokens.cache_read),
            kept(tokens.cache_write_5m),
            kept(tokens.cache_write_1h),
            tokens.thinking.map(kept),
            kept(record.cost.get()),
            record.price_version,
            record.first_byte_us.map(kept),
            kept(record.total_us),
            record.outcome.as_str(),
            record.basis.as_str(),
            record.stop_reason,
            record.upstream_request_id,
            record.status,
            record.stream,
            Names(&record.counters).text(),
            record.tags.as_str(),
            kept(record.uncached_cost.get()),
        ])?;
        if appended > 0 {
            tally.add(record);
        }
    }
    sums::add(connection, &tally)
}

fn open(connection: &Connection, replica: &ReplicaId, opened: &Opened) -> Result<(), StoreError> {
    let record = json(&Array(&opened.if_lost))?;
    let mut statement = connection
        .prepare_cached("INSERT OR REPLACE INTO opened_calls (call, replica, record) VALUES (?1, ?2, ?3)")
        .map_err(failed)?;
    statement.execute([&opened.call().to_string(), replica.as_str(), &record]).map(drop).map_err(failed)
}

fn save_holdings(
    connection: &Connection,
    request: &SyncRequest,
    holdings: &[Holding],
) -> rusqlite::Result<()> {
    let mut counters = connection.prepare_cached(
        "INSERT INTO counters (budget, \"window\", spent, leased, uncovered, raised, paced_until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE
         SET spent = excluded.spent, leased = excluded.leased, uncovered = excluded.uncovered,
             raised = excluded.raised, paced_until = excluded.paced_until",
    )?;
    let mut leases = connection.prepare_cached(
        "INSERT INTO leases (replica, budget, \"window\", leased) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET leased = excluded.leased, written_off = 0",
    )?;
    for (step, Holding { counter, lease, is_moved, .. }) in request.moves.iter().zip(holdings) {
        let (budget, window) = leases::name(&step.counter);
        // Credit is granted by people, and not by a sync.
        let CounterState { spent, leased, uncovered, credit: _, raised, paced_until } = *counter;
        let (spent, leased, uncovered) = (kept(spent), kept(leased), kept(uncovered));
        counters.execute(params![
            budget,
            window,
            spent,
            leased,
            uncovered,
            raised,
            kept_time(paced_until)
        ])?;
        if *is_moved {
            leases.execute(params![request.replica.as_str(), budget, window, kept(*lease)])?;
        }
    }
    Ok(())
}

/// Keeps the thresholds that were reached, in the order in which they were.
fn raise(connection: &Connection, crossings: &[Crossing]) -> rusqlite::Result<()> {
    for Crossing { counter: Counter { budget, window }, threshold, at, spent, limit } in crossings {
        let mut statement = connection.prepare_cached(
            "INSERT OR IGNORE INTO budget_events (budget, \"window\", threshold, at, spent, limit_amount)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        let (spent, limit) = (kept(*spent), kept(*limit));
        let window = window.to_string();
        statement.execute(params![budget.as_str(), window, threshold, kept_time(*at), spent, limit])?;
    }
    Ok(())
}

/// Notes how far a replica has come, and that it is alive.
fn save_replica(connection: &Connection, replica: &ReplicaId, standing: &Standing) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO replicas (id, sequence, heard_at) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET sequence = excluded.sequence, heard_at = excluded.heard_at, is_dead = 0",
    )?;
    statement.execute(params![replica.as_str(), kept(standing.sequence), standing.heard_at]).map(drop)
}
