//! Opens an address in the person's browser, where there is one.

use std::process::{Command, Stdio};

use crate::connection::variable;

/// Whether a browser was asked to open it; nobody knows whether it did.
pub(crate) fn open(url: &str) -> bool {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    // Over SSH a browser would open on the wrong machine, and without a display not at all.
    let is_remote = variable("SSH_CONNECTION").is_some() || variable("SSH_TTY").is_some();
    let has_display =
        cfg!(target_os = "macos") || variable("DISPLAY").is_some() || variable("WAYLAND_DISPLAY").is_some();
    if is_remote || !has_display {
        return false;
    }
    let mut command = Command::new(program);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().is_ok()
}
