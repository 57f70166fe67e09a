//! OpenAI's `POST /v1/embeddings`, for the embedding models of every maker.

mod families;
mod inbound;
mod tokens;

pub use families::{Embedded, read};
pub use inbound::{Encoding, Inbound, parse, render};
