//! Passes signals on to a child that shares our terminal.
//!
//! What is typed there, Ctrl-C say, the kernel sends to the child, too: passing it on would make two of one, and two end
//! programs that one would only have interrupted. So what the kernel sent is left to it, and what a process sent goes on.

use std::io;
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::iterator::{Handle, SignalsInfo};
use signal_hook::low_level::siginfo::{Cause, Origin};

const PASSED_ON: [i32; 6] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];

/// Signals that arrived here since it was made.
pub(super) struct Arriving(SignalsInfo<WithOrigin>);

impl Arriving {
    /// From now on none of them ends this process. Those that it was told to ignore (`nohup`), the child ignores, too.
    pub(super) fn listen() -> io::Result<Arriving> {
        let ignored = ignored();
        let heard = PASSED_ON.into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0);
        Ok(Arriving(SignalsInfo::new(heard)?))
    }

    /// Passes them on to the child, from a thread of its own, until the guard is dropped.
    pub(super) fn pass_on_to(self, child: u32) -> Passing {
        let Arriving(mut signals) = self;
        let handle = signals.handle();
        let child = i32::try_from(child).ok().and_then(Pid::from_raw);
        let thread = std::thread::spawn(move || {
            for Origin { signal, cause, .. } in signals.forever() {
                let (Some(child), Some(signal)) = (child, Signal::from_named_raw(signal)) else { continue };
                if matches!(cause, Cause::Sent(_)) {
                    // It may have ended in this moment.
                    kill_process(child, signal).ok();
                }
            }
        });
        Passing { handle, thread: Some(thread) }
    }
}

/// Signals go on while it lives; afterwards they do nothing.
pub(super) struct Passing {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// The signals that this process ignores, a bit each, as Linux tells them; elsewhere none are known.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}
