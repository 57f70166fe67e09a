//! What a budget will have spent at the end of its window, by what was used in the weeks before.
//!
//! People work by the week: nights, weekends and the Monday's rush come back after seven days. So what is left of a window
//! is taken to cost what the same stretch of the last weeks cost on average, and each whole week of it what a whole week
//! cost. Where there is less than a week of use to look at, the pace since the first day goes on; that day counts as a whole,
//! so that a first busy hour is not taken for a habit.

use jiff::{SignedDuration, Timestamp};

use crate::budget::Amount;

/// How many weeks are looked back at most.
const WEEKS: u8 = 4;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const WEEK_MS: i64 = 7 * DAY_MS;
/// How far ahead one looks for the day on which a budget without an end runs out.
const FAR_MS: i64 = 366 * DAY_MS;

/// The rest of a window: which spans of the past to look at, and what to make of what was used in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    now: Timestamp,
    end: Option<Timestamp>,
}

/// What was used in the past, in a budget's unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// On each day of the span of [`Outlook::days`], by the time that the day began. Days without use may be missing.
    pub days: Vec<(Timestamp, Amount)>,
    /// In each of the spans of [`Outlook::stretches`].
    pub stretches: Vec<Amount>,
}

/// What is to be expected of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// What will be spent at the window's end if no limit holds it back. `None` for a window without an end.
    pub spent: Option<Amount>,
    /// When the limit will be reached: before the window's end, or within a year where it has none. `None` if it will not.
    pub runs_out_at: Option<Timestamp>,
}

/// How much is used in how long.
struct Pace {
    amount: Amount,
    length_ms: i64,
    /// The whole weeks that this is of; 0 where there is not one yet.
    weeks: u8,
}

impl Outlook {
    /// On a window that ends then, if it ever does.
    pub fn new(now: Timestamp, end: Option<Timestamp>) -> Self {
        Self { now, end }
    }

    /// The whole days to look at, in UTC, and today until now.
    pub fn days(self) -> (Timestamp, Timestamp) {
        (moved(self.today(), weeks_ms(WEEKS).saturating_neg()), self.now)
    }

    /// What is left of the window but for whole weeks, as it lay in each of the last weeks, the latest first. Usage is kept by
    /// the hour: the present hour is taken to be over.
    pub fn stretches(self) -> Vec<(Timestamp, Timestamp)> {
        let from = next_hour(self.now);
        let length = self.end.map_or(0, |end| milliseconds(from, next_hour(end)));
        if length <= 0 || length % WEEK_MS == 0 {
            return Vec::new();
        }
        let weeks = (1..=WEEKS).map(|weeks| moved(from, weeks_ms(weeks).saturating_neg()));
        weeks.map(|start| (start, moved(start, length % WEEK_MS))).collect()
    }

    /// What is to be expected where so much is spent of a limit.
    pub fn forecast(self, spent: Amount, limit: Amount, past: &Past) -> Forecast {
        let pace = self.pace(past);
        // So much is used in such a time, and that is how far one looks.
        let (more, length_ms, ahead_ms) = match self.end {
            Some(end) => {
                let length_ms = milliseconds(self.now, end).max(0);
                (self.rest(end, &pace, past), length_ms, length_ms)
            }
            None => (pace.amount, pace.length_ms, FAR_MS),
        };
        let left = limit.saturating_sub(spent);
        // As if it were spent evenly.
        let lasts_ms = if left == 0 { Some(0) } else { share(left, length_ms, more) };
        let runs_out_at = lasts_ms.filter(|lasts| left == 0 || *lasts < ahead_ms);
        Forecast {
            spent: self.end.map(|_| spent.saturating_add(more)),
            runs_out_at: runs_out_at.map(|lasts| moved(self.now, lasts)),
        }
    }

    fn pace(self, past: &Past) -> Pace {
        let used = || past.days.iter().filter(|(_, amount)| *amount > 0);
        let Some(first) = used().map(|(day, _)| *day).min() else {
            return Pace { amount: 0, length_ms: WEEK_MS, weeks: WEEKS };
        };
        let today = self.today();
        let weeks = milliseconds(first, today).div_euclid(WEEK_MS);
        let weeks = u8::try_from(weeks).unwrap_or(WEEKS).min(WEEKS);
        let sum = |days: &mut dyn Iterator<Item = &(Timestamp, Amount)>| {
            days.fold(0, |sum: Amount, (_, amount)| sum.saturating_add(*amount))
        };
        if weeks == 0 {
            let length_ms = milliseconds(first, self.now).max(DAY_MS);
            return Pace { amount: sum(&mut used()), length_ms, weeks };
        }
        let length_ms = weeks_ms(weeks);
        let since = moved(today, length_ms.saturating_neg());
        Pace { amount: sum(&mut used().filter(|(day, _)| (since..today).contains(day))), length_ms, weeks }
    }

    /// What the rest of a window with an end will take.
    fn rest(self, end: Timestamp, pace: &Pace, past: &Past) -> Amount {
        let rest_ms = milliseconds(next_hour(self.now), next_hour(end)).max(0);
        let whole_weeks_ms = rest_ms.saturating_sub(rest_ms.rem_euclid(WEEK_MS));
        let stretches = past.stretches.iter().take(usize::from(pace.weeks));
        let stretches = stretches.fold(0, |sum: Amount, amount| sum.saturating_add(*amount));
        match stretches.checked_div(Amount::from(pace.weeks)) {
            Some(stretch) => pace.over(whole_weeks_ms).saturating_add(stretch),
            None => pace.over(milliseconds(self.now, end)),
        }
    }

    fn today(self) -> Timestamp {
        moved(self.now, self.now.as_millisecond().rem_euclid(DAY_MS).saturating_neg())
    }
}

impl Pace {
    fn over(&self, length_ms: i64) -> Amount {
        let amount = u128::from(self.amount).saturating_mul(u128::from(length_ms.max(0).unsigned_abs()));
        let amount = amount.checked_div(u128::from(self.length_ms.unsigned_abs()));
        amount.map_or(0, |amount| Amount::try_from(amount).unwrap_or(Amount::MAX))
    }
}

/// The part of a length that an amount takes where `whole` takes all of it; `None` where nothing is taken.
fn share(amount: Amount, length_ms: i64, whole: Amount) -> Option<i64> {
    let part = u128::from(amount).saturating_mul(u128::from(length_ms.unsigned_abs()));
    part.checked_div(u128::from(whole)).map(|part| i64::try_from(part).unwrap_or(i64::MAX))
}

fn weeks_ms(weeks: u8) -> i64 {
    i64::from(weeks).saturating_mul(WEEK_MS)
}

fn milliseconds(from: Timestamp, until: Timestamp) -> i64 {
    until.as_millisecond().saturating_sub(from.as_millisecond())
}

/// The first hour that begins at that time or later.
fn next_hour(at: Timestamp) -> Timestamp {
    moved(at, at.as_millisecond().saturating_neg().rem_euclid(HOUR_MS))
}

/// That much later, in whole milliseconds.
fn moved(at: Timestamp, by_ms: i64) -> Timestamp {
    let at = Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at);
    let by = SignedDuration::from_millis(by_ms);
    at.checked_add(by).unwrap_or(if by_ms < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    /// 100 on working days from 8 to 18 o'clock, 10 an hour; nothing at weekends.
    fn office(from: Timestamp, until: Timestamp) -> Amount {
        let mut used = 0;
        let mut hour = from;
        while hour < until {
            let since_monday = milliseconds(at("2026-11-02T00:00:00Z"), hour).rem_euclid(WEEK_MS);
            let of_day = since_monday % DAY_MS / HOUR_MS;
            if since_monday / DAY_MS < 5 && (8..18).contains(&of_day) {
                used += 10;
            }
            hour = moved(hour, HOUR_MS);
        }
        used
    }

    /// What an office that began then used until now.
    fn past(outlook: Outlook, begun: Timestamp) -> Past {
        let (from, until) = outlook.days();
        let mut days = Vec::new();
        let mut day = from;
        while day < until {
            let next = moved(day, DAY_MS);
            days.push((day, office(day.max(begun), next.min(until))));
            day = next;
        }
        let spans = outlook.stretches().into_iter();
        let stretches = spans.map(|(from, until)| office(from.max(begun), until)).collect();
        Past { days, stretches }
    }

    #[track_caller]
    fn check(
        now: &str,
        end: Option<&str>,
        begun: &str,
        spent: Amount,
        expected: (Option<Amount>, Option<&str>),
    ) {
        let outlook = Outlook::new(at(now), end.map(at));
        let forecast = outlook.forecast(spent, 1_000, &past(outlook, at(begun)));
        assert_eq!((forecast.spent, forecast.runs_out_at), (expected.0, expected.1.map(at)));
    }

    #[test]
    fn what_is_left_of_a_window_costs_what_it_cost_in_the_weeks_before() {
        let long_ago = "2026-01-01T00:00:00Z";
        // Wednesday noon to its midnight, to Monday, and to the first of the next month (of 30 days: two whole weeks and more).
        check("2026-11-18T12:00:00Z", Some("2026-11-19T00:00:00Z"), long_ago, 40, (Some(100), None));
        check("2026-11-18T12:00:00Z", Some("2026-11-23T00:00:00Z"), long_ago, 240, (Some(500), None));
        check(
            "2026-11-04T12:00:00Z",
            Some("2026-12-01T00:00:00Z"),
            long_ago,
            240,
            (Some(2_100), Some("2026-11-15T07:52:15.483Z")),
        );
        // The present hour is taken to be over, and the one in which a window of a half hour's zone ends counts as a whole.
        check("2026-11-18T12:30:00Z", Some("2026-11-19T00:00:00Z"), long_ago, 45, (Some(95), None));
        check("2026-11-18T12:00:00Z", Some("2026-11-18T14:30:00Z"), long_ago, 40, (Some(70), None));
        // In the evening the day is over.
        check("2026-11-18T18:00:00Z", Some("2026-11-19T00:00:00Z"), long_ago, 100, (Some(100), None));
        // Windows of other time zones end within a day of ours.
        check("2026-11-18T12:00:00Z", Some("2026-11-19T10:00:00Z"), long_ago, 40, (Some(120), None));
    }

    #[test]
    fn weeks_before_the_first_use_are_not_looked_at() {
        let begun = "2026-11-09T00:00:00Z";
        check("2026-11-18T12:00:00Z", Some("2026-11-23T00:00:00Z"), begun, 240, (Some(500), None));
        check("2026-11-18T12:00:00Z", Some("2026-11-30T00:00:00Z"), begun, 240, (Some(1_000), None));
    }

    #[test]
    fn before_there_is_a_week_the_pace_goes_on() {
        // 40 in the four hours since Monday's start: 40 a day.
        check(
            "2026-11-16T12:00:00Z",
            Some("2026-11-17T00:00:00Z"),
            "2026-11-16T00:00:00Z",
            40,
            (Some(60), None),
        );
        check(
            "2026-11-18T12:00:00Z",
            Some("2026-11-21T00:00:00Z"),
            "2026-11-16T00:00:00Z",
            240,
            (Some(480), None),
        );
    }

    #[test]
    fn a_budget_without_an_end_runs_out_some_day_or_not_within_a_year() {
        let long_ago = "2026-01-01T00:00:00Z";
        check("2026-11-18T00:00:00Z", None, long_ago, 500, (None, Some("2026-11-25T00:00:00Z")));
        check("2026-11-18T00:00:00Z", None, "2026-11-17T17:00:00Z", 0, (None, Some("2027-02-26T00:00:00Z")));
        check("2026-11-18T00:00:00Z", None, "2027-01-01T00:00:00Z", 500, (None, None));
        check(
            "2026-11-18T00:00:00Z",
            None,
            "2027-01-01T00:00:00Z",
            1_000,
            (None, Some("2026-11-18T00:00:00Z")),
        );
    }
}
