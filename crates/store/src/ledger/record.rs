//! A usage record as a JSON array on its way in, and as a row on its way out: the columns in one order.

use std::fmt::Write as _;

use serde::{Serialize, Serializer, ser::SerializeSeq as _};
use stonegate_ledger::{AccountPath, Counter, Nanodollars, StoreError, Tags, Tokens, UsageRecord};

use super::convert::{Columns, kept, kept_time};
use crate::cells::Cells;

/// The columns of the journal that [`parse`] reads, as a part of a statement.
macro_rules! journal_columns {
    () => {
        "call, started_at, tenant, team, \"user\", key, dialect, client, model_requested, model_served, endpoint, \
         input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, \
         thinking_tokens, cost, price_version, first_byte_us, total_us, outcome, basis, stop_reason, \
         upstream_request_id, status, stream, counters, tags, uncached_cost"
    };
}

/// The same columns out of a JSON array by that name.
macro_rules! array_columns {
    ($array:literal) => {
        $crate::ledger::record::array_columns!(@ $array, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29)
    };
    (@ $array:literal, $first:literal $($index:literal)*) => {
        concat!($array, "->>", $first $(, ", ", $array, "->>", $index)*)
    };
}
pub(crate) use {array_columns, journal_columns};

const WIDTH: usize = 30;

/// A record to be written.
pub(crate) struct Array<'a>(pub(crate) &'a UsageRecord);

impl Serialize for Array<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (record, tokens) = (self.0, &self.0.tokens);
        let mut array = serializer.serialize_seq(Some(WIDTH))?;
        array.serialize_element(&format_args!("{}", record.call))?;
        array.serialize_element(&kept_time(record.started_at))?;
        array.serialize_element(record.path.tenant())?;
        array.serialize_element(&record.path.team())?;
        array.serialize_element(record.path.user())?;
        array.serialize_element(&record.path.key())?;
        array.serialize_element(&record.dialect)?;
        array.serialize_element(&record.client)?;
        array.serialize_element(&record.model_requested)?;
        array.serialize_element(&record.model_served)?;
        array.serialize_element(&record.endpoint)?;
        for count in
            [tokens.input, tokens.output, tokens.cache_read, tokens.cache_write_5m, tokens.cache_write_1h]
        {
            array.serialize_element(&kept(count))?;
        }
        array.serialize_element(&tokens.thinking.map(kept))?;
        array.serialize_element(&kept(record.cost.get()))?;
        array.serialize_element(&record.price_version)?;
        array.serialize_element(&record.first_byte_us.map(kept))?;
        array.serialize_element(&kept(record.total_us))?;
        array.serialize_element(record.outcome.as_str())?;
        array.serialize_element(record.basis.as_str())?;
        array.serialize_element(&record.stop_reason)?;
        array.serialize_element(&record.upstream_request_id)?;
        array.serialize_element(&record.status)?;
        array.serialize_element(&u8::from(record.stream))?;
        array.serialize_element(&Names(&record.counters))?;
        array.serialize_element(record.tags.as_str())?;
        array.serialize_element(&kept(record.uncached_cost.get()))?;
        array.end()
    }
}

/// Counters with spaces between.
pub(crate) struct Names<'a>(pub(crate) &'a [Counter]);

impl Names<'_> {
    /// The same as a text of its own.
    pub(crate) fn text(&self) -> String {
        /// Of a budget's id and a window's name.
        const ROOM: usize = 40;
        let mut text = String::with_capacity(self.0.len().saturating_mul(ROOM));
        // A string takes whatever is written to it.
        write!(text, "{self}").ok();
        text
    }
}

impl Serialize for Names<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl std::fmt::Display for Names<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut space = "";
        for counter in self.0 {
            out.write_str(space)?;
            std::fmt::Display::fmt(counter, out)?;
            space = " ";
        }
        Ok(())
    }
}

/// Reads a row of [`journal_columns`].
pub(crate) fn parse(row: &impl Cells) -> Result<UsageRecord, StoreError> {
    let mut columns = Columns::of(row);
    let (call, started_at) = (columns.parsed()?, columns.time()?);
    let (tenant, team) = (columns.name()?, columns.name_or_none()?);
    let path = AccountPath::new(tenant, team, columns.name()?, columns.name_or_none()?);
    // The fields of a literal are evaluated as they are written, which is the columns' order but for the last two.
    let mut record = UsageRecord {
        call,
        started_at,
        path,
        dialect: columns.name()?,
        client: columns.name_or_none()?,
        tags: Tags::default(),
        model_requested: columns.name()?,
        model_served: columns.name()?,
        endpoint: columns.name_or_none()?,
        tokens: tokens(&mut columns)?,
        cost: Nanodollars::new(columns.count()?),
        uncached_cost: Nanodollars::ZERO,
        price_version: columns.name()?,
        first_byte_us: columns.count_or_none()?,
        total_us: columns.count()?,
        outcome: columns.parsed()?,
        basis: columns.parsed()?,
        stop_reason: columns.name_or_none()?,
        upstream_request_id: columns.name_or_none()?,
        status: u16::try_from(columns.count()?).unwrap_or(0),
        stream: columns.flag()?,
        counters: counters(columns.text()?)?,
    };
    record.tags = Tags::from_kept(columns.name_or_none()?);
    // Records of before this was kept do not say.
    record.uncached_cost = columns.count_or_none()?.map_or(record.cost, Nanodollars::new);
    Ok(record)
}

/// Reads six columns of tokens.
pub(crate) fn tokens(columns: &mut Columns<'_>) -> Result<Tokens, StoreError> {
    Ok(Tokens {
        input: columns.count()?,
        output: columns.count()?,
        cache_read: columns.count()?,
        cache_write_5m: columns.count()?,
        cache_write_1h: columns.count()?,
        thinking: columns.count_or_none()?,
    })
}

fn counters(text: &str) -> Result<Vec<Counter>, StoreError> {
    let counter = |name: &str| {
        name.parse().map_err(|_unknown| StoreError::Damaged(format!("a counter is named {name:?}")))
    };
    text.split_ascii_whitespace().map(counter).collect()
}

/// A record that was kept as a JSON array, read as a row is.
pub(crate) struct JsonRow(Vec<serde_json::Value>);

impl JsonRow {
    /// Reads what [`Array`] wrote.
    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        let damaged = |error| StoreError::Damaged(format!("an open call is no record: {error}"));
        serde_json::from_str(text).map(Self).map_err(damaged)
    }

    fn read<'a, T>(
        &'a self,
        at: usize,
        read: impl Fn(&'a serde_json::Value) -> Option<T>,
    ) -> sqlx::Result<Option<T>> {
        match self.0.get(at) {
            // A call that was opened by an older version, which knew of fewer columns.
            None | Some(serde_json::Value::Null) => Ok(None),
            Some(value) => read(value)
                .map(Some)
                .ok_or_else(|| sqlx::Error::Decode(format!("column {at} of an open call's record").into())),
        }
    }
}

impl Cells for JsonRow {
    fn place(&self, column: &str) -> sqlx::Result<usize> {
        Err(sqlx::Error::ColumnNotFound(column.to_owned()))
    }

    fn text(&self, at: usize) -> sqlx::Result<Option<&str>> {
        self.read(at, serde_json::Value::as_str)
    }

    fn number(&self, at: usize) -> sqlx::Result<Option<i64>> {
        self.read(at, serde_json::Value::as_i64)
    }

    fn bytes(&self, at: usize) -> sqlx::Result<Option<&[u8]>> {
        Err(sqlx::Error::ColumnNotFound(at.to_string()))
    }

    fn flag(&self, at: usize) -> sqlx::Result<Option<bool>> {
        Ok(self.number(at)?.map(|number| number != 0))
    }
}
