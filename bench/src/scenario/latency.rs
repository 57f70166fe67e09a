//! One client, one call after the other: what a proxy adds to the time of a call straight to the stub.
//!
//! Stonegate holds back a response's last bytes until its usage record is durable. So there are two figures: time to
//! the first event of a stream, which comes before that wait, and time to the end, which holds it.

use anyhow::Result;

use super::{Pair, Plan};
use crate::{
    client::Timing,
    load::Target,
    report::{Aim, Figure, Report, Samples, percentile},
    requests::Workload,
};

/// Calls to one target before the next has its turn: many turns, so that all meet the same weather.
const BATCH: usize = 25;

/// What one target gave in one round, in microseconds.
#[derive(Default)]
struct Seen {
    stream_first: Samples,
    stream_total: Samples,
    whole_total: Samples,
}

pub(crate) async fn measure(direct: &Target, pair: &Pair, plan: Plan, report: &mut Report) -> Result<()> {
    let mut first_p50 =
        Figure::new("added to the first event p50, 1 client", "µs").with_aim(Aim::RatioAtMost(1.5, 1.25));
    let mut first_p99 =
        Figure::new("added to the first event p99, 1 client", "µs").with_aim(Aim::RatioAtMost(2.0, 1.5));
    let mut last_p50 = Figure::new("  first event to end of stream p50 (commit)", "µs");
    let mut last_p99 = Figure::new("  first event to end of stream p99 (commit)", "µs");
    let mut whole_p50 = Figure::new("  added to an unstreamed call p50 (commit)", "µs");
    let mut whole_p99 = Figure::new("  added to an unstreamed call p99 (commit)", "µs");
    let mut alone = Samples::default();
    for _ in 0..plan.rounds {
        let targets = [direct, &pair.bare.target, &pair.stonegate.target];
        let [straight, bare, stonegate] = round(targets, plan.latency_calls).await?;
        alone.push(percentile(&straight.stream_first.sorted(), 50.0));
        let added = |seen: &Samples, base: &Samples, percent| {
            percentile(&seen.sorted(), percent) - percentile(&base.sorted(), percent)
        };
        for (figure, percent) in [(&mut first_p50, 50.0), (&mut first_p99, 99.0)] {
            figure.bare.push(added(&bare.stream_first, &straight.stream_first, percent));
            figure.stonegate.push(added(&stonegate.stream_first, &straight.stream_first, percent));
        }
        for (figure, percent) in [(&mut last_p50, 50.0), (&mut last_p99, 99.0)] {
            figure.bare.push(added(&bare.stream_total, &bare.stream_first, percent));
            figure.stonegate.push(added(&stonegate.stream_total, &stonegate.stream_first, percent));
        }
        for (figure, percent) in [(&mut whole_p50, 50.0), (&mut whole_p99, 99.0)] {
            figure.bare.push(added(&bare.whole_total, &straight.whole_total, percent));
            figure.stonegate.push(added(&stonegate.whole_total, &straight.whole_total, percent));
        }
    }
    report.figures.extend([first_p50, first_p99, last_p50, last_p99, whole_p50, whole_p99]);
    let alone = percentile(&alone.sorted(), 50.0);
    report
        .notes
        .push(format!("Straight to the stub, a short stream's first event takes {alone:.0} µs (p50)."));
    Ok(())
}

/// What budgets add: the same gateway, asked with the key of a tenant that has none and with one of which all accounts have.
pub(crate) async fn budgets(
    direct: &Target,
    without: &Target,
    with: &Target,
    plan: Plan,
    report: &mut Report,
) -> Result<()> {
    let mut first =
        Figure::new("budgets add to the first event p50, 1 client", "µs").with_aim(Aim::AtMost(20.0, 10.0));
    let mut whole = Figure::new("  budgets add to an unstreamed call p50 (commit)", "µs");
    let mut alone = Samples::default();
    for _ in 0..plan.rounds {
        let [straight, without, with] = round([direct, without, with], plan.latency_calls).await?;
        let p50 = |seen: &Samples| percentile(&seen.sorted(), 50.0);
        alone.push(p50(&without.stream_first) - p50(&straight.stream_first));
        first.stonegate.push(p50(&with.stream_first) - p50(&without.stream_first));
        whole.stonegate.push(p50(&with.whole_total) - p50(&without.whole_total));
    }
    report.figures.extend([first, whole]);
    let alone = percentile(&alone.sorted(), 50.0);
    report.notes.push(format!("Without budgets, Stonegate adds {alone:.0} µs to the first event (p50)."));
    Ok(())
}

/// One round: the targets in turns, streams and whole calls apart.
async fn round(targets: [&Target; 3], calls: usize) -> Result<[Seen; 3]> {
    let mut seen: [Seen; 3] = Default::default();
    for _ in 0..calls.div_ceil(BATCH) {
        for (target, seen) in targets.iter().zip(&mut seen) {
            for timing in batch(target, &target.workloads.short_stream).await? {
                seen.stream_first.push(timing.first.as_secs_f64() * 1e6);
                seen.stream_total.push(timing.total.as_secs_f64() * 1e6);
            }
            for timing in batch(target, &target.workloads.short).await? {
                seen.whole_total.push(timing.total.as_secs_f64() * 1e6);
            }
        }
    }
    Ok(seen)
}

/// A batch on a connection of its own, whose first call does not count: it may have to connect upstream.
async fn batch(target: &Target, workload: &Workload) -> Result<Vec<Timing>> {
    let mut client = target.connect().await?;
    client.call(workload).await?;
    let mut timings = Vec::with_capacity(BATCH);
    for _ in 0..BATCH {
        timings.push(client.call(workload).await?);
    }
    Ok(timings)
}
