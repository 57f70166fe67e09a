//! Which core does what: one for the process that is measured, another for everything around it.

use std::{process::Child, process::Command};

use anyhow::{Context as _, Result, ensure};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The two cores of a run.
#[derive(Clone, Copy)]
pub(crate) struct Cores {
    /// The proxy under measurement, alone.
    pub(crate) proxy: usize,
    /// The load generator and the upstream stub.
    pub(crate) load: usize,
}

impl Cores {
    /// Takes the last two cores that this process may use: the first one serves most of the kernel's interrupts.
    pub(crate) fn choose() -> Result<Self> {
        let allowed = sched_getaffinity(None).context("reading the allowed cores")?;
        let mut cores = (0..CpuSet::MAX_CPU).rev().filter(|&core| allowed.is_set(core));
        let (proxy, load) = (cores.next(), cores.next());
        ensure!(load.is_some(), "a run needs two cores: one for the proxy, one for the load");
        Ok(Self { proxy: proxy.unwrap_or_default(), load: load.unwrap_or_default() })
    }
}

/// Binds the calling thread, and all that it starts from here on, to one core.
pub(crate) fn pin(core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).with_context(|| format!("binding to core {core}"))
}

/// Starts a process bound to `core`. A child inherits the binding of the thread that starts it.
pub(crate) fn spawn_on(core: usize, command: &mut Command) -> Result<Child> {
    let before = sched_getaffinity(None).context("reading the binding")?;
    pin(core)?;
    let child = command.spawn().with_context(|| format!("starting {}", command.get_program().display()));
    sched_setaffinity(None, &before).context("restoring the binding")?;
    child
}
