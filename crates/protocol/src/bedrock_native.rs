//! Bedrock's InvokeModel with a body of the model's own: what clients send, and how it passes through.
//!
//! Claude's bodies are Messages requests whose model stands in the path, and go the way of those. Of the other families'
//! bodies only the member is known that bounds the output.

mod bounds;
mod count;
mod inbound;
mod media;
mod relayed;

pub use count::carry_count;
pub use inbound::{Inbound, parse};

/// Headers of a request that go upstream as they came.
pub const REQUEST_HEADERS: [&str; 6] = [
    "x-amzn-bedrock-trace",
    "x-amzn-bedrock-guardrailidentifier",
    "x-amzn-bedrock-guardrailversion",
    "x-amzn-bedrock-performanceconfig-latency",
    "x-amzn-bedrock-service-tier",
    "x-amzn-bedrock-request-metadata",
];

/// Headers of an answer that clients of InvokeModel read.
pub const ANSWER_HEADERS: [&str; 6] = [
    "x-amzn-bedrock-content-type",
    "x-amzn-bedrock-performanceconfig-latency",
    "x-amzn-bedrock-service-tier",
    "x-amzn-bedrock-input-token-count",
    "x-amzn-bedrock-output-token-count",
    "x-amzn-bedrock-invocation-latency",
];
