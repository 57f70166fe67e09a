//! The benchmark: what Stonegate costs beside a bare reverse proxy that does no work, both in one run.
//!
//! `stonegate-bench run` starts everything and prints a table; the other commands are the parts that it starts.
//! How to read the figures: `docs/performance.md`.

mod affinity;
mod answers;
mod bare;
mod chunked;
mod client;
mod dialects;
mod gateway;
mod load;
mod preference;
mod process;
mod report;
mod requests;
mod run;
mod scenario;
mod stub;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about = "What Stonegate costs beside a bare reverse proxy, both measured in one run")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure, and print the table.
    Run(run::Options),
    /// The upstream: answers as Bedrock does, by path, without a check. Prints its address.
    Stub(stub::Options),
    /// The reverse proxy to compare with: forwards to one upstream and does nothing else. Prints its address.
    Bare(bare::Options),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Run(options) => run::run(&options),
        Command::Stub(options) => stub::serve(&options),
        Command::Bare(options) => bare::serve(options),
    }
}
