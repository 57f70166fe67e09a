//! Budgets: defined by people, read by replicas and by people.

use jiff::Timestamp;
use sqlx::{PgConnection, Postgres, Transaction, postgres::PgRow};
use stonegate_ledger::{
    AllTerms, Budget, BudgetChange, BudgetFilter, BudgetId, BudgetState, Counter, Period, StoreError, Terms,
    UsageRecord,
};

use super::{super::Pools, sync::names};
use crate::ledger::{
    budget::{self, budget_columns, counter_state, parse, term_columns},
    convert::{Columns, json, kept, unavailable},
};

/// Who changes budgets holds this advisory lock, so that versions are committed in their order: "STON", budgets.
const LOCK: i64 = 0x5354_4f4e_0000_0002;

pub(super) async fn write(pools: &Pools) -> Result<Transaction<'static, Postgres>, StoreError> {
    let mut transaction = pools.write().await.map_err(unavailable)?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
    Ok(transaction)
}

pub(super) async fn define(pools: &Pools, budget: Budget) -> Result<(), StoreError> {
    budget.validate()?;
    let mut transaction = write(pools).await?;
    let known = sqlx::query(concat!("SELECT ", budget_columns!(), " FROM budgets WHERE id = $1"))
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
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, coalesce(max(version), 0) + 1 FROM budgets WHERE true
         ON CONFLICT (id) DO UPDATE
         SET time_zone = excluded.time_zone, limit_amount = excluded.limit_amount, mode = excluded.mode,
             per_minute = excluded.per_minute, model_filter = excluded.model_filter,
             when_short = excluded.when_short, thresholds = excluded.thresholds, removed = $12,
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
    let mut transaction = write(pools).await?;
    let done = sqlx::query(
        "UPDATE budgets SET removed = true, version = (SELECT max(version) + 1 FROM budgets)
          WHERE id = $1 AND NOT removed",
    )
    .bind(id.as_str())
    .execute(&mut *transaction)
    .await
    .map_err(unavailable)?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(done.rows_affected() > 0)
}

/// Makes replicas read a budget anew. Says whether there is one.
pub(super) async fn touch(connection: &mut PgConnection, id: &BudgetId) -> Result<bool, StoreError> {
    let touched = sqlx::query(
        "UPDATE budgets SET version = (SELECT max(version) + 1 FROM budgets) WHERE id = $1 AND NOT removed",
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
        " FROM budgets WHERE version > $1 ORDER BY version"
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
        " FROM budgets WHERE NOT removed AND ($1 IS NULL OR account = $1) ORDER BY id"
    ))
    .bind(filter.account.map(|account| account.to_string()))
    .fetch_all(&mut *transaction)
    .await
    .map_err(unavailable)?;
    let budgets = rows.iter().map(|row| Ok(parse(row)?.0)).collect::<Result<Vec<_>, StoreError>>()?;
    stand(&mut transaction, budgets, at).await
}

/// How these budgets stand, asked in one question.
async fn stand(
    connection: &mut PgConnection,
    budgets: Vec<Budget>,
    at: Timestamp,
) -> Result<Vec<BudgetState>, StoreError> {
    let periods: Vec<_> = budgets.iter().map(|budget| budget.period_at(at)).collect();
    let rows = sqlx::query(
        "SELECT coalesce(spent, 0), coalesce(leased, 0), coalesce(uncovered, 0),
                coalesce(counters.credit, 0), coalesce(raised, 0), coalesce(paced_until, 0),
                coalesce((SELECT sum(written_off)::bigint FROM leases
                           WHERE leases.budget = given.budget AND leases.\"window\" = given.\"window\"), 0)
           FROM unnest($1, $2) WITH ORDINALITY AS given (budget, \"window\", place)
           LEFT JOIN counters ON counters.budget = given.budget AND counters.\"window\" = given.\"window\"
          ORDER BY place",
    )
    .bind(budgets.iter().map(|budget| budget.id.as_str()).collect::<Vec<_>>())
    .bind(periods.iter().map(|period| period.key.to_string()).collect::<Vec<_>>())
    .fetch_all(connection)
    .await
    .map_err(unavailable)?;
    let state = |((budget, period), row): ((Budget, Period), &PgRow)| {
        let mut columns = Columns::of(row);
        let counter = counter_state(&mut columns)?;
        Ok(BudgetState {
            limit: Terms::of(&budget, at).limit(counter.credit),
            budget,
            window: period.key,
            renews_at: period.ends_at,
            counter,
            unresolved: columns.count()?,
        })
    };
    budgets.into_iter().zip(periods).zip(&rows).map(state).collect()
}

/// The counters that a record would be charged to at that time.
pub(super) async fn applicable(
    connection: &mut PgConnection,
    record: &UsageRecord,
    at: Timestamp,
) -> Result<Vec<Counter>, StoreError> {
    let accounts: Vec<_> = record.path.accounts().map(ToString::to_string).collect();
    let rows = sqlx::query(concat!(
        "SELECT ",
        budget_columns!(),
        " FROM budgets WHERE NOT removed AND account = ANY($1) ORDER BY id"
    ))
    .bind(accounts)
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
    connection: &mut PgConnection,
    counters: impl Iterator<Item = &'a Counter>,
    at: Timestamp,
) -> Result<AllTerms, StoreError> {
    let rows = sqlx::query(concat!("SELECT id, ", term_columns!(), " FROM budgets WHERE id = ANY($1)"))
        .bind(names(counters).0)
        .fetch_all(connection)
        .await
        .map_err(unavailable)?;
    rows.iter().map(|row| budget::terms(row, at)).collect()
}
