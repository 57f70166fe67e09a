//! Corrections and what can be corrected, as rows.

use stonegate_ledger::{
    Corrected, Correction, Counter, Nanodollars, ReplicaId, StoreError, Tokens, Truth, WriteOff,
};

use super::{budget, convert::Columns};
use crate::cells::Cells;

/// The columns that [`corrected`] reads, as a part of a statement.
macro_rules! correction_columns {
    () => {
        "id, at, author, reason, call, input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens, \
         cache_write_1h_tokens, thinking_tokens, replica, budget, \"window\", before_amount, after_amount"
    };
}

/// What [`write_off`] reads.
macro_rules! write_offs {
    () => {
        "SELECT leases.replica, leases.budget || '@' || leases.\"window\", budgets.account, budgets.unit, written_off
           FROM leases JOIN budgets ON budgets.id = leases.budget
          WHERE written_off > 0 AND NOT EXISTS (
              SELECT 1 FROM corrections
               WHERE corrections.replica = leases.replica AND corrections.budget = leases.budget
                 AND corrections.\"window\" = leases.\"window\" AND after_amount = written_off)
          ORDER BY leases.replica, leases.budget, leases.\"window\""
    };
}
pub(crate) use {correction_columns, write_offs};

/// Reads a correction with what it changed.
pub(crate) fn corrected(row: &impl Cells) -> Result<Corrected, StoreError> {
    let mut columns = Columns::of(row);
    let (id, at, by) = (columns.name()?, columns.time()?, columns.name()?);
    let (reason, call) = (columns.text()?.to_owned(), columns.text_or_none()?);
    let mut counts = [None; 6];
    for count in &mut counts {
        *count = columns.count_or_none()?;
    }
    let [input, output, cache_read, cache_write_5m, cache_write_1h, thinking] = counts;
    let (replica, budget, window) =
        (columns.name_or_none()?, columns.text_or_none()?, columns.text_or_none()?);
    let (before, after) = (columns.count()?, columns.count()?);
    let damaged = || StoreError::Damaged(format!("correction {id} is of nothing"));
    let truth = match (call, replica, budget, window) {
        (Some(call), None, None, None) => Truth::Call {
            call: call.parse().map_err(|_unknown| damaged())?,
            cost: Nanodollars::new(after),
            tokens: Tokens {
                input: input.unwrap_or(0),
                output: output.unwrap_or(0),
                cache_read: cache_read.unwrap_or(0),
                cache_write_5m: cache_write_5m.unwrap_or(0),
                cache_write_1h: cache_write_1h.unwrap_or(0),
                thinking,
            },
        },
        (None, Some(replica), Some(budget), Some(window)) => {
            let counter: Counter = format!("{budget}@{window}").parse().map_err(|_unknown| damaged())?;
            Truth::WriteOff { replica: ReplicaId::new(replica), counter, spent: after }
        }
        _ => return Err(damaged()),
    };
    Ok(Corrected { correction: Correction { id, at, by, reason, truth }, before, after })
}

/// Reads what of a dead replica's lease counts as spent.
pub(crate) fn write_off(row: &impl Cells) -> Result<WriteOff, StoreError> {
    let mut columns = Columns::of(row);
    let (replica, counter, account) = (ReplicaId::new(columns.name()?), columns.parsed()?, columns.parsed()?);
    let unit = columns.text()?;
    Ok(WriteOff { replica, counter, account, amount: budget::limit(unit, columns.count()?)? })
}
