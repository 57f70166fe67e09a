//! OpenAI's Chat Completions: what clients send and get, and what Bedrock's own endpoint for it takes and gives.

mod answer;
mod chunk;
pub(crate) mod facts;
mod inbound;
pub(crate) mod inline;
mod media;
mod messages;
mod outbound;
mod passing;
mod quirks;
mod reader;
mod relayed;
mod settings;
mod stream;
mod tools;
mod turns;
mod usage;
mod wire;

pub use inbound::{Inbound, parse};
pub(crate) use outbound::call;
