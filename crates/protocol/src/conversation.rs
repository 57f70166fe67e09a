//! The canonical conversation: what every dialect means, in words of no vendor.
//!
//! A client's dialect becomes a [`Request`], whichever upstream it goes to; an upstream's answer becomes [`Event`]s,
//! whichever client they go to. So there are N + M translators, and each is a function of values.

pub mod answer;
pub mod block;
pub mod event;
pub mod json_text;
pub(crate) mod meter;
pub mod passes;
pub mod request;
pub mod sizes;
pub mod tool_names;
pub(crate) mod turns;
pub mod usage;

pub use answer::Answer;
pub use block::{Block, Citation, Content, Media, MediaKind, Source, Span, ToolResult, ToolUse};
pub use event::{BlockStart, Delta, Event, StopReason};
pub use json_text::JsonText;
pub use passes::Passes;
pub use request::{
    Guardrail, Message, OutputFormat, Request, Role, Sampling, Thinking, ThinkingDisplay, Tool, ToolChoice,
};
pub use sizes::{CacheLifetime, Sizes};
pub use tool_names::ToolNames;
