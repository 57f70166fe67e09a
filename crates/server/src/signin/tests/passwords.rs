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
