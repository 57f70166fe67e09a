//! The scenarios: each drives the bare proxy and Stonegate in turns and adds its figures to the report.

pub(crate) mod latency;
pub(crate) mod pressure;
pub(crate) mod slow;

use std::{rc::Rc, time::Duration};

use crate::{load::Target, process::Process};

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// How often each scenario goes over both proxies.
    pub(crate) rounds: usize,
    /// How long one proxy is under pressure in one round.
    pub(crate) measured: Duration,
    /// Calls of each kind to each target in one round of the latency scenario.
    pub(crate) latency_calls: usize,
    /// How often the slow streams go over both proxies.
    pub(crate) slow_rounds: usize,
    /// How many slow streams are open at once.
    pub(crate) slow_streams: usize,
    /// How long one of them lasts.
    pub(crate) slow_seconds: u32,
}

impl Plan {
    /// A few minutes, for figures worth quoting.
    pub(crate) const FULL: Self = Self {
        rounds: 7,
        measured: Duration::from_millis(2500),
        latency_calls: 500,
        slow_rounds: 5,
        slow_streams: 1000,
        slow_seconds: 8,
    };
    /// Under a minute, to see that nothing is broken or grossly slower.
    pub(crate) const QUICK: Self = Self {
        rounds: 3,
        measured: Duration::from_millis(600),
        latency_calls: 200,
        slow_rounds: 1,
        slow_streams: 1000,
        slow_seconds: 5,
    };
}

/// A proxy that runs, and the calls to it.
pub(crate) struct Subject {
    pub(crate) process: Process,
    pub(crate) target: Rc<Target>,
}

/// The two proxies of a run.
pub(crate) struct Pair {
    pub(crate) bare: Subject,
    pub(crate) stonegate: Subject,
}

/// Which proxy of the pair.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Bare,
    Stonegate,
}

impl Which {
    /// Both, the first one changing from round to round, so that drift in the machine favours neither.
    pub(crate) fn order(round: usize) -> [Self; 2] {
        if round.is_multiple_of(2) { [Self::Bare, Self::Stonegate] } else { [Self::Stonegate, Self::Bare] }
    }
}

impl Pair {
    pub(crate) fn subject(&self, which: Which) -> &Subject {
        match which {
            Which::Bare => &self.bare,
            Which::Stonegate => &self.stonegate,
        }
    }
}
