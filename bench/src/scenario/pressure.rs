//! Several clients without a pause: calls a second, and CPU for each call or event.

use std::time::Duration;

use anyhow::Result;

use super::{Pair, Plan, Which};
use crate::{
    answers::FAST_DELTAS,
    dialects::Pairing,
    load::{Pressure, Window, press},
    report::{Aim, Figure, Report},
    requests::{Workload, Workloads},
};

const WARM_UP: Duration = Duration::from_millis(300);

/// Short calls by 32 clients.
pub(crate) async fn short(pair: &Pair, plan: Plan, report: &mut Report) -> Result<()> {
    let mut cpu = Figure::new("CPU per short call, 32 clients", "µs").with_aim(Aim::RatioAtMost(2.5, 1.8));
    let mut rate =
        Figure::new("requests per second, 32 clients", "1/s").with_aim(Aim::RatioAtLeast(0.4, 0.55));
    let mut core = Figure::new("  its core's load meanwhile", "%");
    each_window(
        pair,
        plan,
        32,
        |workloads| &workloads.short,
        |which, window| {
            cpu.add(which, window.cpu_us_per_call());
            rate.add(which, window.calls_per_second());
            core.add(which, window.core_percent());
        },
    )
    .await?;
    report.figures.extend([cpu, rate, core]);
    Ok(())
}

/// Streams of [`FAST_DELTAS`] deltas without a pause, by 8 clients.
pub(crate) async fn fast_streams(pair: &Pair, plan: Plan, report: &mut Report) -> Result<()> {
    let mut cpu =
        Figure::new("CPU per event of a fast stream, 8 clients", "µs").with_aim(Aim::RatioAtMost(0.4, 0.2));
    let mut rate = Figure::new("events per second, 8 clients", "1/s");
    let mut core = Figure::new("  its core's load meanwhile", "%");
    each_window(
        pair,
        plan,
        8,
        |workloads| &workloads.fast_stream,
        |which, window| {
            cpu.add(which, window.cpu_us_per_call() / FAST_DELTAS as f64);
            rate.add(which, window.calls_per_second() * FAST_DELTAS as f64);
            core.add(which, window.core_percent());
        },
    )
    .await?;
    report.figures.extend([cpu, rate, core]);
    Ok(())
}

/// Calls of 200 KB by 8 clients.
pub(crate) async fn agentic(pair: &Pair, plan: Plan, report: &mut Report) -> Result<()> {
    let mut cpu = Figure::new("CPU per 200 KB request, 8 clients", "µs").with_aim(Aim::RatioAtMost(5.0, 3.0));
    let mut rate = Figure::new("200 KB requests per second, 8 clients", "1/s");
    each_window(
        pair,
        plan,
        8,
        |workloads| &workloads.agentic,
        |which, window| {
            cpu.add(which, window.cpu_us_per_call());
            rate.add(which, window.calls_per_second());
        },
    )
    .await?;
    report.figures.extend([cpu, rate]);
    Ok(())
}

/// Short calls in other dialects, by 8 clients.
pub(crate) async fn dialects(pair: &Pair, plan: Plan, report: &mut Report) -> Result<()> {
    for (at, pairing) in Pairing::ALL.into_iter().enumerate() {
        let mut cpu = Figure::new(pairing.name(), "µs");
        each_window(
            pair,
            plan,
            8,
            |workloads| &workloads.others[at],
            |which, window| cpu.add(which, window.cpu_us_per_call()),
        )
        .await?;
        report.figures.push(cpu);
    }
    Ok(())
}

async fn each_window(
    pair: &Pair,
    plan: Plan,
    clients: usize,
    workload: impl Fn(&Workloads) -> &Workload,
    mut on_window: impl FnMut(Which, &Window),
) -> Result<()> {
    let pressure = Pressure { clients, warm_up: WARM_UP, measured: plan.measured };
    for round in 0..plan.rounds {
        for which in Which::order(round) {
            let subject = pair.subject(which);
            let workload = workload(&subject.target.workloads);
            on_window(which, &press(&subject.target, workload, pressure, &subject.process).await?);
        }
    }
    Ok(())
}

impl Figure {
    pub(super) fn add(&mut self, which: Which, value: f64) {
        match which {
            Which::Bare => self.bare.push(value),
            Which::Stonegate => self.stonegate.push(value),
        }
    }
}
