//! The journal's records on either database, as people read them: page by page, the newest first.
//!
//! Nothing but the time of its calls is an index to the journal, since each call would pay for another. Where the calls of
//! somebody are asked for, the sums tell in which hours there are any, and only those are read.

use std::ops::Range;

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Row as _};
use stonegate_ledger::{CallId, JournalPage, JournalQuery, StoreError, UsageFilter, UsageRecord};

use super::Pools;
use crate::ledger::{
    convert::unavailable,
    record::{self, journal_columns},
    sums::{OF_RECORDS, OF_SERIES, wanted},
};

const HOUR_MS: i64 = 3_600_000;
const HOURS: i64 = 24;

/// Which of the records are meant, whoever they are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// All of them.
    Any,
    /// Those that are charged what they had reserved. They have an index of their own.
    Unresolved,
}

/// Reads a page, the newest first.
pub(crate) async fn page(pools: &Pools, query: JournalQuery, kind: Kind) -> Result<JournalPage, StoreError> {
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    // One more tells whether there is another page.
    let most = i64::from(query.limit).saturating_add(1);
    let mut records = match Hours::of(&query) {
        Some(mut hours) if kind == Kind::Any => {
            let mut records = Vec::new();
            while records.len() <= limit
                && let Some(spans) = hours.next_day(pools).await?
            {
                for span in spans {
                    let left = most.saturating_sub(i64::try_from(records.len()).unwrap_or(most));
                    records.append(&mut read(pools, &narrowed(&query, &span), kind, left).await?);
                }
            }
            records
        }
        _ => read(pools, &query, kind, most).await?,
    };
    let is_last = records.len() <= limit;
    records.truncate(limit);
    let next = if is_last { None } else { records.last().map(|record| record.call) };
    Ok(JournalPage { records, next })
}

/// Lets go of old records; at most so many. What is unresolved may still be corrected, or taken back by a replica that
/// returns.
pub(crate) async fn forget(pools: &Pools, before: Timestamp, most: u32) -> Result<u64, StoreError> {
    let mut transaction = pools.write().await.map_err(unavailable)?;
    let gone = sqlx::query(
        "DELETE FROM journal WHERE call IN (
             SELECT call FROM journal WHERE call < $1 AND basis <> 'unresolved' ORDER BY call LIMIT $2)",
    )
    .bind(CallId::first_at(before).to_string())
    .bind(i64::from(most))
    .execute(&mut *transaction)
    .await
    .map_err(unavailable)?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(gone.rows_affected())
}

/// Reads records of a span. A call's id begins with its time, so that a span of time is a range of the table.
async fn read(
    pools: &Pools,
    JournalQuery { filter, before, .. }: &JournalQuery,
    kind: Kind,
    most: i64,
) -> Result<Vec<UsageRecord>, StoreError> {
    let (labels, values) = wanted(filter, OF_RECORDS, 5).unwrap_or_else(|| ("1 = 1".to_owned(), Vec::new()));
    let kind = match kind {
        Kind::Any => "",
        Kind::Unresolved => "AND basis = 'unresolved'",
    };
    let statement = format!(
        concat!(
            "SELECT ",
            journal_columns!(),
            " FROM journal
              WHERE call >= coalesce($1, '') AND call < coalesce($2, 'z') AND call < coalesce($3, 'z')
                AND {labels} {kind} ORDER BY call DESC LIMIT $4"
        ),
        labels = labels,
        kind = kind,
    );
    let id = |at: Timestamp| CallId::first_at(at).to_string();
    // Nothing is put into the statement but its own words.
    let query = sqlx::query(AssertSqlSafe(statement))
        .bind(filter.from.map(id))
        .bind(filter.until.map(id))
        .bind(before.map(|call| call.to_string()))
        .bind(most);
    let query = values.into_iter().fold(query, sqlx::query::Query::bind);
    let rows = query.fetch_all(pools.readers()).await.map_err(unavailable)?;
    rows.iter().map(record::parse).collect()
}

/// The query, for the calls of these hours.
fn narrowed(query: &JournalQuery, hours: &Range<i64>) -> JournalQuery {
    let begin = |hour: i64| Timestamp::from_millisecond(hour.saturating_mul(HOUR_MS)).ok();
    let UsageFilter { from, until, .. } = &query.filter;
    let from = [*from, begin(hours.start)].into_iter().flatten().max();
    let until = [*until, begin(hours.end)].into_iter().flatten().min();
    JournalQuery { filter: UsageFilter { from, until, ..query.filter.clone() }, ..query.clone() }
}

/// The hours in which there are calls with certain labels, a day at a time, the newest first.
struct Hours {
    /// Which series are meant, and the values of that condition.
    series: (String, Vec<String>),
    /// What is left of the span, in hours since 1970.
    left: Range<i64>,
}

impl Hours {
    /// Those of a query, if it asks for labels at all.
    fn of(JournalQuery { filter, before, .. }: &JournalQuery) -> Option<Self> {
        let hour = |at: Timestamp| at.as_millisecond().div_euclid(HOUR_MS);
        let after = |at: Timestamp| hour(at).saturating_add(1);
        let ends = [filter.until.map(after), before.map(|call| after(call.time()))];
        let end = ends.into_iter().flatten().min().unwrap_or(i64::MAX / HOUR_MS);
        let series = wanted(filter, OF_SERIES, 3)?;
        Some(Self { series, left: filter.from.map_or(0, hour)..end })
    }

    /// The hours of the newest day that has any, as spans without gaps; `None` when there are no more days.
    async fn next_day(&mut self, pools: &Pools) -> Result<Option<Vec<Range<i64>>>, StoreError> {
        let (wanted, _) = &self.series;
        let day = format!(
            "SELECT day FROM usage_days
              WHERE day >= $1 AND day < $2 AND series IN (SELECT id FROM usage_series WHERE {wanted})
              ORDER BY day DESC LIMIT 1"
        );
        let days =
            self.left.start.div_euclid(HOURS)..self.left.end.saturating_add(HOURS - 1).div_euclid(HOURS);
        let Some(day) = self.ask(pools, day, days).await?.first().copied() else {
            return Ok(None);
        };
        let hours = format!(
            "SELECT DISTINCT hour FROM usage_hours
              WHERE hour >= $1 AND hour < $2 AND series IN (SELECT id FROM usage_series WHERE {wanted})
              ORDER BY hour DESC"
        );
        let midnight = day.saturating_mul(HOURS);
        let meant = midnight.max(self.left.start)..midnight.saturating_add(HOURS).min(self.left.end);
        let found = self.ask(pools, hours, meant).await?;
        self.left.end = midnight;
        Ok(Some(spans(&found)))
    }

    async fn ask(&self, pools: &Pools, statement: String, span: Range<i64>) -> Result<Vec<i64>, StoreError> {
        // Nothing is put into the statement but its own words.
        let query = sqlx::query(AssertSqlSafe(statement)).bind(span.start).bind(span.end);
        let query = self.series.1.iter().fold(query, sqlx::query::Query::bind);
        let rows = query.fetch_all(pools.readers()).await.map_err(unavailable)?;
        rows.iter().map(|row| row.try_get(0).map_err(unavailable)).collect()
    }
}

/// Hours in descending order as spans without gaps, in the same order.
fn spans(hours: &[i64]) -> Vec<Range<i64>> {
    let mut spans: Vec<Range<i64>> = Vec::new();
    for hour in hours {
        match spans.last_mut() {
            Some(last) if last.start == hour.saturating_add(1) => last.start = *hour,
            _ => spans.push(*hour..hour.saturating_add(1)),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_that_follow_each_other_are_one_span() {
        for (hours, expected) in [
            (&[][..], &[][..]),
            (&[7], &[(7, 8)]),
            (&[9, 8, 7], &[(7, 10)]),
            (&[9, 7, 6, 2], &[(9, 10), (6, 8), (2, 3)]),
        ] {
            let found: Vec<_> = spans(hours).into_iter().map(|span| (span.start, span.end)).collect();
            assert_eq!(found, expected, "{hours:?}");
        }
    }
}
