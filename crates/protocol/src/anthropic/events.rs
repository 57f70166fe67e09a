//! How the events of a Messages stream travel: as server-sent events, or in the chunks of InvokeModel's event stream.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, BytesMut};
use serde::Serialize;

use crate::converse;
use crate::failure::Failure;
use crate::framing::eventstream::Frame;
use crate::problem::Problem;

use super::error;

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Travel {
    /// For clients of the Messages API.
    Events,
    /// For clients of InvokeModel.
    Chunks,
}

impl Travel {
    pub(super) fn write(self, name: &str, event: &impl Serialize, out: &mut BytesMut) {
        match self {
            Travel::Events => {
                out.extend_from_slice(b"event: ");
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"\ndata: ");
                let written = serde_json::to_writer(out.writer(), event);
                debug_assert!(written.is_ok(), "an event is JSON, and a buffer takes all of it");
                out.extend_from_slice(b"\n\n");
            }
            Travel::Chunks => {
                let event = serde_json::to_vec(event).unwrap_or_default();
                let payload = format!(r#"{{"bytes":"{}"}}"#, STANDARD.encode(event));
                Frame::event("chunk", payload).append(out);
            }
        }
    }

    /// What ends a stream that went wrong.
    pub(super) fn fail(self, failure: &Failure, out: &mut BytesMut) {
        match self {
            Travel::Events => error::event(&Problem::from(failure), out),
            Travel::Chunks => {
                let mut exception = Vec::new();
                converse::error::broken(failure, &mut exception);
                out.extend_from_slice(&exception);
            }
        }
    }
}
