//! Local accounts.

use super::*;

#[tokio::test]
async fn the_bootstrap_token_makes_an_administrator_who_can_sign_in() {
    let house = House::open().await;
    let mut browser = Visitor::default();
    let page = browser.get(&house, "/signin").await;
    let pairs = [("email", " root@EXAMPLE.org "), ("password", PASSWORD)];
    let signed_in = browser.post(&house, "/signin", &page, &pairs).await;
    assert_eq!((signed_in.status, signed_in.location()), (StatusCode::SEE_OTHER, "/signin"), "{signed_in:?}");
    assert!(browser.get(&house, "/signin").await.text.contains("signed in as root"));
    let page = browser.get(&house, "/signin").await;
    let before = browser.clone();
    let left = browser.post(&house, "/signout", &page, &[]).await;
    assert_eq!(left.status, StatusCode::SEE_OTHER, "{left:?}");
    // The cookie itself is over, not only forgotten.
    assert!(before.clone().get(&house, "/signin").await.text.contains("Password"));
}

#[tokio::test]
async fn a_link_sets_a_password_once_and_ends_what_was() {
    let house = House::open().await;
    let ann = house.person("ann", "user").await;
    let tokens = house.tokens("ann", "messages:send").await;
    let link =
        house.as_admin("POST", &format!("/users/{ann}/password-link"), Value::Null).await.member("url");
    let (path, token) =
        (link.strip_prefix("http://localhost:8080").unwrap(), link.split_once('=').unwrap().1);
    let mut browser = Visitor::default();
    let page = browser.get(&house, path).await;
    let send = [("token", token), ("password", "too short")];
    let unfit = browser.post(&house, "/signin/password", &page, &send).await;
    assert_eq!(unfit.status, StatusCode::BAD_REQUEST);
    assert!(unfit.text.contains("12 to 200 characters"), "{}", unfit.text);
    let send = [("token", token), ("password", "another good password")];
    assert_eq!(browser.post(&house, "/signin/password", &page, &send).await.status, StatusCode::OK);
    assert_eq!(browser.post(&house, "/signin/password", &page, &send).await.status, StatusCode::NOT_FOUND);
    assert_eq!(house.whoami(&tokens.member("access_token")).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.tokens("ann", "messages:send").await.error(), (400, "invalid_grant".to_owned()));
    // A link that nobody used ends.
    let link =
        house.as_admin("POST", &format!("/users/{ann}/password-link"), Value::Null).await.member("url");
    pass(24 * 3_600);
    let token = link.split_once('=').unwrap().1;
    let send = [("token", token), ("password", "another good password")];
    assert_eq!(browser.post(&house, "/signin/password", &page, &send).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_sign_in_that_began_by_the_old_password_does_not_outlive_it() {
    let house = House::open().await;
    let ann = house.person("ann", "user").await;
    let shown = local::Shown {
        login: "ann@example.org",
        password: PASSWORD,
        code: "",
        network: Asker(None).network(),
    };
    let proven = local::sign_in(&house.sign_in, &shown, &by_server(now(), Asker(None))).await.unwrap();
    // Meanwhile, before it has its session:
    house.set_password(&ann, "another good password").await;
    let act = Act { by: Actor::User(proven.user.id.clone()), at: now(), request_id: None, address: None };
    let wanted = (stonegate_identity::Scopes::for_calls(), "x".to_owned());
    let tokens =
        session::open(&house.sign_in, &proven.user, wanted, session::Lasting::Refreshed, &act).await.unwrap();
    assert_eq!(house.whoami(tokens.access.as_str()).await.status, StatusCode::OK);
    assert!(!local::still_holds(&house.sign_in, &proven, &act).await.unwrap());
    assert_eq!(house.whoami(tokens.access.as_str()).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn bootstrap_tells_nobody_who_has_an_account() {
    let house = House::open().await;
    house.person("ann", "user").await;
    for email in ["ann@example.org", "nobody@example.org"] {
        for password in [PASSWORD, "short"] {
            let guess = json!({
                "token": BootstrapToken::mint([7; 24]).as_str(), "email": email, "password": password,
            });
            let refused = house.api(None, "POST", "/bootstrap", guess).await;
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{email}: {refused:?}");
        }
    }
}

#[tokio::test]
async fn a_link_ends_with_what_it_was_made_for() {
    let house = House::open().await;
    let ann = house.person("ann", "user").await;
    let link = async || {
        let made = house.as_admin("POST", &format!("/users/{ann}/password-link"), Value::Null).await;
        made.member("url").split_once('=').unwrap().1.to_owned()
    };
    let set = async |token: &str| {
        let mut browser = Visitor::default();
        let page = browser.get(&house, &format!("/signin/password?token={token}")).await;
        let send = [("token", token), ("password", "another good password")];
        browser.post(&house, "/signin/password", &page, &send).await.status.as_u16()
    };
    let edit = async |edit: Value| {
        assert_eq!(house.as_admin("PATCH", &format!("/users/{ann}"), edit).await.status, StatusCode::OK);
    };
    let first = link().await;
    let second = link().await;
    assert_eq!((set(&first).await, set(&second).await, set(&second).await), (404, 200, 404), "one at a time");
    for (change, back) in [
        (json!({ "email": "anne@example.org" }), json!({ "email": "ann@example.org" })),
        (json!({ "role": "admin" }), json!({ "role": "user" })),
        (json!({ "disabled": true }), json!({ "disabled": false })),
    ] {
        let made = link().await;
        edit(change.clone()).await;
        assert_eq!(set(&made).await, 404, "{change}");
        edit(back).await;
    }
    // Somebody else's login burns no link.
    house.person("bob", "user").await;
    edit(json!({ "email": "bob@example.org" })).await;
    let made = link().await;
    assert_eq!((set(&made).await, set(&made).await), (409, 409));
}

#[tokio::test]
async fn a_link_needs_an_address_and_someone_below() {
    let house = House::open().await;
    let nameless = house.as_admin("POST", "/users", json!({ "name": "bob" })).await.member("id");
    let refused = house.as_admin("POST", &format!("/users/{nameless}/password-link"), Value::Null).await;
    assert_eq!((refused.status, &refused.json()["error"]["field"]), (StatusCode::CONFLICT, &json!("email")));
    house.person("ann", "user").await;
    let tokens = house.tokens("ann", "messages:send keys:manage").await;
    let own = house.whoami(&tokens.member("access_token")).await.member("user");
    let path = format!("/users/{own}/password-link");
    let refused = house.api(Some(&tokens.member("access_token")), "POST", &path, Value::Null).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}
