//! The measure of all: a reverse proxy on hyper as one writes it by the book, which forwards and does nothing else.
//!
//! Pooled connections, streamed bodies, TCP_NODELAY on both sides, the same allocator as Stonegate. It is meant to be
//! good, so that the ratios mean something; it is not meant to be tuned.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context as _, Result};
use http::{Request, Response, Uri, header, uri};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::task::JoinSet;

use crate::process;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where to forward to.
    #[arg(long)]
    upstream: SocketAddr,
}

struct Proxy {
    client: Client<HttpConnector, Incoming>,
    upstream: uri::Authority,
}

pub(crate) fn serve(options: Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(accept(options))
}

async fn accept(options: Options) -> Result<()> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let proxy = Arc::new(Proxy {
        client: Client::builder(TokioExecutor::new()).build(connector),
        upstream: options.upstream.to_string().parse()?,
    });
    let listener = process::listen(options.listen).await?;
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let proxy = Arc::clone(&proxy);
        connections.spawn(async move {
            let service = service_fn(|request| proxy.forward(request));
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
        });
        while connections.try_join_next().is_some() {}
    }
}

impl Proxy {
    async fn forward(&self, mut request: Request<Incoming>) -> Result<Response<Incoming>> {
        let path = request.uri().path_and_query().cloned().context("a request without a path")?;
        *request.uri_mut() =
            Uri::builder().scheme("http").authority(self.upstream.clone()).path_and_query(path).build()?;
        request.headers_mut().remove(header::HOST);
        request.headers_mut().remove(header::CONNECTION);
        let mut response = self.client.request(request).await?;
        response.headers_mut().remove(header::CONNECTION);
        response.headers_mut().remove(header::TRANSFER_ENCODING);
        Ok(response)
    }
}
