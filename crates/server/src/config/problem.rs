//! What is wrong with the settings, said so that it can be mended without looking anything up.

use std::fmt;

use super::source::Origin;

/// One thing that is wrong: which setting, where, what, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting's name, where there is one.
    pub setting: Option<String>,
    /// Where it is written.
    pub origin: Origin,
    /// What is wrong.
    pub wrong: String,
    /// What to do about it.
    pub fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.setting {
            Some(name) => write!(f, "`{name}` {}", self.wrong)?,
            None => f.write_str(&self.wrong)?,
        }
        write!(f, "\n  at:  {}\n  fix: {}", self.origin, self.fix)
    }
}

/// All that is wrong, at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The name among `known` that `asked` was most likely meant to be.
pub(super) fn nearest<'a>(asked: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let asked = asked.to_lowercase();
    known
        .map(|name| (likeness(&asked, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, name)| name)
}

/// 1 for the same name, 0 for nothing in common.
fn likeness(asked: &str, name: &str) -> f64 {
    fn last(name: &str) -> &str {
        name.split_once('.').map_or(name, |(_, last)| last)
    }
    // The right name in the wrong section, or without its unit, is nearer than its letters say.
    if last(asked) == last(name) || name.starts_with(&format!("{asked}_")) {
        0.95
    } else {
        strsim::normalized_damerau_levenshtein(asked, name)
    }
}
