//! A row of whichever database, read by one kind of hand: what a row means is written once for all of them.

use sqlx::{ColumnIndex, Row, postgres::PgRow, sqlite::SqliteRow};

/// A row's cells: text, numbers, bytes and flags, or nothing.
pub(crate) trait Cells: Sync {
    /// Where the column of that name is.
    fn place(&self, column: &str) -> sqlx::Result<usize>;
    fn text(&self, at: usize) -> sqlx::Result<Option<&str>>;
    fn number(&self, at: usize) -> sqlx::Result<Option<i64>>;
    fn bytes(&self, at: usize) -> sqlx::Result<Option<&[u8]>>;
    fn flag(&self, at: usize) -> sqlx::Result<Option<bool>>;
}

macro_rules! cells_of {
    ($row:ty) => {
        impl Cells for $row {
            fn place(&self, column: &str) -> sqlx::Result<usize> {
                ColumnIndex::index(&column, self)
            }

            fn text(&self, at: usize) -> sqlx::Result<Option<&str>> {
                self.try_get(at)
            }

            fn number(&self, at: usize) -> sqlx::Result<Option<i64>> {
                self.try_get(at)
            }

            fn bytes(&self, at: usize) -> sqlx::Result<Option<&[u8]>> {
                self.try_get(at)
            }

            fn flag(&self, at: usize) -> sqlx::Result<Option<bool>> {
                self.try_get(at)
            }
        }
    };
}

cells_of!(SqliteRow);
cells_of!(PgRow);

/// A type that a cell is read as.
pub(crate) trait FromCell<'a>: Sized {
    fn from_cell(row: &'a dyn Cells, at: usize) -> sqlx::Result<Self>;
}

macro_rules! from_cell {
    ($($kind:ty: $read:ident $(. $turn:ident)?;)+) => { $(
        impl<'a> FromCell<'a> for Option<$kind> {
            fn from_cell(row: &'a dyn Cells, at: usize) -> sqlx::Result<Self> {
                row.$read(at)$(.map(|found| found.map(<$kind>::$turn)))?
            }
        }

        impl<'a> FromCell<'a> for $kind {
            fn from_cell(row: &'a dyn Cells, at: usize) -> sqlx::Result<Self> {
                Option::<$kind>::from_cell(row, at)?.ok_or_else(|| sqlx::Error::ColumnDecode {
                    index: at.to_string(),
                    source: Box::new(sqlx::error::UnexpectedNullError),
                })
            }
        }
    )+ };
}

from_cell! {
    &'a str: text;
    String: text.from;
    i64: number;
    &'a [u8]: bytes;
    bool: flag;
}
