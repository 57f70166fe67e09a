//! The workspace's own tasks: `cargo xtask TASK`.
#![expect(clippy::print_stdout, reason = "a task says what it did")]

mod catalog;
mod tidy;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The workspace's own tasks")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Write the catalog's data file anew from the price map that LiteLLM ships.
    Catalog(catalog::Options),
    /// Check the allowed edges between crates and the length of files.
    Tidy,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().task {
        Task::Catalog(options) => catalog::run(&options),
        Task::Tidy => tidy::run(),
    }
}
