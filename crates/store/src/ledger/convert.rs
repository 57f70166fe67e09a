//! Between a database's signed numbers and texts and our own types.

use std::{fmt::Display, str::FromStr, sync::Arc};

use jiff::Timestamp;
use serde::Serialize;
use stonegate_ledger::StoreError;

use crate::cells::{Cells, FromCell};

/// The database did not answer, or said no.
pub(crate) fn unavailable(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreError::Damaged(error.to_string()),
        error => StoreError::Unavailable(error.to_string()),
    }
}

fn damaged(what: &str, found: impl Display) -> StoreError {
    StoreError::Damaged(format!("{what} is {found}"))
}

/// A list as the one parameter that `json_each` reads.
pub(crate) fn json(list: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(list).map_err(|error| StoreError::Damaged(error.to_string()))
}

/// A count as it is kept. What is beyond counting stays there.
pub(crate) fn kept(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

/// A time as it is kept.
pub(crate) fn kept_time(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// A row, read column by column.
pub(crate) struct Columns<'a> {
    row: &'a dyn Cells,
    next: usize,
}

impl<'a> Columns<'a> {
    pub(crate) fn of(row: &'a dyn Cells) -> Self {
        Self { row, next: 0 }
    }

    fn read<T: FromCell<'a>>(&mut self) -> Result<T, StoreError> {
        let at = self.next;
        self.next += 1;
        T::from_cell(self.row, at).map_err(unavailable)
    }

    pub(crate) fn signed(&mut self) -> Result<i64, StoreError> {
        self.read()
    }

    pub(crate) fn signed_or_none(&mut self) -> Result<Option<i64>, StoreError> {
        self.read()
    }

    pub(crate) fn count(&mut self) -> Result<u64, StoreError> {
        let found = self.signed()?;
        u64::try_from(found).map_err(|_negative| damaged("a count", found))
    }

    pub(crate) fn count_or_none(&mut self) -> Result<Option<u64>, StoreError> {
        let found: Option<i64> = self.read()?;
        let count = |found| u64::try_from(found).map_err(|_negative| damaged("a count", found));
        found.map(count).transpose()
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, StoreError> {
        self.read()
    }

    pub(crate) fn name(&mut self) -> Result<Arc<str>, StoreError> {
        self.text().map(Arc::from)
    }

    pub(crate) fn text_or_none(&mut self) -> Result<Option<&'a str>, StoreError> {
        self.read()
    }

    pub(crate) fn name_or_none(&mut self) -> Result<Option<Arc<str>>, StoreError> {
        Ok(self.text_or_none()?.map(Arc::from))
    }

    pub(crate) fn parsed<T: FromStr>(&mut self) -> Result<T, StoreError> {
        let text = self.text()?;
        text.parse().map_err(|_unknown| damaged("a name", text))
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp, StoreError> {
        let found = self.signed()?;
        Timestamp::from_microsecond(found).map_err(|_beyond| damaged("a time", found))
    }

    pub(crate) fn flag_or_none(&mut self) -> Result<Option<bool>, StoreError> {
        self.read()
    }

    pub(crate) fn flag(&mut self) -> Result<bool, StoreError> {
        self.read()
    }
}
