//! From settings to a serving gateway, and back to rest.

use std::fs::File;
use std::future::Future;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use stonegate_bedrock::{Client, Endpoint, EndpointError, EndpointSettings};
use stonegate_identity::sigv4::PairSecret;
use stonegate_identity::{BootstrapToken, DirectoryError};
use stonegate_ledger::{Adopted, Adoption, Book, BookOptions, ReplicaId, StoreError, Unrecorded};
use stonegate_store::{Claim, OpenError, Sharing, Store};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::{AdminState, Side};
use crate::announced::Announced;
use crate::app::{App, Names};
use crate::config::{self, Config, Origin, Problem, Secret, Shown};
use crate::directory::DirectoryCache;
use crate::installation::Installation;
use crate::keeper::{Keeper, Patience};
use crate::lessons::Lessons;
use crate::listen::{self, Stopping, Tls, TlsError};
use crate::lockout::Lockout;
use crate::media::MediaFetcher;
use crate::models_setting::{self, ModelsError};
use crate::otlp::{self, Relay};
use crate::proxies::TrustedProxies;
use crate::router::{self, Surface};
use crate::signin::{self, SignIn};
use crate::{bootstrap, charges, clock, fleet, health, kept, price_list, retention};

/// How long a call waits for the store, at its start for more lease and at its end for its record.
const STORE_PATIENCE: Duration = Duration::from_secs(10);

/// What keeps a gateway from starting; each names the setting or the thing to mend.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error("server.data_dir {}: {source}", .path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The store cannot be opened.
    #[error("store.url: {0}")]
    Store(#[from] OpenError),
    /// The directory in the store cannot be read.
    #[error("the directory cannot be read: {0}")]
    Directory(#[from] DirectoryError),
    /// The ledger in the store cannot be read.
    #[error("the ledger cannot be read: {0}")]
    Ledger(#[from] StoreError),
    /// The catalog's overrides are wrong.
    #[error(transparent)]
    Models(#[from] ModelsError),
    /// Bedrock's address or identity cannot be made out.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The machine's certificate authorities cannot be read.
    #[error("the certificate authorities of this machine cannot be read: {0}")]
    Certificates(std::io::Error),
    /// The gateway's own certificate or key is wrong.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl StartError {
    /// The same as something that is wrong with the settings, where it is one: with its place and its fix.
    #[must_use]
    pub fn as_problem(&self, shown: &[Shown]) -> Option<Problem> {
        let (setting, wrong, fix) = match self {
            StartError::Tls(TlsError::File { setting, path, reason }) => (
                *setting,
                format!("is {}, which cannot be used: {reason}", path.display()),
                "give it a PEM file that the user that runs stonegate can read",
            ),
            StartError::Tls(TlsError::Pair(reason)) => (
                "server.tls_cert",
                format!("does not go with `server.tls_key`: {reason}"),
                "give the key that the certificate was made for",
            ),
            StartError::Models(ModelsError::Unreadable { path, source }) => (
                "models.catalog_file",
                format!("is {}, which cannot be read: {source}", path.display()),
                "correct the path, or let the user that runs stonegate read the file",
            ),
            StartError::Models(ModelsError::Wrong { path, source }) => (
                "models.catalog_file",
                format!("is {}, which is wrong: {source}", path.display()),
                "mend the file",
            ),
            StartError::Models(ModelsError::Alias(source)) => (
                if source.place.starts_with("rules") { "models.rules" } else { "models.aliases" },
                format!("is wrong: {source}"),
                "take a model that `stonegate models` lists",
            ),
            StartError::Models(ModelsError::Default(reason)) => (
                "models.default",
                format!("is wrong: {reason}"),
                "give `anthropic`, `openai` or `small` a model that `stonegate models` lists, or leave it out",
            ),
            StartError::Store(reason @ OpenError::Address { .. }) => (
                "store.url",
                format!("is wrong: {reason}"),
                "write it as `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`",
            ),
            StartError::Endpoint(EndpointError::NoRegion) => (
                "bedrock.region",
                "has no value, and neither AWS's variables nor the profile name a region".to_owned(),
                "set it, AWS_REGION, or `region` in the AWS profile",
            ),
            StartError::Endpoint(EndpointError::NoChain) => (
                "bedrock.bearer_token",
                "has no value, and there is no other source of AWS credentials".to_owned(),
                "set it, or give the environment or a profile some",
            ),
            StartError::Endpoint(EndpointError::BadUrl { setting, url, reason }) => (
                *setting,
                format!("cannot be {:?}: {reason}", stonegate_store::shown(url)),
                "give scheme and host, such as https://host:443",
            ),
            StartError::DataDir { .. }
            | StartError::Store(_)
            | StartError::Directory(_)
            | StartError::Ledger(_)
            | StartError::Certificates(_)
            | StartError::Tls(TlsError::Setup(_)) => return None,
        };
        let origin = shown.iter().find(|shown| shown.name == setting);
        Some(Problem {
            setting: Some(setting.to_owned()),
            origin: origin.map_or(Origin::Default, |shown| shown.origin.clone()),
            wrong,
            fix: fix.to_owned(),
        })
    }
}

/// A gateway that is set up: its store is open and its budgets are read.
pub struct Gateway {
    app: Arc<App>,
    admin: AdminState,
    store: Store,
    tls: Option<Tls>,
    bootstrap: Option<BootstrapToken>,
    administration: Option<TcpListener>,
    sending: Option<otlp::Sending>,
    _claim: Claim,
}

impl Gateway {
    /// Everything in the settings that [`Gateway::open`] would refuse. Makes and opens nothing.
    pub async fn check(config: &Config) -> Vec<StartError> {
        let tls = Tls::from_settings(&config.server).err().map(StartError::from);
        let catalog = models_setting::catalog(&config.models, config.budget.unpriced);
        let store = stonegate_store::check_address(&config.store.url).err();
        let endpoint = Endpoint::from_settings(&endpoint_settings(config)).await;
        let defaults = match (&catalog, &endpoint) {
            (Ok(catalog), Ok(endpoint)) => {
                let place = models_setting::place(&endpoint.region, &config.bedrock);
                models_setting::defaults(&config.models, catalog, &place).err()
            }
            // What is wrong with these is said already.
            _ => None,
        };
        let models = [catalog.err(), defaults].map(|wrong| wrong.map(StartError::from));
        let [models, defaults] = models;
        let found =
            [tls, models, defaults, store.map(StartError::from), endpoint.err().map(StartError::from)];
        found.into_iter().flatten().collect()
    }

    /// Opens the store and puts all parts together. Nothing listens yet.
    ///
    /// # Errors
    /// [`StartError`] with the setting to mend.
    pub async fn open(config: Config) -> Result<Self, StartError> {
        let options = stonegate_store::Options {
            durability: durability(config.store.durability),
            ..stonegate_store::Options::default()
        };
        let store = stonegate_store::open(&config.store.url, &options).await?;
        Self::with_store(config, store).await
    }

    /// The same on a store that is open already.
    ///
    /// # Errors
    /// [`StartError`] with the setting to mend.
    pub async fn with_store(config: Config, store: Store) -> Result<Self, StartError> {
        let tls = match (&config.server.tls_cert, &config.server.tls_key) {
            (Some(cert), Some(key)) => Some(Tls::from_files(cert, key)?),
            _ => None,
        };
        let catalog = models_setting::catalog(&config.models, config.budget.unpriced)?;
        let claim = store.claim()?;
        let now = clock::now();
        let bootstrap = bootstrap::offer(&*store.directory, &config.signin, clock::random(), now).await?;
        let directory = Arc::new(DirectoryCache::load(Arc::clone(&store.directory), now).await?);
        let stopping = Stopping::default();
        let keeper = Arc::new(keep(&store, &config, &stopping).await?);
        let endpoint = Endpoint::from_settings(&endpoint_settings(&config)).await?;
        let bedrock = Client::new(config.bedrock.connect_timeout).map_err(StartError::Certificates)?;
        let pairs = pair_secret(&config, store.sharing())?;
        let (telemetry, sending) =
            Relay::from_settings(&config.telemetry).map_err(StartError::Certificates)?.unzip();
        let place = models_setting::place(&endpoint.region, &config.bedrock);
        let default_models = models_setting::defaults(&config.models, &catalog, &place)?;
        let offered = price_list::offered(&config, &catalog, &place, &default_models);
        let installation = Arc::new(Installation::new(&config, &endpoint, offered));
        let sign_in = SignIn::new(
            Arc::clone(&directory),
            Arc::clone(&store.tickets),
            Arc::clone(&store.provisioning),
            signin::Settings { default_models, ..signin::Settings::of(&config) },
            clock::now,
        )
        .map_err(StartError::Certificates)?;
        let app = Arc::new(App {
            proxies: TrustedProxies::new(config.server.trusted_proxies.clone()),
            sign_in: sign_in.clone(),
            place,
            names: Names::new(catalog.version()),
            calibrations: Arc::default(),
            catalog,
            directory,
            keeper,
            bedrock,
            pairs,
            endpoint,
            archive: Arc::clone(&store.archive),
            media: MediaFetcher::new(config.media.clone(), config.server.max_body_bytes),
            telemetry,
            lessons: Lessons::default(),
            count_lessons: Lessons::default(),
            lockout: Lockout::default(),
            allowance: stonegate_routing::RetryAllowance::default(),
            stopping,
            abandoned: TaskTracker::new(),
            abandoned_places: Arc::new(Semaphore::new(config.stream.drain_max_calls as usize)),
            cut: CancellationToken::new(),
            config,
        });
        let admin = AdminState {
            keys: Arc::clone(&app.directory),
            ledger: Arc::new(Announced::new(Arc::clone(&store.ledger), Arc::clone(&app.keeper))),
            keys_per_user: app.config.keys.per_user,
            sign_in,
            now: clock::now,
            installation,
            calibrations: Arc::clone(&app.calibrations),
            side: if app.config.admin.listen.is_some() { Side::Public } else { Side::Administration },
        };
        Ok(Gateway { app, admin, store, tls, bootstrap, administration: None, sending, _claim: claim })
    }

    /// Administers by this listener, which is `admin.listen`'s. Where that is set and no listener is given, nobody
    /// administers by this server.
    pub fn administer_by(&mut self, listener: TcpListener) {
        self.administration = Some(listener);
    }

    /// The one-time token for the first administrator, if there is none yet. It is shown once, here.
    pub fn take_bootstrap_token(&mut self) -> Option<BootstrapToken> {
        self.bootstrap.take()
    }

    /// The region that calls go to.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.app.endpoint.region
    }

    /// Serves until `shutdown` resolves, then lets what is open finish within the drain time, tells the store the rest
    /// and closes it.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let Gateway { app, admin, store, tls, administration, sending, .. } = self;
        let own = AdminState { side: Side::Administration, ..admin.clone() };
        let own = administration.map(|listener| (listener, router::administration(Arc::clone(&app), own)));
        let (sign_in, charges) = (admin.sign_in.clone(), Arc::clone(&admin.ledger));
        let service = Surface::new(Arc::clone(&app), admin);
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let keeper = Arc::clone(&app.keeper);
        let keeper_stop = stop.child_token();
        tasks.spawn(async move { keeper.run(keeper_stop).await });
        let directory = Arc::clone(&app.directory);
        let directory_stop = stop.child_token();
        tasks.spawn(async move { directory.follow(clock::now, directory_stop).await });
        let (archive, archive_stop) = (Arc::clone(&app.archive), stop.child_token());
        tasks.spawn(async move { kept::sweep(archive, archive_stop).await });
        let (tickets, tickets_stop) = (Arc::clone(&store.tickets), stop.child_token());
        tasks.spawn(async move { signin::sweep(tickets, tickets_stop).await });
        tasks.spawn(signin::follow_all(sign_in, stop.child_token()));
        let (ledger, directory) = (Arc::clone(&store.ledger), Arc::clone(&store.directory));
        let (keepers, retention_stop) = (retention::Keepers { ledger, directory }, stop.child_token());
        let keep_days = app.config.journal.keep_records_days;
        tasks.spawn(async move { keepers.run(keep_days, retention_stop).await });
        let charges_stop = stop.child_token();
        tasks.spawn(async move { charges::expire(&*charges, charges_stop).await });
        let (looking, looking_stop) = (Arc::clone(&app), stop.child_token());
        tasks.spawn(async move {
            looking_stop.run_until_cancelled(health::warn_without_credentials(&looking)).await;
        });
        if store.sharing() == Sharing::Fleet {
            let (ledger, keeper, fleet_stop) =
                (Arc::clone(&store.ledger), Arc::clone(&app.keeper), stop.child_token());
            tasks.spawn(async move { fleet::watch(&*ledger, &keeper, fleet_stop).await });
        }
        if let Some(sending) = sending {
            tasks.spawn(sending.run(stop.child_token()));
        }
        tasks.close();

        let server = &app.config.server;
        let options = listen::Options { header_timeout: server.header_timeout, drain: server.drain, tls };
        let ordered = std::sync::OnceLock::new();
        let shutdown = async {
            shutdown.await;
            ordered.get_or_init(Instant::now);
        }
        .shared();
        let public =
            Box::pin(listen::run(listener, service, options.clone(), app.stopping.clone(), shutdown.clone()));
        match own {
            Some((listener, service)) => {
                let own = listen::run(listener, service, options, app.stopping.clone(), shutdown);
                futures_util::future::join(public, Box::pin(own)).await;
            }
            None => public.await,
        }

        let deadline = *ordered.get_or_init(Instant::now) + server.drain;
        app.abandoned.close();
        if tokio::time::timeout_at(deadline, app.abandoned.wait()).await.is_err() {
            tracing::warn!(
                calls = app.abandoned.len(),
                "drain time is over; abandoned answers are broken off"
            );
        }
        app.cut.cancel();
        app.abandoned.wait().await;
        stop.cancel();
        tasks.wait().await;
        store.close().await;
    }
}

/// The name of the file in the data directory that holds the secret of key pairs.
const PAIR_SECRET_FILE: &str = "pair.secret";

/// The secret that key pairs are derived from: the setting's, else the data directory's, which is made when it is first
/// needed and readable by this user only.
fn pair_secret(config: &Config, sharing: Sharing) -> Result<PairSecret, StartError> {
    if let Some(secret) = &config.server.pair_secret {
        return Ok(PairSecret::of(Secret::reveal(secret).as_bytes()));
    }
    if sharing == Sharing::Fleet {
        tracing::warn!("server.pair_secret is not set: key pairs work only with the replica that made them");
    }
    let path = config.server.data_dir.join(PAIR_SECRET_FILE);
    let failed = |source| StartError::DataDir { path: path.clone(), source };
    // What lies there is for the gateway's own user.
    let mut directory = std::fs::DirBuilder::new();
    let mut options = File::options();
    #[cfg(unix)]
    {
        std::os::unix::fs::DirBuilderExt::mode(&mut directory, 0o700);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    directory.recursive(true).create(&config.server.data_dir).map_err(failed)?;
    match options.write(true).create_new(true).open(&path) {
        Ok(mut file) => {
            let random: [u8; 32] = clock::random();
            file.write_all(&random).and_then(|()| file.sync_all()).map_err(failed)?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    let kept = std::fs::read(&path).map_err(failed)?;
    if kept.len() < 32 {
        let source = std::io::Error::other("it is shorter than 32 bytes; remove it to have a new one made");
        return Err(failed(source));
    }
    Ok(PairSecret::of(&kept))
}

fn durability(setting: config::Durability) -> stonegate_store::Durability {
    match setting {
        config::Durability::Power => stonegate_store::Durability::Power,
        config::Durability::Process => stonegate_store::Durability::Process,
    }
}

/// Closes the books of predecessors, and reads the budgets for the first time.
async fn keep(store: &Store, config: &Config, stopping: &Stopping) -> Result<Keeper, StartError> {
    let now = clock::now();
    let wake = Arc::new(tokio::sync::Notify::new());
    let on_work = Arc::clone(&wake);
    let time_is_over = stopping.time_is_over();
    let options = BookOptions {
        share_percent: config.budget.share_percent,
        on_work: Some(Arc::new(move || on_work.notify_one())),
        is_cutting_off: Some(Arc::new(move || time_is_over.is_cancelled())),
        ..BookOptions::default()
    };
    let replica = ReplicaId::new(clock::call_id(now).to_string());
    let adopted = match store.sharing() {
        Sharing::OneServer => {
            let adoption = Adoption {
                at: now,
                by: replica.clone(),
                silent_since: None,
                unrecorded: Unrecorded::Unknown,
            };
            store.ledger.adopt(adoption).await?
        }
        // Whether the others are dead or only cut off as we were is told by `fleet`, once we have listened for a while.
        Sharing::Fleet => Adopted::default(),
    };
    if adopted.calls > 0 || adopted.leases > 0 {
        tracing::warn!(
            calls = adopted.calls,
            leases = adopted.leases,
            "the last server did not stop in good order; what it held counts as spent and is marked unresolved"
        );
    }
    let patience = Patience { wait: STORE_PATIENCE, on_outage: config.store.on_outage };
    let keeper = Keeper::new(Book::new(replica, options), Arc::clone(&store.ledger), wake, patience);
    keeper.sync().await?;
    Ok(keeper)
}

pub(crate) fn endpoint_settings(config: &Config) -> EndpointSettings {
    let bedrock = &config.bedrock;
    EndpointSettings {
        region: bedrock.region.clone(),
        endpoint_url: bedrock.endpoint_url.clone(),
        mantle_endpoint_url: bedrock.mantle_endpoint_url.clone(),
        mantle_signing_name: bedrock.mantle_signing_name.clone(),
        bearer_token: bedrock.bearer_token.as_ref().map(|token| Secret::reveal(token).to_owned()),
        profile: bedrock.profile.clone(),
        use_fips: bedrock.use_fips,
        use_dualstack: bedrock.use_dualstack,
    }
}
