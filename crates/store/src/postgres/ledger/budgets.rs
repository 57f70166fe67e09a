//! Budgets: defined by people, read by replicas and by people.

use jiff::Timestamp;
use sqlx::{PgConnection, postgres::PgRow};
use stonegate_ledger::{
    AllTerms, Budget, BudgetFilter, BudgetState, Counter, Period, StoreError, Terms, UsageRecord,
};

use super::{super::Pools, sync::names};
use crate::ledger::{
    budget::{self, budget_columns, counter_state, parse, term_columns},
    convert::{Columns, unavailable},
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
