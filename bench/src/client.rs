//! One connection of the load generator: HTTP/1.1 on a bare socket, as cheap as it can be and still check the answer.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use memchr::memmem;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{chunked::BodyReader, requests::Workload};

const MOST_HEADERS: usize = 64;
const READ_BYTES: usize = 16 * 1024;
/// No call of any scenario takes longer, but for a proxy that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a call took, from before its first byte was written.
#[derive(Clone, Copy)]
pub(crate) struct Timing {
    /// To the first bytes of the body.
    pub(crate) first: Duration,
    /// To the end of the body.
    pub(crate) total: Duration,
}

/// A kept-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    input: Vec<u8>,
    body: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, input: Vec::with_capacity(READ_BYTES), body: Vec::new() })
    }

    /// Makes one call and checks its answer. `on_body` sees the body so far each time that more has come.
    pub(crate) async fn call(&mut self, workload: &Workload, on_body: impl FnMut(&[u8])) -> Result<Timing> {
        let timing = timeout(PATIENCE, self.exchange(&workload.request, on_body))
            .await
            .with_context(|| format!("no answer within {PATIENCE:?}"))??;
        workload.expected.check(&self.body)?;
        Ok(timing)
    }

    async fn exchange(&mut self, request: &[u8], mut on_body: impl FnMut(&[u8])) -> Result<Timing> {
        let start = Instant::now();
        self.stream.write_all(request).await?;
        self.input.clear();
        self.body.clear();
        let mut reader = self.read_head().await?;
        let mut first = None;
        loop {
            reader.read(&self.input, &mut self.body)?;
            if !self.body.is_empty() {
                first.get_or_insert_with(|| start.elapsed());
                on_body(&self.body);
            }
            if reader.is_done() {
                let total = start.elapsed();
                return Ok(Timing { first: first.unwrap_or(total), total });
            }
            self.input.clear();
            ensure!(self.stream.read_buf(&mut self.input).await? > 0, "the answer broke off");
        }
    }

    /// Reads the answer's head; what came behind it stays in `input`.
    async fn read_head(&mut self) -> Result<BodyReader> {
        let length = loop {
            ensure!(self.stream.read_buf(&mut self.input).await? > 0, "no answer");
            if let Some(end) = memmem::find(&self.input, b"\r\n\r\n") {
                break end + 4;
            }
        };
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        response.parse(&self.input[..length])?;
        ensure!(response.code == Some(200), "not a 200: {}", String::from_utf8_lossy(&self.input));
        let content_length =
            response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
        let reader = match content_length {
            Some(header) => BodyReader::sized(str::from_utf8(header.value)?.parse()?),
            None => BodyReader::chunked(),
        };
        self.input.drain(..length);
        Ok(reader)
    }
}
