//! One sync: one transaction of few exchanges. It begins; it locks and reads all that concerns the request; the ledger's
//! rules decide; all that comes of it is written, and then counted; it commits.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use sqlx::{Connection as _, PgConnection, Postgres, Transaction};
use stonegate_ledger::{
    Counter, CounterState, Crossing, LeaseState, StoreError, SyncReply, SyncRequest, Terms,
};

use super::{
    super::Pools,
    adjust, adopt, clean,
    columns::{RecordColumns, append_records},
    define, journal, store_time,
};
use crate::ledger::{
    budget::{TermCells, counter_state, term_columns},
    convert::{Columns, json, kept, kept_time, unavailable},
    record::Array,
};

/// How often a replica that has nothing to say is noted to be alive. In between, its polls only read.
const HEARTBEAT: SignedDuration = SignedDuration::from_secs(2);
/// How long the server may take for a sync before its connection is given up.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much longer for each record: after an outage a sync has tens of thousands of them, and what cannot be said in time is
/// said again in the very same words.
const PATIENCE_A_RECORD: Duration = Duration::from_millis(2);
/// With so many records, the database is told of that, too.
const MANY_RECORDS: usize = 1_000;
/// How often rows are made that are missing, before something is wrong.
const ATTEMPTS: usize = 3;

/// What came of a request.
enum Taken {
    /// It is in the store, now or since before.
    Kept(Kept),
    /// Nothing was done: the replica had been declared dead, and has to be brought back to life first.
    Dead,
}

/// What there is to answer.
struct Kept {
    time: Timestamp,
    leases: Vec<LeaseState>,
    exhausted: Vec<Counter>,
    budgets_version: u64,
    crossings: Vec<Crossing>,
}

pub(super) async fn sync(pools: &Pools, request: &Arc<SyncRequest>) -> Result<SyncReply, StoreError> {
    let Kept { time, leases, exhausted, budgets_version, crossings } = loop {
        match take(pools, request).await? {
            Taken::Kept(kept) => break kept,
            Taken::Dead => adopt::revive(pools, &request.replica, request.at).await?,
        }
    };
    // What was changed after the transaction may be among them, and is told once more next time.
    let budgets = if budgets_version > request.budgets_version {
        define::changes_since(pools, request.budgets_version).await?
    } else {
        Vec::new()
    };
    let (sequence, store_time) = (request.sequence, Some(time));
    Ok(SyncReply { sequence, store_time, leases, exhausted, budgets_version, budgets, crossings })
}

async fn take(pools: &Pools, request: &SyncRequest) -> Result<Taken, StoreError> {
    let mut line = pools.sync_line().take().await?;
    let work = async {
        let mut taken = if request.is_idle() {
            poll(&mut line, request).await?
        } else {
            exchange(&mut line, request).await?
        };
        if let (true, Taken::Kept(kept)) = (request.is_poll, &mut taken) {
            kept.exhausted = exhausted_leases(&mut line, request).await?;
        }
        Ok::<Taken, StoreError>(taken)
    };
    let patience = patience(request);
    let slow = |_| StoreError::Unavailable(format!("no answer within {patience:?}"));
    let taken = tokio::time::timeout(patience, work).await.map_err(slow)??;
    line.keep();
    Ok(taken)
}

/// How long a request may take.
fn patience(request: &SyncRequest) -> Duration {
    let records = u32::try_from(request.records.len()).unwrap_or(u32::MAX);
    PATIENCE.saturating_add(PATIENCE_A_RECORD.saturating_mul(records))
}

/// A request that says nothing: a read, and now and then a heartbeat.
async fn poll(connection: &mut PgConnection, request: &SyncRequest) -> Result<Taken, StoreError> {
    let row = sqlx::query(concat!(
        "SELECT coalesce(sequence, 0), coalesce(is_dead, false), coalesce(",
        store_time!(),
        " - heard_at, 9000000000), (SELECT coalesce(max(version), 0) FROM budgets), ",
        store_time!(),
        " FROM (SELECT 1) AS one LEFT JOIN replicas ON id = $1"
    ))
    .bind(request.replica.as_str())
    .fetch_one(&mut *connection)
    .await
    .map_err(unavailable)?;
    let mut columns = Columns::of(&row);
    let (sequence, is_dead, silence) = (columns.count()?, columns.flag()?, columns.signed()?);
    let (budgets_version, time) = (columns.count()?, columns.time()?);
    let (leases, exhausted, crossings) = (Vec::new(), Vec::new(), Vec::new());
    let kept = Taken::Kept(Kept { time, leases, exhausted, budgets_version, crossings });
    request.is_next_after(sequence)?;
    if is_dead {
        return Ok(Taken::Dead);
    }
    if SignedDuration::from_micros(silence) < HEARTBEAT {
        return Ok(kept);
    }
    let beat = sqlx::query(concat!(
        "INSERT INTO replicas (id, sequence, heard_at) VALUES ($1, 0, ",
        store_time!(),
        ") ON CONFLICT (id) DO UPDATE SET heard_at = excluded.heard_at WHERE NOT replicas.is_dead"
    ))
    .bind(request.replica.as_str())
    .execute(connection)
    .await
    .map_err(unavailable)?;
    Ok(if beat.rows_affected() == 0 { Taken::Dead } else { kept })
}

/// The counters on which the replica holds lease while nothing is left for the others.
async fn exhausted_leases(
    connection: &mut PgConnection,
    request: &SyncRequest,
) -> Result<Vec<Counter>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT leases.budget || '@' || leases.\"window\", counters.spent, counters.leased, counters.uncovered,
                counters.credit, counters.raised, counters.paced_until, ",
        term_columns!(),
        " FROM leases
           JOIN counters ON counters.budget = leases.budget AND counters.\"window\" = leases.\"window\"
           JOIN budgets ON budgets.id = leases.budget
          WHERE leases.replica = $1 AND leases.leased > 0
            AND EXISTS (SELECT FROM replicas WHERE id <> $1 AND NOT is_dead)"
    ))
    .bind(request.replica.as_str())
    .fetch_all(connection)
    .await
    .map_err(unavailable)?;
    let exhausted = rows.iter().map(|row| {
        let mut columns = Columns::of(row);
        let counter = columns.parsed()?;
        let state = counter_state(&mut columns)?;
        let terms = TermCells::of(&mut columns)?.terms(request.at)?;
        Ok(state.is_exhausted(&terms).then_some(counter))
    });
    exhausted.filter_map(Result::transpose).collect()
}

/// The transaction. Left in its midst, it is undone.
async fn exchange(connection: &mut PgConnection, request: &SyncRequest) -> Result<Taken, StoreError> {
    let mut transaction =
        connection.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await.map_err(unavailable)?;
    if request.records.len() > MANY_RECORDS {
        let patience = patience(request).as_millis().to_string();
        let set = "SELECT set_config('statement_timeout', $1, true)";
        sqlx::query(set).bind(patience).execute(&mut *transaction).await.map_err(unavailable)?;
    }
    let mut standing = Standing::load(&mut transaction, request).await?;
    for _ in 0..ATTEMPTS {
        if standing.is_whole() {
            break;
        }
        make_rows(&mut transaction, request).await?;
        standing = Standing::load(&mut transaction, request).await?;
    }
    let Some(holdings) = standing.holdings else {
        return Err(StoreError::Damaged("rows that were just written cannot be read".to_owned()));
    };
    let is_new = request.is_next_after(standing.sequence)?;
    if standing.is_dead {
        // At once: whoever brings it back to life waits for its row.
        transaction.rollback().await.map_err(unavailable)?;
        return Ok(Taken::Dead);
    }
    let mut holdings = holdings;
    let mut leases = Vec::with_capacity(holdings.len());
    let mut crossings = Vec::new();
    for (step, holding) in request.moves.iter().zip(&mut holdings) {
        let Holding { counter, lease, terms } = holding;
        if is_new {
            leases.push(counter.apply(lease, step, terms, standing.replicas));
            crossings.extend(terms.crossings(&step.counter, counter));
        } else {
            leases.push(counter.state(&step.counter, *lease, terms));
        }
    }
    if is_new {
        save(&mut transaction, request, &holdings).await?;
        adjust::raise(&mut transaction, &crossings).await?;
    }
    transaction.commit().await.map_err(unavailable)?;
    let Standing { time, budgets_version, .. } = standing;
    Ok(Taken::Kept(Kept { time, leases, exhausted: Vec::new(), budgets_version, crossings }))
}

/// One counter and the replica's lease on it.
struct Holding {
    counter: CounterState,
    lease: u64,
    /// What its budget allows now.
    terms: Terms,
}

/// What the store knows of a replica and of what its request is about.
struct Standing {
    sequence: u64,
    is_dead: bool,
    /// How many replicas are alive.
    replicas: u64,
    budgets_version: u64,
    time: Timestamp,
    /// In the order of the moves; `None` when rows are missing, or may be older than the locks on them.
    holdings: Option<Vec<Holding>>,
}

impl Standing {
    fn is_whole(&self) -> bool {
        self.holdings.is_some()
    }

    /// Locks and reads. A row that is locked is read as it is then; what is joined to it is read as it was when the
    /// statement began. The two are one unless somebody wrote for this replica while we waited for its row, which its
    /// edition tells.
    async fn load(
        transaction: &mut Transaction<'_, Postgres>,
        request: &SyncRequest,
    ) -> Result<Self, StoreError> {
        let (budgets, windows) = names(request.moves.iter().map(|step| &step.counter));
        let rows = sqlx::query(concat!(
            "WITH me AS MATERIALIZED (
                 SELECT sequence, is_dead, xmin::text AS edition FROM replicas WHERE id = $1 FOR UPDATE
             ), given AS (
                 SELECT * FROM unnest($2, $3) WITH ORDINALITY AS given (budget, \"window\", place)
             ), locked AS MATERIALIZED (
                 SELECT budget, \"window\", spent, leased, uncovered, credit, raised, paced_until FROM counters
                  WHERE (budget, \"window\") IN (SELECT budget, \"window\" FROM given)
                    AND (SELECT count(*) FROM me) >= 0
                  ORDER BY budget, \"window\" FOR UPDATE
             )
             SELECT me.sequence, me.is_dead, me.edition = (SELECT xmin::text FROM replicas WHERE id = $1),
                    (SELECT count(*) FROM replicas WHERE NOT is_dead),
                    (SELECT coalesce(max(version), 0) FROM budgets), ",
            store_time!(),
            ", given.place IS NOT NULL,
                    locked.spent IS NOT NULL AND budgets.id IS NOT NULL, coalesce(leases.leased, 0),
                    locked.spent, locked.leased, locked.uncovered, locked.credit, locked.raised, locked.paced_until, ",
            term_columns!(),
            " FROM (SELECT 1) AS one
               LEFT JOIN me ON true
               LEFT JOIN given ON true
               LEFT JOIN locked ON locked.budget = given.budget AND locked.\"window\" = given.\"window\"
               LEFT JOIN leases ON leases.budget = given.budget AND leases.\"window\" = given.\"window\"
                                AND leases.replica = $1
               LEFT JOIN budgets ON budgets.id = given.budget
              ORDER BY given.place"
        ))
        .bind(request.replica.as_str())
        .bind(budgets)
        .bind(windows)
        .fetch_all(&mut **transaction)
        .await
        .map_err(unavailable)?;
        let mut standing = Self {
            sequence: 0,
            is_dead: false,
            replicas: 0,
            budgets_version: 0,
            time: request.at,
            holdings: Some(Vec::new()),
        };
        for row in &rows {
            standing.read(&mut Columns::of(row), request.at)?;
        }
        Ok(standing)
    }

    fn read(&mut self, columns: &mut Columns<'_>, at: Timestamp) -> Result<(), StoreError> {
        let sequence = columns.count_or_none()?;
        self.sequence = sequence.unwrap_or(0);
        self.is_dead = columns.flag_or_none()?.unwrap_or(false);
        let is_current = columns.flag_or_none()?.unwrap_or(false);
        self.replicas = columns.count()?;
        self.budgets_version = columns.count()?;
        self.time = columns.time()?;
        let (has_move, has_counter, lease) = (columns.flag()?, columns.flag()?, columns.count()?);
        if sequence.is_none() || !is_current || (has_move && !has_counter) {
            self.holdings = None;
        } else if has_move {
            let counter = counter_state(columns)?;
            let terms = TermCells::of(columns)?.terms(at)?;
            self.holdings
                .iter_mut()
                .for_each(|all| all.push(Holding { counter, lease, terms: terms.clone() }));
        }
        Ok(())
    }
}

/// Makes the rows of a replica and of counters that were not heard of before. Two that make the same one wait for each
/// other, and both find it.
async fn make_rows(
    transaction: &mut Transaction<'_, Postgres>,
    request: &SyncRequest,
) -> Result<(), StoreError> {
    sqlx::query(concat!(
        "INSERT INTO replicas (id, sequence, heard_at) VALUES ($1, 0, ",
        store_time!(),
        ") ON CONFLICT (id) DO NOTHING"
    ))
    .bind(request.replica.as_str())
    .execute(&mut **transaction)
    .await
    .map_err(unavailable)?;
    let (budgets, windows) = names(request.moves.iter().map(|step| &step.counter));
    make_counters(transaction, budgets, windows).await
}

/// Makes counters that were not heard of before, in the order of their names.
pub(super) async fn make_counters(
    connection: &mut PgConnection,
    budgets: Vec<&str>,
    windows: Vec<String>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO counters (budget, \"window\", spent, leased, uncovered)
         SELECT budget, \"window\", 0, 0, 0 FROM unnest($1, $2) AS given (budget, \"window\")
         ORDER BY budget COLLATE \"C\", \"window\" COLLATE \"C\"
         ON CONFLICT (budget, \"window\") DO NOTHING",
    )
    .bind(budgets)
    .bind(windows)
    .execute(connection)
    .await
    .map(drop)
    .map_err(unavailable)
}

/// Counters as two columns.
pub(super) fn names<'a>(counters: impl Iterator<Item = &'a Counter>) -> (Vec<&'a str>, Vec<String>) {
    counters.map(|counter| (counter.budget.as_str(), counter.window.to_string())).unzip()
}

/// Writes what was not counted before and what it did to the holdings, and notes that the replica is alive.
async fn save(
    transaction: &mut Transaction<'_, Postgres>,
    request: &SyncRequest,
    holdings: &[Holding],
) -> Result<(), StoreError> {
    let statement = concat!(
        "WITH heard AS (
             UPDATE replicas SET sequence = $32, heard_at = ",
        store_time!(),
        " WHERE id = $31
         ), ended AS (
             DELETE FROM opened_calls WHERE call = ANY($33)
         ), begun AS (
             INSERT INTO opened_calls (call, replica, record)
             SELECT call, $31, record FROM unnest($34, $35) AS given (call, record)
             ON CONFLICT (call) DO UPDATE SET replica = excluded.replica, record = excluded.record
         ), given AS (
             SELECT * FROM unnest($36, $37, $38, $39, $40, $41, $42, $43)
                 AS given (budget, \"window\", spent, leased, uncovered, lease, raised, paced_until)
         ), counted AS (
             UPDATE counters SET spent = given.spent, leased = given.leased, uncovered = given.uncovered,
                                 raised = given.raised, paced_until = given.paced_until
               FROM given WHERE counters.budget = given.budget AND counters.\"window\" = given.\"window\"
         ), held AS (
             INSERT INTO leases (replica, budget, \"window\", leased)
             SELECT $31, budget, \"window\", lease FROM given
             ON CONFLICT (budget, \"window\", replica) DO UPDATE SET leased = excluded.leased, written_off = 0
             WHERE leases.leased <> excluded.leased OR leases.written_off <> 0
         ) ",
        append_records!()
    );
    let closed: Vec<_> = request.closed.iter().map(ToString::to_string).collect();
    let mut opened = (Vec::new(), Vec::new());
    for call in &request.opened {
        opened.0.push(call.call().to_string());
        opened.1.push(json(&Array(&call.if_lost))?);
    }
    let (budgets, windows) = names(request.moves.iter().map(|step| &step.counter));
    let amounts = |amount: fn(&Holding) -> i64| holdings.iter().map(amount).collect::<Vec<_>>();
    let appended = RecordColumns::of(&request.records)
        .bind(sqlx::query(statement))
        .bind(clean(request.replica.as_str()))
        .bind(kept(request.sequence))
        .bind(closed)
        .bind(opened.0)
        .bind(opened.1)
        .bind(budgets)
        .bind(windows)
        .bind(amounts(|holding| kept(holding.counter.spent)))
        .bind(amounts(|holding| kept(holding.counter.leased)))
        .bind(amounts(|holding| kept(holding.counter.uncovered)))
        .bind(amounts(|holding| kept(holding.lease)))
        .bind(amounts(|holding| i64::from(holding.counter.raised)))
        .bind(amounts(|holding| kept_time(holding.counter.paced_until)))
        .fetch_all(&mut **transaction)
        .await
        .map_err(unavailable)?;
    journal::count(transaction, &request.records, &appended).await
}
