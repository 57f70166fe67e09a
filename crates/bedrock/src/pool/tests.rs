use std::sync::atomic::{AtomicUsize, Ordering};

use http::header::HOST;
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use stonegate_protocol::Body;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::*;

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// How a server deals with a connection: it gives so many calls this answer, reads one more, and closes it.
#[derive(Clone, Copy)]
struct Manners {
    answer: &'static str,
    answers: usize,
}

const PATIENT: Manners = Manners { answer: HELLO, answers: usize::MAX };

/// A server on loopback, the pool that knows it, and how many connections there have been and are.
struct Scene {
    base: Arc<str>,
    pool: Pool<HttpConnector>,
    accepted: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    _server: AbortOnDropHandle<()>,
}

impl Scene {
    async fn with(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        let (accepted, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (all, now) = (Arc::clone(&accepted), Arc::clone(&open));
        let server = aside(async move {
            let mut guests = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                all.fetch_add(1, Ordering::Relaxed);
                now.fetch_add(1, Ordering::Relaxed);
                let now = Arc::clone(&now);
                guests.spawn(async move {
                    attend(stream, manners).await;
                    now.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Scene { base: base.into(), pool: pool(), accepted, open, _server: server }
    }

    async fn call(&self) -> Result<Response<ReplyBody>, NoAnswer> {
        self.pool.send(&self.base, request()).await
    }

    /// A call whose answer is read to its end.
    async fn whole_call(&self) -> Bytes {
        let answer = self.call().await.expect("an answer");
        answer.into_body().collect().await.expect("a body").to_bytes()
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// How many idle connections there are; counted when none of them has the end of a call to see any more.
    async fn settled(&self) -> usize {
        loop {
            let is_settled =
                |idle: &Idle| idle.connection.sender.is_ready() || idle.connection.sender.is_closed();
            if self.pool.kept.lock().values().flatten().all(is_settled) {
                self.pool.kept.sweep(Instant::now());
                return self.pool.kept.lock().values().map(VecDeque::len).sum();
            }
            tokio::task::yield_now().await;
        }
    }

    /// Until the server sees no connection any more.
    async fn until_all_are_closed(&self) {
        let closed = async {
            while self.open.load(Ordering::Relaxed) > 0 {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(10), closed).await.expect("they are to be closed");
    }
}

fn pool() -> Pool<HttpConnector> {
    Pool::new(HttpConnector::new())
}

fn request() -> Request<Pieces> {
    let body = Pieces::of(&Body::from(Bytes::from_static(b"{}")));
    Request::post("/model/a/invoke").header(HOST, "upstream").body(body).expect("a request")
}

async fn attend(mut stream: TcpStream, manners: Manners) {
    for _ in 0..manners.answers {
        if !read_request(&mut stream).await {
            return;
        }
        if stream.write_all(manners.answer.as_bytes()).await.is_err() {
            return;
        }
    }
    read_request(&mut stream).await;
}

/// False at the end of the stream.
async fn read_request(stream: &mut TcpStream) -> bool {
    let mut text = Vec::new();
    while !text.ends_with(b"{}") {
        if stream.read_buf(&mut text).await.is_ok_and(|read| read == 0) {
            return false;
        }
    }
    true
}

#[tokio::test]
async fn a_connection_serves_one_call_after_the_other() {
    let empty = "HTTP/1.1 204 No Content\r\n\r\n";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for (answer, body) in [(HELLO, "hello"), (chunked, "hello"), (empty, "")] {
        let scene = Scene::with(Manners { answer, ..PATIENT }).await;
        for _ in 0..3 {
            assert_eq!(scene.whole_call().await, body);
            assert_eq!(scene.settled().await, 1);
        }
        assert_eq!(scene.accepted(), 1, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_it_does_when_another_thread_works_on_it() {
    let scene = Scene::with(PATIENT).await;
    for _ in 0..100 {
        scene.whole_call().await;
        assert_eq!(scene.settled().await, 1);
    }
    assert_eq!(scene.accepted(), 1);
}

#[tokio::test]
async fn two_calls_at_a_time_have_a_connection_each() {
    let scene = Scene::with(PATIENT).await;
    for _ in 0..3 {
        tokio::join!(scene.whole_call(), scene.whole_call());
        assert_eq!(scene.settled().await, 2);
    }
    assert_eq!(scene.accepted(), 2);
}

#[tokio::test]
async fn an_upstream_that_wants_to_close_is_left_alone() {
    let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello";
    let scene = Scene::with(Manners { answer, ..PATIENT }).await;
    scene.whole_call().await;
    assert_eq!(scene.settled().await, 0);
    scene.whole_call().await;
    assert_eq!(scene.accepted(), 2);
}

#[tokio::test]
async fn whoever_does_not_read_an_answer_closes_its_connection() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nhello";
    let scene = Scene::with(Manners { answer, ..PATIENT }).await;
    drop(scene.call().await.expect("an answer"));
    scene.until_all_are_closed().await;
    assert_eq!(scene.settled().await, 0);
}

#[tokio::test]
async fn whoever_does_not_wait_for_an_answer_closes_its_connection() {
    let scene = Scene::with(Manners { answer: "", ..PATIENT }).await;
    timeout(Duration::from_millis(50), scene.call()).await.expect_err("the server says nothing");
    scene.until_all_are_closed().await;
    assert_eq!((scene.accepted(), scene.settled().await), (1, 0));
}

/// As is the rest of an early answer to a request that upstream has not read, and never will.
#[tokio::test]
async fn what_cannot_be_sent_is_let_go_with_its_connection() {
    let (ours, mut theirs) = tokio::io::duplex(64);
    let mut connection = Connection::over(TokioIo::new(ours)).await.expect("a connection");
    let body = Pieces::of(&Body::from(Bytes::from(vec![b'a'; 1000])));
    let request = Request::post("/").header(HOST, "upstream").body(body).expect("a request");
    let mut call = Box::pin(connection.sender.try_send_request(request));
    let answered = async {
        theirs.read_u8().await.expect("the request's beginning");
        theirs.write_all(HELLO.as_bytes()).await.expect("room for it");
    };
    let (body, ()) = tokio::join!(&mut call, answered);
    let body = body.map_err(hyper::client::conn::TrySendError::into_error).expect("an answer");
    assert_eq!(body.into_body().collect().await.expect("a body").to_bytes(), "hello");
    drop(call);

    let (base, kept) = (Arc::from("http://upstream"), Kept::default());
    let now = Instant::now();
    kept.put(&base, connection, now);
    assert!(kept.take(&base, now).is_none(), "it cannot serve another call");
    kept.sweep(now + SWEEP);
    let mut rest = Vec::new();
    theirs.read_to_end(&mut rest).await.expect("it is closed");
    assert!(rest.len() < 1000, "and not written to its end");
}

#[tokio::test]
async fn a_call_that_finds_a_closed_connection_has_another() {
    let scene = Scene::with(PATIENT).await;
    let (ours, theirs) = tokio::io::duplex(1024);
    let connection = Connection::over(TokioIo::new(ours)).await.expect("a connection");
    while !connection.sender.is_ready() {
        tokio::task::yield_now().await;
    }
    drop(theirs);
    scene.pool.kept.put(&scene.base, connection, Instant::now());
    assert_eq!(scene.whole_call().await, "hello");
    assert_eq!(scene.accepted(), 1);
}

#[tokio::test]
async fn a_request_that_was_sent_is_not_sent_again() {
    let scene = Scene::with(Manners { answers: 1, ..PATIENT }).await;
    scene.whole_call().await;
    let failed = scene.call().await.expect_err("it was read and not answered");
    assert!(matches!(failed, NoAnswer::Broken(_)), "{failed:?}");
    assert_eq!(scene.accepted(), 1);
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("bound")).into();
    drop(listener);
    let failed = pool().send(&base, request()).await.expect_err("nobody listens");
    assert!(matches!(failed, NoAnswer::Unreachable(_)), "{failed:?}");
}

#[tokio::test]
async fn where_somebody_hangs_up_at_once_nothing_was_sent() {
    let hangs_up = tower::service_fn(|_: Uri| async {
        let (ours, _) = tokio::io::duplex(1024);
        Ok::<_, std::io::Error>(TokioIo::new(ours))
    });
    let failed = Pool::new(hangs_up).send(&"http://upstream".into(), request()).await;
    let failed = failed.expect_err("nobody answers");
    assert!(matches!(failed, NoAnswer::Unreachable(_)), "{failed:?}");
}

#[tokio::test]
async fn what_is_idle_for_too_long_is_closed() {
    let scene = Scene::with(PATIENT).await;
    scene.whole_call().await;
    assert_eq!(scene.settled().await, 1);
    assert!(
        scene.pool.kept.take(&scene.base, Instant::now() + MOST_IDLE).is_none(),
        "not even between two sweeps"
    );

    tokio::time::pause();
    tokio::time::advance(MOST_IDLE + SWEEP).await;
    tokio::time::resume();
    scene.until_all_are_closed().await;
}
