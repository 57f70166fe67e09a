//! An export's body in one piece, unpacked where it came packed.

use std::io::Read as _;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use stonegate_protocol::{Problem, ProblemKind};

use super::unsupported;
use crate::error;

/// At most `most` bytes, before and after unpacking.
pub(super) async fn read(
    patience: Duration,
    most: usize,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, Problem> {
    let coding = headers.get(CONTENT_ENCODING).map_or(&b"identity"[..], |coding| coding.as_bytes());
    let is_packed = coding.eq_ignore_ascii_case(b"gzip");
    if !is_packed && !coding.eq_ignore_ascii_case(b"identity") {
        return Err(unsupported("content-encoding: OTLP is taken as it is or by gzip"));
    }
    let gathered = tokio::time::timeout(patience, Limited::new(body, most).collect()).await;
    match gathered.map_err(|_elapsed| error::slow_body(patience))? {
        Ok(body) if is_packed => unpack(&body.to_bytes(), most),
        Ok(body) => Ok(body.to_bytes()),
        Err(broken) if broken.is::<LengthLimitError>() => Err(error::too_large(most)),
        Err(broken) => Err(unreadable(&format!("the request body could not be read: {broken}"))),
    }
}

/// Stops at the limit, so that a few bytes cannot become gigabytes.
fn unpack(packed: &[u8], most: usize) -> Result<Bytes, Problem> {
    let mut unpacked = Vec::with_capacity(packed.len().saturating_mul(4).min(most));
    let bound = (most as u64).saturating_add(1);
    MultiGzDecoder::new(packed)
        .take(bound)
        .read_to_end(&mut unpacked)
        .map_err(|broken| unreadable(&format!("the request body is not in gzip's format: {broken}")))?;
    if unpacked.len() > most {
        return Err(error::too_large(most));
    }
    Ok(Bytes::from(unpacked))
}

fn unreadable(message: &str) -> Problem {
    Problem::new(ProblemKind::InvalidRequest, message).retry(false)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(length: usize) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&vec![7; length]).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn unpacking_stops_at_the_limit() {
        for (given, expected) in [
            (packed(1_000), Ok(1_000)),
            (packed(1_001), Err(ProblemKind::TooLarge)),
            (packed(50_000_000), Err(ProblemKind::TooLarge)),
            ([packed(500), packed(500)].concat(), Ok(1_000)),
            ([packed(500), packed(501)].concat(), Err(ProblemKind::TooLarge)),
            (packed(1_000)[..10].to_vec(), Err(ProblemKind::InvalidRequest)),
            (b"plain".to_vec(), Err(ProblemKind::InvalidRequest)),
        ] {
            let found = unpack(&given, 1_000).map(|bytes| bytes.len()).map_err(|problem| problem.kind);
            assert_eq!(found, expected);
        }
    }
}
