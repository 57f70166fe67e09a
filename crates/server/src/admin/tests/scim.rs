//! SCIM, by the requests that Okta and Entra ID send, and who may send them.

use stonegate_identity::{KeyKind, KeyText, ModelRule, Scopes, UserId, directory::NewKey};

use super::*;

mod rights;
mod takeover;

const USERS: &str = "/Users";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// A house with a tenant `acme`, and the key that its identity provider comes with.
async fn provisioned() -> (House, String) {
    let house = House::open().await;
    house.as_admin("POST", "/tenants", json!({ "id": "acme" })).await;
    let provider =
        house.as_admin("POST", "/users", json!({ "name": "okta", "tenant": "acme", "role": "admin" })).await;
    let wanted = json!({ "name": "scim", "user": provider.text("id"), "scopes": ["scim:write"] });
    let key = house.as_admin("POST", "/keys", wanted).await.text("key");
    (house, key)
}

async fn scim(house: &House, key: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(format!("/scim/v2{path}"))
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/scim+json");
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let router = crate::scim::router(house.state.clone());
    let response = router.oneshot(request.body(body).unwrap()).await.unwrap();
    let (status, media) = (response.status().as_u16(), response.headers().get("content-type").cloned());
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    if bytes.is_empty() {
        return (status, Value::Null);
    }
    assert_eq!(media.unwrap(), "application/scim+json");
    (status, serde_json::from_slice(&bytes).unwrap())
}

fn ann() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ann@acme.example",
        "name": { "givenName": "Ann", "familyName": "Ames" }, "displayName": "Ann Ames", "locale": "en-US",
        "emails": [{ "primary": true, "value": "ann@acme.example", "type": "work" }],
        "externalId": "00u1", "groups": [], "password": "1mz050nq", "active": true,
    })
}

/// A key of hers, or a sign-in.
async fn key_of(house: &House, user: &str, kind: KeyKind, number: u8) -> String {
    let text = KeyText::mint([number; 24]);
    let new = NewKey {
        id: stonegate_identity::KeyId::mint(now(), [number; 6]),
        user: UserId::parse(user).unwrap(),
        name: "laptop".to_owned(),
        kind,
        parent: None,
        most: None,
        digest: text.digest(),
        public_form: text.public_form(),
        scopes: Scopes::for_calls(),
        models: ModelRule::default(),
        tags: None,
        expires_at: None,
        text_until: None,
    };
    let act = Act { by: Actor::Operator, at: now(), request_id: None, address: None };
    house.store.directory.create_key(new, &act).await.unwrap();
    text.as_str().to_owned()
}

async fn is_let_in(house: &House, key: &str) -> bool {
    house.send(Some(key), "GET", "/whoami", Value::Null).await.status == StatusCode::OK
}

fn operations(operations: Value) -> Value {
    json!({ "schemas": [PATCH], "Operations": operations })
}

#[tokio::test]
async fn okta_makes_a_user_and_takes_them_away() {
    let (house, key) = provisioned().await;
    let find = "/Users?filter=userName%20eq%20%22Ann%40acme.example%22&startIndex=1&count=100";
    let (status, list) = scim(&house, &key, "GET", find, Value::Null).await;
    assert_eq!((status, &list["totalResults"], &list["Resources"]), (200, &json!(0), &json!([])));
    let (status, made) = scim(&house, &key, "POST", USERS, ann()).await;
    assert_eq!((status, &made["active"], &made["externalId"]), (201, &json!(true), &json!("00u1")), "{made}");
    let id = made["id"].as_str().unwrap().to_owned();
    let at = format!("/Users/{id}");
    let (_, list) = scim(&house, &key, "GET", find, Value::Null).await;
    assert_eq!((&list["totalResults"], &list["Resources"][0]["id"]), (&json!(1), &json!(id)));
    let user = house.as_admin("GET", &format!("/users/{id}"), Value::Null).await;
    assert_eq!((user.text("tenant"), user.text("email")), ("acme".to_owned(), "ann@acme.example".to_owned()));
    let (status, again) = scim(&house, &key, "POST", USERS, ann()).await;
    assert_eq!((status, &again["scimType"]), (409, &json!("uniqueness")));

    let (lasting, session) =
        (key_of(&house, &id, KeyKind::LongLived, 1).await, key_of(&house, &id, KeyKind::Session, 2).await);
    assert!(is_let_in(&house, &lasting).await && is_let_in(&house, &session).await);
    let turn = |active: bool| operations(json!([{ "op": "replace", "value": { "active": active } }]));
    let elsewhere = DirectoryCache::load(Arc::clone(&house.store.directory), now()).await.unwrap();
    let (status, off) = scim(&house, &key, "PATCH", &at, turn(false)).await;
    assert_eq!((status, &off["active"]), (200, &json!(false)), "{off}");
    assert!(!is_let_in(&house, &lasting).await && !is_let_in(&house, &session).await, "at once");
    elsewhere.refresh(now()).await.unwrap();
    for text in [&lasting, &session] {
        let grant = elsewhere.grant(&KeyText::parse(text).unwrap().digest(), now()).await.unwrap().unwrap();
        assert!(grant.admit(now()).is_err(), "on another replica with its next look at what has changed");
    }
    let (_, on) = scim(&house, &key, "PATCH", &at, turn(true)).await;
    assert_eq!(on["active"], json!(true));
    assert!(
        is_let_in(&house, &lasting).await && !is_let_in(&house, &session).await,
        "sign-ins are over for good"
    );

    let put = json!({ "userName": "ann.b@acme.example", "name": { "familyName": "Bell" }, "active": true });
    let (status, put) = scim(&house, &key, "PUT", &at, put).await;
    assert_eq!(
        (status, &put["userName"], &put["externalId"]),
        (200, &json!("ann.b@acme.example"), &Value::Null)
    );
    let (status, _) = scim(&house, &key, "DELETE", &at, Value::Null).await;
    assert_eq!(status, 204);
    for method in ["GET", "DELETE"] {
        assert_eq!(scim(&house, &key, method, &at, Value::Null).await.0, 404);
    }
    assert!(!is_let_in(&house, &lasting).await);
    // Whoever comes back is the same person, with keys of before revoked.
    let (status, back) = scim(&house, &key, "POST", USERS, json!({ "userName": "ann.b@acme.example" })).await;
    assert_eq!((status, &back["id"], &back["active"]), (201, &json!(id), &json!(true)));
    assert!(!is_let_in(&house, &lasting).await);
}

#[tokio::test]
async fn entra_id_changes_a_user_and_disables_them() {
    let (house, key) = provisioned().await;
    let bob = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User",
                    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "externalId": "0a21f0f2", "userName": "Bob", "active": true, "meta": { "resourceType": "User" },
        "emails": [{ "primary": true, "type": "work", "value": "bob@acme.example" }], "roles": [],
        "name": { "formatted": "Bob B", "familyName": "B", "givenName": "Bob" },
    });
    let (_, made) = scim(&house, &key, "POST", USERS, bob).await;
    let id = made["id"].as_str().unwrap().to_owned();
    let at = format!("/Users/{id}");
    let laptop = key_of(&house, &id, KeyKind::LongLived, 1).await;
    let change = operations(json!([
        { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "bobby@acme.example" },
        { "op": "Replace", "path": "name.familyName", "value": "Bell" },
        { "op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "value": "R&D" },
    ]));
    let (status, changed) = scim(&house, &key, "PATCH", &at, change).await;
    assert_eq!((status, &changed["name"]["familyName"]), (200, &json!("Bell")), "{changed}");
    assert_eq!(
        changed["emails"],
        json!([{ "primary": true, "type": "work", "value": "bobby@acme.example" }])
    );
    let off = operations(json!([{ "op": "Replace", "path": "active", "value": "False" }]));
    let (status, off) = scim(&house, &key, "PATCH", &at, off).await;
    assert_eq!((status, &off["active"]), (200, &json!(false)));
    assert!(!is_let_in(&house, &laptop).await);
    let known = "/Users?filter=externalId%20eq%20%220a21f0f2%22&attributes=userName,name.givenName";
    let (_, list) = scim(&house, &key, "GET", known, Value::Null).await;
    let bob = &list["Resources"][0];
    assert_eq!((&bob["name"], &bob["emails"]), (&json!({ "givenName": "Bob" }), &Value::Null), "{list}");
}

#[tokio::test]
async fn groups_have_the_members_that_were_sent() {
    let (house, key) = provisioned().await;
    let mut ids = Vec::new();
    for name in ["ann", "bob"] {
        let (_, made) = scim(&house, &key, "POST", USERS, json!({ "userName": name })).await;
        ids.push(made["id"].as_str().unwrap().to_owned());
    }
    ids.sort();
    let staff = json!({ "displayName": "Staff", "externalId": "g-1", "members": [{ "value": ids[0] }] });
    let (status, made) = scim(&house, &key, "POST", "/Groups", staff.clone()).await;
    assert_eq!((status, &made["members"][0]["value"]), (201, &json!(ids[0])), "{made}");
    assert_eq!(scim(&house, &key, "POST", "/Groups", staff).await.0, 409);
    let at = format!("/Groups/{}", made["id"].as_str().unwrap());
    let members = async |operation: Value| {
        let (status, group) = scim(&house, &key, "PATCH", &at, operations(json!([operation]))).await;
        assert_eq!(status, 200, "{group}");
        group["members"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["value"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let add = json!({ "op": "Add", "path": "members", "value": [{ "$ref": null, "value": ids[1] }] });
    assert_eq!(members(add).await, ids);
    let (_, ann) = scim(&house, &key, "GET", &format!("/Users/{}", ids[0]), Value::Null).await;
    assert_eq!(ann["groups"][0]["display"], json!("Staff"));
    for (id, total) in [(&ids[1], 1), (&"usr_none".to_owned(), 0)] {
        let filter = format!("id eq {} and members[value eq \"{id}\"]", made["id"]);
        let find = format!(
            "/Groups?excludedAttributes=members&filter={}",
            filter.replace(' ', "%20").replace('"', "%22")
        );
        let (_, list) = scim(&house, &key, "GET", &find, Value::Null).await;
        assert_eq!(list["totalResults"], json!(total), "{list}");
    }
    let okta = json!({ "op": "remove", "path": format!("members[value eq \"{}\"]", ids[0]) });
    assert_eq!(members(okta).await, [ids[1].clone()]);
    let entra = json!({ "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": ids[1] }] });
    assert_eq!(members(entra).await, [""; 0]);
    let renamed = json!({ "op": "replace", "value": { "id": "x", "displayName": "All staff" } });
    assert_eq!(members(renamed).await, [""; 0]);
    let find = "/Groups?excludedAttributes=members&filter=displayName%20eq%20%22all%20staff%22";
    let (_, list) = scim(&house, &key, "GET", find, Value::Null).await;
    assert_eq!(
        (&list["totalResults"], &list["Resources"][0]["members"]),
        (&json!(1), &Value::Null),
        "{list}"
    );
    assert_eq!(scim(&house, &key, "DELETE", &at, Value::Null).await.0, 204);
}

#[tokio::test]
async fn one_tenants_people_cannot_be_put_into_anothers_groups() {
    let (house, key) = provisioned().await;
    let leo = house.person("default", "leo", "admin").await;
    let (_, ann) = scim(&house, &key, "POST", USERS, ann()).await;
    let members = json!([{ "value": ann["id"] }, { "value": leo.user }]);
    let staff = json!({ "displayName": "staff", "members": members });
    let (status, made) = scim(&house, &leo.key, "POST", "/Groups", staff).await;
    assert_eq!((status, &made["members"]), (201, &json!([])), "{made}");
    let find = format!("/Users?filter=id%20eq%20%22{}%22", ann["id"].as_str().unwrap());
    assert_eq!(scim(&house, &leo.key, "GET", &find, Value::Null).await.1["totalResults"], json!(0));
    // The same name may be somebody's in each tenant.
    assert_eq!(scim(&house, &leo.key, "POST", USERS, json!({ "userName": "ann@acme.example" })).await.0, 201);
}

#[tokio::test]
async fn whom_an_administrator_has_disabled_stays_so_whatever_a_provider_says() {
    let (house, key) = provisioned().await;
    let (_, made) = scim(&house, &key, "POST", USERS, ann()).await;
    let (id, at) = (made["id"].as_str().unwrap(), format!("/Users/{}", made["id"].as_str().unwrap()));
    let off = house.as_admin("PATCH", &format!("/users/{id}"), json!({ "disabled": true })).await;
    assert_eq!(off.status, StatusCode::OK, "{off:?}");
    let (status, put) = scim(&house, &key, "PUT", &at, ann()).await;
    assert_eq!((status, &put["active"]), (200, &json!(false)), "{put}");
    // Nor does it help whom the provider had put out before.
    let (_, bob) = scim(&house, &key, "POST", USERS, json!({ "userName": "bob", "active": false })).await;
    let path = format!("/users/{}", bob["id"].as_str().unwrap());
    house.as_admin("PATCH", &path, json!({ "disabled": true })).await;
    let on = json!({ "userName": "bob", "active": true });
    let (_, put) = scim(&house, &key, "PUT", &format!("/Users/{}", bob["id"].as_str().unwrap()), on).await;
    assert_eq!(put["active"], json!(false), "{put}");
    // Nor does taking them away and making them anew help.
    assert_eq!(scim(&house, &key, "DELETE", &at, Value::Null).await.0, 204);
    let (status, back) = scim(&house, &key, "POST", USERS, ann()).await;
    assert_eq!((status, &back["id"], &back["active"]), (201, &json!(id), &json!(false)));
}

#[tokio::test]
async fn whoever_says_nothing_of_it_lets_nobody_in_again() {
    let (house, key) = provisioned().await;
    let (_, made) = scim(&house, &key, "POST", USERS, json!({ "userName": "ann", "active": false })).await;
    assert_eq!(made["active"], json!(false));
    let at = format!("/Users/{}", made["id"].as_str().unwrap());
    let (_, put) = scim(&house, &key, "PUT", &at, json!({ "userName": "ann", "title": "Dr" })).await;
    assert_eq!((&put["active"], &put["title"]), (&json!(false), &json!("Dr")));
    let none = operations(json!([{ "op": "remove", "path": "active" }]));
    assert_eq!(scim(&house, &key, "PATCH", &at, none).await.1["active"], json!(false));
}

#[tokio::test]
async fn the_audit_log_tells_what_a_provider_did() {
    let (house, key) = provisioned().await;
    let (_, made) = scim(&house, &key, "POST", USERS, ann()).await;
    let id = made["id"].as_str().unwrap();
    key_of(&house, id, KeyKind::LongLived, 1).await;
    key_of(&house, id, KeyKind::Session, 2).await;
    let person = format!("/Users/{id}");
    for change in [
        json!([{ "op": "replace", "value": { "userName": "ann", "externalId": "00u2", "title": "Dr" } }]),
        json!([{ "op": "replace", "value": { "title": "Prof" } }]),
        json!([{ "op": "replace", "path": "active", "value": false }]),
        json!([{ "op": "replace", "path": "active", "value": true }]),
    ] {
        scim(&house, &key, "PATCH", &person, operations(change)).await;
    }
    key_of(&house, id, KeyKind::Session, 3).await;
    let staff = json!({ "displayName": "Staff", "members": [{ "value": id }] });
    let (_, group) = scim(&house, &key, "POST", "/Groups", staff).await;
    let at = format!("/Groups/{}", group["id"].as_str().unwrap());
    scim(&house, &key, "PATCH", &at, operations(json!([{ "op": "remove", "path": "members" }]))).await;
    let known = json!([{ "op": "add", "path": "externalId", "value": "g-1" }]);
    scim(&house, &key, "PATCH", &at, operations(known)).await;
    scim(&house, &key, "DELETE", &at, Value::Null).await;
    scim(&house, &key, "DELETE", &person, Value::Null).await;
    let (_, who) = (0, house.send(Some(&key), "GET", "/whoami", Value::Null).await);
    let actor = format!("actor=user:{}", who.text("user"));
    let log = house.as_admin("GET", &format!("/audit?{actor}"), Value::Null).await;
    let mut lines: Vec<String> = Vec::new();
    for entry in log.body["data"].as_array().unwrap().iter().rev() {
        let line = format!("{} {} {}", entry["action"], entry["before"], entry["after"]);
        lines.push(line.replace(id, "ANN").replace('"', ""));
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn a_list_is_sorted_and_cut_as_asked() {
    let (house, key) = provisioned().await;
    for (name, title) in [("cid", "x"), ("Ann", "z"), ("bob", "")] {
        scim(
            &house,
            &key,
            "POST",
            USERS,
            json!({ "userName": name, "title": title, "active": name != "cid" }),
        )
        .await;
    }
    scim(&house, &key, "POST", "/Groups", json!({ "displayName": "dot" })).await;
    let search = json!({ "sortBy": "userName", "startIndex": 2, "attributes": ["userName", "displayName"] });
    let (_, list) = scim(&house, &key, "POST", "/.search", search).await;
    let found: Vec<_> = list["Resources"].as_array().unwrap().iter().map(|one| &one["userName"]).collect();
    assert_eq!((json!(found), &list["totalResults"]), (json!(["bob", "cid", null]), &json!(4)));
    assert_eq!(
        (&list["Resources"][2]["displayName"], &list["Resources"][2]["meta"]),
        (&json!("dot"), &Value::Null)
    );
    for (query, expected, total) in [
        ("sortBy=userName", vec!["Ann", "bob", "cid"], 3),
        ("sortBy=userName&sortOrder=descending", vec!["cid", "bob", "Ann"], 3),
        ("sortBy=title", vec!["cid", "Ann", "bob"], 3),
        ("sortBy=userName&startIndex=2&count=1", vec!["bob"], 3),
        ("startIndex=4", vec![], 3),
        ("count=0", vec![], 3),
        ("filter=active%20eq%20false", vec!["cid"], 1),
        ("filter=not%20(active%20eq%20false)&sortBy=userName", vec!["Ann", "bob"], 2),
    ] {
        let (_, list) = scim(&house, &key, "GET", &format!("/Users?{query}"), Value::Null).await;
        let names: Vec<_> =
            list["Resources"].as_array().unwrap().iter().map(|one| &one["userName"]).collect();
        assert_eq!((json!(names), &list["totalResults"]), (json!(expected), &json!(total)), "{query}");
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_said_in_scims_words() {
    let (house, key) = provisioned().await;
    let (_, made) = scim(&house, &key, "POST", USERS, ann()).await;
    let at = format!("/Users/{}", made["id"].as_str().unwrap());
    for (method, path, body, status, kind) in [
        ("GET", "/Users?filter=userName%20is%20x", Value::Null, 400, Some("invalidFilter")),
        ("GET", "/Users?count=many", Value::Null, 400, Some("invalidValue")),
        ("GET", "/Users?sortBy=9", Value::Null, 400, Some("invalidPath")),
        ("POST", "/Users", json!({ "userName": "x".repeat(200) }), 400, Some("invalidValue")),
        ("POST", "/Users", json!({ "userName": "x\ny" }), 400, Some("invalidValue")),
        ("POST", "/Groups", json!({ "displayName": "x", "members": ["y"] }), 400, Some("invalidValue")),
        ("POST", "/Users", json!({ "displayName": "x" }), 400, Some("invalidValue")),
        ("POST", "/Users", json!([]), 400, Some("invalidSyntax")),
        ("PATCH", &*at, operations(json!([{ "op": "remove" }])), 400, Some("noTarget")),
        ("PATCH", &*at, json!({}), 400, Some("invalidSyntax")),
        (
            "PATCH",
            &*at,
            operations(json!([{ "op": "remove", "path": "userName" }])),
            400,
            Some("invalidValue"),
        ),
        ("GET", "/Users/usr_none", Value::Null, 404, None),
        // PostgreSQL takes no NUL, SQLite does: here neither gets one.
        ("GET", "/Users/usr%00", Value::Null, 404, None),
        ("DELETE", "/Groups/grp%00", Value::Null, 404, None),
        ("POST", "/Users", json!({ "userName": "x", "externalId": "x\0y" }), 400, Some("invalidValue")),
        ("POST", "/Groups", json!({ "displayName": "x", "externalId": "x\0" }), 400, Some("invalidValue")),
        (
            "POST",
            "/Groups",
            json!({ "displayName": "x", "members": [{ "value": "usr\0" }] }),
            400,
            Some("invalidValue"),
        ),
        ("GET", "/Users?filter=id%20eq%20%22%5Cu0000%22", Value::Null, 400, Some("invalidValue")),
        ("GET", "/Users?filter=externalId%20eq%20%22%5Cu0000%22", Value::Null, 400, Some("invalidValue")),
        ("GET", "/Groups?filter=displayName%20eq%20%22%5Cu0000%22", Value::Null, 400, Some("invalidValue")),
        ("GET", "/Bulk", Value::Null, 404, None),
        ("DELETE", "/Users", Value::Null, 405, None),
    ] {
        let (found, refused) = scim(&house, &key, method, path, body).await;
        assert_eq!((found, refused["scimType"].as_str()), (status, kind), "{method} {path}: {refused}");
        assert_eq!(refused["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
        assert_eq!(refused["status"], json!(status.to_string()));
    }
    let (_, page) = scim(&house, &key, "GET", "/Users?startIndex=0&count=-1", Value::Null).await;
    assert_eq!((&page["totalResults"], &page["itemsPerPage"]), (&json!(1), &json!(0)));
}
