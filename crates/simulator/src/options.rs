//! What a simulator is started with.

use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;

/// Settings of one simulator. `Options::default()` listens on two free loopback ports, answers without pause and
/// accepts [`Credentials::sample`] and [`SAMPLE_BEARER_TOKEN`].
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where to listen as `bedrock-mantle`; port 0 takes a free one.
    pub mantle_listen: SocketAddr,
    /// Who may call.
    pub auth: Auth,
    /// The region that this simulator plays; SigV4 scopes and inference profiles must fit it.
    pub region: String,
    /// The AWS account that owns application inference profiles, for their ARNs.
    pub account: String,
    /// Application inference profiles: the last part of the ARN and the model id behind it.
    pub application_profiles: Vec<(String, String)>,
    /// Pause between two events of an ordinary answer.
    pub pace: Duration,
    /// A prefix shorter than this is not cached. Real models have 1,024 to 4,096; 0 keeps tests short.
    pub cache_minimum_tokens: u64,
    /// Betas that are refused although the built-in table would take them.
    pub refused_betas: Vec<String>,
    /// Members that are refused although the built-in rules would take them: dotted paths without array indices,
    /// such as `context_management` or `tools.custom.strict`.
    pub refused_members: Vec<String>,
    /// Where to write one JSON line for each request that arrives.
    pub record: Option<PathBuf>,
    /// What time it is.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            mantle_listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            auth: Auth::default(),
            region: "us-east-1".to_owned(),
            account: "123456789012".to_owned(),
            application_profiles: vec![(
                SAMPLE_APPLICATION_PROFILE.to_owned(),
                "anthropic.claude-sonnet-5-5".to_owned(),
            )],
            pace: Duration::ZERO,
            cache_minimum_tokens: 0,
            refused_betas: Vec::new(),
            refused_members: Vec::new(),
            record: None,
            clock: Clock::system(),
        }
    }
}

/// The bearer token that a simulator takes by default.
pub const SAMPLE_BEARER_TOKEN: &str = "bedrock-api-key-stonegate-simulator";
/// The id of the application inference profile that a simulator has by default.
pub const SAMPLE_APPLICATION_PROFILE: &str = "stonegate0sim";

/// Who may call: any of these credentials, any of these tokens.
#[derive(Clone, Debug)]
pub struct Auth {
    /// Credentials whose SigV4 signatures are good.
    pub credentials: Vec<Credentials>,
    /// Bedrock API keys.
    pub bearer_tokens: Vec<String>,
}

impl Default for Auth {
    fn default() -> Auth {
        Auth { credentials: vec![Credentials::sample()], bearer_tokens: vec![SAMPLE_BEARER_TOKEN.to_owned()] }
    }
}

/// One set of AWS credentials that the simulator knows.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The access key id.
    pub access_key_id: String,
    /// The secret key.
    pub secret_access_key: String,
    /// The session token, which must then be sent along and signed.
    pub session_token: Option<String>,
    /// From then on a call is refused with `ExpiredTokenException`.
    pub expires_at: Option<Timestamp>,
}

impl Credentials {
    /// Long-lived credentials.
    pub fn new(access_key_id: &str, secret_access_key: &str) -> Credentials {
        Credentials {
            access_key_id: access_key_id.to_owned(),
            secret_access_key: secret_access_key.to_owned(),
            session_token: None,
            expires_at: None,
        }
    }

    /// The ones that a simulator takes by default. They are no secret.
    pub fn sample() -> Credentials {
        Credentials::new("AKIASTONEGATESIM0000", "stonegate/simulator/secret/access/key000")
    }

    /// The same with a session token.
    #[must_use]
    pub fn with_session_token(mut self, token: &str) -> Credentials {
        self.session_token = Some(token.to_owned());
        self
    }

    /// The same with an end.
    #[must_use]
    pub fn expiring_at(mut self, at: Timestamp) -> Credentials {
        self.expires_at = Some(at);
        self
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("session", &self.session_token.is_some())
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Tells the time; a test brings its own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's clock.
    #[expect(clippy::disallowed_methods, reason = "this is the clock at the edge of the simulator")]
    pub fn system() -> Clock {
        Clock::new(Timestamp::now)
    }

    /// Any function that tells the time.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Clock {
        Clock(Arc::new(now))
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
