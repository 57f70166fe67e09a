//! OpenAI's Responses: what clients send and get, and what Bedrock's own endpoint for it takes and gives.

mod agents;
mod facts;
mod inbound;
mod items;
mod media;
mod open;
mod outbound;
mod passes;
mod passing;
mod reader;
mod relayed;
mod response;
mod sealed;
mod settings;
mod stored;
mod tools;
mod turns;
mod usage;
mod wire;
mod writer;

pub use inbound::{Inbound, parse, parse_compact};
pub(crate) use outbound::call;
pub use stored::{ItemsQuery, Stored, deleted, input_tokens, not_cancellable, not_found};
