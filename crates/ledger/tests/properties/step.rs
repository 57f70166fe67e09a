//! What may happen in a history.

use std::ops::Range;

use proptest::prelude::*;

/// One thing that happens. Numbers that name something are taken modulo how many there are.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A call of a model asks for credit: `quote` nano-dollars, to be lowered to `least`.
    Reserve { replica: usize, model: usize, quote: u64, least: u64 },
    /// A call under way asks for more.
    Extend { replica: usize, nth: usize, quote: u64, least: u64 },
    /// A call ends, having cost so many per cent of what it had reserved.
    Settle { replica: usize, nth: usize, percent: u64 },
    /// A call is dropped, perhaps after something was sent.
    Drop { replica: usize, nth: usize, sent: bool },
    /// A request goes out, is answered, and the answer arrives.
    Sync { replica: usize },
    /// A request never arrives.
    LoseRequest { replica: usize },
    /// A request is taken, but its answer never arrives.
    LoseAnswer { replica: usize },
    /// A request is taken, and its answer comes later.
    Delay { replica: usize },
    /// The answer that was delayed arrives.
    Arrive { replica: usize },
    /// A request arrives twice, and so does the answer.
    Double { replica: usize },
    /// An old request arrives once more.
    Echo { replica: usize, nth: usize },
    /// A replica dies; another process takes its place in the load balancer.
    Crash { replica: usize },
    /// A replica declares dead whoever has been silent for a while.
    Adopt { by: usize },
    /// The limit of a budget is raised.
    Raise { budget: usize, by: u64 },
    /// A budget is defined where there was none.
    Define { limit: u64 },
    /// Credit is granted on a budget, in its window or for ever.
    Credit { budget: usize, amount: i64, for_ever: bool },
    /// A higher limit holds on a budget for some hours.
    Override { budget: usize, more: u64, hours: i64 },
    /// Someone finds out that a call of a dead replica, or its lease, took so many per cent of what it was charged.
    Correct { nth: usize, percent: u64 },
    /// A service outside asks for credit, for a minute at most.
    Authorize { amount: u64 },
    /// It takes so many per cent of what it holds, or nothing.
    EndCharge { nth: usize, percent: u64 },
    /// Charges whose time is up are ended.
    Expire,
    /// Time passes.
    Seconds { seconds: i64 },
    /// Much time passes, and perhaps a day ends.
    Hours { hours: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    let replica = 0..5_usize;
    let nth = 0..8_usize;
    prop_oneof![
        12 => (replica.clone(), 0..3_usize, 1..40_u64, 0..40_u64).prop_map(|(replica, model, quote, least)| {
            Step::Reserve { replica, model, quote, least: least.min(quote) }
        }),
        4 => (replica.clone(), nth.clone(), 1..40_u64, 0..40_u64).prop_map(|(replica, nth, quote, least)| {
            Step::Extend { replica, nth, quote, least: least.min(quote) }
        }),
        8 => (replica.clone(), nth.clone(), 0..=100_u64)
            .prop_map(|(replica, nth, percent)| Step::Settle { replica, nth, percent }),
        2 => (replica.clone(), nth.clone(), any::<bool>())
            .prop_map(|(replica, nth, sent)| Step::Drop { replica, nth, sent }),
        12 => replica.clone().prop_map(|replica| Step::Sync { replica }),
        2 => replica.clone().prop_map(|replica| Step::LoseRequest { replica }),
        2 => replica.clone().prop_map(|replica| Step::LoseAnswer { replica }),
        2 => replica.clone().prop_map(|replica| Step::Double { replica }),
        2 => replica.clone().prop_map(|replica| Step::Delay { replica }),
        2 => replica.clone().prop_map(|replica| Step::Arrive { replica }),
        1 => (replica.clone(), nth).prop_map(|(replica, nth)| Step::Echo { replica, nth }),
        1 => replica.clone().prop_map(|replica| Step::Crash { replica }),
        1 => replica.prop_map(|by| Step::Adopt { by }),
        1 => (0..8_usize, 0..50_u64).prop_map(|(budget, by)| Step::Raise { budget, by }),
        1 => (50..150_u64).prop_map(|limit| Step::Define { limit }),
        1 => (0..8_usize, 1..50_i64, any::<bool>())
            .prop_map(|(budget, amount, for_ever)| Step::Credit { budget, amount, for_ever }),
        1 => (0..8_usize, 1..100_u64, 1..30_i64)
            .prop_map(|(budget, more, hours)| Step::Override { budget, more, hours }),
        1 => (0..8_usize, 0..=100_u64).prop_map(|(nth, percent)| Step::Correct { nth, percent }),
        2 => (1..60_u64).prop_map(|amount| Step::Authorize { amount }),
        2 => (0..8_usize, 0..=100_u64).prop_map(|(nth, percent)| Step::EndCharge { nth, percent }),
        1 => Just(Step::Expire),
        3 => (0..40_i64).prop_map(|seconds| Step::Seconds { seconds }),
        1 => (1..30_i64).prop_map(|hours| Step::Hours { hours }),
    ]
}

pub(crate) fn steps(count: Range<usize>) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), count)
}
