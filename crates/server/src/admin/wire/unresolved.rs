//! Charges that rest on suspicion, and their corrections, on the wire.

use jiff::Timestamp;
use serde_json::json;
use stonegate_api::{CorrectionCreate, Unresolved, UnresolvedCall, UsageTokens};
use stonegate_identity::Change;
use stonegate_ledger::{
    CallId, Corrected, Correction, Counter, JournalPage, LedgerStore, Limit, Nanodollars, ReplicaId, Tokens,
    Truth, UsageRecord, WriteOff,
};

use super::{Problem, adjustments, budgets, shown_time};

/// What someone wants to correct, before it is known in which unit a budget counts.
pub(crate) enum Wanted {
    Call(CallId, Nanodollars, Tokens),
    WriteOff(ReplicaId, Counter, String),
}

pub(crate) fn wanted(create: &CorrectionCreate) -> Result<Wanted, Problem> {
    match (&create.call, &create.write_off) {
        (Some(call), None) => {
            let tokens = Tokens {
                input: call.input_tokens,
                output: call.output_tokens,
                cache_read: call.cache_read_tokens,
                cache_write_5m: call.cache_write_5m_tokens,
                cache_write_1h: call.cache_write_1h_tokens,
                thinking: None,
            };
            let cost = budgets::amount("call.cost_usd", &call.cost_usd, Limit::Usd(Nanodollars::ZERO))?;
            if i64::try_from(tokens.total()).is_err() {
                return Err(Problem::invalid("call", "no call takes so many tokens"));
            }
            Ok(Wanted::Call(call_id("call.id", &call.id)?, Nanodollars::new(cost), tokens))
        }
        (None, Some(write_off)) => {
            let missing = || {
                let name = format!("{}@{}", write_off.budget, write_off.window_key);
                Problem::not_found("counter", name)
            };
            let counter = format!("{}@{}", write_off.budget, write_off.window_key);
            let counter = counter.parse().map_err(|_unknown| missing())?;
            Ok(Wanted::WriteOff(ReplicaId::new(&*write_off.replica), counter, write_off.spent.clone()))
        }
        (Some(_), Some(_)) => Err(Problem::invalid("write_off", "give `call` or `write_off`, not both")),
        (None, None) => Err(Problem::invalid("call", "give `call` or `write_off`")),
    }
}

/// A call by its id.
pub(crate) fn call_id(field: &'static str, text: &str) -> Result<CallId, Problem> {
    text.parse().map_err(|_unknown| Problem::invalid(field, format!("`{text}` is no call's id")))
}

/// What of a lease was spent, in the unit of its budget.
pub(crate) fn spent(text: &str, unit: Limit) -> Result<u64, Problem> {
    budgets::amount("write_off.spent", text, unit)
}

/// The correction of those who say so.
pub(crate) fn correction(
    create: &CorrectionCreate,
    truth: Truth,
    by: &str,
    now: Timestamp,
) -> Result<Correction, Problem> {
    let id = adjustments::id("cor", create.id.as_deref())?;
    let reason = adjustments::reason(&create.reason)?;
    Ok(Correction { id: id.into(), at: now, by: by.into(), reason, truth })
}

pub(crate) fn shown(page: &JournalPage, write_offs: &[WriteOff]) -> Unresolved {
    Unresolved {
        data: page.records.iter().map(shown_call).collect(),
        next: page.next.map(|call| call.to_string()),
        write_offs: write_offs.iter().map(shown_write_off).collect(),
    }
}

fn shown_call(record: &UsageRecord) -> UnresolvedCall {
    let Tokens { input, output, cache_read, cache_write_5m, cache_write_1h, thinking } = record.tokens;
    UnresolvedCall {
        call: record.call.to_string(),
        started_at: shown_time(record.started_at),
        tenant: record.path.tenant().to_string(),
        user: record.path.user().to_string(),
        key: record.path.key().map(ToString::to_string),
        model: record.model_served.to_string(),
        upstream_request_id: record.upstream_request_id.as_ref().map(ToString::to_string),
        outcome: record.outcome.to_string(),
        tokens: UsageTokens { input, output, cache_read, cache_write_5m, cache_write_1h, thinking },
        cost_nanodollars: record.cost.get(),
        cost_usd: budgets::dollars(record.cost),
        budgets: record.counters.iter().map(ToString::to_string).collect(),
    }
}

fn shown_write_off(write_off: &WriteOff) -> stonegate_api::WriteOff {
    stonegate_api::WriteOff {
        replica: write_off.replica.to_string(),
        budget: write_off.counter.budget.to_string(),
        window_key: write_off.counter.window.to_string(),
        account: write_off.account.to_string(),
        unit: budgets::unit(write_off.amount).to_owned(),
        amount: write_off.amount.amount(),
    }
}

pub(crate) fn shown_correction(corrected: &Corrected) -> stonegate_api::Correction {
    let Corrected { correction, before, after } = corrected;
    let (call, lease) = match &correction.truth {
        Truth::Call { call, .. } => (Some(call.to_string()), None),
        Truth::WriteOff { replica, counter, .. } => (None, Some((replica, counter))),
    };
    stonegate_api::Correction {
        id: correction.id.to_string(),
        at: shown_time(correction.at),
        by: correction.by.to_string(),
        reason: correction.reason.clone(),
        call,
        replica: lease.map(|(replica, _)| replica.to_string()),
        budget: lease.map(|(_, counter)| counter.budget.to_string()),
        window_key: lease.map(|(_, counter)| counter.window.to_string()),
        before: *before,
        after: *after,
    }
}

/// Of what the audit log tells a correction, and what: the amounts with their unit, and why.
pub(crate) fn change(kept: &stonegate_api::Correction) -> (String, Change) {
    let stonegate_api::Correction { id, reason, call, replica, budget, window_key, before, after, .. } = kept;
    let (subject, before, after) = match call {
        Some(call) => {
            let after = json!({ "cost_nanodollars": after, "correction": id, "reason": reason });
            (format!("call:{call}"), json!({ "cost_nanodollars": before }), after)
        }
        None => {
            let after = json!({
                "spent": after, "replica": replica, "window_key": window_key, "correction": id, "reason": reason,
            });
            let budget = budget.as_deref().unwrap_or_default();
            (format!("budget:{budget}"), json!({ "spent": before }), after)
        }
    };
    (subject, Change { before: Some(before.to_string()), after: Some(after.to_string()) })
}

/// What of that lease was written off.
pub(crate) async fn find_write_off(
    ledger: &dyn LedgerStore,
    replica: &ReplicaId,
    counter: &Counter,
) -> Result<WriteOff, Problem> {
    let all = ledger.write_offs().await?;
    let found = all.into_iter().find(|one| one.replica == *replica && one.counter == *counter);
    found.ok_or_else(|| Problem::not_found("unresolved lease", format!("{replica} on {counter}")))
}

/// The correction of that id, if it was made already. Nobody is shown what somebody corrected elsewhere under the same id.
pub(crate) async fn find_kept(
    ledger: &dyn LedgerStore,
    id: &str,
    wanted: &Wanted,
) -> Result<Option<stonegate_api::Correction>, Problem> {
    let Some(kept) = ledger.find_correction(id.into()).await? else {
        return Ok(None);
    };
    let is_the_same = match (&kept.correction.truth, wanted) {
        (Truth::Call { call, cost, tokens }, Wanted::Call(its, its_cost, its_tokens)) => {
            (call, cost, tokens) == (its, its_cost, its_tokens)
        }
        (Truth::WriteOff { replica, counter, .. }, Wanted::WriteOff(its, of, _)) => {
            (replica, counter) == (its, of)
        }
        _ => false,
    };
    if is_the_same { Ok(Some(shown_correction(&kept))) } else { Err(taken(id)) }
}

/// Keeps a correction, and shows it as it is kept.
pub(crate) async fn keep(
    ledger: &dyn LedgerStore,
    correction: Correction,
) -> Result<stonegate_api::Correction, Problem> {
    ledger.correct(correction.clone()).await?;
    let kept = ledger.find_correction(correction.id.clone()).await?;
    let kept = kept.ok_or_else(|| Problem::not_found("correction", &correction.id))?;
    if kept.correction.truth == correction.truth {
        Ok(shown_correction(&kept))
    } else {
        Err(taken(&correction.id))
    }
}

fn taken(id: &str) -> Problem {
    Problem::conflict("id", format!("`{id}` is the id of another correction"))
}
