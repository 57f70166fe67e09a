//! Every fact about a wire: dialects, what Bedrock accepts, framing, failures.
//!
//! Pure: values in, values out. No clock, no chance, no I/O, so that all of it is tested from tables and fuzzed.
//!
//! The way of a call through this crate:
//!
//! ```
//! use bytes::{Bytes, BytesMut};
//! use stonegate_protocol::{
//!     Answering, Bounds, Capabilities, Door, Learned, Target, Traits, UpstreamEnd, anthropic, carry,
//! };
//!
//! let body = Bytes::from(r#"{"model":"claude-opus-5-5","max_tokens":100,"messages":[{"role":"user","content":"Hi"}]}"#);
//! let inbound = anthropic::parse(Some("2023-06-01"), &["effort-2025-11-24"], body)?;
//!
//! let (capabilities, traits) = (Capabilities::default(), Traits::default());
//! let target = Target {
//!     upstream_id: "us.anthropic.claude-opus-5-5",
//!     door: Door::INVOKE,
//!     capabilities: &capabilities,
//!     traits: &traits,
//!     long_context: false,
//! };
//! let bounds = Bounds { input_tokens: 100, output_tokens: inbound.max_tokens() };
//! let mut carried = carry(&inbound, &target, &Learned::default(), bounds, &Answering::default())?;
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
pub mod bedrock_native;
mod body;
pub mod capabilities;
mod carry;
pub mod conversation;
pub mod converse;
mod dialect;
mod effort;
pub mod failure;
pub mod framing;
mod inbound;
mod invocations;
mod json;
mod learned;
pub mod openai;
pub mod openai_chat;
pub mod openai_embeddings;
pub mod openai_images;
pub mod openai_responses;
pub mod otlp;
mod passthrough;
pub mod problem;
mod relay;
pub mod rerank;
pub mod traits;

pub use body::Body;
pub use capabilities::Capabilities;
pub use carry::{
    Answering, Bounds, Carried, Door, Dropped, Fetched, Outbound, Service, Surface, Target, Unsupported,
    carry,
};
pub use conversation::usage::Usage;
pub use dialect::Dialect;
pub use effort::Effort;
pub use failure::{Failure, FailureClass, RejectedPart};
pub use inbound::{Inbound, Malformed};
pub use invocations::{Answered, Part, Plan};
pub use learned::{Learned, SentBetas};
pub use problem::{Capability, ErrorReply, Problem, ProblemKind, SpentBudget};
pub use relay::{Basis, Ending, Reader, Relay, UpstreamEnd, Writer};
pub use traits::Traits;
