//! `application/vnd.amazon.eventstream`: takes frames out of a byte stream that may be cut anywhere.
//!
//! What a frame is and whether its checksums hold is the business of AWS's own crate; ours is to find its ends, without
//! copying those that came whole, and to bound how much is held.

use aws_smithy_eventstream::frame::{read_message_from, write_message_to};
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::{Bytes, BytesMut};

/// Bedrock's chunks are at most 1,000,000 bytes, base64 and padding come on top. What claims to be longer than this is
/// taken for damage.
pub const LONGEST_FRAME: usize = 16 * 1024 * 1024;
/// Total length, headers' length and their checksum.
const PRELUDE: usize = 12;
/// A frame without headers and payload.
const SHORTEST_FRAME: usize = PRELUDE + 4;

/// What is wrong with a byte stream that should be an event stream. Nothing after it can be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length that a frame claims is impossible.
    #[error("an event-stream frame claims a length of {0} bytes")]
    Length(usize),
    /// A checksum does not hold, or the headers are not well formed.
    #[error("an event-stream frame is damaged: {0}")]
    Damaged(String),
}

/// Takes whole frames out of chunks as they come.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The beginning of a frame whose end has not come.
    partial: BytesMut,
    /// What is left of the newest chunk.
    chunk: Bytes,
}

impl Decoder {
    /// Adds what was read.
    pub fn push(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = chunk;
        } else {
            self.partial.extend_from_slice(&self.chunk);
            self.chunk = chunk;
        }
    }

    /// The next whole frame; none until more is pushed.
    ///
    /// # Errors
    /// Where the bytes are no event stream. Nothing further can be read then.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.partial.is_empty() {
            let Some(length) = frame_length(&self.chunk)? else {
                return Ok(self.keep());
            };
            if self.chunk.len() < length {
                return Ok(self.keep());
            }
            let frame = self.chunk.split_to(length);
            return Frame::decode(&frame).map(Some);
        }
        self.fill(PRELUDE);
        let Some(length) = frame_length(&self.partial)? else {
            return Ok(None);
        };
        self.fill(length);
        if self.partial.len() < length {
            return Ok(None);
        }
        let frame = self.partial.split_to(length);
        Frame::decode(&frame).map(Some)
    }

    /// Whether a frame has begun and not ended.
    #[must_use]
    pub fn is_within_frame(&self) -> bool {
        !self.partial.is_empty() || !self.chunk.is_empty()
    }

    fn keep(&mut self) -> Option<Frame> {
        self.partial.extend_from_slice(&self.chunk);
        self.chunk.clear();
        None
    }

    /// Moves bytes from the chunk until the partial frame has `length` of them, if there are as many.
    fn fill(&mut self, length: usize) {
        let missing = length.saturating_sub(self.partial.len()).min(self.chunk.len());
        self.partial.extend_from_slice(&self.chunk.split_to(missing));
    }
}

/// The length that the frame at the beginning of the bytes claims; none before its prelude is there. The checksum is
/// looked at before the claim is believed: a damaged length would have us wait for bytes that never come.
fn frame_length(bytes: &[u8]) -> Result<Option<usize>, FrameError> {
    let Some([length @ .., c0, c1, c2, c3]) = bytes.first_chunk::<PRELUDE>() else {
        return Ok(None);
    };
    if crc32fast::hash(length) != u32::from_be_bytes([*c0, *c1, *c2, *c3]) {
        return Err(FrameError::Damaged("the checksum of its prelude does not hold".to_owned()));
    }
    let [prefix @ .., _, _, _, _] = length;
    let length = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
    if (SHORTEST_FRAME..=LONGEST_FRAME).contains(&length) {
        Ok(Some(length))
    } else {
        Err(FrameError::Length(length))
    }
}

/// One frame: what it is, and its payload.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    message: Message,
}

/// What a frame is, by its headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind<'a> {
    /// An event of this type.
    Event(&'a str),
    /// A modelled exception of this type.
    Exception(&'a str),
    /// An error that the service model does not know.
    Error {
        /// `:error-code`
        code: &'a str,
        /// `:error-message`
        message: &'a str,
    },
    /// Nothing that we know.
    Unknown,
}

impl Frame {
    /// A frame with string headers, for whoever writes streams.
    #[must_use]
    pub fn new(headers: &[(&str, &str)], payload: impl Into<Bytes>) -> Frame {
        let mut message = Message::new(payload.into());
        for (name, value) in headers {
            let value = HeaderValue::String((*value).to_owned().into());
            message = message.add_header(Header::new((*name).to_owned(), value));
        }
        Frame { message }
    }

    /// An event with a payload of JSON.
    pub(crate) fn event(kind: &str, payload: impl Into<Bytes>) -> Frame {
        let headers =
            [(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")];
        Frame::new(&headers, payload)
    }

    /// Appends the frame, for whoever knows that the format can say it: only one of gigabytes would be left out.
    pub(crate) fn append(&self, out: &mut BytesMut) {
        let mut bytes = BytesMut::new();
        if self.encode(&mut bytes).is_ok() {
            out.extend_from_slice(&bytes);
        }
    }

    fn decode(frame: &[u8]) -> Result<Frame, FrameError> {
        match read_message_from(frame) {
            Ok(message) => Ok(Frame { message }),
            Err(error) => Err(FrameError::Damaged(error.to_string())),
        }
    }

    /// Appends the frame as it goes over the wire.
    ///
    /// # Errors
    /// Where a header or the whole is longer than the format can say.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), FrameError> {
        write_message_to(&self.message, out).map_err(|error| FrameError::Damaged(error.to_string()))
    }

    /// What the frame is.
    #[must_use]
    pub fn kind(&self) -> FrameKind<'_> {
        match self.header(":message-type") {
            Some("event") => FrameKind::Event(self.header(":event-type").unwrap_or("")),
            Some("exception") => FrameKind::Exception(self.header(":exception-type").unwrap_or("")),
            Some("error") => FrameKind::Error {
                code: self.header(":error-code").unwrap_or(""),
                message: self.header(":error-message").unwrap_or(""),
            },
            _ => FrameKind::Unknown,
        }
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        self.message.payload()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let header = self.message.headers().iter().find(|header| header.name().as_str() == name)?;
        header.value().as_string().ok().map(|value| value.as_str())
    }
}

/// Appends an exception. One that is longer than the format can say is left out; none of ours is.
pub fn write_exception(name: &str, body: &[u8], out: &mut Vec<u8>) {
    let headers =
        [(":exception-type", name), (":content-type", "application/json"), (":message-type", "exception")];
    let mut frame = BytesMut::new();
    if Frame::new(&headers, body.to_vec()).encode(&mut frame).is_ok() {
        out.extend_from_slice(&frame);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode_all(chunks: &[&[u8]]) -> Result<Vec<Frame>, FrameError> {
        let mut decoder = Decoder::default();
        let mut frames = Vec::new();
        for chunk in chunks {
            decoder.push(Bytes::copy_from_slice(chunk));
            while let Some(frame) = decoder.next_frame()? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    fn sample() -> Vec<Frame> {
        vec![
            Frame::new(&[(":message-type", "event"), (":event-type", "chunk")], &b"{\"bytes\":\"e30=\"}"[..]),
            Frame::new(&[], Bytes::new()),
            Frame::new(
                &[(":message-type", "exception"), (":exception-type", "throttlingException")],
                &b"{}"[..],
            ),
        ]
    }

    fn encoded(frames: &[Frame]) -> BytesMut {
        let mut bytes = BytesMut::new();
        frames.iter().for_each(|frame| frame.encode(&mut bytes).unwrap());
        bytes
    }

    #[test]
    fn frames_are_whole_wherever_the_bytes_are_cut() {
        let frames = sample();
        let bytes = encoded(&frames);
        for cut in 0..=bytes.len() {
            assert_eq!(decode_all(&[&bytes[..cut], &bytes[cut..]]).unwrap(), frames, "cut at {cut}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(decode_all(&single).unwrap(), frames);
        let sevens: Vec<&[u8]> = bytes.chunks(7).collect();
        assert_eq!(decode_all(&sevens).unwrap(), frames);
    }

    #[test]
    fn chunks_may_be_pushed_faster_than_frames_are_taken() {
        let frames = sample();
        let bytes = encoded(&frames);
        let mut decoder = Decoder::default();
        bytes.chunks(5).for_each(|chunk| decoder.push(Bytes::copy_from_slice(chunk)));
        let taken: Vec<Frame> = std::iter::from_fn(|| decoder.next_frame().unwrap()).collect();
        assert_eq!(taken, frames);
        assert!(!decoder.is_within_frame());
    }

    #[test]
    fn damage_is_found() {
        let bytes = encoded(&sample()[..1]);
        for at in 0..bytes.len() {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= 0x40;
            assert!(!matches!(decode_all(&[&damaged]), Ok(frames) if !frames.is_empty()), "byte {at}");
        }
        for length in [3_u32, 0xffff_ffff] {
            let mut prelude = [length.to_be_bytes(), [0; 4]].concat();
            prelude.extend(crc32fast::hash(&prelude).to_be_bytes());
            assert_eq!(decode_all(&[&prelude]), Err(FrameError::Length(length as usize)));
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            headers in prop::collection::vec(("[a-z:-]{1,20}", "\\PC{0,30}"), 0..4),
            payload in prop::collection::vec(any::<u8>(), 0..300),
            cut in any::<prop::sample::Index>(),
        ) {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let frames = vec![Frame::new(&headers, payload)];
            let bytes = encoded(&frames);
            let cut = cut.index(bytes.len());
            prop_assert_eq!(decode_all(&[&bytes[..cut], &bytes[cut..]]).unwrap(), frames);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _result = decode_all(&[&bytes]);
        }

        #[test]
        fn no_damage_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
            let mut bytes = encoded(&sample());
            let (at, cut) = (at.index(bytes.len()), cut.index(bytes.len()));
            bytes[at] = byte;
            let _result = decode_all(&[&bytes[..cut], &bytes[cut..]]);
        }
    }
}
