//! Settings: a TOML file, then `STONEGATE_*` variables, then flags; the later wins.
//!
//! [`settings`] holds the one table of them. [`load`] reads all sources and gives either a [`Config`], in which every
//! value is checked and typed, or every problem there is, each with its place and its fix.

mod accounts;
mod interpolate;
mod kind;
mod members;
mod meta;
mod places;
mod problem;
mod providers;
mod reference;
mod settings;
mod source;
#[cfg(test)]
mod tests;
mod values;

use std::path::PathBuf;

pub use accounts::{AwsAccount, AwsRule, AwsWhom};
pub use members::{Place, PlaceTeam};
pub use meta::{Default, Meta, Setting};
pub use problem::{Problem, Problems};
pub use providers::{Provider, ProviderRule};
pub use reference::reference;
pub use settings::{
    Admin, Bedrock, Budget, Config, Durability, Keys, Log, LogFormat, Media, ModelRule, Models, OnDisconnect,
    OnOutage, SETTINGS, Secret, Server, Signin, Store, Stream, Telemetry, TotpRequired, Unpriced,
};
pub use source::{Environment, FileText, Flag, Origin, Sources};
pub use values::Shown;

use values::Values;

/// The settings, and where each came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Checked and typed.
    pub config: Config,
    /// Every setting in the order of the table, for `config show`.
    pub shown: Vec<Shown>,
}

/// Reads the settings out of all their sources.
///
/// # Errors
/// Every problem that there is, not the first one.
pub fn load(sources: &Sources) -> Result<Loaded, Problems> {
    let mut values = Values::new(&sources.environment);
    if let Some(file) = &sources.file {
        values.add_file(file);
    }
    values.add_variables();
    for flag in &sources.flags {
        values.add_flag(flag);
    }
    let config = Config::read(&mut values);
    if let Some(config) = &config {
        values.problems.extend(problem_of_tls(config, &values.shown));
        values.problems.extend(problem_of_listeners(config, &values.shown));
    }
    match config {
        Some(config) if values.problems.is_empty() => Ok(Loaded { config, shown: values.shown }),
        Some(_) | None => Err(Problems(values.problems)),
    }
}

impl Config {
    /// The settings that a TOML text gives, with nothing from outside; for tests and embedding.
    ///
    /// # Errors
    /// As [`load`].
    pub fn from_toml(text: &str) -> Result<Self, Problems> {
        let file = FileText { path: PathBuf::from("settings.toml"), text: text.to_owned() };
        let environment = Environment::from_iter([("HOME", "/nonexistent")]);
        let sources = Sources { file: Some(file), environment, flags: Vec::new() };
        load(&sources).map(|loaded| loaded.config)
    }
}

/// One port cannot have two listeners.
fn problem_of_listeners(config: &Config, shown: &[Shown]) -> Option<Problem> {
    let (public, own) = (config.server.listen, config.admin.listen?);
    let is_same = public.ip() == own.ip() || public.ip().is_unspecified() || own.ip().is_unspecified();
    if public.port() == 0 || public.port() != own.port() || !is_same {
        return None;
    }
    let origin = shown.iter().find(|shown| shown.name == "admin.listen")?.origin.clone();
    Some(Problem {
        setting: Some("admin.listen".to_owned()),
        origin,
        wrong: format!("is {own}, which `server.listen` has already"),
        fix: "give it another port, or another address of this machine".to_owned(),
    })
}

/// A certificate without its key, or a key without its certificate.
fn problem_of_tls(config: &Config, shown: &[Shown]) -> Option<Problem> {
    let (set, unset) = match (&config.server.tls_cert, &config.server.tls_key) {
        (Some(_), None) => ("server.tls_cert", "server.tls_key"),
        (None, Some(_)) => ("server.tls_key", "server.tls_cert"),
        (Some(_), Some(_)) | (None, None) => return None,
    };
    let origin = shown.iter().find(|shown| shown.name == set)?.origin.clone();
    Some(Problem {
        setting: Some(set.to_owned()),
        origin,
        wrong: format!("is set and `{unset}` is not"),
        fix: format!("set `{unset}` too for TLS, or neither for plain HTTP"),
    })
}
