//! Budgets: defined by people, read by replicas and by people.

use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;
use stonegate_ledger::{
    AllTerms, Budget, BudgetFilter, BudgetState, Counter, StoreError, Terms, UsageRecord,
};

use super::{super::Pools, leases};
use crate::ledger::{
    budget::{self, budget_columns, counter_state, parse, term_columns},
    convert::{Columns, json, unavailable},
};

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
