//! `stonegate`: the gateway, its command line and its simulator in one binary.
//!
//! Exit codes: 0 done; 1 it did not work; 2 the command line or the settings are wrong; 3 nobody is signed in, or the
//! credential is refused; 4 the gateway does not answer.

mod browser;
mod child;
mod client;
mod commands;
mod connection;
mod defaults;
mod desk;
mod memory;
mod operate;
mod output;
mod settings;
mod signals;
mod terminal;
mod trouble;
mod variables;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use stonegate_server::admin::Problem;
use stonegate_server::config::Problems;

use crate::commands::{
    account, admin, claude, codex, completions, config, configure, demo, doctor, env, login, logout, models,
    run as run_program, serve, setup, simulate, store, token, ui, whoami,
};
use crate::trouble::Trouble;

/// A gateway in front of Amazon Bedrock: keys, budgets, usage, and every client's own protocol.
#[derive(Debug, Parser)]
#[command(name = "stonegate", version, propagate_version = true, max_term_width = 100, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  stonegate demo                                    try it, without an AWS account
  stonegate serve                                   serve Amazon Bedrock with AWS's usual credentials
  stonegate serve --listen 0.0.0.0:8080 --config stonegate.toml
  stonegate keys create --name laptop               a key, shown once
  stonegate usage --by model --last 7d              what was used
  stonegate config show                             every setting, and where its value came from

  stonegate setup https://stonegate.example.com     be a client of that gateway
  stonegate login                                   sign in
  stonegate claude                                  Claude Code, with a key of its own
  stonegate doctor                                  what is wrong with the connection, and the fix

Exit codes: 0 done, 1 it did not work, 2 wrong command line or settings, 3 not signed in, 4 gateway out of reach.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Be a client of a gateway: keep its address.
    Setup(setup::Arguments),
    /// Sign in to the gateway.
    Login(login::Arguments),
    /// Sign out of the gateway.
    Logout(logout::Arguments),
    /// Set up one's own account: codes of an app beside the password.
    #[command(subcommand)]
    Account(account::Command),
    /// Show who one is at the gateway.
    Whoami(whoami::Arguments),
    /// Open one's account at the gateway in the browser, signed in.
    Ui(ui::Arguments),
    /// Run Claude Code with a key of its own.
    Claude(claude::Arguments),
    /// Run Codex with a key of its own.
    Codex(codex::Arguments),
    /// Run any program with a key of its own.
    Run(run_program::Arguments),
    /// Write a tool's own settings so that it finds the gateway for good, and undo it.
    Configure(configure::Arguments),
    /// Print what to set so that clients find the gateway.
    Env(env::Arguments),
    /// Print what to call with just now, for programs that ask a command for it.
    Token(token::Arguments),
    /// Find what is wrong with the connection, and say the fix.
    Doctor(doctor::Arguments),
    /// Try it: the gateway with a simulated Bedrock behind it, and sample users and keys.
    Demo(demo::Arguments),
    /// Serve Amazon Bedrock to clients.
    Serve(serve::Arguments),
    #[command(flatten)]
    Administer(admin::Command),
    /// The same as a group of their own, and what the gateway's settings say of models, endpoints and trust.
    #[command(subcommand)]
    Admin(admin::Group),
    /// Look at the store, and move an installation from one to another.
    #[command(subcommand)]
    Store(store::Command),
    /// Check the settings, or show them with where each came from.
    #[command(subcommand)]
    Config(config::Command),
    /// List the models that one may use at the gateway, or the catalog with its prices.
    Models(models::Arguments),
    /// Run the Bedrock simulator by itself, to test Bedrock clients with.
    #[command(after_help = "\
Examples:
  stonegate simulate
  stonegate simulate --listen 127.0.0.1:0 --record calls.jsonl")]
    Simulate(simulate::Arguments),
    /// Print a script that completes this command line in bash, zsh or fish.
    Completions(completions::Arguments),
}

/// Ends with this code; what there was to say has been said.
#[derive(Debug, thiserror::Error)]
#[error("it did not work")]
struct Silent(u8);

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Setup(arguments) => setup::run(&arguments),
        Command::Login(arguments) => login::run(&arguments),
        Command::Logout(arguments) => logout::run(&arguments),
        Command::Account(command) => account::run(&command),
        Command::Whoami(arguments) => whoami::run(&arguments),
        Command::Ui(arguments) => ui::run(&arguments),
        Command::Claude(arguments) => claude::run(&arguments),
        Command::Codex(arguments) => codex::run(&arguments),
        Command::Run(arguments) => run_program::run(&arguments),
        Command::Configure(arguments) => configure::run(&arguments),
        Command::Env(arguments) => env::run(&arguments),
        Command::Token(arguments) => token::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Administer(command) => admin::run(&command),
        Command::Admin(group) => admin::run_group(&group),
        Command::Store(command) => store::run(&command),
        Command::Config(command) => config::run(&command),
        Command::Models(arguments) => models::run(&arguments),
        Command::Simulate(arguments) => simulate::run(arguments),
        Command::Completions(arguments) => completions::run(&arguments, Arguments::command()),
    }
}

/// Waits for what a command has to do over the network.
fn wait<T, E: Into<anyhow::Error>>(task: impl Future<Output = Result<T, E>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(task).map_err(Into::into)
}

/// Says what went wrong on standard error; when even that is closed, the exit code has to do.
fn report(error: &anyhow::Error) -> ExitCode {
    if terminal::is_broken_pipe(error) {
        // Whoever read our output has seen enough: `stonegate models | head`.
        return ExitCode::SUCCESS;
    }
    if let Some(Silent(code)) = error.downcast_ref() {
        return ExitCode::from(*code);
    }
    let mut stderr = std::io::stderr().lock();
    match error.downcast_ref::<Problems>() {
        Some(problems) => {
            let many = if problems.0.len() == 1 { "a setting is" } else { "settings are" };
            writeln!(stderr, "stonegate: {many} wrong\n{problems}").ok();
            ExitCode::from(2)
        }
        None => {
            writeln!(stderr, "stonegate: {}", terminal::visible(&told(error).to_string())).ok();
            if let Some(trouble) = error.downcast_ref::<Trouble>() {
                return ExitCode::from(trouble.exit_code());
            }
            let problem = error.downcast_ref::<Problem>();
            if problem.is_some_and(Problem::is_invalid_request) {
                ExitCode::from(2)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// The error with its causes, each once: some errors say their cause themselves.
fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match &*told {
        "" => cause,
        said if said.contains(&cause) => told,
        said => format!("{said}: {cause}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    /// Every command with the commands under it, as one types them.
    fn named(command: &clap::Command, before: &str) -> Vec<String> {
        let with_those_below = |below: &clap::Command| {
            let name = format!("{before}{}", below.get_name());
            let further = named(below, &format!("{name} "));
            [name].into_iter().chain(further)
        };
        let all: Vec<String> = command.get_subcommands().flat_map(with_those_below).collect();
        // Most of what is in the group `admin` stands without it, too, and is named once.
        let stands_alone = |name: &String| {
            name.strip_prefix("admin ").is_none_or(|alone| !all.iter().any(|other| other == alone))
        };
        all.iter().filter(|name| stands_alone(name)).cloned().collect()
    }

    /// Every command that has none under it that a person would have to name.
    fn leaves(command: &clap::Command, before: &str) -> Vec<(String, String)> {
        let with_those_below = |below: &clap::Command| {
            let name = format!("{before}{}", below.get_name());
            let is_leaf = !below.is_subcommand_required_set();
            let help = below.get_after_help().map(ToString::to_string).unwrap_or_default();
            let own = is_leaf.then(|| (name.clone(), help));
            own.into_iter().chain(leaves(below, &format!("{name} "))).collect::<Vec<_>>()
        };
        command.get_subcommands().flat_map(with_those_below).collect()
    }

    #[test]
    fn every_command_shows_examples_that_it_takes() {
        let leaves = leaves(&Arguments::command(), "");
        assert!(leaves.len() > 50, "{leaves:?}");
        for (name, help) in leaves {
            let name = name.strip_prefix("admin ").unwrap_or(&name);
            let is_own = |line: &&str| {
                let line = line.strip_prefix("admin ").unwrap_or(line);
                line.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
            };
            let examples =
                help.lines().filter_map(|line| line.split_once("stonegate ")).map(|(_, line)| line);
            let own: Vec<&str> = examples.filter(is_own).collect();
            assert!(!own.is_empty(), "{name} --help shows no example of itself: {help}");
            for example in own {
                // What stands after two spaces is for people, and what stands after a bar or an arrow for other programs.
                let end = ["  ", " | ", " > "].iter().filter_map(|mark| example.find(mark)).min();
                let words = words(&example[..end.unwrap_or(example.len())]);
                let taken = Arguments::try_parse_from(std::iter::once("stonegate".to_owned()).chain(words));
                assert!(taken.is_ok(), "{example}: {}", taken.expect_err("refused"));
            }
        }
    }

    /// A line as a shell takes it apart.
    fn words(line: &str) -> Vec<String> {
        let mut words = Vec::new();
        for (at, part) in line.split('\'').enumerate() {
            if at % 2 == 1 {
                words.push(part.to_owned());
            } else {
                words.extend(part.split_whitespace().map(str::to_owned));
            }
        }
        words
    }

    #[test]
    fn the_manual_names_every_command() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md"));
        let page = page.expect("the page exists");
        let is_missing =
            |name: &String| ["`", " "].iter().all(|end| !page.contains(&format!("`{name}{end}")));
        let missing: Vec<_> = named(&Arguments::command(), "").into_iter().filter(is_missing).collect();
        assert!(missing.is_empty(), "docs/cli.md does not know {missing:?}");
    }
}
