//! PostgreSQL's side of a move.

use futures_util::TryStreamExt as _;
use sqlx::{AssertSqlSafe, Postgres, Row as _, Transaction};

use super::{Column, Kind, Side, Table, TransferError, quoted};
use crate::cells::Cells;

// Every text that is put into a statement here is the name of a table or column, as the database itself gives it.
impl Side for Transaction<'static, Postgres> {
    async fn tables(&mut self) -> sqlx::Result<Vec<Table>> {
        // Tables get their numbers as they are made, those that others refer to first. The form is the database's own.
        let rows = sqlx::query(
            "SELECT relname::text, attname::text, format_type(atttypid, NULL),
                    coalesce(attnum = ANY(indkey), false)
               FROM pg_class
               JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
               LEFT JOIN pg_index ON indrelid = pg_class.oid AND indisprimary
              WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
                AND relname <> 'stonegate_form'
              ORDER BY pg_class.oid, attnum",
        )
        .fetch_all(&mut **self)
        .await?;
        let mut tables: Vec<Table> = Vec::new();
        for row in rows {
            let (table, name, kind): (String, String, String) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            if tables.last().is_none_or(|last| last.name != table) {
                tables.push(Table { name: table, columns: Vec::new(), key: Vec::new() });
            }
            let Some(table) = tables.last_mut() else { continue };
            if row.try_get(3)? {
                table.key.push(name.clone());
            }
            let kind = match kind.as_str() {
                "text" => Kind::Text,
                "bytea" => Kind::Bytes,
                "boolean" => Kind::Flag,
                _ => Kind::Number,
            };
            table.columns.push(Column { name, kind });
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
        let table = quoted(&table.name);
        let statement = format!(
            "INSERT INTO {table} ({names}) SELECT {names} FROM json_populate_recordset(NULL::{table}, $1::json)"
        );
        // The one character that its text does not hold; a backslash before it is one that was escaped itself.
        let rows = if rows.contains("\\u0000") { without_nul(&rows) } else { rows };
        sqlx::query(AssertSqlSafe(statement)).bind(rows).execute(&mut **self).await.map(drop)
    }

    async fn execute(&mut self, statement: String) -> sqlx::Result<()> {
        sqlx::Executor::execute(&mut **self, sqlx::raw_sql(AssertSqlSafe(statement))).await.map(drop)
    }

    async fn go_on_counting(&mut self, tables: &[Table]) -> sqlx::Result<()> {
        for Table { name, columns, .. } in tables {
            for column in columns {
                let Column { name: column, kind } = column;
                let table = quoted(name);
                let statement = format!(
                    "SELECT setval(pg_get_serial_sequence('{table}', '{column}'), max({quoted}))
                       FROM {table} WHERE pg_get_serial_sequence('{table}', '{column}') IS NOT NULL
                     HAVING max({quoted}) IS NOT NULL",
                    quoted = quoted(column)
                );
                if *kind == Kind::Number {
                    Side::execute(self, statement).await?;
                }
            }
        }
        Ok(())
    }
}

/// JSON text in which U+FFFD stands for every escaped NUL.
fn without_nul(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        text.push_str(before);
        let (first, after) = match escape.strip_prefix("\\u0000") {
            Some(after) => ("\u{fffd}", after),
            None => escape.split_at(escape.char_indices().nth(2).map_or(escape.len(), |(at, _)| at)),
        };
        text.push_str(first);
        rest = after;
    }
    text.push_str(rest);
    text
}
