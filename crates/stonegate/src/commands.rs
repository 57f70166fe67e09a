//! A file for each command: arguments in, one thing done, text or JSON out.

pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod models;
pub(crate) mod serve;
pub(crate) mod simulate;
