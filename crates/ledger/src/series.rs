//! Sums by the hour and the day: what is kept of the journal when its records are gone.
//!
//! A series is all calls that have their labels in common: the same people, model, endpoint, client and tags. Stores keep a
//! sum for each series and hour, and one for each series and day, in the transaction that appends the record. So the
//! sums are those of the records at any moment, and late records and corrections reach them like any other.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use jiff::Timestamp;

use crate::{
    journal::UsageRecord,
    report::{UsageBy, UsageFilter, UsagePer, UsageQuery, UsageSum},
    tags::Tags,
};

const HOUR_MS: i64 = 3_600_000;
const HOURS: i64 = 24;

/// The labels that calls can be told apart by in reports. What a call does not have is empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// The tenant.
    pub tenant: Arc<str>,
    /// The team.
    pub team: Arc<str>,
    /// The user.
    pub user: Arc<str>,
    /// The key.
    pub key: Arc<str>,
    /// The model that answered.
    pub model: Arc<str>,
    /// The upstream.
    pub endpoint: Arc<str>,
    /// The client's program.
    pub client: Arc<str>,
    /// The client's protocol.
    pub dialect: Arc<str>,
    /// What the calls are marked with.
    pub tags: Tags,
}

impl Series {
    /// The series that a record belongs to.
    pub fn of(record: &UsageRecord) -> Self {
        let or_empty = |label: Option<&Arc<str>>| label.cloned().unwrap_or_default();
        Self {
            tenant: record.path.tenant().clone(),
            team: or_empty(record.path.team()),
            user: record.path.user().clone(),
            key: or_empty(record.path.key()),
            model: record.model_served.clone(),
            endpoint: or_empty(record.endpoint.as_ref()),
            client: or_empty(record.client.as_ref()),
            dialect: record.dialect.clone(),
            tags: record.tags.clone(),
        }
    }

    /// The labels in the order of the fields.
    pub fn labels(&self) -> [&str; 9] {
        let Self { tenant, team, user, key, model, endpoint, client, dialect, tags } = self;
        [tenant, team, user, key, model, endpoint, client, dialect, tags.as_str()]
    }
}

/// Since 1970, the hour in which calls of that millisecond are counted.
pub(crate) fn hour_of(record: &UsageRecord) -> i64 {
    record.call.time().as_millisecond().div_euclid(HOUR_MS)
}

/// What records add to the sums, or take from them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<(i64, Series), UsageSum>);

impl Tally {
    /// Counts these records.
    pub fn of<'a>(records: impl IntoIterator<Item = &'a UsageRecord>) -> Self {
        let mut tally = Self::default();
        records.into_iter().for_each(|record| tally.add(record));
        tally
    }

    /// Counts a record.
    pub fn add(&mut self, record: &UsageRecord) {
        let cell = (hour_of(record), Series::of(record));
        self.0.entry(cell).or_insert_with(UsageSum::empty).add(record);
    }

    /// Takes out what was counted before.
    pub(crate) fn remove(&mut self, record: &UsageRecord) {
        if let Some(sum) = self.0.get_mut(&(hour_of(record), Series::of(record))) {
            sum.remove(record);
        }
    }

    /// The hours since 1970, the series and their sums, in this order.
    pub fn cells(&self) -> impl Iterator<Item = (i64, &Series, &UsageSum)> {
        self.0.iter().map(|((hour, series), sum)| (*hour, series, sum))
    }

    /// Answers a question from these sums. A store that can ask a database does so; this says what it has to answer.
    pub fn answer(&self, query: &UsageQuery) -> Vec<UsageSum> {
        let Pieces { days, hours } = Pieces::of(query);
        let mut sums = Sums::default();
        for (hour, series, sum) in self.cells() {
            let is_meant = days.contains(&day_of(hour)) || hours.iter().any(|hours| hours.contains(&hour));
            if is_meant && query.filter.admits_series(series) {
                let period = match query.per {
                    None => 0,
                    Some(UsagePer::Day) => day_of(hour),
                    Some(UsagePer::Hour) => hour,
                };
                sums.add(query, period, &group(query.by, series), sum);
            }
        }
        sums.page(query)
    }
}

/// The day since 1970 (UTC) that an hour belongs to.
pub fn day_of(hour: i64) -> i64 {
    hour.div_euclid(HOURS)
}

fn group(by: Option<UsageBy>, series: &Series) -> Arc<str> {
    match by {
        None => Arc::default(),
        Some(UsageBy::Tenant) => series.tenant.clone(),
        Some(UsageBy::Team) => series.team.clone(),
        Some(UsageBy::User) => series.user.clone(),
        Some(UsageBy::Key) => series.key.clone(),
        Some(UsageBy::Model) => series.model.clone(),
        Some(UsageBy::Endpoint) => series.endpoint.clone(),
        Some(UsageBy::Client) => series.client.clone(),
        Some(UsageBy::Dialect) => series.dialect.clone(),
        Some(UsageBy::Tag) => series.tags.as_str().into(),
    }
}

/// Sums by period and group on their way to an answer.
#[derive(Debug, Default)]
pub struct Sums(BTreeMap<(i64, Arc<str>), UsageSum>);

impl Sums {
    /// Adds a sum of a period (the day or hour since 1970; 0 for the whole span) and a group. By tags, the group is a whole
    /// set of them, and each tag gets its share.
    pub fn add(&mut self, query: &UsageQuery, period: i64, group: &Arc<str>, sum: &UsageSum) {
        if query.by != Some(UsageBy::Tag) {
            return self.merge(period, group.clone(), sum);
        }
        let tags = Tags::from_kept(Some(group.clone()));
        if tags.is_empty() {
            return self.merge(period, Arc::default(), sum);
        }
        let wanted = query.filter.tag.as_deref().map(|tag| tag.split('=').next().unwrap_or(tag));
        for (name, value) in tags.iter() {
            if wanted.is_none_or(|wanted| wanted == name) {
                self.merge(period, format!("{name}={value}").into(), sum);
            }
        }
    }

    fn merge(&mut self, period: i64, group: Arc<str>, sum: &UsageSum) {
        self.0.entry((period, group)).or_insert_with(UsageSum::empty).merge(sum);
    }

    /// The sums that the query asks for, in the order of periods and groups. What was corrected away is not there.
    pub fn page(self, query: &UsageQuery) -> Vec<UsageSum> {
        let length_ms = query.per.map_or(0, period_ms);
        let start = |period: i64| Timestamp::from_millisecond(period.saturating_mul(length_ms)).ok();
        let sums = self.0.into_iter().filter(|(_, sum)| sum.calls > 0).map(|((period, group), sum)| {
            UsageSum { period: query.per.and_then(|_| start(period)), group, ..sum }
        });
        let is_next = |sum: &UsageSum| {
            query.after.as_ref().is_none_or(|(period, group)| (sum.period, &sum.group) > (*period, group))
        };
        sums.filter(is_next).take(usize::try_from(query.limit).unwrap_or(usize::MAX)).collect()
    }
}

/// Which sums make up a span of whole hours: days where they fit, and hours at the ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// Days since 1970.
    pub days: Range<i64>,
    /// Hours since 1970.
    pub hours: [Range<i64>; 2],
}

impl Pieces {
    /// The pieces of a query's span. An hour that is touched is in it as a whole.
    pub fn of(query: &UsageQuery) -> Self {
        let hour = |at: Timestamp| at.as_millisecond().div_euclid(HOUR_MS);
        let UsageFilter { from, until, .. } = &query.filter;
        // An hour that ends later than time does, and its day, are still numbers.
        let (first, end) = (from.map_or(0, hour), until.map_or(i64::MAX / HOUR_MS, hour_after));
        let (first_day, end_day) = (hour_days_up(first), day_of(end));
        if first_day >= end_day || query.per == Some(UsagePer::Hour) {
            return Self { days: 0..0, hours: [first..end.max(first), 0..0] };
        }
        let midnight = |day: i64| day.saturating_mul(HOURS);
        Self { days: first_day..end_day, hours: [first..midnight(first_day), midnight(end_day)..end] }
    }
}

/// How many periods are asked for at a time; what is left comes last.
const PARTS: [i64; 4] = [8, 32, 128, 512];

impl UsageQuery {
    /// The query in parts of its span, one after the other in time. A page of days or hours ends long before the span does,
    /// and a store that asks part after part need not sum what comes after it. One part where there is no beginning.
    pub fn parts(&self) -> Vec<Self> {
        let (Some(per), Some(from)) = (self.per, self.filter.from) else {
            return vec![self.clone()];
        };
        let length_ms = period_ms(per);
        let last_page_ended = self.after.as_ref().and_then(|(period, _)| *period);
        let mut begin = last_page_ended.map_or(from, |period| period.max(from));
        let first = begin.as_millisecond().div_euclid(length_ms);
        let ends = PARTS.into_iter().scan(first, |end, periods| {
            *end = end.saturating_add(periods);
            Timestamp::from_millisecond(end.saturating_mul(length_ms)).ok()
        });
        let mut parts = Vec::with_capacity(PARTS.len());
        for end in ends.map(Some).chain([None]) {
            let until = match (end, self.filter.until) {
                (Some(end), Some(until)) => Some(end.min(until)),
                (end, until) => end.or(until),
            };
            let filter = UsageFilter { from: Some(begin), until, ..self.filter.clone() };
            parts.push(Self { filter, ..self.clone() });
            if until == self.filter.until {
                break;
            }
            begin = until.unwrap_or(begin);
        }
        parts
    }

    /// The query, for what is left when so many sums were found; `None` when those are all that it asks for.
    #[must_use]
    pub fn but(self, found: usize) -> Option<Self> {
        let found = u32::try_from(found).unwrap_or(u32::MAX);
        let limit = self.limit.checked_sub(found).filter(|left| *left > 0)?;
        Some(Self { limit, ..self })
    }
}

fn period_ms(per: UsagePer) -> i64 {
    match per {
        UsagePer::Day => HOUR_MS.saturating_mul(HOURS),
        UsagePer::Hour => HOUR_MS,
    }
}

/// The first hour that begins at that time or later.
fn hour_after(at: Timestamp) -> i64 {
    at.as_millisecond().saturating_add(HOUR_MS).saturating_sub(1).div_euclid(HOUR_MS)
}

/// The first day that begins at that hour or later.
fn hour_days_up(hour: i64) -> i64 {
    day_of(hour.saturating_add(HOURS).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_query_are_its_span_without_gaps_and_overlaps() {
        let at = |text: &str| -> Option<Timestamp> { text.parse().ok() };
        for (per, from, until, after, parts) in [
            (None, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", None, 1),
            (Some(UsagePer::Day), "", "2027-01-01T00:00:00Z", None, 1),
            (Some(UsagePer::Day), "2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z", None, 1),
            (Some(UsagePer::Day), "2026-01-01T05:30:00Z", "2027-01-01T00:00:00Z", None, 4),
            (Some(UsagePer::Day), "2026-01-01T05:30:00Z", "", None, 5),
            (
                Some(UsagePer::Day),
                "2026-01-01T05:30:00Z",
                "2027-01-01T00:00:00Z",
                at("2026-12-30T00:00:00Z"),
                1,
            ),
            (Some(UsagePer::Hour), "2026-01-01T05:30:00Z", "2026-02-01T00:00:00Z", None, 5),
            (Some(UsagePer::Hour), "9999-12-30T00:00:00Z", "", None, 2),
        ] {
            let filter = UsageFilter { from: at(from), until: at(until), ..UsageFilter::default() };
            let after = after.map(|period| (Some(period), Arc::from("ann")));
            let query = UsageQuery { per, after: after.clone(), ..UsageQuery::of(filter.clone()) };

            let found = query.parts();

            let case = format!("{per:?} {from} {until}");
            assert_eq!(found.len(), parts, "{case}");
            let begins = after.and_then(|(period, _)| period).or(filter.from);
            assert_eq!(found.first().and_then(|part| part.filter.from), begins, "{case}");
            assert_eq!(found.last().and_then(|part| part.filter.until), filter.until, "{case}");
            for (part, next) in found.iter().zip(found.iter().skip(1)) {
                assert_eq!(part.filter.until, next.filter.from, "{case}");
                let hour = part.filter.until.map(|until| until.as_millisecond().rem_euclid(HOUR_MS));
                assert_eq!(hour, Some(0), "no period is in two parts: {case}");
            }
        }
    }

    #[test]
    fn a_span_is_days_and_the_hours_at_its_ends() {
        let pieces = |from: &str, until: &str, per| {
            let filter =
                UsageFilter { from: from.parse().ok(), until: until.parse().ok(), ..UsageFilter::default() };
            let Pieces { days, hours: [before, after] } =
                Pieces::of(&UsageQuery { per, ..UsageQuery::of(filter) });
            let len = |range: Range<i64>| range.end - range.start;
            (len(before), len(days), len(after))
        };
        for (from, until, expected) in [
            ("2026-11-20T00:00:00Z", "2026-11-22T00:00:00Z", (0, 2, 0)),
            ("2026-11-20T22:00:00Z", "2026-11-22T03:00:00Z", (2, 1, 3)),
            // An hour that is touched counts as a whole.
            ("2026-11-20T22:59:59.999Z", "2026-11-22T02:00:00.001Z", (2, 1, 3)),
            ("2026-11-20T22:00:00Z", "2026-11-21T03:00:00Z", (2, 0, 3)),
            ("2026-11-20T01:00:00Z", "2026-11-20T03:00:00Z", (2, 0, 0)),
            ("2026-11-20T03:00:00Z", "2026-11-20T01:00:00Z", (0, 0, 0)),
        ] {
            let (before, days, after) = pieces(from, until, None);
            let hours = before + after;
            assert_eq!((hours, days), (expected.0 + expected.2, expected.1), "{from} {until}");
            let all = hours + days * 24;
            assert_eq!(pieces(from, until, Some(UsagePer::Hour)), (all, 0, 0), "{from} {until}");
        }
    }
}
