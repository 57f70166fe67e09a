//! Every fact about a wire: dialects, what Bedrock accepts, framing, failures.
//!
//! Pure: values in, values out. No clock, no randomness, no I/O.

pub mod anthropic;
pub mod capabilities;
mod carry;
pub mod conversation;
pub mod failure;
pub mod framing;
mod json;
mod passthrough;
pub mod problem;
mod relay;

pub use capabilities::Capabilities;
pub use carry::{Carried, Dropped, Learned, Outbound, Target, Unsupported, carry};
pub use conversation::usage::Usage;
pub use failure::{Failure, FailureClass, RejectedPart};
pub use problem::{Capability, ErrorReply, Problem, ProblemKind};
pub use relay::{Basis, Ending, Relay, UpstreamEnd};
