//! Incremental codecs: AWS event streams and server-sent events. Exact wherever the network cuts.

pub mod eventstream;
pub mod sse;
