//! The load generator: clients in closed loops against one target, and what the proxy used meanwhile.

use std::{
    cell::Cell,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use tokio::{task::JoinSet, time::sleep};

use crate::{
    client::{Connection, Timing},
    process::Process,
    requests::{Receiver, Workload, Workloads},
};

/// Someone to call, and how many right answers they have given. Lives on the load generator's one thread.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) workloads: Workloads,
    answers: Rc<Cell<u64>>,
    output_tokens: Rc<Cell<u64>>,
}

impl Target {
    pub(crate) fn new(address: SocketAddr, receiver: Receiver<'_>, slow_seconds: u32) -> Self {
        Self {
            address,
            workloads: Workloads::new(address, receiver, slow_seconds),
            answers: Rc::default(),
            output_tokens: Rc::default(),
        }
    }

    /// How many calls were answered, wholly and rightly.
    pub(crate) fn answers(&self) -> u64 {
        self.answers.get()
    }

    /// The output tokens that those answers reported.
    pub(crate) fn output_tokens(&self) -> u64 {
        self.output_tokens.get()
    }

    /// Opens a connection of a client's own.
    pub(crate) async fn connect(&self) -> Result<Client> {
        Ok(Client {
            connection: Connection::open(self.address).await?,
            answers: Rc::clone(&self.answers),
            output_tokens: Rc::clone(&self.output_tokens),
        })
    }
}

/// One client on one connection.
pub(crate) struct Client {
    connection: Connection,
    answers: Rc<Cell<u64>>,
    output_tokens: Rc<Cell<u64>>,
}

impl Client {
    /// One call; anything but the right answer is an error, which ends the run.
    pub(crate) async fn call(&mut self, workload: &Workload) -> Result<Timing> {
        self.watch(workload, |_| ()).await
    }

    /// One call, with a look at the body so far whenever more of it has come.
    pub(crate) async fn watch(&mut self, workload: &Workload, on_body: impl FnMut(&[u8])) -> Result<Timing> {
        let timing = self.connection.call(workload, on_body).await?;
        self.answers.set(self.answers.get() + 1);
        self.output_tokens.set(self.output_tokens.get() + workload.output_tokens);
        Ok(timing)
    }
}

/// How many clients, and for how long.
#[derive(Clone, Copy)]
pub(crate) struct Pressure {
    pub(crate) clients: usize,
    /// Not measured: connections open, caches fill.
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

/// What happened in the measured time.
pub(crate) struct Window {
    pub(crate) calls: u64,
    pub(crate) elapsed: Duration,
    pub(crate) cpu: Duration,
}

impl Window {
    pub(crate) fn calls_per_second(&self) -> f64 {
        self.calls as f64 / self.elapsed.as_secs_f64()
    }

    /// CPU time of the proxy for each call, in microseconds.
    pub(crate) fn cpu_us_per_call(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.calls as f64
    }

    /// Which share of its core the proxy used, in percent.
    pub(crate) fn core_percent(&self) -> f64 {
        100.0 * self.cpu.as_secs_f64() / self.elapsed.as_secs_f64()
    }
}

/// Lets `pressure.clients` call `target` without a pause, and measures `proxy` in the middle of it.
pub(crate) async fn press(
    target: &Target,
    workload: &Workload,
    pressure: Pressure,
    proxy: &Process,
) -> Result<Window> {
    let done = Rc::new(Cell::new(false));
    let mut clients = JoinSet::new();
    for _ in 0..pressure.clients {
        let mut client = target.connect().await?;
        let (workload, done) = (workload.clone(), Rc::clone(&done));
        clients.spawn_local(async move {
            while !done.get() {
                client.call(&workload).await?;
            }
            anyhow::Ok(())
        });
    }
    sleep(pressure.warm_up).await;
    let (start, calls, cpu) = (Instant::now(), target.answers(), proxy.cpu()?);
    sleep(pressure.measured).await;
    let window = Window {
        calls: target.answers() - calls,
        elapsed: start.elapsed(),
        cpu: proxy.cpu()?.saturating_sub(cpu),
    };
    done.set(true);
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    ensure!(window.calls > 0, "not one answer within {:?}", pressure.measured);
    Ok(window)
}
