//! Events are the same wherever the bytes are cut, and nothing panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stonegate_protocol::framing::sse::{Event, Parser};

fn parse(chunks: &[&[u8]]) -> Vec<Event> {
    let (mut parser, mut events) = (Parser::default(), Vec::new());
    for chunk in chunks {
        parser.push(chunk);
        while let Ok(Some(event)) = parser.next_event() {
            events.push(event);
        }
    }
    events
}

fuzz_target!(|data: (usize, &[u8])| {
    let (cut, bytes) = data;
    let cut = cut % (bytes.len() + 1);
    assert_eq!(parse(&[bytes]), parse(&[&bytes[..cut], &bytes[cut..]]));
});
