//! Bedrock's Converse.

pub mod error;
