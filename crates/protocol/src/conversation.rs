//! What all dialects have in common.

pub mod usage;
