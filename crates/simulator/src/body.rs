//! Bodies of answers: whole ones, streams that follow their course, and those that break off.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;

use crate::{
    face::Face,
    play::{Beat, Course, Fault},
    script::Cut,
    watch::Watch,
};

pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What was handed to the connection needs a moment to leave before the connection breaks.
const MOMENT: Duration = Duration::from_millis(20);

/// A body in one piece.
pub(crate) fn whole(bytes: Bytes, watch: Watch) -> Body {
    // The connection does not ask for more once it has as many bytes as announced, so this is the end.
    let frames = stream::unfold(Some((bytes, watch)), |piece| async {
        let (bytes, watch) = piece?;
        watch.finish();
        Some((Ok(Frame::data(bytes)), None))
    });
    StreamBody::new(frames).boxed_unsync()
}

/// A body of which only the first bytes come.
pub(crate) fn broken_off(bytes: Bytes, cut: Cut, watch: Watch) -> Body {
    let kept = match cut {
        Cut::AfterBytes(kept) => {
            usize::try_from(kept).unwrap_or(usize::MAX).min(bytes.len().saturating_sub(1))
        }
        Cut::AfterEvents(_) | Cut::BeforeHeaders => bytes.len() / 2,
    };
    let start = bytes.slice(..kept);
    let frames = stream::unfold(Some((Some(start), watch)), |state| async {
        let (start, watch) = state?;
        match start {
            Some(start) => Some((Ok(Frame::data(start)), Some((None, watch)))),
            None => Some((broken(watch).await, None)),
        }
    });
    StreamBody::new(frames).boxed_unsync()
}

struct Running {
    course: Course,
    face: Arc<dyn Face>,
    /// Events sent so far.
    nth: u64,
    watch: Watch,
    /// Bytes that may still go out before the connection is cut.
    bytes_left: Option<u64>,
    chance: u64,
    is_over: bool,
}

/// A stream of events.
pub(crate) fn streamed(
    course: Course,
    face: Arc<dyn Face>,
    cut: Option<Cut>,
    chance: u64,
    watch: Watch,
) -> Body {
    let bytes_left = match cut {
        Some(Cut::AfterBytes(bytes)) => Some(bytes),
        Some(Cut::AfterEvents(_) | Cut::BeforeHeaders) | None => None,
    };
    let running = Running { course, face, nth: 0, watch, bytes_left, chance, is_over: false };
    StreamBody::new(stream::unfold(Some(running), |running| async move { next(running?).await }))
        .boxed_unsync()
}

type Step = (Result<Frame<Bytes>, io::Error>, Option<Running>);

async fn next(mut running: Running) -> Option<Step> {
    if running.is_over {
        running.watch.finish();
        return None;
    }
    if running.bytes_left == Some(0) {
        return Some((broken(running.watch).await, None));
    }
    loop {
        match running.course.next() {
            None => {
                running.watch.finish();
                return None;
            }
            Some(Beat::Pause(pause)) => tokio::time::sleep(pause).await,
            Some(Beat::Event(event)) => {
                running.chance = running.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let frame = running.face.frame(&event, running.nth, running.chance >> 33);
                running.nth += 1;
                running.watch.event();
                return Some(running.give(frame));
            }
            Some(Beat::Fault(Fault::Drop)) => return Some((broken(running.watch).await, None)),
            Some(Beat::Fault(fault)) => {
                running.is_over = true;
                let last = match &fault {
                    Fault::Failure { kind, message } => running.face.failure(kind, message, running.nth),
                    Fault::Garbage | Fault::Drop => running.face.garbage(),
                };
                return Some(running.give(last));
            }
        }
    }
}

impl Running {
    fn give(mut self, frame: Bytes) -> Step {
        let Some(left) = self.bytes_left else { return (Ok(Frame::data(frame)), Some(self)) };
        let given = frame.slice(..frame.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
        self.bytes_left = Some(left - given.len() as u64);
        (Ok(Frame::data(given)), Some(self))
    }
}

async fn broken(watch: Watch) -> Result<Frame<Bytes>, io::Error> {
    tokio::time::sleep(MOMENT).await;
    watch.drop_connection();
    Err(io::Error::new(io::ErrorKind::ConnectionReset, "the script drops this connection"))
}
