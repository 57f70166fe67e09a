//! The flags that settings are given with, the same for every command that needs them.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use stonegate_server::config::{
    Config, Environment, FileText, Flag, Loaded, Origin, Problem, Problems, Shown, Sources, load,
};
use stonegate_server::{Gateway, StartError};

use crate::connection::variable;

/// Where the settings come from: file, variables, flags.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SettingsArguments {
    /// Settings file, TOML [variable: STONEGATE_CONFIG].
    #[arg(long, value_name = "FILE", help_heading = "Settings")]
    pub(crate) config: Option<PathBuf>,
    /// Directory for everything that has to last; `server.data_dir`.
    #[arg(long, value_name = "DIR", help_heading = "Settings")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Address of the store, `sqlite:PATH` or `postgres://…`; `store.url` [variable: STONEGATE_STORE].
    #[arg(long, value_name = "URL", help_heading = "Settings")]
    pub(crate) store: Option<String>,
    /// Any other setting, such as `stream.ping_seconds=10`; may be repeated.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = Flag::set, help_heading = "Settings")]
    pub(crate) set: Vec<Flag>,
}

impl SettingsArguments {
    /// Whether a flag or a variable says where this machine's own gateway has its settings or its store.
    pub(crate) fn is_given(&self) -> bool {
        let variables = ["STONEGATE_CONFIG", "STONEGATE_STORE", "STONEGATE_SERVER_DATA_DIR"];
        self.config.is_some()
            || self.data_dir.is_some()
            || self.store.is_some()
            || !self.set.is_empty()
            || variables.into_iter().any(|name| variable(name).is_some())
    }

    /// Reads the settings from all their sources, `flags` last.
    pub(crate) fn load(&self, flags: Vec<Flag>) -> anyhow::Result<Loaded> {
        let environment = environment();
        let file = match (&self.config, environment.find("STONEGATE_CONFIG")) {
            (Some(path), _) => Some(read(path.clone(), Origin::Flag("--config".to_owned()))?),
            (None, Some(path)) => Some(read(path.into(), Origin::Variable("STONEGATE_CONFIG".to_owned()))?),
            (None, None) => None,
        };
        let data_dir = self
            .data_dir
            .as_ref()
            .map(|path| Flag::own("--data-dir", "server.data_dir", path.display().to_string()));
        let store = self.store.as_ref().map(|url| Flag::own("--store", "store.url", url));
        let flags = self.set.iter().cloned().chain(data_dir).chain(store).chain(flags).collect();
        Ok(load(&Sources { file, environment, flags })?)
    }
}

/// What keeps something from opening, as something that is wrong with the settings where it is that.
pub(crate) fn told(error: StartError, shown: &[Shown]) -> anyhow::Error {
    match error.as_problem(shown) {
        Some(problem) => Problems(vec![problem]).into(),
        None => error.into(),
    }
}

/// All that is wrong with settings that could be read: before anything is made or opened by them.
pub(crate) async fn check(config: &Config, shown: &[Shown]) -> Result<(), Problems> {
    let wrong = Gateway::check(config).await;
    let problems: Vec<Problem> = wrong.iter().filter_map(|wrong| wrong.as_problem(shown)).collect();
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}

fn read(path: PathBuf, origin: Origin) -> Result<FileText, Problems> {
    match fs::read_to_string(&path) {
        Ok(text) => Ok(FileText { path, text }),
        Err(error) => Err(Problems(vec![Problem {
            setting: None,
            origin,
            wrong: format!("the settings file {} cannot be read: {error}", path.display()),
            fix: "correct the path, or let the user that runs stonegate read the file".to_owned(),
        }])),
    }
}

/// The process's variables; those that are not text cannot be ours.
fn environment() -> Environment {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
