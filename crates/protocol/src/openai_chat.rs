//! OpenAI's Chat Completions: what clients send and get, and what Bedrock's own endpoint for it takes and gives.

mod answer;
mod facts;
mod inbound;
mod media;
mod messages;
mod settings;
mod stream;
mod tools;
mod usage;
mod wire;

pub use inbound::{Inbound, parse};
