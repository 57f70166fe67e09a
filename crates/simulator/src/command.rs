//! The simulator as a program: `stonegate-sim`, and `stonegate simulate`.

use std::{
    error::Error,
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    time::Duration,
};

use clap::Args;
use serde_json::json;

use crate::{
    options::{Auth, Credentials, Options},
    running::{Running, Simulator},
};

/// The flags of a simulator that is run as a program.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8099")]
    listen: SocketAddr,
    /// Address to listen on as bedrock-mantle.
    #[arg(long, default_value = "127.0.0.1:0")]
    mantle_listen: SocketAddr,
    /// Access key id that may sign; without it a sample is taken, which is printed at the start.
    #[arg(long, requires = "secret_access_key")]
    access_key_id: Option<String>,
    /// The secret key that belongs to it.
    #[arg(long, requires = "access_key_id", env = "STONEGATE_SIM_SECRET_ACCESS_KEY", hide_env_values = true)]
    secret_access_key: Option<String>,
    /// The session token that must come along.
    #[arg(long, requires = "access_key_id")]
    session_token: Option<String>,
    /// A Bedrock API key that is taken; may be repeated. Without it a sample is taken.
    #[arg(long = "bearer-token", value_name = "TOKEN")]
    bearer_tokens: Vec<String>,
    /// The AWS region that is played.
    #[arg(long, default_value = "us-east-1")]
    region: String,
    /// Pause between two events of an ordinary answer, in milliseconds.
    #[arg(long, default_value_t = 20, value_name = "MS")]
    pace: u64,
    /// Prefixes shorter than this are not cached; real models have 1,024 to 4,096.
    #[arg(long, default_value_t = 0, value_name = "TOKENS")]
    cache_minimum: u64,
    /// A beta to refuse although the built-in table would take it; may be repeated.
    #[arg(long = "refuse-beta", value_name = "BETA")]
    refused_betas: Vec<String>,
    /// A member to refuse although the rules would take it, such as `tools.custom.strict`; may be repeated.
    #[arg(long = "refuse-member", value_name = "PATH")]
    refused_members: Vec<String>,
    /// File to which each request is appended as a line of JSON.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Scripts to queue at the start: JSON, one object, an array, or one object a line.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Print the address and the credentials as one line of JSON.
    #[arg(long)]
    json: bool,
}

/// Runs a simulator until Ctrl-C or SIGTERM. Prints where it is and who may call it, as text or as a line of JSON.
///
/// # Errors
/// When it cannot listen, or a file cannot be read or written.
pub async fn run(arguments: Arguments) -> Result<(), Box<dyn Error + Send + Sync>> {
    let read = |path: &std::path::Path| {
        std::fs::read_to_string(path).map_err(|error| format!("--script {}: {error}", path.display()))
    };
    let scripts = arguments.script.as_deref().map(read).transpose()?;
    let is_json = arguments.json;
    let options = options(arguments);
    let auth = options.auth.clone();
    let region = options.region.clone();
    let running = Simulator::start(options).await?;
    if let Some(scripts) = scripts {
        running.script_json(&scripts)?;
    }
    announce(&running, &auth, &region, is_json)?;
    wait_for_the_end().await?;
    running.stop().await;
    Ok(())
}

fn options(arguments: Arguments) -> Options {
    let mut auth = Auth::default();
    if let (Some(id), Some(secret)) = (&arguments.access_key_id, &arguments.secret_access_key) {
        let credentials = Credentials::new(id, secret);
        auth.credentials = vec![match &arguments.session_token {
            Some(token) => credentials.with_session_token(token),
            None => credentials,
        }];
    }
    if !arguments.bearer_tokens.is_empty() {
        auth.bearer_tokens = arguments.bearer_tokens;
    }
    Options {
        listen: arguments.listen,
        mantle_listen: arguments.mantle_listen,
        auth,
        region: arguments.region,
        pace: Duration::from_millis(arguments.pace),
        cache_minimum_tokens: arguments.cache_minimum,
        refused_betas: arguments.refused_betas,
        refused_members: arguments.refused_members,
        record: arguments.record,
        ..Options::default()
    }
}

/// Credentials that the user brought are not printed; the sample is, since it is no secret.
fn announce(running: &Running, auth: &Auth, region: &str, is_json: bool) -> io::Result<()> {
    let sample = Auth::default();
    let credentials = auth.credentials.iter().find(|known| sample.credentials.contains(known));
    let token = auth.bearer_tokens.iter().find(|known| sample.bearer_tokens.contains(known));
    let mut out = io::stdout().lock();
    if is_json {
        let line = json!({
            "event": "ready", "url": running.base_url(), "address": running.addr().to_string(),
            "mantle_url": running.mantle_url(),
            "region": region,
            "access_key_id": credentials.map(|known| &known.access_key_id),
            "secret_access_key": credentials.map(|known| &known.secret_access_key), "bearer_token": token,
        });
        writeln!(out, "{line}")?;
        return out.flush();
    }
    writeln!(out, "Bedrock is simulated at {}. To call it:\n", running.base_url())?;
    writeln!(out, "  export AWS_ENDPOINT_URL_BEDROCK_RUNTIME={}", running.base_url())?;
    writeln!(out, "  export AWS_ENDPOINT_URL_BEDROCK_MANTLE={}", running.mantle_url())?;
    writeln!(out, "  export AWS_REGION={region}")?;
    if let Some(known) = credentials {
        writeln!(out, "  export AWS_ACCESS_KEY_ID={}", known.access_key_id)?;
        writeln!(out, "  export AWS_SECRET_ACCESS_KEY={}", known.secret_access_key)?;
    }
    if let Some(token) = token {
        writeln!(out, "  # or, instead of the two keys:\n  export AWS_BEARER_TOKEN_BEDROCK={token}")?;
    }
    out.flush()
}

async fn wait_for_the_end() -> io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}
