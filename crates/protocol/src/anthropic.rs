//! The Anthropic Messages dialect: what clients send, and what Bedrock's InvokeModel takes of it.

pub mod count;
pub mod error;
mod facts;
mod inbound;
pub(crate) mod meter;
mod outbound;
mod passing;
pub(crate) mod stream;

pub use inbound::{Inbound, parse, parse_count};
