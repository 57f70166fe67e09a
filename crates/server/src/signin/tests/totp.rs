//! Codes of an app beside passwords.

use stonegate_identity::UserId;
use stonegate_identity::ticket::{Ticket, TicketKind};

use super::*;
use crate::signin::totp::Secret;

const ANN: &str = "ann@example.org";

/// An authenticator app.
pub(super) struct App(Secret);

impl App {
    fn shows(&self) -> String {
        self.0.code_at(now())
    }

    /// A code that it does not show now.
    fn does_not_show(&self) -> String {
        let shown: u32 = self.shows().parse().unwrap();
        format!("{:06}", (shown + 1) % 1_000_000)
    }
}

async fn account(house: &House, action: &str, email: &str, code: &str) -> Reply {
    let pairs = [("action", action), ("username", email), ("password", PASSWORD), ("otp", code)];
    house.form("/account/totp", &pairs).await
}

async fn begun(house: &House, email: &str) -> App {
    let begun = account(house, "begin", email, "").await;
    assert_eq!(begun.status, StatusCode::OK, "{begun:?}");
    App(Secret::parse(&begun.member("secret")).unwrap())
}

/// An account that asks for codes from now on, and its recovery codes.
pub(super) async fn enabled(house: &House, email: &str) -> (App, Vec<String>) {
    let app = begun(house, email).await;
    let enabled = account(house, "enable", email, &app.shows()).await;
    assert_eq!(enabled.status, StatusCode::OK, "{enabled:?}");
    pass(30);
    (app, serde_json::from_value(enabled.json()["recovery_codes"].clone()).unwrap())
}

async fn login(house: &House, email: &str, password: &str, code: &str) -> Reply {
    let pairs = [("grant_type", "password"), ("username", email), ("password", password), ("otp", code)];
    house.form("/oauth/token", &pairs).await
}

#[tokio::test]
async fn an_app_is_set_up_and_its_codes_are_asked_for_from_then_on() {
    let house = House::open().await;
    house.person("ann", "user").await;
    let app = begun(&house, ANN).await;
    // Nothing is asked before the app has shown that it has the secret.
    assert_eq!(login(&house, ANN, PASSWORD, "").await.status, StatusCode::OK);
    let wrong = account(&house, "enable", ANN, &app.does_not_show()).await;
    assert_eq!(wrong.error(), (400, "invalid_grant".to_owned()), "{wrong:?}");
    assert_eq!(login(&house, ANN, PASSWORD, "").await.status, StatusCode::OK);
    let done = account(&house, "enable", ANN, &app.shows()).await.json();
    assert_eq!(done["recovery_codes"].as_array().map(Vec::len), Some(10), "{done}");
    // The code that it was set up with is used.
    assert_eq!(login(&house, ANN, PASSWORD, &app.shows()).await.status, StatusCode::BAD_REQUEST);
    pass(30);
    let code = app.shows();
    let spaced = format!(" {} {}", &code[..3], &code[3..]);
    assert_eq!(login(&house, ANN, PASSWORD, &spaced).await.status, StatusCode::OK);
    for again in [&*code, &spaced, ""] {
        assert_eq!(login(&house, ANN, PASSWORD, again).await.error().1, "invalid_grant", "{again}");
    }
    let audit = house.audit().await;
    assert_eq!(audit.iter().filter(|(action, _)| action == "totp.enable").count(), 1, "{audit:?}");
}

#[tokio::test]
async fn replay_of_a_code_at_the_same_moment_signs_in_once() {
    let house = House::open().await;
    house.person("ann", "user").await;
    let (app, _) = enabled(&house, ANN).await;
    let code = app.shows();
    let tries = (0..4).map(|_| login(&house, ANN, PASSWORD, &code));
    let answers = futures_util::future::join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == StatusCode::OK).count(), 1, "{answers:?}");
}

#[tokio::test]
async fn whoever_knows_the_password_alone_learns_nothing_and_is_locked_out_like_whoever_does_not() {
    let house = House::open().await;
    house.person("ann", "user").await;
    house.person("bob", "user").await;
    let (app, _) = enabled(&house, ANN).await;
    let mut seen = Vec::new();
    for round in 0..6 {
        let by_code = login(&house, ANN, PASSWORD, if round == 0 { "" } else { "000000" }).await;
        let by_password = login(&house, "bob@example.org", "a wrong password", "000000").await;
        let by_login = login(&house, "nobody@example.org", PASSWORD, "").await;
        assert_eq!((by_code.status, &by_code.text), (by_password.status, &by_password.text), "{round}");
        assert_eq!((by_code.status, &by_code.text), (by_login.status, &by_login.text), "{round}");
        seen.push(by_code.error().1);
    }
    assert_eq!(seen[3..], ["invalid_grant", "invalid_grant", "slow_down"]);
    assert_eq!(login(&house, ANN, PASSWORD, &app.shows()).await.error().1, "slow_down");
    // Guesses at what there is to set up count, too.
    assert_eq!(account(&house, "disable", ANN, &app.shows()).await.error().1, "slow_down");
    pass(30);
    assert_eq!(login(&house, ANN, PASSWORD, &app.shows()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_recovery_code_signs_in_once() {
    let house = House::open().await;
    house.person("ann", "user").await;
    let (_, codes) = enabled(&house, ANN).await;
    let typed = codes[3].to_uppercase().replace('-', " ");
    for (code, expected) in [(&typed, 200), (&typed, 400), (&codes[3], 400), (&codes[4], 200)] {
        assert_eq!(login(&house, ANN, PASSWORD, code).await.status.as_u16(), expected, "{code}");
    }
    let audit = house.audit().await;
    assert_eq!(audit.iter().filter(|(action, _)| action == "totp.recover").count(), 2, "{audit:?}");
    // What is kept lets nobody in.
    let user = house.as_admin("GET", "/users?name=ann", Value::Null).await.json()["data"][0]["id"].clone();
    let kept = house.store.tickets.find(TicketKind::SecondFactor, user.as_str().unwrap(), now()).await;
    let body = kept.unwrap().unwrap().0.body;
    assert!(codes.iter().all(|code| !body.contains(&code.replace('-', ""))), "{body}");
}

#[tokio::test]
async fn letting_go_takes_a_code_and_not_a_session() {
    let house = House::open().await;
    house.person("ann", "user").await;
    let (app, codes) = enabled(&house, ANN).await;
    // Nor is another app set up in the place of the first by the password alone.
    for action in ["disable", "begin", "enable"] {
        assert_eq!(account(&house, action, ANN, "").await.error().1, "invalid_grant", "{action}");
    }
    let refused = account(&house, "begin", ANN, &app.shows()).await;
    assert!(refused.text.contains("disable that first"), "{refused:?}");
    assert_eq!(account(&house, "disable", ANN, &codes[0]).await.status, StatusCode::OK);
    assert_eq!(login(&house, ANN, PASSWORD, "").await.status, StatusCode::OK);
    let none = account(&house, "disable", ANN, "").await;
    assert!(none.text.contains("no codes are asked for"), "{none:?}");
    assert!(house.audit().await.iter().any(|(action, _)| action == "totp.disable"));
}

#[tokio::test]
async fn a_secret_waits_for_a_quarter_of_an_hour_and_for_nobody_elses_app() {
    let house = House::open().await;
    house.person("ann", "user").await;
    let eves = begun(&house, ANN).await;
    let anns = begun(&house, ANN).await;
    assert_eq!(account(&house, "enable", ANN, &eves.shows()).await.error().1, "invalid_grant");
    pass(15 * 60);
    assert_eq!(account(&house, "enable", ANN, &anns.shows()).await.error().1, "invalid_grant");
}

#[tokio::test]
async fn where_codes_are_demanded_whoever_has_none_sets_an_app_up_first() {
    use TotpRequired::{Administrators, Everyone, Nobody};
    for (of, root, ann) in [(Nobody, true, true), (Administrators, false, true), (Everyone, false, false)] {
        let house = House::with(|settings| settings.totp_required_of = of).await;
        house.person("ann", "user").await;
        for (email, is_let_in) in [("root@example.org", root), (ANN, ann)] {
            let answer = login(&house, email, PASSWORD, "").await;
            assert_eq!(answer.status == StatusCode::OK, is_let_in, "{of:?} {email}: {answer:?}");
            assert_eq!(answer.text.contains("account totp enable"), !is_let_in, "{of:?} {email}: {answer:?}");
            // That is said only to whoever knows the password.
            let guess = login(&house, email, "a wrong password", "").await;
            assert!(guess.text.contains("is wrong"), "{guess:?}");
            let (app, _) = enabled(&house, email).await;
            assert_eq!(login(&house, email, PASSWORD, &app.shows()).await.status, StatusCode::OK, "{email}");
        }
    }
}

#[tokio::test]
async fn a_browser_sets_an_app_up_and_signs_in_by_it() {
    let house = House::with(|settings| settings.totp_required_of = TotpRequired::Everyone).await;
    house.person("ann", "user").await;
    let mut browser = Visitor::default();
    let refused = browser.sign_in(&house, "ann", "").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
    assert!(refused.text.contains("href=\"/signin/totp\""), "{}", refused.text);
    let page = browser.get(&house, "/signin/totp").await;
    let pairs = |code, act| [("email", ANN), ("password", PASSWORD), ("otp", code), ("act", act)];
    let page = browser.post(&house, "/signin/totp", &page, &pairs("", "begin")).await;
    let secret = page.text.split_once("<dt>Secret</dt><dd>").unwrap().1.split_once('<').unwrap().0.to_owned();
    assert!(
        page.text.contains("href=\"otpauth://totp/Stonegate:ann%40example%2Eorg?secret="),
        "{}",
        page.text
    );
    let app = App(Secret::parse(&secret).unwrap());
    // A slip shows the secret once more, and no other.
    let wrong = app.does_not_show();
    let sent: Vec<_> = pairs(&wrong, "enable").into_iter().chain([("secret", &*secret)]).collect();
    let again = browser.post(&house, "/signin/totp", &page, &sent).await;
    assert_eq!((again.status, again.text.contains(&secret)), (StatusCode::CONFLICT, true), "{again:?}");
    let shown = app.shows();
    let done = browser.post(&house, "/signin/totp", &again, &pairs(&shown, "enable")).await;
    assert_eq!((done.status, done.text.matches("<dd>").count()), (StatusCode::OK, 10), "{done:?}");
    pass(30);
    let page = browser.get(&house, "/signin").await;
    let shown = app.shows();
    for (code, status) in [("", StatusCode::UNAUTHORIZED), (&*shown, StatusCode::SEE_OTHER)] {
        let answer = browser.post(&house, "/signin", &page, &pairs(code, "signin")).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    // A form from elsewhere sets nothing up.
    let forged = Visitor::default().post(&house, "/signin/totp", &page, &pairs("", "begin")).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN, "{forged:?}");
}

#[tokio::test]
async fn an_administrator_takes_away_a_lost_app_and_says_why() {
    let house = House::open().await;
    let ann = house.person("ann", "user").await;
    let path = format!("/users/{ann}/totp-reset");
    let reset = async |reason: &str| house.as_admin("POST", &path, json!({ "reason": reason })).await;
    let resets = async || house.audit().await.iter().filter(|(action, _)| action == "totp.reset").count();
    assert_eq!((reset("there is none").await.status, resets().await), (StatusCode::OK, 0));
    enabled(&house, ANN).await;
    for reason in ["", " ", "two\nlines", &"x".repeat(10_000)] {
        assert_eq!(reset(reason).await.status, StatusCode::BAD_REQUEST, "{reason}");
    }
    assert_eq!(login(&house, ANN, PASSWORD, "").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(reset("lost phone, seen in person").await.status, StatusCode::OK);
    assert_eq!(login(&house, ANN, PASSWORD, "").await.status, StatusCode::OK);
    let audit = house.as_admin("GET", "/audit", Value::Null).await;
    assert!(
        audit.text.contains("totp.reset") && audit.text.contains("lost phone, seen in person"),
        "{audit:?}"
    );
}

#[tokio::test]
async fn a_second_factor_that_cannot_be_read_is_not_none() {
    let house = House::open().await;
    let ann = UserId::parse(&house.person("ann", "user").await).unwrap();
    let ticket = Ticket {
        kind: TicketKind::SecondFactor,
        name: ann.to_string(),
        body: "of a later version".to_owned(),
        expires_at: Timestamp::MAX,
    };
    assert!(house.store.tickets.put(ticket, now()).await.unwrap());
    for (password, code) in [(PASSWORD, ""), (PASSWORD, "000000"), ("a wrong password", "")] {
        assert_eq!(login(&house, ANN, password, code).await.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    let reset = json!({ "reason": "it cannot be read" });
    house.as_admin("POST", &format!("/users/{ann}/totp-reset"), reset).await;
    assert_eq!(login(&house, ANN, PASSWORD, "").await.status, StatusCode::OK);
}
