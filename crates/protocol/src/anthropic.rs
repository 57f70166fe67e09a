//! The Anthropic Messages dialect: what clients send, and what Bedrock's InvokeModel takes of it.

pub mod count;
pub mod error;
mod facts;
mod inbound;
pub(crate) mod meter;
mod outbound;
pub(crate) mod stream;

pub use inbound::{CacheLifetime, Inbound, Malformed, Sizes, parse, parse_count};

pub(crate) use outbound::prepare;
