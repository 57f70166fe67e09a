//! People whom their provider provisions by SCIM, and what their groups make of them.

use stonegate_identity::directory::UserEdit;
use stonegate_identity::provisioning::{Provisioned as Kept, ProvisionedKind};
use stonegate_identity::ticket::TicketKind;
use stonegate_identity::{TenantId, UserId};

use super::*;
use crate::signin::settle::settle_everyone;
use crate::signin::tests::totp;

const RULES: &str = r#"
    { group = "admins", role = "admin" },
    { group = "leads", team = "core", role = "team_lead" },
    { group = "staff", allow_models = ["claude-*"] },
"#;

/// A provider, a gateway that it provisions, and the key for that.
struct Provisioned {
    idp: Idp,
    house: House,
    key: String,
}

impl Provisioned {
    async fn start() -> Self {
        let idp = Idp::start().await;
        let house = idp.house_with("scim = true", RULES).await;
        let service = house.as_admin("POST", "/users", json!({ "name": "idp", "role": "admin" })).await;
        let key = json!({ "name": "scim", "user": service.member("id"), "scopes": ["scim:write"] });
        let key = house.as_admin("POST", "/keys", key).await.member("key");
        Self { idp, house, key }
    }

    async fn scim(&self, method: &str, path: &str, body: Value) -> Value {
        let reply = self.ask(method, path, body).await;
        assert!(reply.status.is_success(), "{method} {path}: {reply:?}");
        if reply.text.is_empty() { Value::Null } else { reply.json() }
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(format!("/scim/v2{path}"))
            .header("host", HOST)
            .header("authorization", format!("Bearer {}", self.key));
        self.house.send(request, body.to_string()).await
    }

    /// A user as another one's word makes them, or an act of ours.
    async fn made(&self, id: &UserId, name: &str) {
        let new = stonegate_identity::directory::NewUser {
            id: id.clone(),
            tenant: TenantId::default_tenant(),
            team: None,
            name: name.to_owned(),
            email: None,
            role: stonegate_identity::Role::User,
            models: stonegate_identity::ModelRule::default(),
        };
        self.house.store.directory.create_user(new, &by_us()).await.unwrap();
    }

    async fn key_of(&self, user: &str) -> String {
        let key = json!({ "name": "laptop", "user": user, "scopes": ["messages:send"] });
        self.house.as_admin("POST", "/keys", key).await.member("key")
    }

    async fn is_let_in(&self, key: &str) -> bool {
        self.house.whoami(key).await.status == StatusCode::OK
    }

    /// A device that the person behind this browser has approved.
    async fn approved(&self, browser: &mut Visitor, name: &str) -> String {
        let device = self.house.form("/oauth/device_authorization", &[]).await.json();
        let code = device["user_code"].as_str().unwrap();
        browser.sign_in(&self.house, name, code).await;
        let page = browser.get(&self.house, &format!("/device?user_code={code}")).await;
        browser.post(&self.house, "/device", &page, &[("user_code", code), ("decision", "approve")]).await;
        device["device_code"].as_str().unwrap().to_owned()
    }

    /// What the provider says is written down, and nobody follows it.
    async fn put_out_but_not_followed(&self, id: &str) {
        let (store, tenant) = (&self.house.store.provisioning, TenantId::default_tenant());
        let (kept, seen) = store.find(&tenant, ProvisionedKind::User, id).await.unwrap().unwrap();
        let body = kept.body.replace("\"active\":true", "\"active\":false");
        assert_ne!(body, kept.body);
        store.replace(seen, Kept { body, ..kept }).await.unwrap();
    }

    async fn person(&self, name: &str) -> String {
        let made =
            self.scim("POST", "/Users", json!({ "userName": name, "externalId": format!("{name}-at-idp") }));
        made.await["id"].as_str().unwrap().to_owned()
    }

    async fn group(&self, name: &str, members: &[&str]) -> String {
        let members: Vec<_> = members.iter().map(|id| json!({ "value": id })).collect();
        let made = self.scim("POST", "/Groups", json!({ "displayName": name, "members": members })).await;
        format!("/Groups/{}", made["id"].as_str().unwrap())
    }

    async fn change(&self, path: &str, operation: Value) -> Value {
        self.scim("PATCH", path, json!({ "Operations": [operation] })).await
    }

    /// Ann's sign-in, with groups in the token that do not count.
    async fn come(&self) -> Reply {
        let token = self.idp.signed(&[("groups", json!(["admins"]))]);
        self.house.form("/oauth/token", &assertion(&token, "messages:send keys:manage")).await
    }

    /// What the directory says of somebody: role, team, models, and whether they are disabled.
    async fn user(&self, id: &str) -> (String, bool, Value, bool) {
        let user = self.house.as_admin("GET", &format!("/users/{id}"), Value::Null).await.json();
        let role = user["role"].as_str().unwrap().to_owned();
        (role, user["team"].is_string(), user["models"]["allow"].clone(), user["disabled_at"].is_string())
    }
}

fn by_us() -> Act {
    Act { by: Actor::Server, at: now(), request_id: None, address: None }
}

fn refused(reply: &Reply) -> bool {
    reply.status.is_client_error() && reply.member("error") == "invalid_grant"
}

#[tokio::test]
async fn whoever_is_provisioned_gets_in_as_their_groups_say_and_nobody_else() {
    let at = Provisioned::start().await;
    assert!(refused(&at.come().await), "nobody is made at a sign-in");
    let ann = at.person("ann").await;
    assert!(refused(&at.come().await), "no rule is for somebody without groups");
    let shown = at.scim("GET", &format!("/Users/{ann}"), Value::Null).await;
    assert_eq!(shown["active"], json!(true), "which is not to say that the provider has put them out");
    let staff = at.group("staff", &[&ann]).await;
    assert_eq!(at.user(&ann).await, ("user".to_owned(), false, json!(["claude-*"]), false));
    let tokens = at.come().await;
    assert_eq!(tokens.status, StatusCode::OK, "{tokens:?}");
    let access = tokens.member("access_token");
    assert_eq!(at.house.whoami(&access).await.member("user"), ann);

    // A rule that leads to a team which is not there lets nobody in; then it does.
    let leads = at.group("Leads", &[]).await;
    at.change(&leads, json!({ "op": "replace", "path": "displayName", "value": "leads" })).await;
    at.change(&leads, json!({ "op": "add", "path": "members", "value": [{ "value": ann }] })).await;
    assert_eq!(at.house.whoami(&access).await.status, StatusCode::UNAUTHORIZED);
    at.house.as_admin("POST", "/teams", json!({ "name": "core" })).await;
    assert_eq!(at.come().await.status, StatusCode::OK, "the rules are looked at whenever somebody comes");
    assert_eq!(at.user(&ann).await, ("team_lead".to_owned(), true, json!([]), false));

    // Out of the last group: out at once, and back when she is in one again.
    at.scim("DELETE", &leads, Value::Null).await;
    assert_eq!(at.user(&ann).await, ("user".to_owned(), false, json!(["claude-*"]), false));
    at.change(&staff, json!({ "op": "Remove", "path": format!("members[value eq \"{ann}\"]") })).await;
    assert_eq!(at.house.whoami(&access).await.status, StatusCode::UNAUTHORIZED);
    assert!(refused(&at.come().await));
    at.change(&staff, json!({ "op": "Add", "path": "members", "value": [{ "value": ann }] })).await;
    assert_eq!(at.house.whoami(&access).await.status, StatusCode::OK);
}

#[tokio::test]
async fn whom_the_provider_has_put_out_no_sign_in_brings_back() {
    let at = Provisioned::start().await;
    let ann = at.person("ann").await;
    let staff = at.group("staff", &[&ann]).await;
    for (method, body) in [
        ("PATCH", json!({ "Operations": [{ "op": "Replace", "path": "active", "value": "False" }] })),
        ("DELETE", Value::Null),
    ] {
        let tokens = at.come().await;
        let access = tokens.member("access_token");
        let wanted = json!({ "name": method, "scopes": ["messages:send"] });
        let key = at.house.api(Some(&access), "POST", "/keys", wanted).await.member("key");
        pass(1);
        at.scim(method, &format!("/Users/{ann}"), body).await;
        for text in [&access, &key] {
            assert_eq!(at.house.whoami(text).await.status, StatusCode::UNAUTHORIZED, "{method}");
        }
        assert!(refused(&at.come().await), "{method}");
        // Nor do groups.
        at.change(&staff, json!({ "op": "remove", "path": "members" })).await;
        at.change(&staff, json!({ "op": "add", "path": "members", "value": [{ "value": ann }] })).await;
        assert!(refused(&at.come().await), "{method}");
        pass(1);
        if method == "PATCH" {
            at.change(
                &format!("/Users/{ann}"),
                json!({ "op": "Replace", "path": "active", "value": "True" }),
            )
            .await;
        } else {
            assert_eq!(at.person("ann").await, ann);
            at.change(&staff, json!({ "op": "add", "path": "members", "value": [{ "value": ann }] })).await;
        }
        assert_eq!(at.come().await.status, StatusCode::OK);
        assert_eq!(
            at.house.whoami(&access).await.status,
            StatusCode::UNAUTHORIZED,
            "sign-ins are over for good"
        );
        let is_kept = at.house.whoami(&key).await.status == StatusCode::OK;
        assert_eq!(is_kept, method == "PATCH", "keys come back with their user, but not from the dead");
    }
}

#[tokio::test]
async fn refresh_tokens_end_with_whoever_is_put_out() {
    let at = Provisioned::start().await;
    let ann = at.person("ann").await;
    at.group("staff", &[&ann]).await;
    let device = at.house.form("/oauth/device_authorization", &[]).await.json();
    let code = device["user_code"].as_str().unwrap();
    let mut browser = Visitor::default();
    at.idp.sign_in(&at.house, &mut browser, code).await;
    let page = browser.get(&at.house, &format!("/device?user_code={code}")).await;
    browser.post(&at.house, "/device", &page, &[("user_code", code), ("decision", "approve")]).await;
    let pairs = [("grant_type", DEVICE_CODE), ("device_code", device["device_code"].as_str().unwrap())];
    let tokens = at.house.form("/oauth/token", &pairs).await;
    let turn = async |active: bool| {
        pass(1);
        let operation = json!({ "op": "replace", "value": { "active": active } });
        at.change(&format!("/Users/{ann}"), operation).await;
    };
    turn(false).await;
    let refresh = tokens.member("refresh_token");
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", &*refresh)];
    let late = at.house.form("/oauth/token", &pairs).await;
    assert!(refused(&late), "{late:?}");
    turn(true).await;
    assert!(refused(&at.house.form("/oauth/token", &pairs).await), "for good");
    // The browser, too, has to sign in again.
    let page = browser.get(&at.house, &format!("/device?user_code={code}")).await;
    assert!(page.status.is_redirection(), "{page:?}");
}

#[tokio::test]
async fn whoever_came_by_a_provider_before_it_provisioned_its_people_is_taken_over_or_let_go() {
    let at = Provisioned::start().await;
    // As if ann had come before: her user is the one that follows from issuer and subject.
    let id = person::id_of(&at.idp.issuer, "ann-at-idp");
    at.made(&id, "ann").await;
    let key = at.key_of(id.as_str()).await;
    assert!(refused(&at.come().await));
    assert!(at.user(id.as_str()).await.3, "she is disabled now");
    assert_eq!(at.person("ann").await, id.as_str());
    at.group("staff", &[id.as_str()]).await;
    assert_eq!(at.come().await.status, StatusCode::OK);
    assert!(at.is_let_in(&key).await, "the provider itself says who she is");
}

#[tokio::test]
async fn whoever_made_a_user_of_somebodys_name_does_not_sign_in_as_them() {
    let at = Provisioned::start().await;
    let boss = at.house.person("boss", "user").await;
    let tokens = at.house.tokens("boss", "messages:send").await;
    let key = at.key_of(&boss).await;
    let device = at.approved(&mut Visitor::default(), "boss").await;
    totp::enabled(&at.house, "boss@example.org").await;
    let path = format!("/users/{boss}/password-link");
    let link = at.house.as_admin("POST", &path, Value::Null).await.member("url");
    pass(1);
    assert_eq!(at.person("boss").await, boss);
    at.group("admins", &[&boss]).await;
    assert_eq!(at.user(&boss).await.0, "admin");

    for text in [&tokens.member("access_token"), &key] {
        assert!(!at.is_let_in(text).await);
    }
    let refresh = tokens.member("refresh_token");
    for pairs in [
        [("grant_type", "refresh_token"), ("refresh_token", &*refresh)],
        [("grant_type", DEVICE_CODE), ("device_code", &*device)],
    ] {
        let reply = at.house.form("/oauth/token", &pairs).await;
        assert!(reply.status.is_client_error(), "{reply:?}");
    }
    let directory = &at.house.store.directory;
    assert_eq!(directory.find_password("boss@example.org").await.unwrap(), None);
    let factor = at.house.store.tickets.find(TicketKind::SecondFactor, &boss, now()).await.unwrap();
    assert_eq!(factor, None);
    let mut browser = Visitor::default();
    let page = browser.get(&at.house, link.strip_prefix("http://localhost:8080").unwrap()).await;
    let send = [("token", link.split_once('=').unwrap().1), ("password", PASSWORD)];
    let late = browser.post(&at.house, "/signin/password", &page, &send).await;
    assert_eq!(late.status, StatusCode::NOT_FOUND, "{late:?}");

    let audit = at.house.audit().await;
    let subject = format!("user:{boss}");
    for action in ["scim.user.take_over", "password.remove", "totp.reset", "signin.end"] {
        assert!(audit.contains(&(action.to_owned(), subject.clone())), "{action}: {audit:?}");
    }
    let token = at.idp.signed(&[("sub", json!("boss-at-idp"))]);
    let tokens = at.house.form("/oauth/token", &assertion(&token, "messages:send")).await;
    assert_eq!(at.house.whoami(&tokens.member("access_token")).await.member("user"), boss);
}

#[tokio::test]
async fn whom_another_one_signs_in_is_not_taken_over_by_name() {
    let at = Provisioned::start().await;
    // Whoever takes on a role of AWS calls the session as they like.
    let id = person::id_of("arn:aws:iam::123456789012", "role/Build/boss");
    at.made(&id, "boss").await;
    let key = at.key_of(id.as_str()).await;
    let reply = at.ask("POST", "/Users", json!({ "userName": "boss", "externalId": "boss-at-idp" })).await;
    assert_eq!((reply.status, reply.member("scimType")), (StatusCode::CONFLICT, "uniqueness".to_owned()));
    assert!(reply.member("detail").contains("renames"), "{reply:?}");
    assert!(at.is_let_in(&key).await, "nothing has happened to them");
    at.house.as_admin("PATCH", &format!("/users/{id}"), json!({ "name": "boss-of-builds" })).await;
    assert_ne!(at.person("boss").await, id.as_str());
}

#[tokio::test]
async fn what_scim_says_of_somebody_another_ones_rules_do_not_change() {
    let at = Provisioned::start().await;
    let id = person::id_of("arn:aws:iam::123456789012", "person/ann");
    let place = at.house.sign_in.settings.providers[0].rules[0].place.clone();
    let come = async || {
        let (id, email) = (id.clone(), None);
        let person =
            person::Vouched { id, name: "ann", by: "aws", email, place: &place, action: "signin.aws" };
        person::admit(&at.house.sign_in, person, &by_us()).await
    };
    assert_eq!(come().await.unwrap().role.as_str(), "admin");
    let kept = Kept {
        tenant: TenantId::default_tenant(),
        kind: ProvisionedKind::User,
        id: id.to_string(),
        name_key: "ann".to_owned(),
        external_id: None,
        body: json!({ "userName": "ann", "active": true }).to_string(),
        created_at: now(),
        changed_at: now(),
    };
    assert!(at.house.store.provisioning.create(kept).await.unwrap());
    settle_everyone(&at.house.sign_in).await.unwrap();
    assert!(come().await.is_err(), "she is in no group");
    assert!(at.user(id.as_str()).await.3);
    person::let_go(&at.house.sign_in, &id, None, &by_us()).await.unwrap();
    at.group("staff", &[id.as_str()]).await;
    let staff = ("user".to_owned(), false, json!(["claude-*"]), false);
    assert_eq!(at.user(id.as_str()).await, staff);
    assert_eq!(come().await.unwrap().role.as_str(), "user");
    assert_eq!(at.user(id.as_str()).await, staff);
}

#[tokio::test]
async fn the_last_administrator_stays_one_whatever_groups_say() {
    let at = Provisioned::start().await;
    let ann = at.person("ann").await;
    let admins = at.group("admins", &[&ann]).await;
    assert_eq!(at.user(&ann).await.0, "admin");
    let root = at.house.as_admin("GET", "/whoami", Value::Null).await.member("user");
    let access = at.come().await.member("access_token");
    let edit = UserEdit { disabled: Some(true), ..UserEdit::default() };
    let root = UserId::parse(&root).unwrap();
    at.house.store.directory.update_user(&root, edit, &by_us()).await.unwrap();
    at.change(&admins, json!({ "op": "remove", "path": "members" })).await;
    let who = at.house.whoami(&access).await;
    assert_eq!((who.status, who.member("role")), (StatusCode::OK, "admin".to_owned()), "{who:?}");
}

#[tokio::test]
async fn somebody_is_known_by_what_their_provider_calls_them_and_by_name_where_it_calls_them_nothing() {
    let at = Provisioned::start().await;
    let mut ids = Vec::new();
    for (name, external) in [("ann", "other"), ("bob", "ann-at-idp"), ("Cid@example.org", ""), ("dan", "")] {
        let made = at.scim("POST", "/Users", json!({ "userName": name, "externalId": external })).await;
        ids.push(made["id"].as_str().unwrap().to_owned());
    }
    at.group("staff", &[&ids[0], &ids[1], &ids[2], &ids[3]]).await;
    let come = async |claims: &[(&str, Value)]| {
        let tokens = at.house.form("/oauth/token", &assertion(&at.idp.signed(claims), "messages:send")).await;
        match tokens.status {
            StatusCode::OK => Some(at.house.whoami(&tokens.member("access_token")).await.member("user")),
            _ => None,
        }
    };
    let stranger = |claims: &[(&'static str, Value)]| {
        let base = [("sub", json!("x")), ("preferred_username", json!("x")), ("email", Value::Null)];
        base.into_iter().chain(claims.iter().cloned()).collect::<Vec<_>>()
    };
    let cid = json!("cid@example.org");
    for (claims, expected) in [
        (Vec::new(), Some(1)),
        (stranger(&[("oid", json!("ann-at-idp"))]), Some(1)),
        // Whoever may choose their name there would choose ann's.
        (stranger(&[("preferred_username", json!("ANN"))]), None),
        (stranger(&[("upn", json!("bob"))]), None),
        (stranger(&[("preferred_username", json!("DAN"))]), Some(3)),
        (stranger(&[("upn", cid.clone())]), Some(2)),
        (stranger(&[("email", cid.clone()), ("email_verified", json!(true))]), Some(2)),
        (stranger(&[("email", cid.clone()), ("email_verified", json!(false))]), None),
        (stranger(&[("email", cid.clone())]), None),
        (stranger(&[("email", cid), ("email_verified", json!("yes"))]), None),
        (stranger(&[("oid", json!("a\0"))]), None),
        (stranger(&[]), None),
        // Nobody is known by nothing.
        (stranger(&[("oid", json!(""))]), None),
    ] {
        assert_eq!(come(&claims).await, expected.map(|at: usize| ids[at].clone()), "{claims:?}");
    }
}

#[tokio::test]
async fn what_a_server_that_died_had_written_down_is_followed_later() {
    let at = Provisioned::start().await;
    let ann = at.person("ann").await;
    let staff = at.group("staff", &[&ann]).await;
    let access = at.come().await.member("access_token");
    let group = staff.strip_prefix("/Groups/").unwrap();
    at.house.store.provisioning.change_members(group, &[], std::slice::from_ref(&ann)).await.unwrap();
    assert_eq!(at.house.whoami(&access).await.status, StatusCode::OK);
    at.person("bob").await;
    assert_eq!(at.house.whoami(&access).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn whom_a_server_that_died_had_only_written_down_as_gone_is_put_out_without_anybodys_doing() {
    let at = Provisioned::start().await;
    let ann = at.person("ann").await;
    at.group("staff", &[&ann]).await;
    let access = at.come().await.member("access_token");
    at.put_out_but_not_followed(&ann).await;
    assert!(at.is_let_in(&access).await);
    settle_everyone(&at.house.sign_in).await.unwrap();
    assert!(!at.is_let_in(&access).await);
}

#[tokio::test]
async fn sign_ins_end_even_where_whoever_disabled_their_person_died_before() {
    let at = Provisioned::start().await;
    let ann = at.person("ann").await;
    at.group("staff", &[&ann]).await;
    let access = at.come().await.member("access_token");
    let id = UserId::parse(&ann).unwrap();
    at.put_out_but_not_followed(&ann).await;
    person::note_why(&at.house.sign_in, TicketKind::Deprovisioned, &id, now(), now()).await.unwrap();
    let edit = UserEdit { disabled: Some(true), ..UserEdit::default() };
    at.house.store.directory.update_user(&id, edit, &by_us()).await.unwrap();
    settle_everyone(&at.house.sign_in).await.unwrap();
    at.change(&format!("/Users/{ann}"), json!({ "op": "replace", "value": { "active": true } })).await;
    assert_eq!(at.come().await.status, StatusCode::OK);
    assert!(!at.is_let_in(&access).await, "for good");
}

#[tokio::test]
async fn whom_two_servers_put_out_at_the_same_moment_their_provider_lets_in_again() {
    let at = Provisioned::start().await;
    let ann = at.person("ann").await;
    at.group("staff", &[&ann]).await;
    let id = UserId::parse(&ann).unwrap();
    at.put_out_but_not_followed(&ann).await;
    // Both have seen her as one who is let in; the first to note why is the first to disable her.
    let first = now();
    for seconds in 0..2 {
        pass(seconds);
        person::note_why(&at.house.sign_in, TicketKind::Deprovisioned, &id, now(), now()).await.unwrap();
    }
    let edit = UserEdit { disabled: Some(true), ..UserEdit::default() };
    let act = Act { at: first, ..by_us() };
    at.house.store.directory.update_user(&id, edit, &act).await.unwrap();
    settle_everyone(&at.house.sign_in).await.unwrap();
    at.change(&format!("/Users/{ann}"), json!({ "op": "replace", "value": { "active": true } })).await;
    assert!(!at.user(&ann).await.3);
}

#[tokio::test]
async fn whom_an_administrator_has_disabled_no_group_lets_in() {
    let at = Provisioned::start().await;
    let ann = at.person("ann").await;
    let staff = at.group("staff", &[]).await;
    assert!(at.user(&ann).await.3, "she is in no group");
    at.house.as_admin("PATCH", &format!("/users/{ann}"), json!({ "disabled": true })).await;
    at.change(&staff, json!({ "op": "add", "path": "members", "value": [{ "value": ann }] })).await;
    assert!(at.user(&ann).await.3);
    assert!(refused(&at.come().await));
}
