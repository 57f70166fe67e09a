//! The promises of ledger, directory and archive, kept by PostgreSQL; and what only a server that many share can get wrong.
//!
//! Each test has a schema of its own on the server that `TEST_POSTGRES_URL` names: `xtask/postgres.sh run` starts one.
//! Without it these tests say so and pass, but for continuous integration, where they fail.
#![expect(clippy::unwrap_used, reason = "a test's helpers may unwrap as the test itself does")]

mod append_only;
mod charges;
mod conformance;
#[path = "../installation/mod.rs"]
mod installation;
mod moving;
mod opening;
mod provisioning;
mod schema;
mod sharing;
