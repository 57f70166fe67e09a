//! `stonegate-sim`: the simulator by itself.

use std::{io, process::ExitCode};

use clap::Parser;
use stonegate_simulator::command::{Arguments, run};
use tracing_subscriber::EnvFilter;

/// A strict stand-in for Amazon Bedrock Runtime, to test Bedrock clients with.
#[derive(Debug, Parser)]
#[command(name = "stonegate-sim", version)]
struct Program {
    #[command(flatten)]
    arguments: Arguments,
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_unset| EnvFilter::new("warn")))
        .with_writer(io::stderr)
        .init();
    match run(Program::parse().arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(
                error = &*error as &(dyn std::error::Error + 'static),
                "the simulator did not start"
            );
            ExitCode::FAILURE
        }
    }
}
