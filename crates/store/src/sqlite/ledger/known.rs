//! What the sync thread knows of the file without reading it again: what its own last syncs left there. It holds as long
//! as nobody else writes to the file, which SQLite tells.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, Row};
use stonegate_ledger::{Counter, CounterState, Crossing, LeaseState, ReplicaId, StoreError, SyncRequest};

use super::leases::{self, Holding};
use super::sync::{Taken, failed};
use crate::ledger::budget::{TermCells, term_columns};

/// How many counters are known at most; beyond that, all are forgotten and read again.
const MOST: usize = 4096;

/// What the sync thread knows of the file.
#[derive(Default)]
pub(crate) struct Known {
    /// SQLite's number for the commits of all other connections to the file.
    others: Option<i64>,
    /// Whose standing and leases these are.
    replica: Option<(ReplicaId, Standing)>,
    holdings: HashMap<Counter, Holding>,
}

impl Known {
    /// The same, or nothing if another connection has written since. Once a transaction holds the write lock, none can.
    pub(super) fn unless_written_by_others(self, transaction: &Connection) -> rusqlite::Result<Self> {
        let mut statement = transaction.prepare_cached("PRAGMA data_version")?;
        let others = Some(statement.query_row([], |row| row.get(0))?);
        Ok(if self.others == others { self } else { Self { others, ..Self::default() } })
    }

    /// What the store knows of the replica.
    pub(super) fn standing(
        &mut self,
        transaction: &Connection,
        replica: &ReplicaId,
    ) -> Result<Standing, StoreError> {
        match &self.replica {
            Some((known, standing)) if known == replica => Ok(*standing),
            _ => {
                // What is known was another's.
                self.holdings.clear();
                Standing::load(transaction, replica)
            }
        }
    }

    /// What the request's moves are about, in their order. It is no longer known then: it is about to change.
    pub(super) fn holdings(
        &mut self,
        transaction: &Connection,
        request: &SyncRequest,
    ) -> Result<Vec<Holding>, StoreError> {
        let mut holding = |counter| match self.holdings.remove(counter) {
            Some(mut holding) => {
                holding.terms.at = request.at;
                Ok(holding)
            }
            None => load(transaction, counter, &request.replica, request.at),
        };
        request.moves.iter().map(|step| holding(&step.counter)).collect()
    }

    /// What is known once the request has been committed.
    pub(super) fn after(mut self, request: &SyncRequest, standing: Standing, holdings: Vec<Holding>) -> Self {
        if self.holdings.len() > MOST {
            self.holdings.clear();
        }
        self.holdings.extend(request.moves.iter().map(|step| step.counter.clone()).zip(holdings));
        Self { replica: Some((request.replica.clone(), standing)), ..self }
    }
}

/// What the store knows of a replica.
#[derive(Clone, Copy)]
pub(super) struct Standing {
    pub(super) sequence: u64,
    pub(super) is_dead: bool,
    pub(super) heard_at: i64,
    pub(super) budgets_version: u64,
}

impl Standing {
    pub(super) fn load(connection: &Connection, replica: &ReplicaId) -> Result<Self, StoreError> {
        let mut statement = connection
            .prepare_cached(
                "SELECT coalesce(sequence, 0), coalesce(is_dead, 0), coalesce(heard_at, 0),
                        coalesce((SELECT max(version) FROM budgets), 0)
                   FROM (SELECT 1) LEFT JOIN replicas ON id = ?1",
            )
            .map_err(failed)?;
        let standing = statement.query_row([replica.as_str()], |row| {
            Ok(Self {
                sequence: row.get(0)?,
                is_dead: row.get(1)?,
                heard_at: row.get(2)?,
                budgets_version: row.get(3)?,
            })
        });
        standing.map_err(failed)
    }

    pub(super) fn kept(&self, leases: Vec<LeaseState>, crossings: Vec<Crossing>) -> Taken {
        Taken::Kept { leases, budgets_version: self.budgets_version, crossings }
    }
}

/// Loads one counter, the replica's lease on it, and its budget's terms at that time.
fn load(
    connection: &Connection,
    counter: &Counter,
    replica: &ReplicaId,
    at: Timestamp,
) -> Result<Holding, StoreError> {
    let mut statement = connection
        .prepare_cached(concat!(
            "SELECT coalesce(counters.spent, 0), coalesce(counters.leased, 0), coalesce(counters.uncovered, 0),
                    coalesce(counters.credit, 0), coalesce(counters.raised, 0), coalesce(counters.paced_until, 0),
                    coalesce(leases.leased, 0), ",
            term_columns!(),
            " FROM budgets
              LEFT JOIN counters ON counters.budget = ?1 AND counters.\"window\" = ?2
              LEFT JOIN leases ON leases.budget = ?1 AND leases.\"window\" = ?2 AND leases.replica = ?3
             WHERE budgets.id = ?1"
        ))
        .map_err(failed)?;
    let (budget, window) = leases::name(counter);
    let mut rows = statement.query([budget, &window, replica.as_str()]).map_err(failed)?;
    let missing = || StoreError::Damaged(format!("there never was a budget {budget}"));
    holding(rows.next().map_err(failed)?.ok_or_else(missing)?, at)
}

/// Reads one holding, with its budget's terms at that time.
fn holding(row: &Row<'_>, at: Timestamp) -> Result<Holding, StoreError> {
    let read = || -> rusqlite::Result<_> {
        let paced_until: i64 = row.get(5)?;
        let counter = CounterState {
            spent: row.get(0)?,
            leased: row.get(1)?,
            uncovered: row.get(2)?,
            credit: row.get(3)?,
            raised: row.get(4)?,
            paced_until: Timestamp::from_microsecond(paced_until).unwrap_or(Timestamp::MAX),
        };
        let cells = TermCells {
            unit: row.get_ref(7)?.as_str()?,
            limit_amount: row.get(8)?,
            mode: row.get_ref(9)?.as_str()?,
            per_minute: row.get(10)?,
            thresholds: row.get_ref(11)?.as_str()?,
            credit: row.get(12)?,
            override_amount: row.get(13)?,
            override_from: row.get(14)?,
            override_until: row.get(15)?,
            removed: row.get(16)?,
        };
        Ok((counter, row.get(6)?, cells))
    };
    let (counter, lease, cells) = read().map_err(failed)?;
    Ok(Holding { counter, lease, is_moved: false, terms: cells.terms(at)? })
}
