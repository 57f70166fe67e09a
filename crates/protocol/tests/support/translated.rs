//! A request that always goes by way of the conversation, also to a target that speaks its dialect.

use stonegate_protocol::conversation::{CacheLifetime, Request, Sizes};
use stonegate_protocol::{Answering, Dialect, Inbound, Unsupported, Writer};

/// The request of any dialect.
#[derive(Debug)]
pub(crate) struct Translated(pub(crate) Box<dyn Inbound>);

impl Inbound for Translated {
    fn dialect(&self) -> Dialect {
        self.0.dialect()
    }

    fn model(&self) -> &str {
        self.0.model()
    }

    fn is_stream(&self) -> bool {
        self.0.is_stream()
    }

    fn max_output_tokens(&self) -> Option<u64> {
        self.0.max_output_tokens()
    }

    fn sizes(&self) -> &Sizes {
        self.0.sizes()
    }

    fn cache_lifetime(&self) -> CacheLifetime {
        self.0.cache_lifetime()
    }

    fn translate(&self, answering: &Answering) -> Result<(Request, Box<dyn Writer>), Unsupported> {
        self.0.translate(answering)
    }
}
