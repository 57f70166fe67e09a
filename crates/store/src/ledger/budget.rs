//! Budgets, their adjustments and their events as rows.

use jiff::Timestamp;
use stonegate_ledger::{
    Adjustment, Allowance, Amount, Budget, BudgetEvent, BudgetId, Change, Counter, CounterState, Crossing,
    Limit, Mode, Nanodollars, Override, StoreError, Terms,
};

use super::convert::{Columns, kept, kept_time};
use crate::cells::Cells;

/// The columns that [`parse`] reads, as a part of a statement.
macro_rules! budget_columns {
    () => {
        "id, account, \"window\", time_zone, model_filter, when_short, unit, limit_amount, mode, per_minute, thresholds, \
         credit, override_amount, override_from, override_until, removed"
    };
}

/// The columns that [`TermCells`] has, as a part of a statement about `budgets`.
macro_rules! term_columns {
    () => {
        "budgets.unit, budgets.limit_amount, budgets.mode, budgets.per_minute, budgets.thresholds, budgets.credit,
         budgets.override_amount, budgets.override_from, budgets.override_until, budgets.removed"
    };
}

/// The columns that [`adjustment`] reads, as a part of a statement.
macro_rules! adjustment_columns {
    () => {
        "id, budget, at, author, reason, kind, amount, \"window\", from_at, until_at"
    };
}

/// The columns that [`event`] reads, as a part of a statement about events joined to their budgets.
macro_rules! event_columns {
    () => {
        "number, account, unit, budget || '@' || budget_events.\"window\", threshold, at, spent, \
         budget_events.limit_amount"
    };
}
pub(crate) use {adjustment_columns, budget_columns, event_columns, term_columns};

/// Reads a budget, and whether it was removed.
pub(crate) fn parse(row: &impl Cells) -> Result<(Budget, bool), StoreError> {
    let mut columns = Columns::of(row);
    let (id, account, window) = (columns.name()?, columns.parsed()?, columns.parsed()?);
    let (time_zone, model_filter) = (columns.parsed()?, columns.text_or_none()?.map(str::to_owned));
    let when_short = columns.parsed()?;
    let Terms { limit, mode, allowance, thresholds, is_removed, .. } =
        TermCells::of(&mut columns)?.terms(Timestamp::UNIX_EPOCH)?;
    let id = BudgetId::new(id);
    let budget = Budget {
        id,
        account,
        window,
        time_zone,
        limit,
        mode,
        model_filter,
        when_short,
        thresholds,
        allowance,
    };
    Ok((budget, is_removed))
}

/// What a budget allows, as it is kept.
pub(crate) struct TermCells<'a> {
    pub(crate) unit: &'a str,
    pub(crate) limit_amount: i64,
    pub(crate) mode: &'a str,
    pub(crate) per_minute: Option<i64>,
    pub(crate) thresholds: &'a str,
    pub(crate) credit: i64,
    pub(crate) override_amount: Option<i64>,
    pub(crate) override_from: Option<i64>,
    pub(crate) override_until: Option<i64>,
    pub(crate) removed: bool,
}

impl<'a> TermCells<'a> {
    pub(crate) fn of(columns: &mut Columns<'a>) -> Result<Self, StoreError> {
        Ok(Self {
            unit: columns.text()?,
            limit_amount: columns.signed()?,
            mode: columns.text()?,
            per_minute: columns.signed_or_none()?,
            thresholds: columns.text()?,
            credit: columns.signed()?,
            override_amount: columns.signed_or_none()?,
            override_from: columns.signed_or_none()?,
            override_until: columns.signed_or_none()?,
            removed: columns.flag()?,
        })
    }

    /// The terms at that time.
    pub(crate) fn terms(&self, at: Timestamp) -> Result<Terms, StoreError> {
        let damaged = |what: &str| StoreError::Damaged(format!("a budget has {what}"));
        let amount = |found: i64| Amount::try_from(found).map_err(|_negative| damaged("a negative amount"));
        let time =
            |found| Timestamp::from_microsecond(found).map_err(|_beyond| damaged("an impossible time"));
        let limit = limit(self.unit, amount(self.limit_amount)?)?;
        let mode = match (self.mode, self.per_minute) {
            ("block", None) => Mode::Block,
            ("notify", None) => Mode::Notify,
            ("throttle", Some(rate)) => Mode::Throttle { per_minute: amount(rate)? },
            (mode, rate) => return Err(damaged(&format!("mode {mode} and rate {rate:?}"))),
        };
        let overridden = match (self.override_amount, self.override_from, self.override_until) {
            (Some(limit), Some(from), Some(until)) => {
                Some(Override { amount: amount(limit)?, from: time(from)?, until: time(until)? })
            }
            _ => None,
        };
        let thresholds = serde_json::from_str(self.thresholds)
            .map_err(|error| damaged(&format!("thresholds that are none: {error}")))?;
        let allowance = Allowance { credit: self.credit, overridden };
        Ok(Terms { limit, mode, allowance, thresholds, is_removed: self.removed, at })
    }
}

/// Reads a row of a budget's id and its [`term_columns`].
pub(crate) fn terms(row: &impl Cells, at: Timestamp) -> Result<(BudgetId, Terms), StoreError> {
    let mut columns = Columns::of(row);
    let id = BudgetId::new(columns.name()?);
    Ok((id, TermCells::of(&mut columns)?.terms(at)?))
}

/// Reads `spent, leased, uncovered, credit, raised, paced_until`.
pub(crate) fn counter_state(columns: &mut Columns<'_>) -> Result<CounterState, StoreError> {
    Ok(CounterState {
        spent: columns.count()?,
        leased: columns.count()?,
        uncovered: columns.count()?,
        credit: columns.signed()?,
        raised: u8::try_from(columns.count()?).unwrap_or(u8::MAX),
        paced_until: columns.time()?,
    })
}

/// A limit's unit as it is kept.
pub(crate) fn unit(limit: Limit) -> &'static str {
    match limit {
        Limit::Usd(_) => "usd",
        Limit::Tokens(_) => "tokens",
    }
}

/// A mode and its rate as they are kept.
pub(crate) fn mode(mode: Mode) -> (&'static str, Option<i64>) {
    match mode {
        Mode::Block => ("block", None),
        Mode::Throttle { per_minute } => ("throttle", Some(kept(per_minute))),
        Mode::Notify => ("notify", None),
    }
}

/// An amount in a unit as that is kept.
pub(crate) fn limit(unit: &str, amount: u64) -> Result<Limit, StoreError> {
    match unit {
        "usd" => Ok(Limit::Usd(Nanodollars::new(amount))),
        "tokens" => Ok(Limit::Tokens(amount)),
        unit => Err(StoreError::Damaged(format!("a budget counts in {unit}"))),
    }
}

/// What a change is kept as: kind, amount, window, from and until.
pub(crate) type ChangeCells = (&'static str, Option<i64>, Option<String>, Option<i64>, Option<i64>);

pub(crate) fn change_cells(change: &Change) -> ChangeCells {
    match change {
        Change::Credit { amount, window } => {
            ("credit", Some(*amount), window.map(|window| window.to_string()), None, None)
        }
        Change::Override(Override { amount, from, until }) => {
            ("override", Some(kept(*amount)), None, Some(kept_time(*from)), Some(kept_time(*until)))
        }
        Change::EndOverride => ("end_override", None, None, None, None),
    }
}

/// Reads an adjustment.
pub(crate) fn adjustment(row: &impl Cells) -> Result<Adjustment, StoreError> {
    let mut columns = Columns::of(row);
    let (id, budget, at) = (columns.name()?, BudgetId::new(columns.name()?), columns.time()?);
    let (by, reason) = (columns.name()?, columns.text()?.to_owned());
    let change = match columns.text()? {
        "credit" => {
            let amount = columns.signed()?;
            let window = columns.text_or_none()?.map(|text| text.parse()).transpose();
            let window = window.map_err(|_unknown| StoreError::Damaged(format!("a window of {id}")))?;
            Change::Credit { amount, window }
        }
        "override" => {
            let amount = columns.count()?;
            columns.text_or_none()?;
            Change::Override(Override { amount, from: columns.time()?, until: columns.time()? })
        }
        "end_override" => Change::EndOverride,
        kind => return Err(StoreError::Damaged(format!("adjustment {id} is a {kind}"))),
    };
    Ok(Adjustment { id, budget, at, by, reason, change })
}

/// Reads an event.
pub(crate) fn event(row: &impl Cells) -> Result<BudgetEvent, StoreError> {
    let mut columns = Columns::of(row);
    let (number, account) = (columns.count()?, columns.parsed()?);
    let (unit, counter): (&str, Counter) = (columns.text()?, columns.parsed()?);
    let threshold = u8::try_from(columns.count()?).unwrap_or(u8::MAX);
    let (at, spent, amount) = (columns.time()?, columns.count()?, columns.count()?);
    let crossing = Crossing { counter, threshold, at, spent, limit: amount };
    Ok(BudgetEvent { number, account, limit: limit(unit, amount)?, crossing })
}
