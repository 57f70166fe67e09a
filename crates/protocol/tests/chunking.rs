//! Wherever the network cuts a stream, the client gets the same bytes.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without may stop it")]

use bytes::Bytes;
use stonegate_protocol::UpstreamEnd;
use stonegate_protocol::framing::eventstream::Frame;

mod support;

use support::{START, answer, bytes, chunk, exception, relayed};

fn check(frames: &[Frame]) {
    let whole = bytes(frames);
    let expected = relayed(std::slice::from_ref(&whole), UpstreamEnd::Eof);
    for cut in 0..=whole.len() {
        let got = relayed(&[whole.slice(..cut), whole.slice(cut..)], UpstreamEnd::Eof);
        assert_eq!(got, expected, "cut at {cut}");
    }
    for size in [1, 2, 3, 5, 7, 64, 1000] {
        let chunks: Vec<Bytes> = whole.chunks(size).map(Bytes::copy_from_slice).collect();
        assert_eq!(relayed(&chunks, UpstreamEnd::Eof), expected, "chunks of {size}");
    }
}

#[test]
fn a_whole_stream_is_the_same_wherever_it_is_cut() {
    let frames: Vec<Frame> = answer().iter().map(|event| chunk(event)).collect();
    check(&frames);
}

#[test]
fn a_stream_that_fails_is_the_same_wherever_it_is_cut() {
    check(&[chunk(START), exception("throttlingException", "Too many requests")]);
}

#[test]
fn a_stream_that_ends_too_early_is_the_same_wherever_it_is_cut() {
    let frames: Vec<Frame> = answer().iter().take(8).map(|event| chunk(event)).collect();
    check(&frames);
}
