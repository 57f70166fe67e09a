//! A request's body in pieces.
//!
//! A coding agent's request of half a megabyte differs from what goes upstream in a few short places. The long stretches
//! between them are shared with the body that came, not copied.

use bytes::{Bytes, BytesMut};

/// What is shorter is copied to its neighbours: a piece has its price, too.
const WORTH_SHARING: usize = 8 * 1024;

/// A body: its bytes are those of its pieces, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body(Vec<Bytes>);

impl Body {
    /// The pieces, none of them empty.
    #[must_use]
    pub fn pieces(&self) -> &[Bytes] {
        &self.0
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of it in one piece; copied where it has several.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match self.0.as_slice() {
            [] => Bytes::new(),
            [piece] => piece.clone(),
            pieces => Bytes::from(pieces.concat()),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Body {
        Body(if bytes.is_empty() { Vec::new() } else { vec![bytes] })
    }
}

/// Puts a body together.
#[derive(Debug, Default)]
pub(crate) struct BodyBuilder {
    pieces: Vec<Bytes>,
    /// Short parts that came since the last piece.
    gathered: BytesMut,
}

impl BodyBuilder {
    /// Appends bytes of no lasting buffer.
    pub(crate) fn copy(&mut self, part: &[u8]) {
        self.gathered.extend_from_slice(part);
    }

    /// Appends a part of a body that stays.
    pub(crate) fn share(&mut self, part: Bytes) {
        if part.len() < WORTH_SHARING {
            self.copy(&part);
        } else {
            self.gather();
            self.pieces.push(part);
        }
    }

    pub(crate) fn build(mut self) -> Body {
        self.gather();
        Body(self.pieces)
    }

    fn gather(&mut self) {
        if !self.gathered.is_empty() {
            self.pieces.push(self.gathered.split().freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_parts_are_shared_and_short_ones_gathered() {
        let source = Bytes::from(vec![b'x'; 3 * WORTH_SHARING]);
        let mut builder = BodyBuilder::default();
        builder.copy(b"{");
        builder.share(source.slice(..10));
        builder.share(source.slice(10..2 * WORTH_SHARING));
        builder.copy(b",");
        builder.copy(b"}");

        let body = builder.build();

        let lengths: Vec<_> = body.pieces().iter().map(Bytes::len).collect();
        assert_eq!(lengths, [11, 2 * WORTH_SHARING - 10, 2]);
        assert_eq!(body.pieces()[1].as_ptr(), source[10..].as_ptr(), "it is the very memory");
        assert_eq!(body.len(), 2 * WORTH_SHARING + 3);
        assert_eq!(body.to_bytes().len(), body.len());
    }

    #[test]
    fn nothing_has_no_pieces() {
        assert_eq!(BodyBuilder::default().build(), Body::default());
        assert!(Body::default().is_empty());
        assert_eq!(Body::from(Bytes::new()).pieces(), [] as [Bytes; 0]);
        assert_eq!(Body::default().to_bytes(), Bytes::new());
    }
}
