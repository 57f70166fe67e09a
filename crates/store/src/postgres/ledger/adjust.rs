//! What people did to budgets beside defining them, and the thresholds that were reached.

use sqlx::PgConnection;
use stonegate_ledger::{
    Adjustment, AdjustmentQuery, BudgetEvent, Change, Crossing, EventQuery, InvalidBudget, StoreError,
};

use super::{super::Pools, define, sync::names};
use crate::ledger::{
    budget::{self, adjustment_columns, change_cells, event_columns},
    convert::{kept, kept_time, unavailable},
};

pub(super) async fn adjust(pools: &Pools, adjustment: Adjustment) -> Result<(), StoreError> {
    if let Change::Override(overridden) = &adjustment.change
        && overridden.until <= overridden.from
    {
        return Err(InvalidBudget::Span.into());
    }
    let mut transaction = define::write(pools).await?;
    if !define::touch(&mut transaction, &adjustment.budget).await? {
        return Err(StoreError::NoBudget(adjustment.budget));
    }
    if append(&mut transaction, &adjustment).await? {
        apply(&mut transaction, &adjustment).await?;
    }
    transaction.commit().await.map_err(unavailable)
}

/// Keeps an adjustment, unless it is there already.
async fn append(connection: &mut PgConnection, adjustment: &Adjustment) -> Result<bool, StoreError> {
    let (kind, amount, window, from, until) = change_cells(&adjustment.change);
    let appended = sqlx::query(concat!(
        "INSERT INTO budget_adjustments (",
        adjustment_columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING"
    ))
    .bind(&*adjustment.id)
    .bind(adjustment.budget.as_str())
    .bind(kept_time(adjustment.at))
    .bind(&*adjustment.by)
    .bind(&adjustment.reason)
    .bind(kind)
    .bind(amount)
    .bind(window)
    .bind(from)
    .bind(until)
    .execute(connection)
    .await
    .map_err(unavailable)?;
    Ok(appended.rows_affected() > 0)
}

async fn apply(connection: &mut PgConnection, adjustment: &Adjustment) -> Result<(), StoreError> {
    let id = adjustment.budget.as_str();
    let query = match &adjustment.change {
        Change::Credit { amount, window: None } => {
            sqlx::query("UPDATE budgets SET credit = credit + $2 WHERE id = $1").bind(id).bind(*amount)
        }
        Change::Credit { amount, window: Some(window) } => sqlx::query(
            "INSERT INTO counters (budget, \"window\", spent, leased, uncovered, credit)
             VALUES ($1, $2, 0, 0, 0, $3)
             ON CONFLICT (budget, \"window\") DO UPDATE SET credit = counters.credit + excluded.credit",
        )
        .bind(id)
        .bind(window.to_string())
        .bind(*amount),
        Change::Override(overridden) => sqlx::query(
            "UPDATE budgets SET override_amount = $2, override_from = $3, override_until = $4 WHERE id = $1",
        )
        .bind(id)
        .bind(kept(overridden.amount))
        .bind(kept_time(overridden.from))
        .bind(kept_time(overridden.until)),
        Change::EndOverride => {
            sqlx::query("UPDATE budgets SET override_amount = NULL WHERE id = $1").bind(id)
        }
    };
    query.execute(connection).await.map(drop).map_err(unavailable)
}

pub(super) async fn list(pools: &Pools, query: AdjustmentQuery) -> Result<Vec<Adjustment>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        adjustment_columns!(),
        " FROM budget_adjustments WHERE ($1 IS NULL OR budget = $1) ORDER BY number DESC LIMIT $2"
    ))
    .bind(query.budget.as_ref().map(|id| id.as_str().to_owned()))
    .bind(i64::from(query.limit))
    .fetch_all(pools.readers())
    .await
    .map_err(unavailable)?;
    rows.iter().map(budget::adjustment).collect()
}

pub(super) async fn events(pools: &Pools, query: EventQuery) -> Result<Vec<BudgetEvent>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        event_columns!(),
        " FROM budget_events JOIN budgets ON budgets.id = budget
         WHERE number > $1 AND ($2 IS NULL OR budget = $2) AND ($3 IS NULL OR account = $3)
         ORDER BY number LIMIT $4"
    ))
    .bind(kept(query.after))
    .bind(query.budget.as_ref().map(|id| id.as_str().to_owned()))
    .bind(query.account.as_ref().map(ToString::to_string))
    .bind(i64::from(query.limit))
    .fetch_all(pools.readers())
    .await
    .map_err(unavailable)?;
    rows.iter().map(budget::event).collect()
}

/// Keeps what was reached.
pub(super) async fn raise(connection: &mut PgConnection, crossings: &[Crossing]) -> Result<(), StoreError> {
    if crossings.is_empty() {
        return Ok(());
    }
    let (budgets, windows) = names(crossings.iter().map(|crossing| &crossing.counter));
    let column = |cell: fn(&Crossing) -> i64| crossings.iter().map(cell).collect::<Vec<_>>();
    sqlx::query(
        "INSERT INTO budget_events (budget, \"window\", threshold, at, spent, limit_amount)
         SELECT * FROM unnest($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
    )
    .bind(budgets)
    .bind(windows)
    .bind(column(|crossing| i64::from(crossing.threshold)))
    .bind(column(|crossing| kept_time(crossing.at)))
    .bind(column(|crossing| kept(crossing.spent)))
    .bind(column(|crossing| kept(crossing.limit)))
    .execute(connection)
    .await
    .map(drop)
    .map_err(unavailable)
}
