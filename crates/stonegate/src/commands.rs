//! A file for each command: arguments in, one thing done, text or JSON out.

pub(crate) mod budgets;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod keys;
pub(crate) mod models;
pub(crate) mod serve;
pub(crate) mod simulate;
pub(crate) mod store;
pub(crate) mod tenants;
pub(crate) mod usage;
pub(crate) mod users;
