//! What people do to budgets, on either database, and what replicas hear of it.

use sqlx::Transaction;
use stonegate_ledger::{Budget, BudgetChange, BudgetId, StoreError, Zone};

use super::{
    super::{Connection, Database, Pools},
    hold,
};
use crate::ledger::{
    budget::{self, budget_columns, parse},
    convert::{json, kept, unavailable},
};

/// Each change of a budget has the next version; replicas ask for what is newer than what they know.
pub(super) async fn write(pools: &Pools) -> Result<Transaction<'static, Database>, StoreError> {
    let mut transaction = pools.write().await.map_err(unavailable)?;
    hold::budgets(&mut transaction).await?;
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

pub(super) async fn move_to(pools: &Pools, ids: Vec<BudgetId>, time_zone: Zone) -> Result<(), StoreError> {
    let mut transaction = write(pools).await?;
    for id in ids {
        sqlx::query(
            "UPDATE budgets SET time_zone = $2, version = (SELECT max(version) + 1 FROM budgets)
              WHERE id = $1 AND NOT removed AND time_zone <> $2",
        )
        .bind(id.as_str())
        .bind(time_zone.as_str())
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
    }
    transaction.commit().await.map_err(unavailable)
}

pub(super) async fn remove(pools: &Pools, id: BudgetId) -> Result<bool, StoreError> {
    let mut transaction = write(pools).await?;
    let done = sqlx::query(
        "UPDATE budgets SET removed = $2, version = (SELECT max(version) + 1 FROM budgets)
          WHERE id = $1 AND NOT removed",
    )
    .bind(id.as_str())
    .bind(true)
    .execute(&mut *transaction)
    .await
    .map_err(unavailable)?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(done.rows_affected() > 0)
}

/// Makes replicas read a budget anew. Says whether there is one.
pub(super) async fn touch(connection: &mut Connection, id: &BudgetId) -> Result<bool, StoreError> {
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
