//! The first steps of a call: its id and time, who sent it, its body, and what its headers say.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::request::Parts;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use jiff::Timestamp;
use stonegate_identity::directory::{Act, Actor};
use stonegate_identity::{Caller, KeyDigest};
use stonegate_ledger::CallId;
use stonegate_protocol::{Problem, ProblemKind};
use tokio::time::Instant;

use crate::app::App;
use crate::call::authenticate::{shown_key, shown_token};
use crate::{clock, error};

/// A client that gives no patience in its headers, or more than this, waits for as long as the settings say.
const MOST_PATIENCE_SECONDS: u64 = 24 * 3600;
/// The most memory that is taken on the word of a client which announces a body and may never send it.
const MOST_ROOM: usize = 1024 * 1024;

/// A call that has just come in.
pub(crate) struct Intake {
    pub(crate) call: CallId,
    pub(crate) at: Timestamp,
    pub(crate) started: Instant,
}

impl Intake {
    pub(crate) fn now() -> Self {
        let at = clock::now();
        Intake { call: clock::call_id(at), at, started: Instant::now() }
    }
}

/// Who is calling, by the key or the token in the headers.
pub(crate) async fn authenticate(app: &App, head: &Parts, intake: &Intake) -> Result<Arc<Caller>, Problem> {
    match shown_key(&head.headers) {
        Some(key) => caller_of(app, &key.digest(), intake.at).await,
        None => Box::pin(caller_of_token(app, head, intake)).await,
    }
}

/// The caller who shows a provider's token, if it holds.
async fn caller_of_token(app: &App, head: &Parts, intake: &Intake) -> Result<Arc<Caller>, Problem> {
    let token = shown_token(&head.headers).filter(|_| app.sign_in.takes_bearers());
    let token = token.ok_or_else(error::no_key)?;
    if app.stopping.has_begun() {
        return Err(error::stopping());
    }
    let act = Act {
        by: Actor::Server,
        at: intake.at,
        request_id: Some(intake.call.to_string()),
        address: app.proxies.asker(&head.extensions, &head.headers).0,
    };
    let grant = app.sign_in.bearer(token, &act).await.map_err(error::token_not_taken)?;
    grant.admit(intake.at).cloned().map_err(error::refused_token)
}

/// The caller whose key has this digest, if it holds.
pub(crate) async fn caller_of(app: &App, key: &KeyDigest, now: Timestamp) -> Result<Arc<Caller>, Problem> {
    if app.stopping.has_begun() {
        return Err(error::stopping());
    }
    let grant = app.directory.grant(key, now).await.map_err(|away| error::directory_away(&away))?;
    let grant = grant.ok_or_else(error::no_key)?;
    grant.admit(now).cloned().map_err(error::refused_key)
}

/// The whole body, up to what Bedrock takes.
pub(crate) async fn read_body(app: &App, headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let limit = app.config.server.max_body_bytes;
    if let Some(coding) = headers.get(CONTENT_ENCODING)
        && !coding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        let message = "content-encoding: request bodies are taken uncompressed only";
        return Err(Problem::new(ProblemKind::InvalidRequest, message));
    }
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|announced| announced > limit) {
        return Err(error::too_large(limit));
    }
    let patience = app.config.server.body_timeout;
    let gathered = tokio::time::timeout(patience, gather(Limited::new(body, limit), announced)).await;
    match gathered.map_err(|_elapsed| error::slow_body(patience))? {
        Ok(body) => Ok(body),
        Err(broken) if broken.is::<LengthLimitError>() => Err(error::too_large(limit)),
        Err(broken) => {
            let message = format!("The request body could not be read: {broken}");
            Err(Problem::new(ProblemKind::InvalidRequest, message))
        }
    }
}

/// A body in one piece. What comes is copied where it belongs while it is fresh in the processor's cache, and its buffer is
/// free for what comes next; gathered first and joined at the end, half a megabyte would be fetched from memory once more.
async fn gather<B>(mut body: B, announced: Option<usize>) -> Result<Bytes, B::Error>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let (mut only, mut whole) = (None::<Bytes>, BytesMut::new());
    while let Some(frame) = body.frame().await {
        // Trailers say nothing of a request.
        let Ok(piece) = frame?.into_data() else { continue };
        if let Some(first) = only.take() {
            whole.extend_from_slice(&first);
        }
        if whole.is_empty() && announced.is_none_or(|announced| announced == piece.len()) {
            only = Some(piece);
            continue;
        }
        if whole.capacity() == 0 {
            whole.reserve(announced.unwrap_or_default().min(MOST_ROOM));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(only.unwrap_or_else(|| whole.freeze()))
}

/// The API version and the betas that the headers name.
pub(crate) fn dialect_headers(headers: &HeaderMap) -> (Option<&str>, Vec<&str>) {
    let version = headers.get("anthropic-version").and_then(|value| value.to_str().ok());
    let betas = headers.get_all("anthropic-beta").iter().filter_map(|value| value.to_str().ok()).collect();
    (version, betas)
}

/// How long the client waits in all, where its SDK says so.
pub(crate) fn patience(headers: &HeaderMap) -> Option<Duration> {
    let seconds: f64 = headers.get("x-stainless-timeout")?.to_str().ok()?.parse().ok()?;
    let most = Duration::from_secs(MOST_PATIENCE_SECONDS);
    Duration::try_from_secs_f64(seconds).ok().filter(|patience| !patience.is_zero() && *patience < most)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::HeaderValue;
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(http::HeaderName::from_static(name), HeaderValue::from_static(value))])
    }

    #[tokio::test]
    async fn a_body_is_gathered_however_it_comes() {
        for (pieces, announced) in [
            (&[][..], Some(0)),
            (&[], None),
            (&["whole"], Some(5)),
            (&["whole"], None),
            (&["in ", "three ", "pieces"], Some(15)),
            (&["in ", "three ", "pieces"], None),
            (&["", "behind nothing"], None),
            // What was announced is a hint: the HTTP server holds clients to it.
            (&["more", " than announced"], Some(4)),
            (&["less"], Some(100_000_000)),
        ] {
            let frames = pieces.iter().map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::from(*piece))));
            let body = StreamBody::new(futures_util::stream::iter(frames));
            let gathered = gather(body, announced).await.expect("nothing fails");
            assert_eq!(gathered, pieces.concat(), "{pieces:?} {announced:?}");
        }
    }

    #[test]
    fn patience_is_what_the_sdk_says_if_it_makes_sense() {
        for (value, expected) in [
            ("600", Some(600.0)),
            ("0.5", Some(0.5)),
            ("NOT_GIVEN", None),
            ("-1", None),
            ("inf", None),
            ("1e300", None),
            ("0", None),
        ] {
            let patience = patience(&headers("x-stainless-timeout", value)).map(|time| time.as_secs_f64());
            assert_eq!(patience, expected, "{value}");
        }
    }
}
