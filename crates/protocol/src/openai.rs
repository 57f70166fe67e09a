//! What OpenAI's two dialects have in common.

pub mod error;
