//! What strangers try, each by its name.

use std::time::Instant;

use stonegate_identity::{Role, Scope};

use super::*;
use crate::signin::token::DEVICE_CODE;

async fn login(house: &House, email: &str, password: &str) -> Reply {
    let pairs = [("grant_type", "password"), ("username", email), ("password", password)];
    house.form("/oauth/token", &pairs).await
}

#[tokio::test]
async fn guessing_passwords_is_slowed_down_for_known_and_unknown_alike() {
    let house = House::open().await;
    house.person("ann", "user").await;
    for email in ["ann@example.org", "nobody@example.org"] {
        let mut seen = Vec::new();
        for _ in 0..6 {
            seen.push(login(&house, email, "a wrong password").await.error());
        }
        let wrong = (400, "invalid_grant".to_owned());
        let locked = (429, "slow_down".to_owned());
        assert_eq!(
            seen,
            [wrong.clone(), wrong.clone(), wrong.clone(), wrong.clone(), wrong, locked.clone()],
            "{email}"
        );
        // The right password is not even looked at, in whatever case the address is written.
        let right = login(&house, &email.to_uppercase(), PASSWORD).await;
        assert_eq!(right.error(), locked);
        assert_eq!(right.headers["retry-after"], "30");
    }
    pass(31);
    assert_eq!(login(&house, "ann@example.org", PASSWORD).await.status, StatusCode::OK);
    assert_eq!(
        login(&house, "ann@example.org", "a wrong password").await.error().0,
        400,
        "the count began anew"
    );
}

#[tokio::test]
async fn many_guesses_at_once_are_no_more_than_so_many() {
    let house = House::open().await;
    house.person("ann", "user").await;
    let guesses = (0..12).map(|_| login(&house, "ann@example.org", "a wrong password"));
    let statuses = futures_util::future::join_all(guesses).await;
    let looked_at = statuses.iter().filter(|reply| reply.status == StatusCode::BAD_REQUEST).count();
    assert!(looked_at <= 5, "{looked_at} of 12 were looked at");
}

#[tokio::test]
async fn an_unknown_login_takes_as_long_and_reads_alike() {
    let house = House::open().await;
    house.person("ann", "user").await;
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for round in 0..3 {
        let begin = Instant::now();
        let one = login(&house, "ann@example.org", "a wrong password").await;
        known.push(begin.elapsed());
        let begin = Instant::now();
        let other = login(&house, &format!("nobody{round}@example.org"), "a wrong password").await;
        unknown.push(begin.elapsed());
        assert_eq!((one.status, &one.text), (other.status, &other.text));
    }
    known.sort();
    unknown.sort();
    // Without a hash, it would be hundreds of times faster.
    assert!(unknown[1] * 4 > known[1], "{unknown:?} against {known:?}");
}

#[tokio::test]
async fn csrf_a_form_from_elsewhere_does_nothing() {
    let house = House::open().await;
    house.person("ann", "user").await;
    let device = house.form("/oauth/device_authorization", &[]).await.json();
    let code = device["user_code"].as_str().unwrap();
    let mut browser = Visitor::default();
    browser.sign_in(&house, "ann", code).await;
    let page = browser.get(&house, &format!("/device?user_code={code}")).await;
    let token = form_token(&page);
    let ours = format!("http://{HOST}");
    let foreign_token = {
        let mut other = Visitor::default();
        form_token(&other.get(&house, "/signin").await)
    };
    for (name, origin, site, token) in [
        ("no token", Some(&*ours), Some("same-origin"), ""),
        ("another browser's token", Some(&*ours), Some("same-origin"), &*foreign_token),
        ("another site", Some("https://evil.example"), Some("cross-site"), &*token),
        ("another site that hides", Some("null"), Some("cross-site"), &*token),
        ("another port", Some("http://localhost:9"), Some("same-site"), &*token),
        ("a sister site", Some(&*ours), Some("same-site"), &*token),
        ("nothing that tells", None, None, &*token),
    ] {
        let mut request =
            Request::post("/device").header("host", HOST).header("cookie", browser.cookie_line());
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        if let Some(site) = site {
            request = request.header("sec-fetch-site", site);
        }
        let pairs = [("form_token", token), ("user_code", code), ("decision", "approve")];
        let refused = house.send(request, encoded(&pairs)).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{name}: {refused:?}");
    }
    let pairs = [("grant_type", DEVICE_CODE), ("device_code", device["device_code"].as_str().unwrap())];
    assert_eq!(house.form("/oauth/token", &pairs).await.error(), (400, "authorization_pending".to_owned()));
}

#[tokio::test]
async fn open_redirect_nobody_is_sent_elsewhere() {
    let house = House::open().await;
    house.person("ann", "user").await;
    for code in [
        "https://evil.example",
        "//evil.example",
        "BCDF-GHJK%0d%0alocation:%20x",
        "../../x",
        "BCDFGHJK&next=//evil.example",
    ] {
        let mut browser = Visitor::default();
        let sent_on = browser.get(&house, &format!("/device?user_code={code}")).await;
        assert!(
            ["/signin", "/signin?user_code=BCDF-GHJK"].contains(&sent_on.location()),
            "{code}: {sent_on:?}"
        );
        let signed_in = browser.sign_in(&house, "ann", code).await;
        let to = signed_in.location();
        assert!(["/signin", "/device?user_code=BCDF-GHJK"].contains(&to), "{code}: {to}");
    }
}

#[tokio::test]
async fn session_fixation_a_planted_cookie_is_not_taken_over() {
    let house = House::open().await;
    house.person("ann", "user").await;
    house.person("eve", "user").await;
    let mut eve = Visitor::default();
    eve.sign_in(&house, "eve", "").await;
    // Eve's own cookie in ann's browser: signing in ends it there and makes another.
    let mut ann = eve.clone();
    let page = ann.get(&house, "/signin").await;
    ann.post(&house, "/signin", &page, &[("email", "ann@example.org"), ("password", PASSWORD)]).await;
    assert_ne!(ann.cookies["stonegate-session"], eve.cookies["stonegate-session"]);
    assert!(ann.get(&house, "/signin").await.text.contains("signed in as ann"));
    assert!(eve.get(&house, "/signin").await.text.contains("Password"));
    // A key is no cookie, and a cookie is no key.
    let mut keyed = Visitor::default();
    keyed.cookies.insert("stonegate-session".to_owned(), house.admin_key.clone());
    assert!(keyed.get(&house, "/device").await.location().starts_with("/signin"));
    let as_key = house.whoami(&ann.cookies["stonegate-session"]).await;
    assert_eq!(as_key.status, StatusCode::UNAUTHORIZED, "{as_key:?}");
}

#[tokio::test]
async fn device_code_brute_force_is_stopped() {
    let house = House::open().await;
    house.person("eve", "user").await;
    let device = house.form("/oauth/device_authorization", &[]).await.json();
    let code = device["user_code"].as_str().unwrap();
    let mut eve = Visitor::default();
    eve.sign_in(&house, "eve", "").await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(eve.get(&house, "/device?user_code=BBBB-BBBB").await.status.as_u16());
    }
    assert_eq!(statuses, [404, 404, 404, 404, 404, 429]);
    // Not even the right one now.
    assert_eq!(eve.get(&house, &format!("/device?user_code={code}")).await.status.as_u16(), 429);
    // Neither does another site that sends her here keep her from typing, nor does a right one pay for wrong ones.
    let mut eve = Visitor::default();
    house.person("bob", "user").await;
    eve.sign_in(&house, "bob", "").await;
    let from_elsewhere = async |code: &str| {
        let request = Request::get(format!("/device?user_code={code}"))
            .header("host", HOST)
            .header("cookie", eve.cookie_line())
            .header("sec-fetch-site", "cross-site");
        house.send(request, "").await.status.as_u16()
    };
    for expected in [404, 404, 404, 404, 404, 429] {
        assert_eq!(from_elsewhere("BBBB-BBBB").await, expected);
    }
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(eve.get(&house, &format!("/device?user_code={code}")).await.status.as_u16());
        statuses.push(eve.get(&house, "/device?user_code=BBBB-BBBB").await.status.as_u16());
    }
    assert_eq!(statuses, [200, 404, 200, 404, 200, 404, 200, 404, 200, 404, 429, 429]);
    // And the device's own code has no neighbours.
    let made_up = stonegate_identity::DeviceCode::mint([9; 32]);
    let pairs = [("grant_type", DEVICE_CODE), ("device_code", made_up.as_str())];
    assert_eq!(house.form("/oauth/token", &pairs).await.error(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn a_key_of_endless_patterns_is_not_made() {
    let house = House::open().await;
    house.person("eve", "user").await;
    let token = house.tokens("eve", "messages:send keys:manage").await.member("access_token");
    let patterns: Vec<String> = (0..20_000).map(|number| format!("*~{number}")).collect();
    for path in ["/keys", "/keys/ephemeral"] {
        let wanted = json!({ "name": "x", "scopes": ["messages:send"], "models": { "allow": patterns } });
        let refused = house.api(Some(&token), "POST", path, wanted).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{path}: {refused:?}");
        assert_eq!(refused.json()["error"]["field"], json!("models"));
    }
}

#[tokio::test]
async fn a_host_that_a_stranger_chose_is_not_in_any_link() {
    let house = House::open().await;
    for path in ["/.well-known/oauth-authorization-server", "/signin", "/device", "/setup"] {
        let refused = house.send(Request::get(path).header("host", "evil.example"), "").await;
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(
            !refused.text.contains("evil") && refused.text.contains("server.public_url"),
            "{path}: {refused:?}"
        );
    }
    let asked =
        house.send(Request::post("/oauth/device_authorization").header("host", "evil.example"), "").await;
    assert_eq!(asked.error(), (503, "temporarily_unavailable".to_owned()));
    let public =
        House::with(|settings| settings.public = Some(Base::of_setting("https://gw.example.org/"))).await;
    let told = public
        .send(Request::get("/.well-known/oauth-authorization-server").header("host", "evil.example"), "")
        .await;
    assert_eq!(told.member("issuer"), "https://gw.example.org");
}

#[tokio::test]
async fn log_injection_a_name_stays_on_its_line() {
    let house = House::open().await;
    house.person("ann", "user").await;
    let name = "laptop\r\n{\"level\":\"ERROR\"}\u{202e}";
    let asked = house
        .form("/oauth/device_authorization", &[("device_name", name), ("client_id", "<b>\n")])
        .await
        .json();
    let code = asked["user_code"].as_str().unwrap();
    let mut browser = Visitor::default();
    browser.sign_in(&house, "ann", code).await;
    let page = browser.get(&house, &format!("/device?user_code={code}")).await;
    assert!(page.text.contains("&lt;b&gt;") && !page.text.contains("<b>") && !page.text.contains('\u{202e}'));
    browser.post(&house, "/device", &page, &[("user_code", code), ("decision", "deny")]).await;
    login(&house, "x\nadmin signed in", "a wrong password").await;
    for (action, subject) in house.audit().await {
        assert!(
            !subject.contains(['\n', '\r', '\u{202e}']) && !subject.contains("admin signed in"),
            "{action} {subject}"
        );
    }
}

#[tokio::test]
async fn what_is_odd_is_refused_without_a_5xx() {
    let house = House::open().await;
    for (path, body) in [
        ("/oauth/token", ""),
        ("/oauth/token", "grant_type=authorization_code"),
        ("/oauth/token", "grant_type=password"),
        ("/oauth/token", "grant_type=password&grant_type=password"),
        ("/oauth/token", "grant_type=refresh_token&refresh_token=%00"),
        ("/oauth/token", "\u{0}\u{1}=%ff%fe"),
        ("/oauth/revoke", "token"),
        ("/signin", "a=b"),
        ("/device", "user_code=%F0%9F%A6%80"),
        ("/signin/password", "token=x"),
        ("/signout", ""),
    ] {
        let refused = house.send(Request::post(path).header("host", HOST), body).await;
        assert!(refused.status.is_client_error(), "{path} {body}: {refused:?}");
    }
    let long = house.send(Request::post("/oauth/token").header("host", HOST), "a".repeat(20_000)).await;
    assert_eq!(long.status, StatusCode::PAYLOAD_TOO_LARGE);
    for path in
        ["/signin?%ff=%ff&user_code", "/device?user_code=%00", "/signin/password", "/signin/password?token=x"]
    {
        let reply = house.get(path).await;
        assert!(!reply.status.is_server_error(), "{path}: {reply:?}");
    }
    assert_eq!(house.get("/oauth/token").await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn pages_cannot_be_framed_kept_or_made_to_run_anything() {
    let house = House::open().await;
    for path in ["/signin", "/device", "/signin/password?token=x"] {
        let page = house.get(path).await;
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert_eq!(page.headers["cache-control"], "no-store");
        assert_eq!(page.headers["x-frame-options"], "DENY");
    }
    let secure =
        House::with(|settings| settings.public = Some(Base::of_setting("https://gw.example.org"))).await;
    let page = secure.get("/signin").await;
    let cookie = page.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-stonegate-visitor=") && cookie.contains("; Secure"), "{cookie}");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
}

#[tokio::test]
async fn scope_escalation_a_users_token_gets_nothing_that_the_role_may_not_hold() {
    let house = House::open().await;
    house.person("eve", "user").await;
    let all = Scope::ALL.map(Scope::as_str).join(" ");
    let tokens = house.tokens("eve", &all).await;
    let granted = tokens.member("scope");
    for scope in granted.split(' ') {
        assert!(Role::User.may_hold().contains(scope.parse().unwrap()), "{granted}");
    }
    // Nor at a refresh, from little to more.
    let little = house.tokens("eve", "messages:send").await;
    let pairs = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &*little.member("refresh_token")),
        ("scope", &*all),
    ];
    let more = house.form("/oauth/token", &pairs).await;
    if more.status == StatusCode::OK {
        assert_eq!(more.member("scope"), "messages:send");
    } else {
        assert_eq!(more.error(), (400, "invalid_scope".to_owned()));
    }
    let token = tokens.member("access_token");
    for path in ["/audit", "/tenants", "/trust"] {
        let refused = house.api(Some(&token), "GET", path, Value::Null).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}: {refused:?}");
    }
    let wanted = json!({ "name": "more", "scopes": ["admin:write"] });
    let refused = house.api(Some(&token), "POST", "/keys", wanted).await;
    assert!(matches!(refused.status.as_u16(), 400 | 403), "{refused:?}");
}

#[tokio::test]
async fn downgrade_a_browser_that_came_by_tls_does_not_come_without_it() {
    for (url, expected) in [
        ("https://gw.example.org", Some("max-age=31536000")),
        ("http://gw.example.org", None),
        ("https://localhost:8443", None),
    ] {
        let house = House::with(|settings| settings.public = Some(Base::of_setting(url))).await;
        for path in ["/signin", "/device", "/home", "/.well-known/stonegate"] {
            let reply = house.get(path).await;
            let told = reply.headers.get("strict-transport-security").map(|value| value.to_str().unwrap());
            assert_eq!(told, expected, "{url}{path}");
        }
    }
}
