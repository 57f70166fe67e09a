//! Every setting, once: its name, type, default and meaning. The typed [`Config`], the names of variables, `config
//! show` and the reference in `docs/configuration.md` all follow from this page.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::accounts::{AwsAccount, AwsAccounts};
use super::kind::{
    Address, Bytes, Choice, Count, Days, File, Geographies, Headers, Kind, Line, LogFilter, MaybeAddress,
    MaybeCount, MaybeFile, MaybeRegion, MaybeText, MaybeUrl, Networks, Pairs, Password, Percent, Rules,
    Seconds, SomeMillis, SomeSeconds, Switch, Tokens, Url,
};
use super::meta::{Setting, derived, given, unset};
use super::providers::{Provider, Providers};
use super::values::Values;

/// Makes, of one list: a struct for each section, [`Config`] over them, [`SETTINGS`], and the reading of it all.
macro_rules! settings {
    ($(
        $(#[doc = $section_doc:literal])+
        $section:ident: $Section:ident {
            $( $(#[doc = $doc:literal])+ $field:ident = $name:literal, $kind:ty => $value:ty, $meta:expr; )+
        }
    )+) => {
        /// The settings in force, checked and typed. Made by [`load`](super::load).
        #[derive(Debug, Clone)]
        pub struct Config {
            $( $(#[doc = $section_doc])+ pub $section: $Section, )+
        }

        $(
            $(#[doc = $section_doc])+
            #[derive(Debug, Clone)]
            pub struct $Section {
                $( $(#[doc = $doc])+ pub $field: $value, )+
            }

            impl $Section {
                fn read(values: &mut Values<'_>) -> Option<Self> {
                    $( let $field: Option<$value> = values.take::<$kind>($name); )+
                    Some($Section { $( $field: $field?, )+ })
                }
            }
        )+

        impl Config {
            /// Reads every setting, so that all problems are found in one go; `None` when there was one.
            pub(super) fn read(values: &mut Values<'_>) -> Option<Self> {
                $( let $section = $Section::read(values); )+
                Some(Config { $( $section: $section?, )+ })
            }
        }

        /// The table of all settings, in the order of the reference.
        pub static SETTINGS: &[Setting] = &[
            $( $( Setting {
                name: $name,
                doc: concat!($($doc,)+),
                shape: <$kind as Kind>::SHAPE,
                meta: $meta,
            }, )+ )+
        ];
    };
}

settings! {
    /// How the gateway listens and stops.
    server: Server {
        /// Address and port to listen on; port 0 takes a free one.
        listen = "server.listen", Address => SocketAddr, given("127.0.0.1:8080").flag("--listen");
        /// Address by which clients and browsers reach the gateway, such as `https://gateway.example.org`. Sign-in needs it; without it, only clients on this very machine can sign in.
        public_url = "server.public_url", MaybeUrl => Option<String>, unset();
        /// Proxies whose `x-forwarded-for` is believed: the audit log names the address that they saw, and sign-ins are counted by it. Of everyone else it is ignored.
        trusted_proxies = "server.trusted_proxies", Networks => Vec<IpNet>, given("");
        /// Directory for the store and everything else that has to last.
        data_dir = "server.data_dir", File => PathBuf, derived("$XDG_DATA_HOME/stonegate", super::places::data_dir).flag("--data-dir");
        /// How long open answers may go on after the order to stop; new calls get 503 meanwhile.
        drain = "server.drain_seconds", Seconds => Duration, given("25");
        /// PEM file with the certificate chain; with `server.tls_key`, the gateway speaks TLS.
        tls_cert = "server.tls_cert", MaybeFile => Option<PathBuf>, unset();
        /// PEM file with the private key of `server.tls_cert`.
        tls_key = "server.tls_key", MaybeFile => Option<PathBuf>, unset();
        /// Largest request body; the default is Bedrock's own limit.
        max_body_bytes = "server.max_body_bytes", Bytes => usize, given("25000000");
        /// How long a client may take to send a request's headers; also how long an idle connection is kept.
        header_timeout = "server.header_timeout_seconds", SomeSeconds => Duration, given("120");
        /// How long a client may take to send a request's body.
        body_timeout = "server.body_timeout_seconds", SomeSeconds => Duration, given("300");
        /// Secret from which the key pairs are derived that AWS's SDKs sign with; unset is one in a file of its own in `server.data_dir`. Replicas need the same.
        pair_secret = "server.pair_secret", Password => Option<Secret>, unset().secret();
        /// Threads that serve calls; unset is one per core.
        workers = "server.workers", MaybeCount => Option<usize>, unset();
    }

    /// Where the gateway is administered.
    admin: Admin {
        /// Address and port of a listener of the admin API's own. When it is set, the public one answers nothing of that but what everyone needs for themselves; see [administration apart](operate.md#administration-apart).
        listen = "admin.listen", MaybeAddress => Option<SocketAddr>, unset();
    }

    /// What is logged, and how.
    log: Log {
        /// How a line is written; `auto` is text on a terminal and JSON elsewhere.
        format = "log.format", Choice<LogFormat> => LogFormat, given("auto");
        /// Least level that is logged.
        level = "log.level", LogFilter => String, given("info");
    }

    /// Where budgets, keys and usage are kept.
    store: Store {
        /// Address of the store: `sqlite:PATH` for one server, `postgres://USER:PASSWORD@HOST/DATABASE` for any number; see [stores](stores.md).
        url = "store.url", Url => String, derived("sqlite:DATA_DIR/stonegate.db", super::places::store_url).variable("STONEGATE_STORE").flag("--store");
        /// What a committed usage record survives: `power` waits for the disk, `process` for the operating system.
        durability = "store.durability", Choice<Durability> => Durability, given("power");
        /// When the store does not answer: `refuse` new calls, or `serve_leased`: go on within the credit that is leased, and give answers whose records wait in memory.
        on_outage = "store.on_outage", Choice<OnOutage> => OnOutage, given("refuse");
    }

    /// Who may have which keys.
    keys: Keys {
        /// How many long-lived keys a user may have in force; `stonegate keys create` on the gateway's machine is not bound by it.
        per_user = "keys.per_user", Count => u32, given("5");
    }

    /// How people sign in.
    signin: Signin {
        /// Whether users may have a password here, for where there is no identity provider.
        local = "signin.local", Switch => bool, given("true");
        /// Of whom a code of an app is asked beside the password: who has none sets one up before the next sign-in.
        totp_required_of = "signin.totp_required_of", Choice<TotpRequired> => TotpRequired, given("nobody");
        /// How many minutes an access token holds before it is refreshed.
        access_token_minutes = "signin.access_token_minutes", Count => u32, given("60");
        /// How many days a program stays signed in; then its person signs in again.
        session_days = "signin.session_days", Count => u32, given("30");
        /// OpenID providers that vouch for people and machines.
        providers = "signin.providers", Providers => Vec<Provider>, given("").secret();
        /// AWS accounts whose people and machines may sign in with their AWS credentials.
        aws_accounts = "signin.aws_accounts", AwsAccounts => Vec<AwsAccount>, given("");
        /// Where AWS's STS is reached in place of its own hosts, such as a VPC endpoint or a proxy. It gets what a person signed for AWS's host, as it is.
        sts_endpoint_url = "signin.sts_endpoint_url", MaybeUrl => Option<String>, unset();
    }

    /// How Amazon Bedrock is reached. What is unset here comes from AWS's own variables and files.
    bedrock: Bedrock {
        /// AWS region, such as `eu-west-1`.
        region = "bedrock.region", MaybeRegion => Option<String>, unset().aws(&["AWS_REGION", "AWS_DEFAULT_REGION"]);
        /// Base URL in place of AWS's own, such as a VPC endpoint or a simulator.
        endpoint_url = "bedrock.endpoint_url", MaybeUrl => Option<String>, unset().aws(&["AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL"]);
        /// Base URL of the OpenAI-compatible `bedrock-mantle` endpoint in place of AWS's own.
        mantle_endpoint_url = "bedrock.mantle_endpoint_url", MaybeUrl => Option<String>, unset().aws(&["AWS_ENDPOINT_URL_BEDROCK_MANTLE"]);
        /// The service name that requests to `bedrock-mantle` are signed for.
        mantle_signing_name = "bedrock.mantle_signing_name", Line => String, given("bedrock-mantle");
        /// Use the FIPS 140 endpoints.
        use_fips = "bedrock.use_fips", Switch => bool, given("false").aws(&["AWS_USE_FIPS_ENDPOINT"]);
        /// Use the endpoints that speak IPv6 as well as IPv4.
        use_dualstack = "bedrock.use_dualstack", Switch => bool, given("false").aws(&["AWS_USE_DUALSTACK_ENDPOINT"]);
        /// Bedrock API key, sent in place of signed requests.
        bearer_token = "bedrock.bearer_token", Password => Option<Secret>, unset().aws(&["AWS_BEARER_TOKEN_BEDROCK"]).secret();
        /// Profile of the shared AWS configuration files.
        profile = "bedrock.profile", MaybeText => Option<String>, unset().aws(&["AWS_PROFILE"]);
        /// Inference profiles to prefer, best first, such as `["eu", "global"]`; `in-region` prefers none, empty follows the region.
        geography = "bedrock.geography", Geographies => Vec<String>, given("");
        /// How long to wait for a connection.
        connect_timeout = "bedrock.connect_timeout_ms", SomeMillis => Duration, given("3000");
        /// How long to wait for the first byte of an answer; long prompts think before they speak.
        first_byte_timeout = "bedrock.first_byte_timeout_seconds", SomeSeconds => Duration, given("600");
        /// How long an answer that has begun may be silent.
        idle_timeout = "bedrock.idle_timeout_seconds", SomeSeconds => Duration, given("300");
        /// Times a call is tried in all before its failure goes to the client; 1 never tries again.
        max_attempts = "bedrock.max_attempts", Count => u32, given("4");
        /// Time within which a call may be tried again, pauses included.
        retry_budget = "bedrock.retry_budget_seconds", Seconds => Duration, given("20");
    }

    /// How answers are streamed.
    stream: Stream {
        /// Silence of the model after which the client gets a `ping`.
        ping = "stream.ping_seconds", SomeSeconds => Duration, given("15");
        /// When a client goes away: `drain` reads the answer to its end, so that it is accounted as AWS bills it; `cancel` breaks it off.
        on_disconnect = "stream.on_disconnect", Choice<OnDisconnect> => OnDisconnect, given("drain");
        /// How long an abandoned answer is read on.
        drain_max = "stream.drain_max_seconds", Seconds => Duration, given("300");
        /// How many abandoned answers are read on at a time; more are broken off.
        drain_max_calls = "stream.drain_max_calls", Count => u32, given("256");
    }

    /// OpenAI responses that are kept for later calls to go on from.
    responses: Responses {
        /// Whether they are kept where the client does not say `"store": false`; if not, `previous_response_id` is refused.
        keep = "responses.keep", Switch => bool, given("true");
        /// How many days.
        keep_days = "responses.keep_days", Count => u32, given("30");
    }

    /// Images and documents that a request names by URL.
    media: Media {
        /// Whether they are fetched; if not, a request with one is refused.
        fetch = "media.fetch", Switch => bool, given("true");
        /// Whether addresses that are not on the public internet may be fetched. It lets every caller reach what the gateway can reach.
        allow_private = "media.allow_private", Switch => bool, given("false");
        /// Largest file. The files of one request together have at most `server.max_body_bytes`.
        max_bytes = "media.max_bytes", Bytes => usize, given("20000000");
        /// How long one file may take.
        timeout = "media.timeout_seconds", SomeSeconds => Duration, given("20");
    }

    /// What clients measure of themselves and send here by OTLP; see [telemetry](operate.md#telemetry-of-clients).
    telemetry: Telemetry {
        /// Base address of the collector that it goes to, by OTLP over HTTP, such as `http://collector:4318`. Unset lets it go.
        otlp_endpoint = "telemetry.otlp_endpoint", MaybeUrl => Option<String>, unset();
        /// Headers for the collector, such as `{ authorization = "${COLLECTOR_TOKEN}" }`.
        otlp_headers = "telemetry.otlp_headers", Headers => BTreeMap<String, Secret>, given("").secret();
        /// Whether it says a person's name and e-mail address beside their id.
        name_people = "telemetry.name_people", Switch => bool, given("false");
    }

    /// How budgets are applied.
    budget: Budget {
        /// Least `max_tokens` to which a call may be lowered so that it fits a budget; what does not fit even so is refused.
        fit_floor_tokens = "budget.fit_floor_tokens", Tokens => u64, given("256");
        /// Largest part of what is left of a budget that one call's output may hold, in per cent; a larger `max_tokens` is lowered, down to `budget.fit_floor_tokens`. 100 lets one call take all.
        share_percent = "budget.share_percent", Percent => u8, given("25");
        /// How long a call waits for credit that other calls hold before it is refused.
        wait = "budget.wait_seconds", Seconds => Duration, given("10");
        /// A model without a price, for an account with a USD budget: `refuse`, or charge it at the `dearest` known price.
        unpriced = "budget.unpriced", Choice<Unpriced> => Unpriced, given("refuse");
    }

    /// What is kept of the calls of the past. Their sums by the hour and the day are kept for ever.
    journal: Journal {
        /// How many days each call's own record is kept; 0 keeps them for ever. Unresolved ones stay until they are corrected.
        keep_records_days = "journal.keep_records_days", Days => u32, given("400");
    }

    /// Which models there are and what else they are called.
    models: Models {
        /// TOML file with models and prices that are added to the built-in catalog or take its place.
        catalog_file = "models.catalog_file", MaybeFile => Option<PathBuf>, unset();
        /// Other names for models, such as `{ fast = "claude-haiku-5-5" }`.
        aliases = "models.aliases", Pairs => BTreeMap<String, String>, given("");
        /// Patterns (`*` stands for anything) for names that clients ask for, first match wins, such as `[{ match = "*-haiku-*", model = "claude-haiku-5-5" }]`.
        rules = "models.rules", Rules => Vec<ModelRule>, given("");
        /// Models for clients that ask the gateway which to take, by what for: `anthropic` and `openai` for conversation in that API, `small` for work in the background; such as `{ anthropic = "claude-sonnet-5-5", small = "claude-haiku-5-5" }`.
        default = "models.default", Pairs => BTreeMap<String, String>, given("");
    }
}

/// One entry of `models.rules`: names that match the pattern mean the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRule {
    /// Pattern over the name that the client asked for; `*` stands for any run of characters.
    pub pattern: String,
    /// The model, by any name that the catalog knows.
    pub model: String,
}

/// A text that is never shown: neither by `Debug` nor by `config show`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(super) fn new(text: String) -> Self {
        Secret(text)
    }

    /// The text itself, for the one who needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// Makes an enum that is written as one of a few words.
macro_rules! words {
    ($(#[doc = $doc:literal])+ $Name:ident { $( $(#[doc = $variant_doc:literal])+ $Variant:ident = $word:literal, )+ }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $Name {
            $( $(#[doc = $variant_doc])+ $Variant, )+
        }

        impl super::kind::OneOf for $Name {
            const WORDS: &'static [(&'static str, Self)] = &[$( ($word, $Name::$Variant), )+];
            const SHAPE: &'static str = words!(@shape $($word)+);
        }
    };
    (@shape $first:literal $($word:literal)*) => { concat!("one of `", $first, "`" $(, ", `", $word, "`")*) };
}

words! {
    /// How log lines are written.
    LogFormat {
        /// Text on a terminal, JSON elsewhere.
        Auto = "auto",
        /// One JSON object a line.
        Json = "json",
        /// For people.
        Text = "text",
    }
}

words! {
    /// What a committed usage record survives.
    Durability {
        /// Loss of power: commits wait for the disk.
        Power = "power",
        /// The end of the process, by `kill -9` too: commits wait for the operating system only.
        Process = "process",
    }
}

words! {
    /// What becomes of calls while the store does not answer.
    OnOutage {
        /// New calls are refused, and the end of an answer waits for its record.
        Refuse = "refuse",
        /// Calls go on within what is on lease, and their records wait in memory.
        ServeLeased = "serve_leased",
    }
}

words! {
    /// Of whom a code is asked beside the password.
    TotpRequired {
        /// Only of those who have set one up.
        Nobody = "nobody",
        /// Of administrators.
        Administrators = "administrators",
        /// Of all who have a password.
        Everyone = "everyone",
    }
}

impl TotpRequired {
    /// Whether it is asked of somebody in this role.
    pub(crate) fn includes(self, role: stonegate_identity::Role) -> bool {
        match self {
            Self::Nobody => false,
            Self::Administrators => role == stonegate_identity::Role::Admin,
            Self::Everyone => true,
        }
    }
}

words! {
    /// What becomes of an answer whose client went away.
    OnDisconnect {
        /// It is read to its end, within bounds, and accounted by the upstream's own usage.
        Drain = "drain",
        /// It is broken off, and accounted by an upper estimate of what was seen.
        Cancel = "cancel",
    }
}

words! {
    /// What a model without a price means for an account with a USD budget.
    Unpriced {
        /// The call is refused.
        Refuse = "refuse",
        /// The call is charged at the dearest price that is known.
        Dearest = "dearest",
    }
}
