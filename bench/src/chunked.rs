//! The body of an HTTP/1.1 answer, taken out of its framing as it arrives.

use anyhow::{Result, bail};

/// Where in a body the reader stands.
#[derive(Debug)]
pub(crate) enum BodyReader {
    /// So many bytes to go, by `content-length`.
    Sized(u64),
    /// In the digits of a chunk's size.
    Size(u64),
    /// Behind the digits, before the line's end.
    SizeEnd(u64),
    /// So many bytes of the chunk to go.
    Data(u64),
    /// In the line's end behind a chunk's data.
    DataEnd,
    /// Behind the last chunk; the flag says whether the line so far is empty.
    Trailer {
        /// No byte of this line was seen yet.
        empty: bool,
    },
    /// The answer is whole.
    Done,
}

impl BodyReader {
    pub(crate) fn sized(length: u64) -> Self {
        if length == 0 { Self::Done } else { Self::Sized(length) }
    }

    pub(crate) fn chunked() -> Self {
        Self::Size(0)
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// Appends to `body` what `input` holds of it.
    pub(crate) fn read(&mut self, mut input: &[u8], body: &mut Vec<u8>) -> Result<()> {
        while let Some((&byte, rest)) = input.split_first() {
            match self {
                Self::Sized(left) | Self::Data(left) => {
                    let length = usize::try_from(*left)?.min(input.len());
                    body.extend_from_slice(&input[..length]);
                    input = &input[length..];
                    *left -= length as u64;
                    if *left == 0 {
                        *self = if matches!(self, Self::Data(_)) { Self::DataEnd } else { Self::Done };
                    }
                    continue;
                }
                Self::Size(size) | Self::SizeEnd(size) if byte == b'\n' => {
                    *self = if *size == 0 { Self::Trailer { empty: true } } else { Self::Data(*size) };
                }
                Self::Size(size) => match char::from(byte).to_digit(16) {
                    Some(digit) => *size = *size * 16 + u64::from(digit),
                    None => *self = Self::SizeEnd(*size),
                },
                Self::SizeEnd(_) => {}
                Self::DataEnd if byte == b'\n' => *self = Self::Size(0),
                Self::DataEnd => {}
                Self::Trailer { empty: true } if byte == b'\n' => *self = Self::Done,
                Self::Trailer { empty } => *empty = byte == b'\n' || (*empty && byte == b'\r'),
                Self::Done => bail!("{} bytes behind the answer's end", input.len()),
            }
            input = rest;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mut reader: BodyReader, wire: &str, expected: &str) {
        for cut in 0..=wire.len() {
            let mut body = Vec::new();
            let (left, right) = wire.as_bytes().split_at(cut);
            let mut copy = match &reader {
                BodyReader::Sized(length) => BodyReader::Sized(*length),
                _ => BodyReader::chunked(),
            };
            copy.read(left, &mut body).unwrap();
            copy.read(right, &mut body).unwrap();
            assert!(copy.is_done(), "cut at {cut}: {copy:?}");
            assert_eq!(String::from_utf8(body).unwrap(), expected, "cut at {cut}");
        }
        assert!(reader.read(wire.as_bytes(), &mut Vec::new()).is_ok());
        assert!(reader.read(b"x", &mut Vec::new()).is_err(), "bytes behind the end are an error");
    }

    #[test]
    fn a_sized_body_is_read_at_every_cut() {
        check(BodyReader::sized(5), "hello", "hello");
    }

    #[test]
    fn a_chunked_body_is_read_at_every_cut() {
        check(
            BodyReader::chunked(),
            "5;a=b\r\nhello\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nx: y\r\n\r\n",
            "helloabcdefghijklmnopqrstuvwxyz",
        );
    }
}
