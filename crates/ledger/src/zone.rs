//! The calendar by which a budget's windows turn.

use std::{fmt, str::FromStr, sync::LazyLock};

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// All zones come with the program, so that every replica turns its windows at the same instant, whatever its machine has.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone by its name in IANA's database, such as `Europe/Berlin`.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// A text that names no time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no time zone: give a name of IANA's database, such as UTC, Europe/Berlin or America/New_York"
)]
pub struct UnknownZone(String);

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// Its name.
    pub fn as_str(&self) -> &str {
        // Only zones with a name are ever made.
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The zone itself.
    pub fn time_zone(&self) -> &TimeZone {
        &self.0
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(text: &str) -> Result<Self, UnknownZone> {
        if text == "UTC" {
            return Ok(Self::UTC);
        }
        let zone = ZONES.get(text).ok().filter(|zone| zone.iana_name().is_some() && !zone.is_unknown());
        zone.map(Self).ok_or_else(|| UnknownZone(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_reads_as_it_is_written() {
        for name in ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Argentina/Buenos_Aires"] {
            assert_eq!(name.parse::<Zone>().unwrap().to_string(), name);
        }
        for text in ["", "Berlin", "+02:00", "Europe/Nowhere", "Etc/Unknown", "../etc/passwd"] {
            assert_eq!(text.parse::<Zone>(), Err(UnknownZone(text.to_owned())), "{text:?}");
        }
    }
}
