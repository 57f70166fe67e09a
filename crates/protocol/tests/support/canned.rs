//! A client whose request is a conversation already, and which writes down the events that it gets: so one half of a
//! translation can be looked at without the other.

use bytes::BytesMut;
use stonegate_protocol::conversation::{CacheLifetime, Event, Request, Sizes};
use stonegate_protocol::{Answering, Dialect, Failure, Inbound, Unsupported, Usage, Writer};

/// A conversation as a client's request.
#[derive(Debug)]
pub(crate) struct Canned {
    pub(crate) request: Request,
    pub(crate) stream: bool,
    sizes: Sizes,
}

impl Canned {
    pub(crate) fn new(request: Request, stream: bool) -> Canned {
        Canned { request, stream, sizes: Sizes::default() }
    }
}

impl Inbound for Canned {
    fn dialect(&self) -> Dialect {
        Dialect::BedrockNative
    }

    fn model(&self) -> &'static str {
        "canned"
    }

    fn is_stream(&self) -> bool {
        self.stream
    }

    fn max_output_tokens(&self) -> Option<u64> {
        self.request.max_output_tokens
    }

    fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    fn cache_lifetime(&self) -> CacheLifetime {
        CacheLifetime::None
    }

    fn translate(&self, _answering: &Answering) -> Result<(Request, Box<dyn Writer>), Unsupported> {
        Ok((self.request.clone(), Box::new(Record)))
    }
}

/// Writes a line for every event.
#[derive(Debug)]
struct Record;

impl Writer for Record {
    fn write(&mut self, event: Event, out: &mut BytesMut) {
        out.extend_from_slice(format!("{event:?}\n").as_bytes());
    }

    fn finish(self: Box<Self>, usage: &Usage, failure: Option<&Failure>, out: &mut BytesMut) {
        let failure = failure.map(|failure| format!("{}: {}", failure.error_type, failure.message));
        out.extend_from_slice(format!("end {usage:?} {failure:?}\n").as_bytes());
    }
}
