//! The door over real sockets: what is answered before, while and after it closes.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, channel::Channel};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{Options, Stopping, Tls, run};

/// No wait in these tests is longer, unless something is wrong.
const SOON: Duration = Duration::from_secs(10);

/// The end of a streamed answer that the test holds.
type Feed = http_body_util::channel::Sender<Bytes, std::io::Error>;

/// A door with a small service behind it: `/` says hello, `/stream` is fed by the test.
struct Door {
    address: std::net::SocketAddr,
    streams: mpsc::UnboundedReceiver<Feed>,
    stop: Option<oneshot::Sender<()>>,
    stopping: Stopping,
    ended: JoinHandle<()>,
}

#[derive(Clone)]
struct Service {
    stopping: Stopping,
    streams: mpsc::UnboundedSender<Feed>,
}

async fn hello(State(service): State<Service>) -> Response {
    let status = if service.stopping.has_begun() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, "hello").into_response()
}

async fn stream(State(service): State<Service>) -> Response {
    let (sender, body) = Channel::new(4);
    service.streams.send(sender).expect("the test listens");
    Response::new(Body::new(body))
}

impl Door {
    #[expect(clippy::disallowed_methods, reason = "the test joins it")]
    async fn open(options: Options) -> Door {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (fed, streams) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopping = Stopping::default();
        let service = Service { stopping: stopping.clone(), streams: fed };
        let router = Router::new().route("/", get(hello)).route("/stream", get(stream)).with_state(service);
        let shutdown = async move { drop(stopped.await) };
        let ended = tokio::spawn(run(listener, router, options, stopping.clone(), shutdown));
        Door { address, streams, stop: Some(stop), stopping, ended }
    }

    async fn connect(&self) -> http1::SendRequest<Empty<Bytes>> {
        client(TcpStream::connect(self.address).await.expect("the door is open")).await
    }

    /// Gives the order to stop and waits until it has arrived.
    async fn stop(&mut self) {
        self.stop.take().expect("once").send(()).expect("still running");
        while !self.stopping.has_begun() {
            tokio::task::yield_now().await;
        }
    }

    async fn ends(self) {
        timeout(SOON, self.ended).await.expect("in time").expect("without a panic");
    }
}

fn options(drain: Duration) -> Options {
    Options { header_timeout: SOON, drain, tls: None }
}

#[expect(clippy::disallowed_methods, reason = "it ends with the connection")]
async fn client<I>(io: I) -> http1::SendRequest<Empty<Bytes>>
where
    I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(io)).await.expect("HTTP/1.1");
    tokio::spawn(connection);
    sender
}

fn request(path: &str) -> http::Request<Empty<Bytes>> {
    http::Request::get(path).header("host", "door").body(Empty::new()).expect("well formed")
}

async fn status(sender: &mut http1::SendRequest<Empty<Bytes>>) -> (u16, bool) {
    let response =
        timeout(SOON, sender.send_request(request("/"))).await.expect("in time").expect("answered");
    let closes = response.headers().get("connection").is_some_and(|value| value == "close");
    let status = response.status().as_u16();
    response.into_body().collect().await.expect("whole");
    (status, closes)
}

#[tokio::test]
async fn an_idle_door_closes_at_once() {
    let mut door = Door::open(options(SOON)).await;
    let mut sender = door.connect().await;
    assert_eq!(status(&mut sender).await, (200, false));
    door.stop().await;
    door.ends().await;
}

#[tokio::test]
async fn open_answers_finish_and_new_calls_get_503() {
    let mut door = Door::open(options(SOON)).await;
    let mut kept_alive = door.connect().await;
    assert_eq!(status(&mut kept_alive).await, (200, false));
    let mut streaming = door.connect().await;
    let answer = streaming.send_request(request("/stream")).await.expect("answered");
    let mut feed = door.streams.recv().await.expect("a stream");
    feed.send_data(Bytes::from_static(b"one ")).await.expect("read");

    door.stop().await;

    assert_eq!(status(&mut kept_alive).await, (503, true), "on a connection from before");
    let mut fresh = door.connect().await;
    assert_eq!(status(&mut fresh).await, (503, true), "on a new connection");
    assert!(!door.ended.is_finished());
    feed.send_data(Bytes::from_static(b"two")).await.expect("read");
    drop(feed);
    let body = answer.into_body().collect().await.expect("the answer is whole").to_bytes();
    assert_eq!(body, "one two");
    let address = door.address;
    door.ends().await;
    TcpStream::connect(address).await.expect_err("the door is closed");
}

#[tokio::test]
async fn what_outlasts_the_drain_time_is_cut() {
    let mut door = Door::open(options(Duration::from_millis(50))).await;
    let mut streaming = door.connect().await;
    let answer = streaming.send_request(request("/stream")).await.expect("answered");
    let feed = door.streams.recv().await.expect("a stream");
    door.stop().await;
    door.ends().await;
    answer.into_body().collect().await.expect_err("cut off, and seen to be");
    drop(feed);
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_its_call() {
    let mut door = Door::open(options(SOON)).await;
    let mut streaming = door.connect().await;
    let answer = streaming.send_request(request("/stream")).await.expect("answered");
    let mut feed = door.streams.recv().await.expect("a stream");
    assert_eq!(door.stopping.open_calls(), 1);
    drop((answer, streaming));
    // The feed notices when the body is dropped, which is when the connection is.
    timeout(SOON, async { while feed.send_data(Bytes::from_static(b"x")).await.is_ok() {} })
        .await
        .expect("noticed");
    timeout(SOON, door.stopping.idle()).await.expect("no call is open");
    door.stop().await;
    door.ends().await;
}

#[tokio::test]
async fn a_slow_sender_of_headers_is_hung_up_on() {
    let door = Door::open(Options { header_timeout: Duration::from_millis(50), ..options(SOON) }).await;
    let mut slow = TcpStream::connect(door.address).await.expect("the door is open");
    slow.write_all(b"GET / HTTP/1.1\r\nhost: do").await.expect("sent");
    let mut rest = Vec::new();
    timeout(SOON, slow.read_to_end(&mut rest)).await.expect("in time").expect("closed in order");
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "it ends with the connection")]
async fn http2_is_spoken_without_tls_too() {
    let mut door = Door::open(options(SOON)).await;
    let stream = TcpStream::connect(door.address).await.expect("the door is open");
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("HTTP/2");
    tokio::spawn(connection);
    let answer =
        sender.send_request(http::Request::get("http://door/").body(Empty::<Bytes>::new()).expect("fine"));
    assert_eq!(answer.await.expect("answered").status(), 200);
    door.stop().await;
    door.ends().await;
}

/// Writes a certificate for `localhost` and its key; gives the certificate.
fn write_certificate(dir: &std::path::Path) -> rustls::pki_types::CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
    std::fs::write(dir.join("cert.pem"), made.cert.pem()).expect("written");
    std::fs::write(dir.join("key.pem"), made.signing_key.serialize_pem()).expect("written");
    made.cert.der().clone()
}

/// A call over TLS, by a client that trusts this certificate alone.
async fn call_over_tls(
    address: std::net::SocketAddr,
    trusted: rustls::pki_types::CertificateDer<'static>,
) -> Result<u16, std::io::Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted).expect("a certificate");
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("defaults")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config)).connect(name, stream).await?;
    Ok(status(&mut client(stream).await).await.0)
}

#[tokio::test]
async fn tls_takes_a_renewed_certificate_without_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = write_certificate(dir.path());
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let tls = Tls::from_files(&cert, &key).expect("usable");

    // The clock of `run` is real, so the reload is called here; that it is called there is in one line.
    let door = Door::open(Options { tls: Some(tls.clone()), ..options(SOON) }).await;
    assert_eq!(call_over_tls(door.address, first.clone()).await.expect("trusted"), 200);

    std::fs::write(&key, "not a key").expect("written");
    age(&key, 10);
    tls.reload_if_changed();
    assert_eq!(call_over_tls(door.address, first.clone()).await.expect("the old one stays"), 200);

    let second = write_certificate(dir.path());
    age(&key, 20);
    tls.reload_if_changed();
    call_over_tls(door.address, first).await.expect_err("no longer trusted");
    assert_eq!(call_over_tls(door.address, second).await.expect("trusted"), 200);
}

/// Lets a file look as if it were written that much later, whatever the file system's clock can tell apart.
fn age(path: &std::path::Path, seconds: u64) {
    let file = std::fs::File::options().append(true).open(path).expect("there");
    let written = file.metadata().and_then(|metadata| metadata.modified()).expect("known");
    file.set_modified(written + Duration::from_secs(seconds)).expect("set");
}

#[test]
fn unusable_tls_files_name_their_setting() {
    let dir = tempfile::tempdir().expect("a directory");
    write_certificate(dir.path());
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(dir.path().join("empty.pem"), "").expect("written");
    for (cert, key, setting) in [
        (dir.path().join("none.pem"), key.clone(), "server.tls_cert"),
        (dir.path().join("empty.pem"), key.clone(), "server.tls_cert"),
        (cert.clone(), dir.path().join("none.pem"), "server.tls_key"),
        (cert.clone(), cert, "server.tls_key"),
    ] {
        let error = Tls::from_files(&cert, &key).expect_err(setting).to_string();
        assert!(error.contains(setting), "{error}");
    }
}

/// Two small writes on a connection that waits for the first to be acknowledged take 40 ms and more.
#[tokio::test]
async fn lesson_84_what_is_written_is_sent_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (stream, _peer) = accepted.expect("a connection");
    super::prepare(&stream).expect("options of a socket");
    assert!(stream.nodelay().expect("an option"));
    drop(client);
}
