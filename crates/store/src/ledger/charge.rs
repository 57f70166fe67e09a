//! Charges from outside as rows.

use stonegate_ledger::{Charge, StoreError};

use super::{
    convert::Columns,
    record::{self, JsonRow},
};
use crate::cells::Cells;

/// Reads a row of state, end, request and record.
pub(crate) fn parse(row: &impl Cells) -> Result<Charge, StoreError> {
    let mut columns = Columns::of(row);
    let (state, expires_at, request) = (columns.parsed()?, columns.time()?, columns.name()?);
    Ok(Charge { state, expires_at, request, record: record::parse(&JsonRow::parse(columns.text()?)?)? })
}
