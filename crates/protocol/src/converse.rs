//! Bedrock's Converse: what clients send and get, and what Bedrock takes and gives.

mod answer;
mod citation;
pub mod error;
mod families;
mod media;
mod outbound;
mod reader;
mod settings;
mod turns;
mod wire;

pub(crate) use outbound::call;
