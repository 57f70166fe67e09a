//! The Anthropic Messages dialect: what clients send, and what Bedrock's InvokeModel takes of it.

mod additional;
mod answer;
mod blocks;
mod body;
mod calling;
pub mod count;
pub mod error;
pub(crate) mod events;
mod facts;
mod fitting;
mod inbound;
pub mod limit;
mod media;
pub(crate) mod meter;
mod outbound;
pub(crate) mod passes;
mod passing;
mod reader;
pub(crate) mod schema;
pub(crate) mod stream;
mod translating;
mod turns;
mod typed_tools;
mod wire;
mod writer;

pub(crate) use calling::call;
pub use inbound::{Inbound, parse, parse_count};
pub(crate) use outbound::prepare;
pub(crate) use passing::{outbound as invoke, translate};
