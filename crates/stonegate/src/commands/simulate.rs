//! `stonegate simulate`: the same program as `stonegate-sim`.

use stonegate_simulator::command;

pub(crate) use stonegate_simulator::command::Arguments;

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(command::run(arguments)).map_err(|error| anyhow::anyhow!(error))
}
