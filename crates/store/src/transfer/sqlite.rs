//! SQLite's side of a move.

use futures_util::TryStreamExt as _;
use sqlx::{AssertSqlSafe, Row as _, Sqlite, Transaction};

use super::{Column, Kind, Side, Table, TransferError, quoted};
use crate::cells::Cells;

// Every text that is put into a statement here is the name of a table or column, as the database itself gives it.
impl Side for Transaction<'static, Sqlite> {
    async fn tables(&mut self) -> sqlx::Result<Vec<Table>> {
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid",
        )
        .fetch_all(&mut **self)
        .await?;
        let mut tables = Vec::with_capacity(names.len());
        for name in names {
            let rows = sqlx::query("SELECT name, type, pk FROM pragma_table_info(?1) ORDER BY cid")
                .bind(&name)
                .fetch_all(&mut **self)
                .await?;
            let mut table = Table { name, columns: Vec::new(), key: Vec::new() };
            for row in rows {
                let (name, kind): (String, String) = (row.try_get(0)?, row.try_get(1)?);
                if row.try_get::<i64, _>(2)? > 0 {
                    table.key.push(name.clone());
                }
                let kind = match kind.as_str() {
                    "TEXT" => Kind::Text,
                    "BLOB" => Kind::Bytes,
                    // Flags are numbers here.
                    _ => Kind::Number,
                };
                table.columns.push(Column { name, kind });
            }
            tables.push(table);
        }
        Ok(tables)
    }

    async fn each_row(
        &mut self,
        question: String,
        row: &mut dyn FnMut(&dyn Cells) -> Result<(), TransferError>,
    ) -> Result<(), TransferError> {
        let mut rows = sqlx::query(AssertSqlSafe(question)).fetch(&mut **self);
        while let Some(found) = rows.try_next().await? {
            row(&found)?;
        }
        Ok(())
    }

    async fn append(&mut self, table: &Table, columns: &[Column], rows: String) -> sqlx::Result<()> {
        let names = columns.iter().map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", ");
        let values = columns.iter().map(|Column { name, kind }| match kind {
            Kind::Bytes => format!("unhex(substr(value->>'$.{}', 3))", quoted(name)),
            Kind::Text | Kind::Number | Kind::Flag => format!("value->>'$.{}'", quoted(name)),
        });
        let values = values.collect::<Vec<_>>().join(", ");
        let statement =
            format!("INSERT INTO {} ({names}) SELECT {values} FROM json_each(?1)", quoted(&table.name));
        sqlx::query(AssertSqlSafe(statement)).bind(rows).execute(&mut **self).await.map(drop)
    }

    async fn execute(&mut self, statement: String) -> sqlx::Result<()> {
        sqlx::Executor::execute(&mut **self, sqlx::raw_sql(AssertSqlSafe(statement))).await.map(drop)
    }

    /// SQLite goes on after the largest that it has seen.
    async fn go_on_counting(&mut self, _tables: &[Table]) -> sqlx::Result<()> {
        Ok(())
    }
}
