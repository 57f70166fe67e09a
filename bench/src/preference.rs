//! Precedence over other work on this machine, where that is allowed: others' work is noise in the figures.

use std::fs;

use rustix::process::nice;

/// Linux groups what belongs to one session and shares the cores between groups first, so that a process's own niceness
/// counts only within its session.
const AUTOGROUP: &str = "/proc/self/autogroup";
const NICENESS: i32 = -15;

/// Lasts as long as it is held, but for the process's own niceness, which ends with the process.
pub(crate) struct Preference {
    autogroup_before: Option<String>,
}

impl Preference {
    /// Raises the priority of this process and of what it starts; nothing where that is not allowed.
    pub(crate) fn take() -> Option<Self> {
        nice(NICENESS).ok()?;
        // "/autogroup-42 nice 0"; there is no such file where the kernel does without these groups.
        let before = fs::read_to_string(AUTOGROUP).ok();
        let before = before
            .as_deref()
            .and_then(|line| line.trim_end().rsplit_once(' '))
            .map(|(_, nice)| nice.to_owned());
        if before.is_some() {
            fs::write(AUTOGROUP, NICENESS.to_string()).ok()?;
        }
        Some(Self { autogroup_before: before })
    }
}

impl Drop for Preference {
    fn drop(&mut self) {
        if let Some(before) = &self.autogroup_before {
            // The next run takes precedence anyway; there is nobody to tell.
            fs::write(AUTOGROUP, before).ok();
        }
    }
}
