//! A body in pieces, as the HTTP client takes it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use stonegate_protocol::Body;

/// Gives the pieces one after the other, without a copy.
pub(crate) struct Pieces {
    /// The next one last.
    left: Vec<Bytes>,
    length: u64,
}

impl Pieces {
    pub(crate) fn of(body: &Body) -> Self {
        let left: Vec<_> = body.pieces().iter().rev().cloned().collect();
        Pieces { length: left.iter().map(|piece| piece.len() as u64).sum(), left }
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.left.pop();
        self.length -= piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn the_length_is_known_before_and_the_bytes_come_in_order() {
        let body = Body::from(Bytes::from_static(b"{}"));
        assert_eq!(Pieces::of(&Body::default()).size_hint().exact(), Some(0));
        assert!(Pieces::of(&Body::default()).is_end_stream());

        let pieces = Pieces::of(&body);
        assert_eq!(pieces.size_hint().exact(), Some(2));
        assert_eq!(pieces.collect().await.expect("it cannot fail").to_bytes(), "{}");
    }
}
