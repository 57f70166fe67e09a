//! One run: starts the stub and both proxies, drives the scenarios, checks the books, prints the table.

use std::{
    cell::Cell,
    env, fs,
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    process::Command,
    rc::Rc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::LocalSet,
    time::timeout,
};

use crate::{
    affinity::{self, Cores},
    gateway::{Gateway, Recorded},
    load::Target,
    preference::Preference,
    process::Process,
    report::Report,
    requests::Receiver,
    scenario::{self, Pair, Plan, Subject, Which},
};

/// No run lasts longer, whatever hangs.
const LIMIT: Duration = Duration::from_secs(12 * 60);
/// Sockets that a thousand streams need in the proxy, twice over.
const OPEN_FILES: u64 = 4096;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The `stonegate` to measure; without it, the one beside this program.
    #[arg(long)]
    stonegate: Option<PathBuf>,
    /// Under a minute, fewer rounds: shows that nothing is broken, not what to quote.
    #[arg(long)]
    quick: bool,
    /// Only these scenarios.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Scenario>,
    /// Where Stonegate's store is, such as `postgres://…`; without it, in a file. It has to be empty.
    #[arg(long, value_name = "URL", conflicts_with_all = ["calibrate", "stand_in"])]
    store: Option<String>,
    /// Put a second bare proxy in Stonegate's place: what differs from 1 is the noise of this machine.
    #[arg(long)]
    calibrate: bool,
    /// Put another proxy in Stonegate's place, started and answering as `stonegate-bench bare` does: for experiments.
    #[arg(long, value_name = "PROGRAM", conflicts_with = "calibrate")]
    stand_in: Option<PathBuf>,
    /// Also write the figures to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Also write them to this file as a table for `docs/performance.md`.
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// Fail if a figure misses what it must reach, not only if an answer or a record is wrong.
    #[arg(long)]
    strict: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// One client: added latency.
    Latency,
    /// One client: what budgets add.
    Budgets,
    /// 32 clients, short calls.
    Short,
    /// Streams of 200 deltas without a pause.
    Fast,
    /// Requests of 200 KB.
    Agentic,
    /// Other dialects than Anthropic's.
    Dialects,
    /// 1,000 streams of a delta every 50 ms.
    Slow,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let cores = Cores::choose()?;
    affinity::pin(cores.load)?;
    raise_open_files()?;
    let preference = Preference::take();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut report = LocalSet::new().block_on(&runtime, async {
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            report = timeout(LIMIT, measure(options, cores)) => report.context("the run took too long")?,
            _ = tokio::signal::ctrl_c() => bail!("interrupted"),
            _ = terminated.recv() => bail!("terminated"),
        }
    })?;
    if preference.is_none() {
        report.notes.push(
            "Not allowed to raise its priority: other work on this machine shows in the p99.".to_owned(),
        );
    }
    report.print(&mut io::stdout().lock())?;
    if let Some(path) = &options.json {
        fs::write(path, format!("{:#}\n", report.json()))
            .with_context(|| format!("writing {}", path.display()))?;
    }
    if let Some(path) = &options.markdown {
        fs::write(path, report.markdown()).with_context(|| format!("writing {}", path.display()))?;
    }
    let missed = report.missed();
    ensure!(!options.strict || missed == 0, "{missed} figures miss what they must reach");
    Ok(())
}

fn raise_open_files() -> Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < OPEN_FILES) {
        let raised = Some(maximum.map_or(OPEN_FILES, |maximum| maximum.min(OPEN_FILES)));
        setrlimit(Resource::Nofile, Rlimit { current: raised, maximum })
            .context("raising the limit of open files")?;
    }
    Ok(())
}

/// What starts the proxies, and counts what those that were stopped had answered.
struct Bench {
    cores: Cores,
    plan: Plan,
    upstream: SocketAddr,
    gateway: Option<Gateway>,
    /// The proxy in Stonegate's place, where there is no gateway.
    stand_in: PathBuf,
    answers_before: Cell<u64>,
    output_before: Cell<u64>,
}

async fn measure(options: &Options, cores: Cores) -> Result<Report> {
    let plan = if options.quick { Plan::QUICK } else { Plan::FULL };
    let mut stub = Command::new(env::current_exe()?);
    stub.arg("stub").arg("--slow-seconds").arg(plan.slow_seconds.to_string());
    let mut stub = Process::start(cores.load, &mut stub)?;
    let upstream: SocketAddr = stub.line()?.parse()?;
    let myself = env::current_exe()?;
    let gateway = if options.calibrate || options.stand_in.is_some() {
        None
    } else {
        let beside = || myself.with_file_name("stonegate");
        let binary = options.stonegate.clone().unwrap_or_else(beside);
        Some(Gateway::install(&binary, options.store.as_deref())?)
    };
    let stand_in = options.stand_in.clone().unwrap_or(myself);
    let bench = Bench {
        cores,
        plan,
        upstream,
        gateway,
        stand_in,
        answers_before: Cell::new(0),
        output_before: Cell::new(0),
    };
    let report = bench.scenarios(&options.only).await;
    report.map_err(|error| match &bench.gateway {
        Some(gateway) => error.context(format!("Stonegate's log ends:\n{}", gateway.log_end())),
        None => error,
    })
}

impl Bench {
    async fn scenarios(&self, only: &[Scenario]) -> Result<Report> {
        let (plan, mut report) = (self.plan, Report::default());
        let is_wanted = |scenario| only.is_empty() || only.contains(&scenario);
        let direct = Target::new(self.upstream, Receiver::Bedrock, plan.slow_seconds);
        let pair = Pair { bare: self.start(Which::Bare)?, stonegate: self.start(Which::Stonegate)? };
        if is_wanted(Scenario::Latency) {
            tell("one client")?;
            scenario::latency::measure(&direct, &pair, plan, &mut report).await?;
        }
        if is_wanted(Scenario::Budgets)
            && let Some(gateway) = &self.gateway
        {
            tell("one client, with budgets and without")?;
            let unlimited = Receiver::Stonegate { key: &gateway.key_without_budgets };
            let unlimited = Target::new(pair.stonegate.target.address, unlimited, plan.slow_seconds);
            scenario::latency::budgets(&direct, &unlimited, &pair.stonegate.target, plan, &mut report)
                .await?;
            self.count(&unlimited);
        }
        if is_wanted(Scenario::Short) {
            tell("32 clients, short calls")?;
            scenario::pressure::short(&pair, plan, &mut report).await?;
        }
        if is_wanted(Scenario::Fast) {
            tell("fast streams")?;
            scenario::pressure::fast_streams(&pair, plan, &mut report).await?;
        }
        if is_wanted(Scenario::Agentic) {
            tell("200 KB requests")?;
            scenario::pressure::agentic(&pair, plan, &mut report).await?;
        }
        if is_wanted(Scenario::Dialects) {
            tell("other dialects")?;
            scenario::pressure::dialects(&pair, plan, &mut report).await?;
        }
        self.end(Which::Bare, pair.bare)?;
        self.end(Which::Stonegate, pair.stonegate)?;
        if is_wanted(Scenario::Slow) {
            tell("1,000 slow streams")?;
            let start = async |which| self.start(which);
            let end = |which, subject| self.end(which, subject);
            scenario::slow::measure(plan, &mut report, start, end).await?;
        }
        self.check_books(&mut report)?;
        Ok(report)
    }

    /// Starts a proxy; where Stonegate is not measured, a second bare one stands in for it.
    fn start(&self, which: Which) -> Result<Subject> {
        let seconds = self.plan.slow_seconds;
        if let (Which::Stonegate, Some(gateway)) = (which, &self.gateway) {
            let (process, address) = gateway.start(self.cores.proxy, self.upstream)?;
            let target = Target::new(address, Receiver::Stonegate { key: &gateway.key }, seconds);
            return Ok(Subject { process, target: Rc::new(target) });
        }
        let mut command = match which {
            Which::Bare => Command::new(env::current_exe()?),
            Which::Stonegate => Command::new(&self.stand_in),
        };
        command.arg("bare").arg("--upstream").arg(self.upstream.to_string());
        let mut process = Process::start(self.cores.proxy, &mut command)?;
        let target = Target::new(process.line()?.parse()?, Receiver::Bedrock, seconds);
        Ok(Subject { process, target: Rc::new(target) })
    }

    fn end(&self, which: Which, subject: Subject) -> Result<()> {
        if which == Which::Stonegate {
            self.count(&subject.target);
        }
        subject.process.stop()
    }

    /// Counts what Stonegate answered.
    fn count(&self, target: &Target) {
        self.answers_before.set(self.answers_before.get() + target.answers());
        self.output_before.set(self.output_before.get() + target.output_tokens());
    }

    /// As many usage records as answers, or the figures are those of a gateway that does not do its work.
    fn check_books(&self, report: &mut Report) -> Result<()> {
        let Some(gateway) = &self.gateway else {
            report.notes.push("In Stonegate's place stood another proxy.".to_owned());
            return Ok(());
        };
        let (answers, recorded) = (self.answers_before.get(), gateway.recorded()?);
        let Recorded { calls, output_tokens } = recorded;
        ensure!(calls == answers, "{answers} answers were given, but usage counts {calls} calls");
        let expected = self.output_before.get();
        ensure!(output_tokens == expected, "usage counts {output_tokens} output tokens, not {expected}");
        report.notes.push(format!(
            "Books: {answers} answers were given, {calls} calls are in usage, with all their {output_tokens} output tokens."
        ));
        Ok(())
    }
}

fn tell(what: &str) -> io::Result<()> {
    writeln!(io::stderr(), "measuring: {what}")
}
