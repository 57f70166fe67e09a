//! What strangers may ask for without end, and what it leaves behind.

use stonegate_identity::DeviceCode;
use stonegate_identity::ticket::{Ticket, TicketKind};

use super::*;
use crate::signin::token::DEVICE_CODE;

const EVE: &str = "192.0.2.66";
const ANN: &str = "198.51.100.7";

async fn login_from(house: &House, address: &str, email: &str, password: &str) -> Reply {
    let pairs = [("grant_type", "password"), ("username", email), ("password", password)];
    house.form_from(address, "/oauth/token", &pairs).await
}

#[tokio::test]
async fn a_device_that_asks_writes_nothing() {
    let house = House::open().await;
    house.person("ann", "user").await;
    let device = house.form("/oauth/device_authorization", &[]).await;
    let (code, user_code) = (device.member("device_code"), device.member("user_code"));
    let name = DeviceCode::parse(&code).unwrap().digest().to_hex();
    let kept = async || house.store.tickets.find(TicketKind::Device, &name, now()).await.unwrap().unwrap();
    let poll = async || {
        house.form("/oauth/token", &[("grant_type", DEVICE_CODE), ("device_code", &code)]).await.error().1
    };
    let before = kept().await;
    for expected in ["authorization_pending", "slow_down", "slow_down"] {
        assert_eq!(poll().await, expected);
    }
    assert_eq!(kept().await, before);
    let mut browser = Visitor::default();
    browser.sign_in(&house, "ann", &user_code).await;
    let page = browser.get(&house, &format!("/device?user_code={user_code}")).await;
    browser.post(&house, "/device", &page, &[("user_code", &user_code), ("decision", "deny")]).await;
    let denied = kept().await;
    assert_ne!(denied, before);
    for _ in 0..3 {
        assert_eq!(poll().await, "access_denied");
    }
    assert_eq!(kept().await, denied);
}

#[tokio::test]
async fn a_network_begins_so_many_sign_ins_and_others_are_not_held_up() {
    let house = House::open().await;
    let begin = async |from| house.form_from(from, "/oauth/device_authorization", &[]).await;
    for _ in 0..120 {
        assert_eq!(begin(EVE).await.status, StatusCode::OK);
    }
    let refused = begin(EVE).await;
    assert_eq!(refused.error(), (429, "slow_down".to_owned()));
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(begin(ANN).await.status, StatusCode::OK);
    pass(60);
    assert_eq!(begin(EVE).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_network_shows_so_many_passwords_and_first_tokens() {
    let house = House::open().await;
    let mut statuses = Vec::new();
    for _ in 0..61 {
        statuses.push(login_from(&house, EVE, "nobody@example.org", "a wrong password").await.text);
    }
    assert!(statuses[59].contains("too many wrong tries"), "{}", statuses[59]);
    assert!(statuses[60].contains("too many requests from your network"), "{}", statuses[60]);
    let peer = axum::extract::ConnectInfo(std::net::SocketAddr::new(EVE.parse().unwrap(), 1));
    let token = json!({ "token": BootstrapToken::mint([3; 24]).as_str() }).to_string();
    let refused = house.send(Request::post("/admin/v1/bootstrap").extension(peer), token.clone()).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{refused:?}");
    let unknown = house.send(Request::post("/admin/v1/bootstrap"), token).await;
    assert_eq!(unknown.status, StatusCode::UNAUTHORIZED, "{unknown:?}");
}

#[tokio::test]
async fn unknown_logins_do_not_fill_the_audit_log() {
    let house = House::open().await;
    for number in 0..4 {
        login_from(&house, EVE, &format!("nobody{number}@example.org"), "a wrong password").await;
    }
    let refusals = async || {
        house.audit().await.into_iter().filter(|(action, _)| action == "signin.refuse").collect::<Vec<_>>()
    };
    let one = ("signin.refuse".to_owned(), "login:unknown".to_owned());
    assert_eq!(refusals().await, std::slice::from_ref(&one));
    pass(60);
    login_from(&house, EVE, "nobody@example.org", "a wrong password").await;
    assert_eq!(refusals().await, [one.clone(), one]);
}

#[tokio::test]
async fn a_login_is_not_locked_for_its_owner_by_others() {
    let house = House::open().await;
    house.person("ann", "user").await;
    let email = "ann@example.org";
    for _ in 0..5 {
        login_from(&house, EVE, email, "a wrong password").await;
    }
    assert_eq!(login_from(&house, EVE, email, PASSWORD).await.error(), (429, "slow_down".to_owned()));
    assert_eq!(login_from(&house, ANN, email, PASSWORD).await.status, StatusCode::OK);
    // Her success does not open it for eve.
    assert_eq!(login_from(&house, EVE, email, PASSWORD).await.error(), (429, "slow_down".to_owned()));
}

#[tokio::test]
async fn whoever_finds_no_turn_was_not_wrong() {
    let house = House::open().await;
    house.person("ann", "user").await;
    house.sign_in.passwords.close();
    for _ in 0..6 {
        let crowded = login_from(&house, ANN, "ann@example.org", PASSWORD).await;
        assert!(crowded.text.contains("at the same moment"), "{crowded:?}");
    }
    let who = format!("login:{}", short_digest("ann@example.org"));
    assert_eq!(house.store.tickets.find(TicketKind::Failures, &who, now()).await.unwrap(), None);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    // What is there at once is in time.
    let house = House::with(|settings| settings.body_timeout = Duration::ZERO).await;
    house.person("ann", "user").await;
    for path in ["/oauth/token", "/signin", "/admin/v1/bootstrap"] {
        let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        let slow = house.send(Request::post(path).header("host", HOST), Body::from_stream(never)).await;
        assert_eq!(slow.status, StatusCode::REQUEST_TIMEOUT, "{path}");
    }
    let long = house.send(Request::post("/oauth/token").header("host", HOST), "a".repeat(400_000)).await;
    assert_eq!(long.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn all_that_has_ended_is_swept_at_a_time() {
    let house = House::open().await;
    for number in 0..7 {
        let ticket = Ticket {
            kind: TicketKind::Device,
            name: number.to_string(),
            body: String::new(),
            expires_at: now() + SignedDuration::from_secs(10),
        };
        assert!(house.store.tickets.put(ticket, now()).await.unwrap());
    }
    assert_eq!(sweep_all(&*house.store.tickets, now(), 2).await.unwrap(), 0);
    pass(10);
    assert_eq!(sweep_all(&*house.store.tickets, now(), 2).await.unwrap(), 7);
}
