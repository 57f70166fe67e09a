use std::net::SocketAddr;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use super::*;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

/// A file server with a few pitfalls.
async fn server(tasks: &TaskTracker) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = Router::new()
        .route("/a.png", get(|| async { PNG }))
        .route("/notes", get(|| async { "some notes" }))
        .route("/program", get(|| async { ([(CONTENT_TYPE, "application/x-program")], "\x7fELF") }))
        .route("/large", get(|| async { vec![b'x'; 3_000] }))
        .route("/page/{number}", get(|| async { "x".repeat(1_000) }))
        .route("/moved", get(|| async { Redirect::temporary("/a.png") }))
        .route("/round", get(|| async { Redirect::temporary("/round") }))
        .route("/inside", get(|| async { Redirect::temporary("http://169.254.169.254/latest/meta-data") }))
        .route("/slow", get(|| async { std::future::pending::<&'static str>().await }));
    let serve = async move { axum::serve(listener, router).await };
    tasks.spawn(serve);
    address
}

fn fetcher(allow_private: bool) -> MediaFetcher {
    let timeout = Duration::from_millis(300);
    MediaFetcher::new(Media { fetch: true, allow_private, max_bytes: 2_000, timeout }, 3_500)
}

async fn check(address: &str, allow_private: bool, expected: Result<&str, &str>) {
    let fetched = fetcher(allow_private).fetch(vec![address.to_owned()]).await;
    let fetched = fetched.map(|all| all[address].media_type.clone()).map_err(|problem| problem.message);
    match (fetched, expected) {
        (Ok(media_type), Ok(expected)) => assert_eq!(media_type, expected, "{address}"),
        (Err(message), Err(expected)) => assert!(message.contains(expected), "{address}: {message}"),
        (fetched, expected) => panic!("{address}: {fetched:?} instead of {expected:?}"),
    }
}

#[tokio::test]
async fn what_models_read_is_fetched_and_nothing_else() {
    let server = server(&TaskTracker::new()).await;
    let at = |path: &str| format!("http://{server}{path}");
    check(&at("/a.png"), true, Ok("image/png")).await;
    check(&at("/moved"), true, Ok("image/png")).await;
    check(&at("/notes"), true, Ok("text/plain")).await;
    check(&at("/program"), true, Err("neither an image nor a document")).await;
    check(&at("/large"), true, Err("larger than 2000 bytes")).await;
    check(&at("/round"), true, Err("too often")).await;
    check(&at("/slow"), true, Err("was not answered within")).await;
    check(&at("/absent"), true, Err("status 404")).await;
    check("http://127.0.0.1:1/a.png", true, Err("could not be reached")).await;
    check("file:///etc/passwd", true, Err("no http or https address")).await;
    check("gopher://127.0.0.1/", true, Err("no http or https address")).await;
}

#[tokio::test]
async fn what_is_not_public_is_not_reached_by_number_name_or_redirection() {
    let server = server(&TaskTracker::new()).await;
    let port = server.port();
    for address in [
        format!("http://127.0.0.1:{port}/a.png"),
        format!("http://localhost:{port}/a.png"),
        format!("http://[::1]:{port}/a.png"),
        format!("http://[::ffff:127.0.0.1]:{port}/a.png"),
        format!("http://0.0.0.0:{port}/a.png"),
        "http://169.254.169.254/latest/meta-data/iam".to_owned(),
        "http://10.0.0.1/".to_owned(),
    ] {
        check(&address, false, Err("not on the public internet")).await;
    }
}

#[tokio::test]
async fn the_files_of_one_request_are_bounded_together() {
    let server = server(&TaskTracker::new()).await;
    let pages = |most: u32| (0..most).map(|page| format!("http://{server}/page/{page}")).collect();
    assert_eq!(fetcher(true).fetch(pages(3)).await.expect("they fit").len(), 3);
    let problem = fetcher(true).fetch(pages(20)).await.expect_err("they do not");
    assert!(problem.message.contains("more than 3500 bytes in all"), "{}", problem.message);
}

#[tokio::test]
async fn an_error_does_not_repeat_what_may_be_secret_in_an_address() {
    let server = server(&TaskTracker::new()).await;
    let address = format!("http://{server}/absent?X-Amz-Signature=secret");
    let problem = fetcher(true).fetch(vec![address]).await.expect_err("there is nothing");
    assert!(!problem.message.contains("secret"), "{}", problem.message);
}

#[tokio::test]
async fn fetching_can_be_switched_off() {
    let settings = Media { fetch: false, ..fetcher(true).settings };
    let problem = MediaFetcher::new(settings, 0).fetch(vec!["https://example.com/a.png".to_owned()]).await;
    assert!(problem.expect_err("it is off").message.contains("send them as base64"));
}
