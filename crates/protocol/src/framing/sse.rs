//! Server-sent events: writes them, and reads them from a byte stream that may be cut anywhere.

use bytes::{Buf, BytesMut};
use memchr::{memchr, memchr2};

/// One event, as a client sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The `event` field; empty where there is none.
    pub name: String,
    /// The `data` fields, joined by line feeds.
    pub data: String,
}

/// Appends an event. An empty name writes no `event` field.
pub fn write(name: &str, data: &[u8], out: &mut BytesMut) {
    out.reserve(name.len() + data.len() + 18);
    if !name.is_empty() {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\n");
    }
    if memchr2(b'\n', b'\r', data).is_none() {
        line(data, out);
    } else {
        data.split(|byte| *byte == b'\n').for_each(|part| {
            part.strip_suffix(b"\r")
                .unwrap_or(part)
                .split(|byte| *byte == b'\r')
                .for_each(|part| line(part, out));
        });
    }
    out.extend_from_slice(b"\n");
}

/// Whether a word can stand on a line of its own as an event's name.
pub(crate) fn is_name(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic())
}

fn line(data: &[u8], out: &mut BytesMut) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(data);
    out.extend_from_slice(b"\n");
}

/// What is wrong with a byte stream that should be server-sent events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// A line is longer than any event may be.
    #[error("a line of the event stream is longer than {LONGEST_EVENT} bytes")]
    TooLong,
}

/// The most bytes that one event may have.
pub const LONGEST_EVENT: usize = 16 * 1024 * 1024;

/// Takes whole events out of chunks as they come. Understands all three line endings, comments, a byte order mark, and
/// fields without values; `id` and `retry` are passed over.
#[derive(Debug, Default)]
pub struct Parser {
    bytes: BytesMut,
    /// How far `bytes` was searched for a line's end.
    searched: usize,
    name: String,
    data: Option<String>,
    /// A carriage return ended the last line: a line feed that follows belongs to it.
    after_return: bool,
    begun: bool,
}

impl Parser {
    /// Adds what was read.
    pub fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
    }

    /// The next whole event; none until more is pushed.
    ///
    /// # Errors
    /// Where an event is too long.
    pub fn next_event(&mut self) -> Result<Option<Event>, EventError> {
        loop {
            self.skip_line_feed();
            let rest = self.bytes.get(self.searched..).unwrap_or_default();
            let Some(found) = memchr2(b'\n', b'\r', rest) else {
                self.searched = self.bytes.len();
                let held = self.bytes.len() + self.data.as_ref().map_or(0, String::len);
                return if held > LONGEST_EVENT { Err(EventError::TooLong) } else { Ok(None) };
            };
            let end = self.searched + found;
            let line = self.bytes.split_to(end);
            self.after_return = self.bytes.first() == Some(&b'\r');
            self.bytes.advance(1);
            self.searched = 0;
            if let Some(event) = self.line(&line)? {
                return Ok(Some(event));
            }
        }
    }

    fn skip_line_feed(&mut self) {
        if self.after_return && !self.bytes.is_empty() {
            self.after_return = false;
            if self.bytes.first() == Some(&b'\n') {
                self.bytes.advance(1);
                self.searched = 0;
            }
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<Option<Event>, EventError> {
        let line = if self.begun { line } else { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) };
        self.begun = true;
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            return Ok(self.data.take().map(|data| Event { name, data }));
        }
        let (field, value) = match memchr(b':', line) {
            Some(colon) => line.split_at(colon),
            None => (line, &b":"[..]),
        };
        let value = value.get(1..).unwrap_or_default();
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
        match field {
            b"event" => self.name = value.into_owned(),
            b"data" => match &mut self.data {
                Some(data) if data.len() + value.len() > LONGEST_EVENT => return Err(EventError::TooLong),
                Some(data) => {
                    data.push('\n');
                    data.push_str(&value);
                }
                None => self.data = Some(value.into_owned()),
            },
            _ => {}
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(chunks: &[&[u8]]) -> Vec<Event> {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for chunk in chunks {
            parser.push(chunk);
            while let Some(event) = parser.next_event().unwrap() {
                events.push(event);
            }
        }
        events
    }

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn events_are_whole_wherever_the_bytes_are_cut() {
        let text = "\u{feff}event: a\r\ndata: 1\r\n\r\n: comment\ndata:2\ndata: ä\n\nid: 7\rdata\r\revent: lost\n\ndata: end\n\n";
        let expected = [event("a", "1"), event("", "2\nä"), event("", ""), event("", "end")];
        for cut in 0..=text.len() {
            let (first, second) = text.as_bytes().split_at(cut);
            assert_eq!(parse(&[first, second]), expected, "cut at {cut}");
        }
        let single: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(parse(&single), expected);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            events in prop::collection::vec(("[a-z_]{0,12}", "[^\r]{0,60}"), 0..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let expected: Vec<Event> = events.iter().map(|(name, data)| event(name, data)).collect();
            let mut bytes = BytesMut::new();
            expected.iter().for_each(|event| write(&event.name, event.data.as_bytes(), &mut bytes));
            let cut = if bytes.is_empty() { 0 } else { cut.index(bytes.len()) };
            prop_assert_eq!(parse(&[&bytes[..cut], &bytes[cut..]]), expected);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            parse(&[&bytes]);
        }
    }
}
