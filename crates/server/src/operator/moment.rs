//! Times as people type them: `2026-12-01T08:00:00Z`, `2026-12-01`, or a while from now such as `30d` or `12h`.

use jiff::{Span, Timestamp, civil::Date, tz::TimeZone};

use crate::admin::Problem;

/// A time to come; a while counts from now on.
///
/// # Errors
/// When it is no time.
pub fn to_come(field: &'static str, text: &str, now: Timestamp) -> Result<Timestamp, Problem> {
    parse(text, |span| now.to_zoned(TimeZone::UTC).checked_add(span).ok())
        .ok_or_else(|| unreadable(field, text))
}

/// A time gone by; a while counts back from now.
///
/// # Errors
/// When it is no time.
pub fn gone_by(field: &'static str, text: &str, now: Timestamp) -> Result<Timestamp, Problem> {
    parse(text, |span| now.to_zoned(TimeZone::UTC).checked_sub(span).ok())
        .ok_or_else(|| unreadable(field, text))
}

fn parse(text: &str, from_now: impl Fn(Span) -> Option<jiff::Zoned>) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    if let Ok(day) = text.parse::<Date>() {
        return Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp());
    }
    let span = text.parse::<Span>().ok().filter(|span| span.is_positive())?;
    Some(from_now(span)?.timestamp())
}

fn unreadable(field: &'static str, text: &str) -> Problem {
    let message =
        format!("`{text}` is no time: write 2026-12-01, 2026-12-01T08:00:00Z, or a while such as 30d or 12h");
    Problem::invalid(field, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_type_them() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2026-12-01T08:00:00Z", Some("2026-12-01T08:00:00Z")),
            ("2026-12-01T08:00:00+02:00", Some("2026-12-01T06:00:00Z")),
            ("2026-12-01", Some("2026-12-01T00:00:00Z")),
            ("30d", Some("2026-12-21T12:00:00Z")),
            ("12h", Some("2026-11-22T00:00:00Z")),
            ("1mo", Some("2026-12-21T12:00:00Z")),
            ("-1h", None),
            ("soon", None),
            ("", None),
            ("99999999y", None),
        ] {
            let read = to_come("expires", text, now).ok().map(|time| time.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
        assert_eq!(gone_by("since", "7d", now).unwrap().to_string(), "2026-11-14T12:00:00Z");
    }
}
