//! The gateway's version beside this program's.

use std::cmp::Ordering;

use super::Finding;
use crate::trouble::Trouble;

const OWN: &str = env!("CARGO_PKG_VERSION");

/// A word on a gateway that is newer than this program. An older one is none: what it cannot do, it says where it is asked.
pub(super) fn newer(theirs: Option<&str>) -> Option<Finding> {
    let theirs = theirs.filter(|theirs| compared(theirs) == Some(Ordering::Greater))?;
    let fix = format!("what is new in it may not be shown here; install stonegate {theirs}");
    Some(Finding::doubtful("version", told(theirs), fix))
}

/// Why an answer was not understood.
pub(super) fn unread(theirs: Option<&str>, trouble: &Trouble) -> Finding {
    match theirs.map(|theirs| (theirs, compared(theirs))) {
        Some((theirs, Some(Ordering::Greater))) => Finding::bad(
            "version",
            format!("{}: {trouble}", told(theirs)),
            format!("install stonegate {theirs}"),
        ),
        Some((theirs, Some(Ordering::Less))) => {
            let told = format!("this gateway ({theirs}) is older than this command line ({OWN}): {trouble}");
            Finding::bad("version", told, format!("install stonegate {theirs}, or have the gateway updated"))
        }
        Some((_, Some(Ordering::Equal) | None)) | None => {
            let fix = "tell who runs the gateway: something on the way may have changed the answer";
            Finding::bad("version", trouble.to_string(), fix)
        }
    }
}

fn told(theirs: &str) -> String {
    format!("this gateway ({theirs}) is newer than this command line ({OWN})")
}

/// How the gateway's version stands to this program's; `None` where it is none.
fn compared(theirs: &str) -> Option<Ordering> {
    Some(numbers(theirs)?.cmp(&numbers(OWN)?))
}

/// The three numbers of a version, without what a release before the release adds.
fn numbers(version: &str) -> Option<[u64; 3]> {
    let release = version.split(['-', '+']).next()?;
    let numbers: Vec<u64> = release.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
    numbers.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (theirs, expected) in [
            (OWN, Some(Ordering::Equal)),
            ("0.0.99", Some(Ordering::Less)),
            ("0.10.0", Some(Ordering::Greater)),
            ("100.0.0-rc.1", Some(Ordering::Greater)),
            ("nightly", None),
            ("1.2", None),
        ] {
            assert_eq!(compared(theirs), expected, "{theirs}");
        }
    }

    #[test]
    fn what_is_not_understood_is_told_by_whose_it_is() {
        let trouble = Trouble::Unread { path: "/x".to_owned(), why: "no `y`".to_owned() };
        for (theirs, found, fix) in [
            (Some("100.0.0"), "is newer than this command line", "install stonegate 100.0.0"),
            (Some("0.0.1"), "is older than this command line", "install stonegate 0.0.1"),
            (Some(OWN), "/x gave", "tell who runs the gateway"),
            (None, "/x gave", "tell who runs the gateway"),
        ] {
            let finding = unread(theirs, &trouble);
            let told = finding.fix.unwrap_or_default();
            assert!(finding.found.contains(found) && told.contains(fix), "{} {told}", finding.found);
        }
    }
}
