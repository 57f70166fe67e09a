//! Calendar windows. A window is a part of a counter's key, never the work of a job that resets something.

use std::{fmt, str::FromStr};

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, ISOWeekDate, Weekday},
    tz::TimeZone,
};

use crate::text::{UnknownText, spelled};

/// How often a budget renews.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// Never.
    Total,
    /// At midnight.
    Daily,
    /// At midnight before Monday.
    Weekly,
    /// At midnight before the first.
    Monthly,
}

spelled!(Window { Total = "total", Daily = "daily", Weekly = "weekly", Monthly = "monthly" });

/// One window of time by its name: `total`, `2026-11-21`, `2026-W47`, `2026-11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WindowKey {
    /// All time.
    Total,
    /// That day.
    Day(Date),
    /// The week of that Monday.
    Week(Date),
    /// The month of that first day.
    Month(Date),
}

/// A window together with the time that it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The window's name.
    pub key: WindowKey,
    /// The first instant inside.
    pub starts_at: Timestamp,
    /// The first instant after it, when the budget renews. `None` when it never does.
    pub ends_at: Option<Timestamp>,
}

impl Window {
    /// The window around `at` by the calendar of `zone`.
    pub fn period_at(self, at: Timestamp, zone: &TimeZone) -> Period {
        let today = zone.to_datetime(at).date();
        let (key, first, next) = match self {
            Self::Total => return Period { key: WindowKey::Total, starts_at: Timestamp::MIN, ends_at: None },
            Self::Daily => (WindowKey::Day(today), today, today.tomorrow()),
            Self::Weekly => {
                let since_monday = today.weekday().since(Weekday::Monday);
                let monday = today.saturating_sub(i64::from(since_monday).days());
                (WindowKey::Week(monday), monday, monday.checked_add(7.days()))
            }
            Self::Monthly => {
                let first = today.first_of_month();
                (WindowKey::Month(first), first, first.checked_add(1.month()))
            }
        };
        let midnight = |date: Date| zone.to_timestamp(date.at(0, 0, 0, 0));
        Period {
            key,
            // The ends of time itself are the only dates that have no midnight.
            starts_at: midnight(first).unwrap_or(Timestamp::MIN),
            ends_at: next.and_then(midnight).ok(),
        }
    }
}

impl Period {
    /// Whether the window covers that instant.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.starts_at <= at && self.ends_at.is_none_or(|end| at < end)
    }
}

impl fmt::Display for WindowKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Total => out.write_str("total"),
            Self::Day(date) => write!(out, "{date}"),
            Self::Week(monday) => {
                let week = monday.iso_week_date();
                write!(out, "{:04}-W{:02}", week.year(), week.week())
            }
            Self::Month(first) => write!(out, "{:04}-{:02}", first.year(), first.month()),
        }
    }
}

impl FromStr for WindowKey {
    type Err = UnknownText;

    fn from_str(text: &str) -> Result<Self, UnknownText> {
        let key = match (text, text.split_once("-W")) {
            ("total", _) => Some(Self::Total),
            (_, Some((year, week))) => year.parse().ok().zip(week.parse().ok()).and_then(|(year, week)| {
                let week = ISOWeekDate::new(year, week, Weekday::Monday).ok()?;
                Some(Self::Week(week.date()))
            }),
            (_, None) if text.len() == 7 => format!("{text}-01").parse().ok().map(Self::Month),
            (_, None) => text.parse().ok().map(Self::Day),
        };
        // What is written in another way than ours would be a second name for the same counter.
        key.filter(|key| key.to_string() == text).ok_or_else(|| UnknownText {
            text: text.to_owned(),
            known: "total, YYYY-MM-DD, YYYY-Www, YYYY-MM",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(window: Window, at: &str, zone: &TimeZone, key: &str, ends_at: Option<&str>) {
        let at: Timestamp = at.parse().unwrap();
        let period = window.period_at(at, zone);
        assert_eq!(period.key.to_string(), key);
        assert_eq!(period.ends_at, ends_at.map(|end| end.parse().unwrap()));
        assert_eq!(key.parse(), Ok(period.key));
        assert!(period.contains(at));
        if let Some(end) = period.ends_at {
            assert!(!period.contains(end));
            assert_eq!(window.period_at(end, zone).starts_at, end, "the next one begins where this one ends");
        }
    }

    #[test]
    fn windows_follow_the_calendar() {
        let utc = TimeZone::UTC;
        let at = "2026-11-21T23:59:59.999Z";
        check(Window::Total, at, &utc, "total", None);
        check(Window::Daily, at, &utc, "2026-11-21", Some("2026-11-22T00:00:00Z"));
        check(Window::Weekly, at, &utc, "2026-W47", Some("2026-11-23T00:00:00Z"));
        check(Window::Monthly, at, &utc, "2026-11", Some("2026-12-01T00:00:00Z"));
        check(Window::Monthly, "2026-12-31T12:00:00Z", &utc, "2026-12", Some("2027-01-01T00:00:00Z"));
        check(Window::Weekly, "2027-01-01T12:00:00Z", &utc, "2026-W53", Some("2027-01-04T00:00:00Z"));
    }

    #[test]
    fn a_day_is_as_long_as_the_zone_says() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        check(Window::Daily, "2026-10-25T22:59:59Z", &berlin, "2026-10-25", Some("2026-10-25T23:00:00Z"));
        check(Window::Daily, "2026-10-24T22:00:00Z", &berlin, "2026-10-25", Some("2026-10-25T23:00:00Z"));
    }

    #[test]
    fn a_window_has_one_name() {
        for text in ["", "2026", "2026-1", "2026-11-1", "2026-W7", "2026-W54", "2026-13", "all"] {
            assert!(text.parse::<WindowKey>().is_err(), "{text:?}");
        }
    }
}
