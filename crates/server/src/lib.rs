//! The HTTP application: the order of the steps of a call, concurrency, lifetimes.

pub mod config;
pub mod listen;
pub mod telemetry;
