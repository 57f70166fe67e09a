//! A budget as a row.

use stonegate_ledger::{Budget, BudgetId, Limit, Mode, Nanodollars, StoreError, Terms};

use super::convert::Columns;
use crate::cells::Cells;

/// The columns that [`parse`] reads, as a part of a statement.
macro_rules! budget_columns {
    () => {
        "id, account, \"window\", unit, limit_amount, mode, requests_per_minute, model_filter, thresholds, removed"
    };
}
pub(crate) use budget_columns;

/// Reads a budget, and whether it was removed.
pub(crate) fn parse(row: &impl Cells) -> Result<(Budget, bool), StoreError> {
    let mut columns = Columns::of(row);
    let (id, account, window) = (columns.name()?, columns.parsed()?, columns.parsed()?);
    let limit = limit(columns.text()?, columns.count()?)?;
    let (mode, rate) = (columns.text()?, columns.count_or_none()?);
    let mode = match (mode, rate) {
        ("block", None) => Mode::Block,
        ("notify", None) => Mode::Notify,
        ("throttle", Some(rate)) => {
            Mode::Throttle { requests_per_minute: u32::try_from(rate).unwrap_or(u32::MAX) }
        }
        (mode, rate) => {
            return Err(StoreError::Damaged(format!("budget {id} has mode {mode} and rate {rate:?}")));
        }
    };
    let model_filter = columns.text_or_none()?.map(str::to_owned);
    let thresholds = serde_json::from_str(columns.text()?)
        .map_err(|error| StoreError::Damaged(format!("budget {id} has thresholds that are none: {error}")))?;
    let budget = Budget { id: BudgetId::new(id), account, window, limit, mode, model_filter, thresholds };
    Ok((budget, columns.flag()?))
}

/// Reads a row of a budget's id, its unit, its limit, and whether that holds anyone back.
pub(crate) fn terms(row: &impl Cells) -> Result<(BudgetId, Terms), StoreError> {
    let mut columns = Columns::of(row);
    let id = BudgetId::new(columns.name()?);
    let unit = limit(columns.text()?, columns.count()?)?;
    let hard_limit = if columns.flag()? { Some(unit.amount()) } else { None };
    Ok((id, Terms { unit, hard_limit }))
}

fn limit(unit: &str, amount: u64) -> Result<Limit, StoreError> {
    match unit {
        "usd" => Ok(Limit::Usd(Nanodollars::new(amount))),
        "tokens" => Ok(Limit::Tokens(amount)),
        unit => Err(StoreError::Damaged(format!("a budget counts in {unit}"))),
    }
}
