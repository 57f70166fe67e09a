//! `stonegate demo`: the whole of it in a minute, with a simulated Bedrock and sample people.

mod place;
mod recipes;
mod sample;
mod talk;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use stonegate_server::Gateway;
use stonegate_server::config::{Config, Environment, Flag, Sources, load};
use stonegate_simulator::{Options, Running, SAMPLE_BEARER_TOKEN, Simulator};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::client::Client;
use crate::commands::demo::place::Place;
use crate::commands::demo::sample::Sample;
use crate::signals::stop_order;
use crate::terminal::{Style, print};

const MODEL: &str = "claude-sonnet-5-5";
const QUESTION: &str = "What can you do for my team, in two sentences?";
/// Between two events of the simulated model: the pace of a real one.
const PACE: Duration = Duration::from_millis(30);
/// Where it listens when nobody says and nobody else does; then on any free port.
const USUAL: &str = "127.0.0.1:8080";

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate demo                      until Ctrl-C; everything is deleted at the end
  stonegate demo --once               show one answer and end
  stonegate demo --keep ./demo-data   keep keys, usage and budgets for the next time")]
pub(crate) struct Arguments {
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:8080, or else a free port]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Keep the data in this directory instead of deleting it.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// End after the first answer.
    #[arg(long)]
    once: bool,
    /// File to which each request that reaches the simulated Bedrock is appended as a line of JSON.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Print a JSON object per line, for programs.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(demo(arguments))
}

async fn demo(arguments: &Arguments) -> anyhow::Result<()> {
    let place = Place::open(arguments.keep.as_deref())?;
    let options = Options { pace: PACE, record: arguments.record.clone(), ..Options::default() };
    let simulator = Simulator::start(options).await?;
    let config = settings(&place, &simulator)?;
    let _log = stonegate_server::telemetry::start(&config.log)?;
    let listener = listen(arguments.listen).await?;
    let stop = stop_order()?;

    let mut gateway = Gateway::open(config).await?;
    let token = gateway.take_bootstrap_token();
    let url = format!("http://{}", listener.local_addr()?);
    let closing = CancellationToken::new();
    let tasks = TaskTracker::new();
    let served = tasks.spawn(gateway.serve(listener, closing.clone().cancelled_owned()));

    let shown = tokio::select! {
        shown = show(arguments, &place, &simulator, &url, token.as_ref().map(|token| token.as_str())) => shown,
        () = stop => Ok(()),
    };
    closing.cancel();
    served.await.context("the gateway broke")?;
    simulator.stop().await;
    shown
}

/// Everything that a person sees; ends only with `--once`.
async fn show(
    arguments: &Arguments,
    place: &Place,
    simulator: &Running,
    url: &str,
    token: Option<&str>,
) -> anyhow::Result<()> {
    let sample = sample::prepare(place, url, token).await?;
    if arguments.json {
        show_json(place, simulator, url, &sample).await?;
    } else {
        show_text(place, url, &sample, arguments.once).await?;
    }
    if arguments.once {
        return Ok(());
    }
    std::future::pending().await
}

async fn show_json(place: &Place, simulator: &Running, url: &str, sample: &Sample) -> anyhow::Result<()> {
    let ready = json!({
        "event": "ready", "url": url, "listen": url.trim_start_matches("http://"), "model": MODEL,
        "key": sample.key, "admin_key": sample.admin_key, "simulator_url": simulator.base_url(),
        "data_dir": place.path(),
    });
    print(&format!("{ready}\n"))?;
    let text = talk::ask(&Client::new(url, Some(&sample.key))?, MODEL, QUESTION, |_| Ok(())).await?;
    let usage = sample.usage(url).await?;
    let answer = json!({ "event": "answer", "model": MODEL, "text": text, "usage": usage.total });
    print(&format!("{answer}\n"))?;
    Ok(())
}

async fn show_text(place: &Place, url: &str, sample: &Sample, is_once: bool) -> anyhow::Result<()> {
    let style = Style::of_stdout();
    print(&welcome(place, url, sample, style))?;
    print(&recipes::render(url, &sample.key, MODEL, style))?;
    print(&format!("\n  {} {QUESTION}\n  ", style.accent("›")))?;
    talk::ask(&Client::new(url, Some(&sample.key))?, MODEL, QUESTION, |piece| {
        Ok(print(&piece.replace('\n', "\n  "))?)
    })
    .await?;
    print(&format!("\n\n{}\n", sample.account(url, style).await?))?;
    if !is_once {
        print(&style.dim("  Ctrl-C ends the demo.\n"))?;
    }
    Ok(())
}

fn welcome(place: &Place, url: &str, sample: &Sample, style: Style) -> String {
    let data = if place.is_kept() { "kept" } else { "deleted at the end" };
    let row = |name: &str, value: &str, note: &str| {
        let note = if note.is_empty() { String::new() } else { format!("  {}", style.dim(note)) };
        format!("  {}  {value}{note}\n", style.dim(&format!("{name:<9}")))
    };
    format!(
        "\n  {}  {}\n\n{}{}{}{}",
        style.bold("Stonegate"),
        style.dim("in front of a simulated Amazon Bedrock; nothing leaves this machine"),
        row("Gateway", &style.accent(url), ""),
        row("Key", &style.accent(&sample.key), &format!("{}, {} a day", sample::USER, sample::BUDGET)),
        row("Admin key", &sample.admin_key, sample::ADMIN),
        row("Data", &place.path().display().to_string(), data),
    )
}

/// The demo has its own settings; those of the machine are for the real thing.
fn settings(place: &Place, simulator: &Running) -> anyhow::Result<Config> {
    let flags = [
        ("server.data_dir", place.path().display().to_string()),
        // Nobody waits for a demo's open streams.
        ("server.drain_seconds", "1".to_owned()),
        ("log.level", "warn".to_owned()),
        ("bedrock.region", "us-east-1".to_owned()),
        ("bedrock.endpoint_url", simulator.base_url()),
        ("bedrock.mantle_endpoint_url", simulator.mantle_url()),
        ("bedrock.bearer_token", SAMPLE_BEARER_TOKEN.to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| Flag::own("demo", name, value.replace("${", "$${")))
    .collect();
    Ok(load(&Sources { file: None, environment: Environment::default(), flags })?.config)
}

async fn listen(asked: Option<SocketAddr>) -> anyhow::Result<TcpListener> {
    let address = match asked {
        Some(address) => address,
        None => match TcpListener::bind(USUAL).await {
            Ok(listener) => return Ok(listener),
            Err(_taken) => SocketAddr::from(([127, 0, 0, 1], 0)),
        },
    };
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}
