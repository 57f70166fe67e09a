//! A thousand slow streams: memory for each that is open, time to the first event while they start, CPU for each event.
//! Every round starts the proxy anew, since an allocator that has seen a thousand streams keeps their memory.

use std::{cell::Cell, rc::Rc, time::Duration};

use anyhow::{Result, ensure};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use super::{Plan, Subject, Which};
use crate::{
    load::Target,
    report::{Aim, Figure, Report, percentile},
    requests::Workload,
};

/// The streams start evenly over this time.
const START: Duration = Duration::from_secs(1);
/// From the last start to the first look: everything has settled.
const SETTLE: Duration = Duration::from_millis(1000);
/// From the last look to the end of the first stream.
const MARGIN: Duration = Duration::from_millis(500);
/// How long the fresh process is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(4);
const WARM_UP_CALLS: usize = 64;

struct Figures {
    idle: Figure,
    memory: Figure,
    first_p50: Figure,
    first_p99: Figure,
    burst_p50: Figure,
    burst_p99: Figure,
    cpu: Figure,
    core: Figure,
}

/// Measures both proxies; `start` gives a fresh one, `end` stops it and takes note of its answers.
pub(crate) async fn measure(
    plan: Plan,
    report: &mut Report,
    start: impl AsyncFn(Which) -> Result<Subject>,
    end: impl Fn(Which, Subject) -> Result<()>,
) -> Result<()> {
    let mut figures = Figures {
        idle: Figure::new("resident when idle", "MB").with_aim(Aim::AtMost(25.0, 15.0)),
        memory: Figure::new("memory per open slow stream, of 1,000", "KB").with_aim(Aim::AtMost(40.0, 28.0)),
        first_p50: Figure::new("first event p50 while 1,000 start in 1 s", "ms"),
        first_p99: Figure::new("first event p99 while 1,000 start in 1 s", "ms")
            .with_aim(Aim::RatioAtMost(2.0, 1.3)),
        burst_p50: Figure::new("  first event p50, 1,000 short ones at once", "ms"),
        burst_p99: Figure::new("  first event p99, 1,000 short ones at once", "ms"),
        cpu: Figure::new("CPU per event of a slow stream", "µs"),
        core: Figure::new("  its core's load with 1,000 open", "%"),
    };
    for round in 0..plan.slow_rounds {
        for which in Which::order(round) {
            let subject = start(which).await?;
            one(plan, which, &subject, &mut figures).await?;
            end(which, subject)?;
        }
    }
    let Figures { idle, memory, first_p50, first_p99, burst_p50, burst_p99, cpu, core } = figures;
    report.figures.extend([first_p50, first_p99, burst_p50, burst_p99, memory, cpu, core, idle]);
    Ok(())
}

async fn one(plan: Plan, which: Which, subject: &Subject, figures: &mut Figures) -> Result<()> {
    sleep(IDLE).await;
    figures.idle.add(which, subject.process.resident_bytes()? as f64 / 1024.0 / 1024.0);
    let Subject { target, process } = subject;
    let mut client = target.connect().await?;
    for _ in 0..WARM_UP_CALLS {
        client.call(&target.workloads.short_stream).await?;
    }
    let resident = process.resident_bytes()?;

    let began = Instant::now();
    let events = Rc::new(Cell::new(0_u64));
    let mut streams = open(target, &target.workloads.slow_stream, plan.slow_streams, START, &events);
    let lasts = Duration::from_secs(plan.slow_seconds.into());
    sleep_until(began + START + SETTLE).await;
    let (since, seen, cpu) = (Instant::now(), events.get(), process.cpu()?);
    sleep_until(began + lasts - MARGIN).await;
    let (elapsed, seen, cpu) = (since.elapsed(), events.get() - seen, process.cpu()? - cpu);
    let grown = process.resident_bytes()?.saturating_sub(resident);
    ensure!(streams.len() == plan.slow_streams, "a slow stream ended early");
    figures.memory.add(which, grown as f64 / 1024.0 / plan.slow_streams as f64);
    figures.cpu.add(which, cpu.as_secs_f64() * 1e6 / seen as f64);
    figures.core.add(which, 100.0 * cpu.as_secs_f64() / elapsed.as_secs_f64());
    let first = first_events(&mut streams).await?;
    figures.first_p50.add(which, percentile(&first, 50.0));
    figures.first_p99.add(which, percentile(&first, 99.0));

    let mut burst = open(target, &target.workloads.short_stream, plan.slow_streams, Duration::ZERO, &events);
    let first = first_events(&mut burst).await?;
    figures.burst_p50.add(which, percentile(&first, 50.0));
    figures.burst_p99.add(which, percentile(&first, 99.0));
    Ok(())
}

type Streams = JoinSet<Result<Duration>>;

/// Starts a stream on a new connection each, evenly over `over`; counts what comes into `events`.
fn open(
    target: &Rc<Target>,
    workload: &Workload,
    count: usize,
    over: Duration,
    events: &Rc<Cell<u64>>,
) -> Streams {
    let workload = Rc::new(workload.clone());
    let mut streams = Streams::new();
    let began = Instant::now();
    for index in 0..count {
        let at = began + over.mul_f64(index as f64 / count as f64);
        let (target, workload, events) = (Rc::clone(target), Rc::clone(&workload), Rc::clone(events));
        streams.spawn_local(async move {
            sleep_until(at).await;
            let mut client = target.connect().await?;
            // A slow event comes alone, so that a look at the body is an event.
            let timing = client.watch(&workload, |_| events.set(events.get() + 1)).await?;
            Ok(timing.first)
        });
    }
    streams
}

/// Waits for all streams to end; their times to the first event, sorted, in milliseconds.
async fn first_events(streams: &mut Streams) -> Result<Vec<f64>> {
    let mut first = Vec::with_capacity(streams.len());
    while let Some(ended) = streams.join_next().await {
        first.push(ended??.as_secs_f64() * 1e3);
    }
    first.sort_by(f64::total_cmp);
    Ok(first)
}
