//! Every fact about a wire: dialects, what Bedrock accepts, framing, failures.
//!
//! Pure: values in, values out. No clock, no randomness, no I/O.

pub mod capabilities;
pub mod conversation;

pub use capabilities::Capabilities;
pub use conversation::usage::Usage;
