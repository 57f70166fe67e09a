//! What every handler may see, put together once at the start.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use stonegate_bedrock::{Client, Endpoint, ReplyBody};
use stonegate_catalog::{Calibrations, Catalog, Place};
use stonegate_identity::archive::Archive;
use stonegate_identity::sigv4::PairSecret;
use stonegate_protocol::Dialect;
use stonegate_routing::RetryAllowance;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::call::origin::Clients;
use crate::config::{Config, OnDisconnect};
use crate::directory::DirectoryCache;
use crate::keeper::Keeper;
use crate::lessons::Lessons;
use crate::listen::Stopping;
use crate::lockout::Lockout;
use crate::media::MediaFetcher;
use crate::otlp::Relay;
use crate::proxies::TrustedProxies;
use crate::signin::SignIn;

/// How long the end of an answer may stay away after its last event.
const REST: Duration = Duration::from_secs(1);

/// The gateway's shared parts.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) catalog: Catalog,
    /// What calls have taught of the catalog's families.
    pub(crate) calibrations: Arc<Calibrations>,
    pub(crate) place: Place,
    pub(crate) directory: Arc<DirectoryCache>,
    /// Who else vouches for callers.
    pub(crate) sign_in: SignIn,
    /// Whose word counts for where a request came from.
    pub(crate) proxies: TrustedProxies,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) bedrock: Client,
    pub(crate) endpoint: Endpoint,
    /// Makes the pairs in AWS's form that stand for keys.
    pub(crate) pairs: PairSecret,
    pub(crate) names: Names,
    pub(crate) archive: Arc<dyn Archive>,
    pub(crate) media: MediaFetcher,
    /// Where clients' telemetry goes, if anywhere.
    pub(crate) telemetry: Option<Relay>,
    pub(crate) lessons: Lessons,
    /// The same of CountTokens, which may refuse what an invocation takes.
    pub(crate) count_lessons: Lessons,
    pub(crate) lockout: Lockout,
    pub(crate) allowance: RetryAllowance,
    pub(crate) stopping: Stopping,
    /// Work that goes on without a client.
    pub(crate) abandoned: TaskTracker,
    /// How much of it there may be at a time.
    pub(crate) abandoned_places: Arc<Semaphore>,
    /// Ends all work without a client at once.
    pub(crate) cut: CancellationToken,
}

impl App {
    /// Reads what is left of an answer whose last event is through, so that its connection can be used again.
    pub(crate) fn read_out(&self, rest: Option<ReplyBody>) {
        let Some(mut rest) = rest else { return };
        self.abandoned.spawn(async move {
            let to_the_end = async { while let Some(Ok(_)) = rest.frame().await {} };
            tokio::time::timeout(REST, to_the_end).await.ok();
        });
    }

    /// Goes on with work whose client left, within the bounds of the settings; drops it where they do not allow it.
    pub(crate) fn rescue(&self, work: impl Future<Output = ()> + Send + 'static) {
        match self.config.stream.on_disconnect {
            OnDisconnect::Cancel => drop(work),
            OnDisconnect::Drain => match Arc::clone(&self.abandoned_places).try_acquire_owned() {
                Ok(place) => {
                    let most = self.config.stream.drain_max;
                    let cut = self.cut.clone();
                    self.abandoned.spawn(async move {
                        let _place = place;
                        // Where the work does not come to its end, its drop settles by what was seen.
                        tokio::select! {
                            () = work => {}
                            () = tokio::time::sleep(most) => {}
                            () = cut.cancelled() => {}
                        }
                    });
                }
                Err(_) => {
                    tracing::warn!(
                        "an abandoned answer was broken off: stream.drain_max_calls are read on already"
                    );
                }
            },
        }
    }
}

/// Texts that stand in every record, made once.
pub(crate) struct Names {
    dialects: [Arc<str>; Dialect::ALL.len()],
    pub(crate) price_version: Arc<str>,
    pub(crate) clients: Clients,
}

impl Names {
    pub(crate) fn new(price_version: &str) -> Self {
        let dialects = Dialect::ALL.map(|dialect| Arc::from(dialect.as_str()));
        Names { dialects, price_version: Arc::from(price_version), clients: Clients::default() }
    }

    pub(crate) fn dialect(&self, dialect: Dialect) -> Arc<str> {
        let [anthropic, chat, responses, converse, native] = &self.dialects;
        Arc::clone(match dialect {
            Dialect::Anthropic => anthropic,
            Dialect::OpenaiChat => chat,
            Dialect::OpenaiResponses => responses,
            Dialect::Converse => converse,
            Dialect::BedrockNative => native,
        })
    }
}
