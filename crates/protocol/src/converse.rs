//! Bedrock's Converse: what clients send and get, and what Bedrock takes and gives.

mod answer;
mod citation;
pub mod error;
pub(crate) mod facts;
mod families;
mod inbound;
mod media;
mod messages;
mod outbound;
mod reader;
mod relayed;
mod settings;
mod turns;
mod wire;
mod writer;

pub use inbound::{Inbound, parse};
pub(crate) use outbound::call;
