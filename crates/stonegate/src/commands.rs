//! A file for each command: arguments in, one thing done, text or JSON out.

pub(crate) mod audit;
pub(crate) mod budgets;
pub(crate) mod charges;
pub(crate) mod claude;
pub(crate) mod codex;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod configure;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod env;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod models;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod setup;
pub(crate) mod simulate;
pub(crate) mod store;
pub(crate) mod tenants;
pub(crate) mod token;
pub(crate) mod usage;
pub(crate) mod users;
pub(crate) mod whoami;
