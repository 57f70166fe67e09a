//! A command line signs a browser in, and what strangers make of its links.

use super::*;

const NARROW: &str = "messages:send";
const USUAL: &str = "messages:send usage:read keys:manage";

/// A link that ann's command line made, as the path that her browser opens.
async fn link(house: &House, access_token: &str) -> String {
    let made = house.api(Some(access_token), "POST", "/sign-in-links", Value::Null).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    made.member("url").strip_prefix("http://localhost:8080").unwrap().to_owned()
}

/// Goes where a link leads, to the page that asks.
async fn open(browser: &mut Visitor, house: &House, path: &str) -> Reply {
    let gone = browser.get(house, path).await;
    assert_eq!((gone.status, gone.location()), (StatusCode::SEE_OTHER, "/signin/link"), "{gone:?}");
    browser.get(house, "/signin/link").await
}

/// Says yes on that page.
async fn agree(browser: &mut Visitor, house: &House, page: &Reply) -> Reply {
    let link = page.text.split_once("name=\"link\" value=\"");
    let link = link.and_then(|(_, rest)| rest.split_once('"')).map_or("", |(name, _)| name).to_owned();
    browser.post(house, "/signin/link", page, &[("link", &link)]).await
}

async fn person(house: &House, name: &str, scope: &str) -> Reply {
    house.person(name, "user").await;
    house.tokens(name, scope).await
}

#[tokio::test]
async fn a_browser_is_signed_in_by_the_command_line() {
    let house = House::open().await;
    let ann = person(&house, "ann", USUAL).await;
    let path = link(&house, &ann.member("access_token")).await;
    let mut browser = Visitor::default();
    let page = open(&mut browser, &house, &path).await;
    assert!(page.status == StatusCode::OK && page.text.contains("<dd>ann</dd>"), "{page:?}");
    let token = path.split_once("token=").unwrap().1;
    assert!(!page.text.contains(token), "the token stands in no page");
    let done = agree(&mut browser, &house, &page).await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/home"));
    assert!(!browser.cookie_line().contains(token), "and in no cookie when it was used");
    let home = browser.get(&house, "/home").await;
    for expected in ["<dd>ann</dd>", "Nothing has been used yet", "You have none of your own", "keys create"]
    {
        assert!(home.text.contains(expected), "{expected}: {}", home.text);
    }
    assert!(home.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    assert_eq!(home.headers["cache-control"], "no-store");
    assert!(house.audit().await.iter().any(|(action, _)| action == "signin.link"));
}

#[tokio::test]
async fn a_link_works_once_and_for_two_minutes() {
    let house = House::open().await;
    let ann = person(&house, "ann", USUAL).await.member("access_token");
    let path = link(&house, &ann).await;
    let mut browser = Visitor::default();
    let page = open(&mut browser, &house, &path).await;
    // Somebody else saw the address, and is a moment faster.
    let mut thief = Visitor::default();
    let stolen = open(&mut thief, &house, &path).await;
    assert_eq!(agree(&mut browser, &house, &page).await.status, StatusCode::SEE_OTHER);
    assert_eq!(agree(&mut thief, &house, &stolen).await.status, StatusCode::NOT_FOUND);
    assert_eq!(thief.get(&house, "/home").await.location(), "/signin");
    assert_eq!(open(&mut Visitor::default(), &house, &path).await.status, StatusCode::NOT_FOUND);

    let path = link(&house, &ann).await;
    let page = open(&mut browser, &house, &path).await;
    pass(121);
    assert_eq!(agree(&mut browser, &house, &page).await.status, StatusCode::NOT_FOUND);
    assert_eq!(open(&mut Visitor::default(), &house, &path).await.status, StatusCode::NOT_FOUND);
    for path in ["/signin/link?token=stone-link-x", "/signin/link?token=", "/signin/link"] {
        assert_eq!(Visitor::default().get(&house, path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_link_leads_nowhere_else() {
    let house = House::open().await;
    let ann = person(&house, "ann", USUAL).await.member("access_token");
    let path = format!("{}&next=https://evil.example&user_code=BCDF-GHJK", link(&house, &ann).await);
    let mut browser = Visitor::default();
    let page = open(&mut browser, &house, &path).await;
    assert!(!page.text.contains("evil"), "{}", page.text);
    assert_eq!(agree(&mut browser, &house, &page).await.location(), "/home");
}

#[tokio::test]
async fn nobody_is_signed_in_as_somebody_else_unasked() {
    let house = House::open().await;
    let (ann, bob) = (person(&house, "ann", USUAL).await, person(&house, "bob", USUAL).await);
    let mut browser = Visitor::default();
    browser.sign_in(&house, "bob", "").await;
    let of_bob = browser.clone();
    // Ann sends bob her link: its mere opening changes nothing.
    let path = link(&house, &ann.member("access_token")).await;
    let page = open(&mut browser, &house, &path).await;
    assert!(page.text.contains("You are signed in as bob, which ends."), "{}", page.text);
    assert!(browser.get(&house, "/home").await.text.contains("<dd>bob</dd>"));
    // Nor does a form of another site, nor one that asked about another link.
    let forged = Request::post("/signin/link")
        .header("host", HOST)
        .header("origin", "https://evil.example")
        .header("sec-fetch-site", "cross-site")
        .header("cookie", browser.cookie_line());
    let token = form_token(&page);
    assert_eq!(house.send(forged, encoded(&[("form_token", &token)])).await.status, StatusCode::FORBIDDEN);
    let own = link(&house, &bob.member("access_token")).await;
    let asked = open(&mut browser, &house, &own).await;
    assert!(!asked.text.contains("which ends"), "it is his own");
    browser.get(&house, &path).await;
    assert_eq!(agree(&mut browser, &house, &asked).await.status, StatusCode::NOT_FOUND);
    assert!(browser.get(&house, "/home").await.text.contains("<dd>bob</dd>"));
    // When he says yes to it, what he had before has ended.
    let page = browser.get(&house, "/signin/link").await;
    assert_eq!(agree(&mut browser, &house, &page).await.status, StatusCode::SEE_OTHER);
    assert!(browser.get(&house, "/home").await.text.contains("<dd>ann</dd>"));
    assert_eq!(of_bob.clone().get(&house, "/home").await.location(), "/signin");
}

#[tokio::test]
async fn a_browser_may_no_more_than_the_sign_in_and_ends_with_it() {
    let house = House::open().await;
    let ann = person(&house, "ann", NARROW).await;
    let access = ann.member("access_token");
    let mut browser = Visitor::default();
    let page = open(&mut browser, &house, &link(&house, &access).await).await;
    agree(&mut browser, &house, &page).await;
    let home = browser.get(&house, "/home").await;
    assert!(home.text.contains("<dd>ann</dd>"), "{}", home.text);
    for hidden in ["This month", "Budgets", "Keys", "/device"] {
        assert!(!home.text.contains(hidden), "{hidden}: {}", home.text);
    }
    // A device would get what ann may, not what her sign-in may.
    let device = house.form("/oauth/device_authorization", &[("scope", "keys:manage")]).await;
    let code = device.member("user_code");
    let refused = browser.get(&house, &format!("/device?user_code={code}")).await;
    assert_eq!((refused.status, refused.text.contains("Sign in here first")), (StatusCode::FORBIDDEN, true));
    let pairs = [("user_code", &*code), ("decision", "approve")];
    let refused = browser.post(&house, "/device", &home, &pairs).await;
    assert_eq!((refused.status, refused.text.contains("Sign in here first")), (StatusCode::FORBIDDEN, true));

    let unused = link(&house, &access).await;
    let ended = house.form("/oauth/revoke", &[("token", &ann.member("refresh_token"))]).await;
    assert_eq!(ended.status, StatusCode::OK);
    assert_eq!(browser.get(&house, "/home").await.location(), "/signin");
    assert_eq!(open(&mut Visitor::default(), &house, &unused).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn keys_and_browsers_make_no_links() {
    let house = House::open().await;
    let ann = person(&house, "ann", USUAL).await.member("access_token");
    let made = house.api(Some(&ann), "POST", "/keys", json!({ "name": "ci", "scopes": [NARROW] })).await;
    let child = house.api(Some(&ann), "POST", "/keys/ephemeral", json!({ "scopes": [NARROW] })).await;
    for key in [&made.member("key"), &child.member("key"), &house.admin_key] {
        let refused = house.api(Some(key), "POST", "/sign-in-links", Value::Null).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
    }
    let mut browser = Visitor::default();
    browser.sign_in(&house, "ann", "").await;
    let cookie = browser.cookies["stonegate-session"].clone();
    let refused = house.api(Some(&cookie), "POST", "/sign-in-links", Value::Null).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_person_sees_what_is_theirs() {
    let house = House::open().await;
    let id = house.person("ann", "user").await;
    for (account, limit) in [(format!("user:{id}"), "50"), ("tenant:default".to_owned(), "9000")] {
        let budget = json!({ "account": account, "window": "monthly", "limit_usd": limit });
        assert_eq!(house.as_admin("POST", "/budgets", budget).await.status, StatusCode::CREATED);
    }
    assert_eq!(
        house.as_admin("POST", "/keys", json!({ "name": "elsewhere" })).await.status,
        StatusCode::CREATED
    );
    let key = json!({ "name": "<b>laptop</b>", "user": id, "scopes": [NARROW] });
    assert_eq!(house.as_admin("POST", "/keys", key).await.status, StatusCode::CREATED);
    let mut browser = Visitor::default();
    browser.sign_in(&house, "ann", "").await;
    let home = browser.get(&house, "/home").await.text;
    assert!(home.contains("of $50") && !home.contains("9000"), "{home}");
    assert!(home.contains("&lt;b&gt;laptop") && home.contains("never used"), "{home}");
    assert!(!home.contains("elsewhere"), "nothing of others: {home}");
    assert_eq!(Visitor::default().get(&house, "/home").await.location(), "/signin");
}
