//! What OpenAI's two dialects have in common.

pub mod error;
pub(crate) mod media;
pub(crate) mod members;
