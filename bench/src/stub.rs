//! The upstream: reads a request, looks at nothing but its path and length, and writes a ready answer.
//!
//! It is written on bare sockets so that it takes as little as possible of the core that it shares with the load
//! generator; otherwise it would be the limit, and every proxy would look the same.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use memchr::memmem;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::{MissedTickBehavior, interval_at},
};

use crate::{
    answers::{Answers, Pace, SLOW_DELTAS_PER_SECOND},
    dialects::Pairing,
    process,
};

/// Room for a request's head, and for a small body behind it.
const READ_BYTES: usize = 8 * 1024;
/// Room for the rest of a large body.
const LARGE_READ_BYTES: usize = 256 * 1024;
const MOST_HEADERS: usize = 64;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How long a slow stream lasts, in seconds.
    #[arg(long, default_value_t = 8)]
    slow_seconds: u32,
}

pub(crate) fn serve(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(accept(options))
}

async fn accept(options: &Options) -> Result<()> {
    let answers = Arc::new(Answers::new()?);
    let listener = process::listen(options.listen).await?;
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        connections.spawn(converse(stream, Arc::clone(&answers), Pace::Slow.deltas(options.slow_seconds)));
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(mut stream: TcpStream, answers: Arc<Answers>, slow_deltas: usize) -> Result<()> {
    let mut input = Vec::with_capacity(READ_BYTES);
    while let Some(question) = read_question(&mut stream, &mut input).await? {
        match question {
            Question::Whole => stream.write_all(&answers.message).await?,
            Question::Other(asked) => {
                let answer = answers.others.iter().find(|(pairing, _)| *pairing == asked);
                stream.write_all(&answer.context("an answer for each")?.1).await?;
            }
            Question::Stream(Pace::Short) => stream.write_all(&answers.short).await?,
            Question::Stream(Pace::Fast) => stream.write_all(&answers.fast).await?,
            Question::Stream(Pace::Slow) => write_slowly(&mut stream, &answers.slow, slow_deltas).await?,
        }
    }
    Ok(())
}

async fn write_slowly(
    stream: &mut TcpStream,
    [start, delta, end]: &[Vec<u8>; 3],
    deltas: usize,
) -> io::Result<()> {
    let period = Duration::from_secs(1) / SLOW_DELTAS_PER_SECOND as u32;
    stream.write_all(start).await?;
    let mut ticks = interval_at(tokio::time::Instant::now() + period, period);
    // A stub that was held up must not make up for it in a burst: that would be another scenario.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for _ in 0..deltas {
        ticks.tick().await;
        stream.write_all(delta).await?;
    }
    stream.write_all(end).await
}

enum Question {
    Whole,
    Other(Pairing),
    Stream(Pace),
}

/// Reads one request to its end; nothing where the peer closed instead.
async fn read_question(stream: &mut TcpStream, input: &mut Vec<u8>) -> Result<Option<Question>> {
    input.clear();
    let head_length = loop {
        if stream.read_buf(input).await? == 0 {
            return Ok(None);
        }
        if let Some(end) = memmem::find(input, b"\r\n\r\n") {
            break end + 4;
        }
    };
    let (question, body_length) = parse_head(&input[..head_length])?;
    let mut missing = body_length.saturating_sub(input.len() - head_length);
    if missing > 0 {
        input.clear();
        input.reserve(LARGE_READ_BYTES.min(missing));
    }
    while missing > 0 {
        input.clear();
        match stream.read_buf(input).await? {
            0 => bail!("the peer left within its request"),
            length => missing = missing.saturating_sub(length),
        }
    }
    Ok(Some(question))
}

fn parse_head(head: &[u8]) -> Result<(Question, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    request.parse(head)?;
    let path = request.path.context("no path")?;
    let question = if let Some(pairing) = Pairing::of_upstream(path) {
        Question::Other(pairing)
    } else if path.ends_with("/invoke-with-response-stream") {
        Question::Stream(Pace::of_path(path))
    } else if path.ends_with("/invoke") {
        Question::Whole
    } else {
        bail!("the stub does not know {path}");
    };
    let length = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = str::from_utf8(length.context("no content-length")?.value)?.parse()?;
    Ok((question, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_decides_the_answer() {
        let parse = |path: &str| {
            parse_head(format!("POST {path} HTTP/1.1\r\nContent-Length: 12\r\n\r\n").as_bytes()).unwrap()
        };
        let (question, length) = parse("/model/us.anthropic.claude-sonnet-5-5/invoke-with-response-stream");
        assert!(matches!(question, Question::Stream(Pace::Fast)));
        assert_eq!(length, 12);
        assert!(matches!(parse("/model/us.anthropic.claude-opus-5-5/invoke").0, Question::Whole));
        for (path, expected) in [
            ("/model/us.amazon.nova-lite-v1%3A0/converse", Pairing::ChatToNova),
            ("/openai/v1/responses", Pairing::ResponsesToOpenai),
            ("/model/amazon.titan-embed-text-v2%3A0/invoke", Pairing::Embeddings),
        ] {
            assert!(matches!(parse(path).0, Question::Other(pairing) if pairing == expected), "{path}");
        }
    }

    #[test]
    fn a_request_without_a_length_is_refused() {
        assert!(parse_head(b"POST /model/x/invoke HTTP/1.1\r\nhost: x\r\n\r\n").is_err());
    }
}
