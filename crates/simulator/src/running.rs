//! A simulator that runs: its listener, its connections, and what its owner may ask of it.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    dialect::Door,
    log::Entry,
    options::{Auth, Options},
    reception,
    script::{self, Behaviour},
    seal::{self, Sealed},
    state::State,
};

/// How long [`Running::stop`] waits for open answers.
const PATIENCE: Duration = Duration::from_secs(2);

/// Starts simulators.
#[derive(Debug)]
pub struct Simulator;

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The file for the record cannot be written.
    #[error("cannot open the record")]
    Record(#[source] io::Error),
}

impl Simulator {
    /// Listens and answers until the [`Running`] is stopped or dropped.
    pub async fn start(options: Options) -> Result<Running, StartError> {
        let (listener, address) = listen(options.listen).await?;
        let (mantle_listener, mantle_address) = listen(options.mantle_listen).await?;
        let state = Arc::new(State::new(options).map_err(StartError::Record)?);
        let running = Running {
            address,
            mantle_address,
            state,
            closing: CancellationToken::new(),
            aborting: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        running.tasks.spawn(accept(listener, Door::Runtime, running.house()));
        running.tasks.spawn(accept(mantle_listener, Door::Mantle, running.house()));
        Ok(running)
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// A simulator that runs. Dropped, it breaks every connection.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    mantle_address: SocketAddr,
    state: Arc<State>,
    closing: CancellationToken,
    aborting: CancellationToken,
    tasks: TaskTracker,
}

impl Running {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// `http://` and the address, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens as `bedrock-mantle`.
    pub fn mantle_addr(&self) -> SocketAddr {
        self.mantle_address
    }

    /// The same as `http://` and the address, without a slash at the end.
    pub fn mantle_url(&self) -> String {
        format!("http://{}", self.mantle_address)
    }

    /// Every request that arrived, oldest first.
    pub fn log(&self) -> Vec<Entry> {
        self.state.log.entries()
    }

    /// Forgets what arrived.
    pub fn clear_log(&self) {
        self.state.log.clear();
    }

    /// Waits until the log is as wished, and gives it; `None` when `patience` ends first.
    pub async fn wait_for(
        &self,
        patience: Duration,
        wished: impl Fn(&[Entry]) -> bool,
    ) -> Option<Vec<Entry>> {
        tokio::time::timeout(patience, self.state.log.until(wished)).await.ok()
    }

    /// Queues one behaviour.
    pub fn script(&self, behaviour: Behaviour) {
        self.state.scripts.add([behaviour]);
    }

    /// Queues behaviours written in JSON: an object, an array, or one object a line.
    pub fn script_json(&self, text: &str) -> Result<(), serde_json::Error> {
        self.state.scripts.add(script::parse(text)?);
        Ok(())
    }

    /// How many behaviours wait in the queue.
    pub fn scripts_waiting(&self) -> usize {
        self.state.scripts.waiting()
    }

    /// Empties the queue.
    pub fn clear_scripts(&self) {
        self.state.scripts.clear();
    }

    /// From now on takes these callers only: credentials that rotate.
    pub fn set_auth(&self, auth: Auth) {
        self.state.set_auth(auth);
    }

    /// A signature that every simulator takes for this thinking text.
    pub fn sign_thinking(&self, thinking: &str) -> String {
        seal::sign(Sealed::Thinking, thinking, self.state.chance.nonce())
    }

    /// Takes no new connection, lets open answers end for a moment, and breaks those that do not.
    pub async fn stop(self) {
        self.closing.cancel();
        self.tasks.close();
        if tokio::time::timeout(PATIENCE, self.tasks.wait()).await.is_err() {
            self.aborting.cancel();
            self.tasks.wait().await;
        }
    }

    fn house(&self) -> House {
        House {
            state: self.state.clone(),
            closing: self.closing.clone(),
            aborting: self.aborting.clone(),
            tasks: self.tasks.clone(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.closing.cancel();
        self.aborting.cancel();
    }
}

/// What the accepting task and the connections hold.
#[derive(Clone)]
struct House {
    state: Arc<State>,
    closing: CancellationToken,
    aborting: CancellationToken,
    tasks: TaskTracker,
}

async fn accept(listener: TcpListener, door: Door, house: House) {
    loop {
        let accepted = tokio::select! {
            () = house.closing.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                house.tasks.spawn(serve(stream, door, house.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, door: Door, house: House) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was not set");
    }
    let state = house.state;
    let service = service_fn(move |request| reception::answer(state.clone(), door, request));
    let builder = auto::Builder::new(TokioExecutor::new());
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = house.closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = house.aborting.cancelled() => Ok(()),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
