//! The whole gateway over real sockets, with the simulator in Bedrock's place: one [`TestGateway`](gateway::TestGateway)
//! for each test, shut down and looked through at the end.
#![expect(clippy::disallowed_methods, reason = "tests own their runtime: what they spawn ends with them")]

mod client;
mod gateway;

mod administration;
mod bearers;
mod bedrock;
mod budgets;
mod calibration;
mod charges;
mod chat;
mod compatibility;
mod control;
mod count;
mod embeddings;
mod images;
mod keys;
mod leaving;
mod lessons;
mod media;
mod messages;
mod models;
mod native;
mod outage;
mod policy;
mod privacy;
mod quotes;
mod records;
mod refusals;
mod rerank;
mod responses;
mod rights;
mod sharing;
mod smuggling;
mod stopping;
mod teams;
mod telemetry;
mod upstream;
