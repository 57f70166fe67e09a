//! `stonegate serve`: the gateway itself.

use std::net::SocketAddr;
use std::num::NonZero;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use stonegate_server::Gateway;
use stonegate_server::config::{Config, Flag, Loaded, Shown};
use stonegate_server::telemetry;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::memory::give_back;
use crate::settings::{SettingsArguments, check, told};
use crate::signals::stop_order;
use crate::terminal::print;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  AWS_REGION=eu-west-1 stonegate serve
  stonegate serve --listen 0.0.0.0:8080 --data-dir /var/lib/stonegate --config /etc/stonegate.toml
  stonegate serve --set stream.on_disconnect=cancel --json

SIGTERM and Ctrl-C let open answers finish for `server.drain_seconds`; a second one ends at once.")]
pub(crate) struct Arguments {
    /// Address to listen on, `server.listen`; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", help_heading = "Settings")]
    listen: Option<String>,
    #[command(flatten)]
    settings: SettingsArguments,
    /// Print one line of JSON when ready, for programs.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let listen = arguments.listen.iter().map(|address| Flag::own("--listen", "server.listen", address));
    let Loaded { config, shown } = arguments.settings.load(listen.collect())?;
    let _log = telemetry::start(&config.log)?;
    runtime(config.server.workers).enable_all().build()?.block_on(serve(config, &shown, arguments.json))
}

/// A runtime with so many threads for calls, or with one for each core. One alone has nobody to share its work with, and does
/// without what sharing costs.
fn runtime(workers: Option<usize>) -> Builder {
    let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
    if workers.unwrap_or_else(cores) == 1 {
        return Builder::new_current_thread();
    }
    let mut runtime = Builder::new_multi_thread();
    if let Some(workers) = workers {
        runtime.worker_threads(workers);
    }
    runtime
}

async fn serve(config: Config, shown: &[Shown], is_json: bool) -> anyhow::Result<()> {
    check(&config, shown).await?;
    let stop = stop_order()?;
    let address = config.server.listen;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} (`server.listen`)"))?;
    let address = listener.local_addr()?;
    let administration = match config.admin.listen {
        Some(address) => Some(
            TcpListener::bind(address)
                .await
                .with_context(|| format!("cannot listen on {address} (`admin.listen`)"))?,
        ),
        None => None,
    };
    let scheme = if config.server.tls_cert.is_some() { "https" } else { "http" };
    let data_dir = config.server.data_dir.clone();
    let mut gateway = Gateway::open(config).await.map_err(|error| told(error, shown))?;
    let token = gateway.take_bootstrap_token();
    let token = token.as_ref().map(|token| token.as_str());
    let url = format!("{scheme}://{}", reachable(address));
    let mut admin_url = None;
    if let Some(listener) = administration {
        admin_url = Some(format!("{scheme}://{}", reachable(listener.local_addr()?)));
        gateway.administer_by(listener);
    }
    if is_json {
        let ready = json!({
            "event": "ready", "listen": address.to_string(), "url": url, "data_dir": data_dir,
            "version": env!("CARGO_PKG_VERSION"), "bootstrap_token": token, "admin_url": admin_url,
        });
        print(&format!("{ready}\n"))?;
    } else {
        print(&announcement(&url, admin_url.as_deref(), token))?;
    }
    tracing::info!(%address, region = gateway.region(), version = env!("CARGO_PKG_VERSION"), "serving");
    tokio::select! {
        () = gateway.serve(listener, stop) => {}
        () = give_back() => {}
    }
    tracing::info!("stopped in good order");
    Ok(())
}

/// What a person reads at the start. The token goes to standard output alone, never into the log.
fn announcement(url: &str, admin_url: Option<&str>, token: Option<&str>) -> String {
    let mut text = format!("Stonegate listens on {url}\n");
    if let Some(admin_url) = admin_url {
        text.push_str(&format!("It is administered on {admin_url}\n"));
    }
    let url = admin_url.unwrap_or(url);
    if let Some(token) = token {
        text.push_str(&format!(
            "\n  There is no administrator yet. This token makes the first one; it works once, within 24 hours:\n\n    \
             {token}\n\n    \
             curl {url}/admin/v1/bootstrap -H 'content-type: application/json' \\\n      \
             -d '{{\"token\": \"{token}\", \"name\": \"admin\"}}'\n\n"
        ));
    }
    text
}

/// An address that a client can be pointed at: nobody can call 0.0.0.0.
fn reachable(address: SocketAddr) -> SocketAddr {
    let mut reachable = address;
    if address.ip().is_unspecified() {
        reachable.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    reachable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_address_can_be_called() {
        for (bound, called) in
            [("0.0.0.0:80", "127.0.0.1:80"), ("[::]:80", "[::1]:80"), ("10.0.0.1:80", "10.0.0.1:80")]
        {
            assert_eq!(reachable(bound.parse().expect("an address")).to_string(), called);
        }
    }

    #[test]
    fn the_token_is_shown_with_what_to_do_with_it() {
        let text = announcement("http://127.0.0.1:80", None, Some("stone-bootstrap-x"));
        assert!(text.contains("\n    stone-bootstrap-x\n"), "{text}");
        assert!(text.contains("http://127.0.0.1:80/admin/v1/bootstrap"), "{text}");
        assert_eq!(
            announcement("http://127.0.0.1:80", None, None),
            "Stonegate listens on http://127.0.0.1:80\n"
        );
        let text =
            announcement("http://127.0.0.1:80", Some("http://127.0.0.1:81"), Some("stone-bootstrap-x"));
        assert!(text.contains("http://127.0.0.1:81/admin/v1/bootstrap"), "{text}");
    }
}
