//! Stonegate as an operator runs it: a data directory with keys and budgets, its own command line, its journal.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::process::Process;

/// Every account on the path has a budget that a run cannot use up, so that all of them are reckoned with.
const BUDGET_USD: &str = "1000000";

/// A Stonegate installation of this run's own.
pub(crate) struct Gateway {
    binary: PathBuf,
    directory: TempDir,
    /// Where its store is, if not in its directory.
    store: Option<String>,
    /// The key that the load generator shows.
    pub(crate) key: String,
    /// A key of another tenant, where nothing has a budget.
    pub(crate) key_without_budgets: String,
}

/// The sums over all usage records.
pub(crate) struct Recorded {
    pub(crate) calls: u64,
    pub(crate) output_tokens: u64,
}

impl Gateway {
    /// Makes a data directory with one key, and a budget on each account of its path.
    pub(crate) fn install(binary: &Path, store: Option<&str>) -> Result<Self> {
        ensure!(
            binary.is_file(),
            "{} is not there: build Stonegate first (`make bench` does)",
            binary.display()
        );
        let directory = TempDir::with_prefix("stonegate-bench-")?;
        let (key, key_without_budgets) = (String::new(), String::new());
        let store = store.map(ToOwned::to_owned);
        let mut gateway = Self { binary: binary.to_owned(), directory, store, key, key_without_budgets };
        gateway.ask(&["tenants", "create", "unlimited"])?;
        let created = gateway.ask(&["keys", "create", "--name", "bench", "--tenant", "unlimited"])?;
        gateway.key_without_budgets = text(&created, "key")?;
        let created = gateway.ask(&["keys", "create", "--name", "bench"])?;
        gateway.key = text(&created, "key")?;
        let id = text(&created, "id")?;
        let (tenant, user) = (text(&created, "tenant")?, text(&created, "user")?);
        for account in [format!("tenant:{tenant}"), format!("user:{user}"), format!("key:{id}")] {
            gateway.ask(&[
                "budgets",
                "set",
                "--account",
                &account,
                "--window",
                "monthly",
                "--limit-usd",
                BUDGET_USD,
            ])?;
        }
        Ok(gateway)
    }

    /// Starts it on `core`, with `upstream` for Bedrock, and waits until it is ready.
    pub(crate) fn start(&self, core: usize, upstream: SocketAddr) -> Result<(Process, SocketAddr)> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        command
            .env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", format!("http://{upstream}"))
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
            .stderr(log);
        let mut process = Process::start(core, &mut command)?;
        let ready: Value =
            serde_json::from_str(&process.line()?).context("reading what `serve --json` printed")?;
        let address = text(&ready, "listen")?.parse()?;
        Ok((process, address))
    }

    /// What its usage counts.
    pub(crate) fn recorded(&self) -> Result<Recorded> {
        let usage = self.ask(&["usage"])?;
        let count = |pointer: &str| {
            usage.pointer(pointer).and_then(Value::as_u64).with_context(|| format!("no {pointer} in {usage}"))
        };
        Ok(Recorded { calls: count("/total/calls")?, output_tokens: count("/total/tokens/output")? })
    }

    /// The last lines of its log, for when something went wrong.
    pub(crate) fn log_end(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_else(|error| format!("(no log: {error})"));
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("stderr.log")
    }

    /// A command on the installation's data, with nothing of this process's own environment that may change it.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.env_clear().env("HOME", self.directory.path()).args(arguments);
        command.arg("--data-dir").arg(self.directory.path().join("data")).arg("--json");
        if let Some(store) = &self.store {
            command.args(["--store", store]);
        }
        command
    }

    fn ask(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.command(arguments).output()?;
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "stonegate {} failed: {stderr}{stdout}", arguments.join(" "));
        serde_json::from_str(&stdout)
            .with_context(|| format!("stonegate {} gave {stdout}", arguments.join(" ")))
    }
}

fn text(value: &Value, member: &str) -> Result<String> {
    Ok(value[member].as_str().with_context(|| format!("no {member} in {value}"))?.to_owned())
}
