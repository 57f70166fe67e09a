//! Between SQLite's signed numbers and texts and our own types.

use std::{fmt::Display, str::FromStr, sync::Arc};

use jiff::Timestamp;
use serde::Serialize;
use sqlx::{Row as _, sqlite::SqliteRow};
use stonegate_ledger::StoreError;

/// The database did not answer, or said no.
pub(super) fn unavailable(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreError::Damaged(error.to_string()),
        error => StoreError::Unavailable(error.to_string()),
    }
}

fn damaged(what: &str, found: impl Display) -> StoreError {
    StoreError::Damaged(format!("{what} is {found}"))
}

/// A list as the one parameter that `json_each` reads.
pub(super) fn json(list: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(list).map_err(|error| StoreError::Damaged(error.to_string()))
}

/// A count as it is kept. What is beyond counting stays there.
pub(super) fn kept(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

/// A time as it is kept.
pub(super) fn kept_time(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// A row, read column by column.
pub(super) struct Columns<'a> {
    row: &'a SqliteRow,
    next: usize,
}

impl<'a> Columns<'a> {
    pub(super) fn of(row: &'a SqliteRow) -> Self {
        Self { row, next: 0 }
    }

    fn index(&mut self) -> usize {
        let index = self.next;
        self.next += 1;
        index
    }

    pub(super) fn signed(&mut self) -> Result<i64, StoreError> {
        let index = self.index();
        self.row.try_get(index).map_err(unavailable)
    }

    pub(super) fn count(&mut self) -> Result<u64, StoreError> {
        let found = self.signed()?;
        u64::try_from(found).map_err(|_negative| damaged("a count", found))
    }

    pub(super) fn count_or_none(&mut self) -> Result<Option<u64>, StoreError> {
        let index = self.index();
        let found: Option<i64> = self.row.try_get(index).map_err(unavailable)?;
        let count = |found| u64::try_from(found).map_err(|_negative| damaged("a count", found));
        found.map(count).transpose()
    }

    pub(super) fn text(&mut self) -> Result<&'a str, StoreError> {
        let index = self.index();
        self.row.try_get(index).map_err(unavailable)
    }

    pub(super) fn name(&mut self) -> Result<Arc<str>, StoreError> {
        self.text().map(Arc::from)
    }

    pub(super) fn text_or_none(&mut self) -> Result<Option<&'a str>, StoreError> {
        let index = self.index();
        self.row.try_get(index).map_err(unavailable)
    }

    pub(super) fn name_or_none(&mut self) -> Result<Option<Arc<str>>, StoreError> {
        Ok(self.text_or_none()?.map(Arc::from))
    }

    pub(super) fn parsed<T: FromStr>(&mut self) -> Result<T, StoreError> {
        let text = self.text()?;
        text.parse().map_err(|_unknown| damaged("a name", text))
    }

    pub(super) fn time(&mut self) -> Result<Timestamp, StoreError> {
        let found = self.signed()?;
        Timestamp::from_microsecond(found).map_err(|_beyond| damaged("a time", found))
    }

    pub(super) fn flag(&mut self) -> Result<bool, StoreError> {
        Ok(self.signed()? != 0)
    }
}
