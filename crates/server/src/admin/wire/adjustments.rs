//! Adjustments of budgets and their events on the wire.

use jiff::Timestamp;
use stonegate_api::{AdjustmentCreate, AdjustmentKind};
use stonegate_ledger::{Adjustment, BudgetEvent, BudgetState, Change, Limit, Override};

use super::{Problem, budgets, shown_time, time};
use crate::clock;

/// The longest reason.
const REASON_MOST: usize = 500;
/// The longest id that someone gives.
const ID_MOST: usize = 64;

/// The adjustment that is wanted. Credit for a window is for the one that the budget stands in, by whatever clock that was told.
pub(crate) fn wanted(
    state: &BudgetState,
    wanted: &AdjustmentCreate,
    by: &str,
    now: Timestamp,
) -> Result<Adjustment, Problem> {
    let reason = reason(&wanted.reason)?;
    let id = id("adj", wanted.id.as_deref())?;
    let change = change(state, wanted, now)?;
    let budget = state.budget.id.clone();
    Ok(Adjustment { id: id.into(), budget, at: now, by: by.into(), reason, change })
}

/// Whether the two ask for the same of a budget. What is said of the present, a window or a beginning, may have gone on.
pub(crate) fn is_the_same(kept: &Adjustment, wanted: &Adjustment) -> bool {
    let is_the_same_change = match (&kept.change, &wanted.change) {
        (Change::Credit { amount, window }, Change::Credit { amount: other, window: other_window }) => {
            amount == other && window.is_some() == other_window.is_some()
        }
        (Change::Override(its), Change::Override(own)) => {
            // Stores keep microseconds. Who asked for `1d` and asks again means the same length.
            let (its_end, own_end) = (its.until.as_microsecond(), own.until.as_microsecond());
            let length = |end: i64, at: Timestamp| end.saturating_sub(at.as_microsecond());
            let is_as_long = length(its_end, kept.at) == length(own_end, wanted.at);
            its.amount == own.amount && (its_end == own_end || is_as_long)
        }
        (Change::EndOverride, Change::EndOverride) => true,
        (Change::Credit { .. } | Change::Override(_) | Change::EndOverride, _) => false,
    };
    kept.budget == wanted.budget && kept.reason == wanted.reason && is_the_same_change
}

/// Why someone changes what is counted.
pub(in crate::admin) fn reason(text: &str) -> Result<String, Problem> {
    let reason = text.trim();
    if reason.is_empty() || reason.chars().count() > REASON_MOST || reason.chars().any(char::is_control) {
        let message = format!("give a reason, of {REASON_MOST} characters at most and on one line");
        return Err(Problem::invalid("reason", message));
    }
    Ok(reason.to_owned())
}

/// The id that an entry is given, or a new one.
pub(super) fn id(kind: &str, given: Option<&str>) -> Result<String, Problem> {
    match given {
        None => Ok(format!("{kind}_{:020x}", u128::from_be_bytes(clock::random()) >> 48)),
        Some(id) if (1..=ID_MOST).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(id.to_owned())
        }
        Some(_) => Err(Problem::invalid("id", format!("an id has 1 to {ID_MOST} visible ASCII characters"))),
    }
}

fn change(state: &BudgetState, wanted: &AdjustmentCreate, now: Timestamp) -> Result<Change, Problem> {
    let unit = state.budget.limit;
    let has_span = wanted.from.is_some() || wanted.until.is_some();
    if has_span && wanted.kind != AdjustmentKind::Override {
        return Err(Problem::invalid("until", "only an override begins and ends"));
    }
    let missing = || Problem::invalid("amount", "say how much, in the unit of the budget");
    let amount = wanted.amount.as_deref().ok_or_else(missing);
    match wanted.kind {
        AdjustmentKind::Credit => {
            Ok(Change::Credit { amount: signed(amount?, unit)?, window: Some(state.window) })
        }
        AdjustmentKind::CreditForEver => Ok(Change::Credit { amount: signed(amount?, unit)?, window: None }),
        AdjustmentKind::Override => {
            let amount = budgets::amount("amount", amount?, unit)?;
            let from = wanted.from.as_deref().map_or(Ok(now), |text| time("from", text))?;
            let endless = || Problem::invalid("until", "say when the override ends");
            let until = time("until", wanted.until.as_deref().ok_or_else(endless)?)?;
            if until <= from.max(now) {
                return Err(Problem::invalid(
                    "until",
                    "an override ends after it begins, and not in the past",
                ));
            }
            Ok(Change::Override(Override { amount, from, until }))
        }
        AdjustmentKind::EndOverride if wanted.amount.is_some() => {
            Err(Problem::invalid("amount", "to end an override takes no amount"))
        }
        AdjustmentKind::EndOverride => Ok(Change::EndOverride),
    }
}

fn signed(text: &str, unit: Limit) -> Result<i64, Problem> {
    let (digits, is_less) = text.strip_prefix('-').map_or((text, false), |digits| (digits, true));
    let amount = budgets::amount("amount", digits, unit)?;
    // What can be written fits, with either sign.
    let amount = i64::try_from(amount).unwrap_or(i64::MAX);
    Ok(if is_less { -amount } else { amount })
}

pub(crate) fn shown(adjustment: &Adjustment) -> stonegate_api::Adjustment {
    let signed = |amount| i64::try_from(amount).unwrap_or(i64::MAX);
    let (kind, amount, window, span) = match &adjustment.change {
        Change::Credit { amount, window: Some(window) } => {
            (AdjustmentKind::Credit, Some(*amount), Some(*window), None)
        }
        Change::Credit { amount, window: None } => (AdjustmentKind::CreditForEver, Some(*amount), None, None),
        Change::Override(overridden) => {
            let span = (overridden.from, overridden.until);
            (AdjustmentKind::Override, Some(signed(overridden.amount)), None, Some(span))
        }
        Change::EndOverride => (AdjustmentKind::EndOverride, None, None, None),
    };
    stonegate_api::Adjustment {
        id: adjustment.id.to_string(),
        budget: adjustment.budget.to_string(),
        at: shown_time(adjustment.at),
        by: adjustment.by.to_string(),
        reason: adjustment.reason.clone(),
        kind: kind.into(),
        amount,
        window_key: window.map(|window| window.to_string()),
        from: span.map(|(from, _)| shown_time(from)),
        until: span.map(|(_, until)| shown_time(until)),
    }
}

pub(crate) fn shown_event(event: &BudgetEvent) -> stonegate_api::BudgetEvent {
    let counter = event.counter();
    stonegate_api::BudgetEvent {
        number: event.number,
        at: shown_time(event.crossing.at),
        budget: counter.budget.to_string(),
        account: event.account.to_string(),
        window_key: counter.window.to_string(),
        threshold: event.crossing.threshold,
        unit: budgets::unit(event.limit).to_owned(),
        spent: event.spent(),
        limit: event.limit.amount(),
    }
}

#[cfg(test)]
mod tests {
    use stonegate_ledger::{
        Budget, BudgetFilter, BudgetId, LedgerStore as _, MemoryStore, Nanodollars, Window,
    };

    use super::*;

    #[tokio::test]
    async fn credit_is_for_the_window_that_the_budget_is_said_to_stand_in() {
        let [by_the_store, own] =
            ["2026-11-21T23:59:59Z", "2026-11-22T00:00:01Z"].map(|at| at.parse().unwrap());
        let store = MemoryStore::new();
        let limit = Limit::Usd(Nanodollars::new(5));
        let budget = Budget::block("b1", "tenant:acme".parse().unwrap(), Window::Daily, limit);
        store.define_budget(budget).await.unwrap();
        let states = store.list_budgets(BudgetFilter::default(), by_the_store).await.unwrap();
        for (kind, window) in
            [(AdjustmentKind::Credit, Some(states[0].window)), (AdjustmentKind::CreditForEver, None)]
        {
            let (amount, reason) = (Some("1".to_owned()), "a trip".to_owned());
            let asked = AdjustmentCreate { id: None, kind, amount, from: None, until: None, reason };
            let adjustment = wanted(&states[0], &asked, "ann", own).unwrap();
            let Change::Credit { window: found, .. } = adjustment.change else { panic!("{adjustment:?}") };
            assert_eq!(found, window);
        }
    }

    #[test]
    fn an_override_that_is_asked_for_again_is_the_same_though_time_went_on() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let asked = |now: &str, amount: u64, until: &str| Adjustment {
            id: "x1".into(),
            budget: BudgetId::new("b1"),
            at: at(now),
            by: "ann".into(),
            reason: "a release".to_owned(),
            change: Change::Override(Override { amount, from: at(now), until: at(until) }),
        };
        let kept = asked("2026-11-21T12:00:00.000001Z", 5, "2026-11-22T12:00:00.000001Z");
        for (wanted, is_it) in [
            (asked("2026-11-21T12:00:00.000001900Z", 5, "2026-11-22T12:00:00.000001900Z"), true),
            (asked("2026-11-21T12:00:03Z", 5, "2026-11-22T12:00:03Z"), true),
            (asked("2026-11-21T12:00:03Z", 5, "2026-11-22T12:00:00.000001Z"), true),
            (asked("2026-11-21T12:00:03Z", 5, "2026-11-23T12:00:03Z"), false),
            (asked("2026-11-21T12:00:03Z", 6, "2026-11-22T12:00:03Z"), false),
        ] {
            assert_eq!(is_the_same(&kept, &wanted), is_it, "{wanted:?}");
        }
    }
}
