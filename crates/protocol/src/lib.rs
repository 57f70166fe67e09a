//! Every fact about a wire: dialects, what Bedrock accepts, framing, failures.
//!
//! Pure: values in, values out. No clock, no chance, no I/O, so that all of it is tested from tables and fuzzed.
//!
//! The way of a call through this crate:
//!
//! ```
//! use bytes::{Bytes, BytesMut};
//! use stonegate_protocol::{Capabilities, Learned, Target, UpstreamEnd, anthropic, carry};
//!
//! let body = Bytes::from(r#"{"model":"claude-opus-5-5","max_tokens":100,"messages":[{"role":"user","content":"Hi"}]}"#);
//! let inbound = anthropic::parse(Some("2023-06-01"), &["effort-2025-11-24"], body)?;
//!
//! let capabilities = Capabilities::default();
//! let target = Target {
//!     upstream_id: "us.anthropic.claude-opus-5-5",
//!     capabilities: &capabilities,
//!     long_context: false,
//! };
//! let mut carried = carry(&inbound, &target, &Learned::default(), inbound.max_tokens())?;
//! assert_eq!(carried.outbound.path, "/model/us.anthropic.claude-opus-5-5/invoke");
//!
//! let answer = Bytes::from(r#"{"stop_reason":"end_turn","usage":{"input_tokens":8,"output_tokens":3}}"#);
//! let mut to_client = BytesMut::new();
//! carried.relay.push(answer.clone(), &mut to_client);
//! let ending = carried.relay.finish(UpstreamEnd::Eof, &mut to_client);
//! assert_eq!((to_client.freeze(), ending.usage.output_tokens), (answer, 3));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(clippy::wildcard_enum_match_arm, reason = "a new variant shall stop the build where it matters")]

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
pub use problem::{Capability, ErrorReply, Problem, ProblemKind, SpentBudget};
pub use relay::{Basis, Ending, Relay, UpstreamEnd};
