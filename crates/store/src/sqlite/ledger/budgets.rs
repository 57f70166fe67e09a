//! Budgets: defined by people, read by replicas and by people.

use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;
use stonegate_ledger::{
    AllTerms, Budget, BudgetChange, BudgetFilter, BudgetId, BudgetState, Counter, StoreError, Terms,
    UsageRecord,
};

use super::{super::Pools, leases};
use crate::ledger::{
    budget::{self, budget_columns, counter_state, parse, term_columns},
    convert::{Columns, json, kept, unavailable},
};

pub(super) async fn define(pools: &Pools, budget: Budget) -> Result<(), StoreError> {
    budget.validate()?;
    let mut transaction = pools.write().await.map_err(unavailable)?;
    let known = sqlx::query(concat!("SELECT ", budget_columns!(), " FROM budgets WHERE id = ?1"))
        .bind(budget.id.as_str())
        .fetch_optional(&mut *transaction)
        .await
        .map_err(unavailable)?;
    if let Some(row) = known
        && !budget.counts_as(&parse(&row)?.0)
    {
        return Err(StoreError::OtherBudget(budget.id));
    }
    let (mode, per_minute) = budget::mode(budget.mode);
    sqlx::query(
        "INSERT INTO budgets (id, account, \"window\", time_zone, unit, limit_amount, mode, per_minute, model_filter,
                              when_short, thresholds, version)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, coalesce(max(version), 0) + 1 FROM budgets WHERE true
         ON CONFLICT (id) DO UPDATE
         SET time_zone = excluded.time_zone, limit_amount = excluded.limit_amount, mode = excluded.mode,
             per_minute = excluded.per_minute, model_filter = excluded.model_filter,
             when_short = excluded.when_short, thresholds = excluded.thresholds, removed = ?12,
             version = excluded.version",
    )
    .bind(budget.id.as_str())
    .bind(budget.account.to_string())
    .bind(budget.window.as_str())
    .bind(budget.time_zone.as_str())
    .bind(budget::unit(budget.limit))
    .bind(kept(budget.limit.amount()))
    .bind(mode)
    .bind(per_minute)
    .bind(&budget.model_filter)
    .bind(budget.when_short.as_str())
    .bind(json(&budget.thresholds)?)
    .bind(false)
    .execute(&mut *transaction)
    .await
    .map_err(unavailable)?;
    transaction.commit().await.map_err(unavailable)
}

pub(super) async fn remove(pools: &Pools, id: BudgetId) -> Result<bool, StoreError> {
    let mut transaction = pools.write().await.map_err(unavailable)?;
    let done = sqlx::query(
        "UPDATE budgets SET removed = 1, version = (SELECT max(version) + 1 FROM budgets)
          WHERE id = ?1 AND NOT removed",
    )
    .bind(id.as_str())
    .execute(&mut *transaction)
    .await
    .map_err(unavailable)?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(done.rows_affected() > 0)
}

/// Makes replicas read a budget anew. Says whether there is one.
pub(super) async fn touch(connection: &mut SqliteConnection, id: &BudgetId) -> Result<bool, StoreError> {
    let touched = sqlx::query(
        "UPDATE budgets SET version = (SELECT max(version) + 1 FROM budgets) WHERE id = ?1 AND NOT removed",
    )
    .bind(id.as_str())
    .execute(connection)
    .await
    .map_err(unavailable)?;
    Ok(touched.rows_affected() > 0)
}

/// What was changed since that version, the latest change of each budget.
pub(super) async fn changes_since(pools: &Pools, version: u64) -> Result<Vec<BudgetChange>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        budget_columns!(),
        " FROM budgets WHERE version > ?1 ORDER BY version"
    ))
    .bind(kept(version))
    .fetch_all(pools.readers())
    .await
    .map_err(unavailable)?;
    let change = |row| match parse(row)? {
        (budget, false) => Ok(BudgetChange::Defined(budget)),
        (budget, true) => Ok(BudgetChange::Removed(budget.id)),
    };
    rows.iter().map(change).collect()
}

pub(super) async fn list(
    pools: &Pools,
    filter: BudgetFilter,
    at: Timestamp,
) -> Result<Vec<BudgetState>, StoreError> {
    let mut transaction = pools.read().await.map_err(unavailable)?;
    let rows = sqlx::query(concat!(
        "SELECT ",
        budget_columns!(),
        " FROM budgets WHERE NOT removed AND (?1 IS NULL OR account = ?1) ORDER BY id"
    ))
    .bind(filter.account.map(|account| account.to_string()))
    .fetch_all(&mut *transaction)
    .await
    .map_err(unavailable)?;
    let mut states = Vec::with_capacity(rows.len());
    for row in &rows {
        states.push(stand(&mut transaction, parse(row)?.0, at).await?);
    }
    Ok(states)
}

async fn stand(
    connection: &mut SqliteConnection,
    budget: Budget,
    at: Timestamp,
) -> Result<BudgetState, StoreError> {
    let period = budget.period_at(at);
    let row = sqlx::query(
        "SELECT coalesce(spent, 0), coalesce(leased, 0), coalesce(uncovered, 0),
                coalesce(counters.credit, 0), coalesce(raised, 0), coalesce(paced_until, 0),
                coalesce((SELECT sum(written_off) FROM leases WHERE budget = ?1 AND \"window\" = ?2), 0)
           FROM (SELECT 1) LEFT JOIN counters ON budget = ?1 AND \"window\" = ?2",
    )
    .bind(budget.id.as_str())
    .bind(period.key.to_string())
    .fetch_one(connection)
    .await
    .map_err(unavailable)?;
    let mut columns = Columns::of(&row);
    let counter = counter_state(&mut columns)?;
    Ok(BudgetState {
        limit: Terms::of(&budget, at).limit(counter.credit),
        budget,
        window: period.key,
        renews_at: period.ends_at,
        counter,
        unresolved: columns.count()?,
    })
}

/// The counters that a record would be charged to at that time.
pub(super) async fn applicable(
    connection: &mut SqliteConnection,
    record: &UsageRecord,
    at: Timestamp,
) -> Result<Vec<Counter>, StoreError> {
    let accounts: Vec<_> = record.path.accounts().map(ToString::to_string).collect();
    let rows = sqlx::query(concat!(
        "SELECT ",
        budget_columns!(),
        " FROM budgets WHERE NOT removed AND account IN (SELECT value FROM json_each(?1)) ORDER BY id"
    ))
    .bind(json(&accounts)?)
    .fetch_all(connection)
    .await
    .map_err(unavailable)?;
    let mut counters = Vec::new();
    for row in &rows {
        let (budget, _) = parse(row)?;
        if budget.counts(&record.model_served) {
            counters.push(budget.counter_at(at));
        }
    }
    Ok(counters)
}

/// The terms of these counters' budgets at that time.
pub(super) async fn terms<'a>(
    connection: &mut SqliteConnection,
    counters: impl Iterator<Item = &'a Counter>,
    at: Timestamp,
) -> Result<AllTerms, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT DISTINCT budgets.id, ",
        term_columns!(),
        " FROM json_each(?1) JOIN budgets ON budgets.id = value->>0"
    ))
    .bind(json(&leases::names(counters))?)
    .fetch_all(connection)
    .await
    .map_err(unavailable)?;
    rows.iter().map(|row| budget::terms(row, at)).collect()
}
