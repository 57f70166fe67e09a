//! Every route of SCIM, and to whom it is open.

use super::*;

/// Who asks, in the order of the table's letters.
const ASKERS: [&str; 7] = [
    "nobody",
    "user",
    "lead",
    "admin for calls",
    "admin of all scopes",
    "provider",
    "other tenant's provider",
];

/// What stands behind the table's letters: `y` yes (2xx), `1` 401, `3` 403, `4` 404, `0` an empty list. The things asked about
/// are of the tenant `acme`, and so is everyone but the last.
const ROUTES: &[(&str, &str, &str, &str)] = &[
    ("GET", "/Users", "1333yy0", ""),
    ("POST", "/Users", "1333yyy", r#"{"userName":"NEW"}"#),
    ("GET", "/Users/{id}", "1333yy4", ""),
    ("PUT", "/Users/{id}", "1333yy4", r#"{"userName":"NEW"}"#),
    ("PATCH", "/Users/{id}", "1333yy4", r#"{"Operations":[{"op":"replace","path":"active","value":false}]}"#),
    ("DELETE", "/Users/{id}", "1333yy4", ""),
    ("GET", "/Groups", "1333yy0", ""),
    ("POST", "/Groups", "1333yyy", r#"{"displayName":"NEW"}"#),
    ("GET", "/Groups/{id}", "1333yy4", ""),
    ("PUT", "/Groups/{id}", "1333yy4", r#"{"displayName":"NEW"}"#),
    ("PATCH", "/Groups/{id}", "1333yy4", r#"{"Operations":[{"op":"remove","path":"members"}]}"#),
    ("DELETE", "/Groups/{id}", "1333yy4", ""),
    ("POST", "/Users/.search", "1333yy0", "{}"),
    ("POST", "/Groups/.search", "1333yy0", "{}"),
    ("POST", "/.search", "1333yy0", "{}"),
    ("GET", "/ServiceProviderConfig", "1333yyy", ""),
    ("GET", "/ResourceTypes", "1333yyy", ""),
    ("GET", "/ResourceTypes/User", "1333yyy", ""),
    ("GET", "/Schemas", "1333yyy", ""),
    ("GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", "1333yyy", ""),
];

#[tokio::test]
async fn every_route_is_open_to_whom_the_table_says() {
    let (house, provider) = provisioned().await;
    house.as_admin("POST", "/tenants", json!({ "id": "other" })).await;
    let (ann, lea) =
        (house.person("acme", "ann", "user").await, house.person("acme", "lea", "team_lead").await);
    let (ada, leo) =
        (house.person("acme", "ada", "admin").await, house.person("other", "leo", "admin").await);
    let calls = json!({ "name": "calls", "user": ada.user, "scopes": ["messages:send", "admin:write"] });
    let calls = house.as_admin("POST", "/keys", calls).await.text("key");
    let keys = ["", &ann.key, &lea.key, &calls, &ada.key, &provider, &leo.key];
    let mut wrong = Vec::new();
    for (number, (method, path, expected, body)) in ROUTES.iter().copied().enumerate() {
        for (at, (asker, key)) in ASKERS.into_iter().zip(keys).enumerate() {
            let new = |kind: &str| format!("{kind}-{number}-{at}");
            let (kind, made) = match path {
                path if path.starts_with("/Users") => ("/Users", json!({ "userName": new("old") })),
                _ => ("/Groups", json!({ "displayName": new("old") })),
            };
            let id = if path.contains("{id}") || expected.contains('0') {
                scim(&house, &provider, "POST", kind, made).await.1["id"].as_str().unwrap().to_owned()
            } else {
                String::new()
            };
            let body = body.replace("NEW", &new("new"));
            let body = if body.is_empty() { Value::Null } else { serde_json::from_str(&body).unwrap() };
            let (status, answer) = scim(&house, key, method, &path.replace("{id}", &id), body).await;
            let found = match status {
                200..300 if answer["totalResults"] == 0 => '0',
                200..300 => 'y',
                401 => '1',
                403 => '3',
                404 => '4',
                _ => '?',
            };
            if expected.chars().nth(at) != Some(found) {
                wrong.push(format!("{method} {path} as {asker}: {found}, not as in {expected}: {answer}"));
            }
            // What the other tenant's provider makes is not in anybody's way.
            if asker == ASKERS[6] && status == 201 {
                let made = format!("{path}/{}", answer["id"].as_str().unwrap());
                assert_eq!(scim(&house, key, "DELETE", &made, Value::Null).await.0, 204);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_names_every_route() {
    let source = include_str!("../../../scim.rs").split(".route(").skip(1);
    let of = |route: &str| {
        let path = route.split('"').nth(1)?.to_owned();
        let route = route.split(".fallback(").next()?.to_owned();
        let methods = ["get", "post", "put", "patch", "delete"].into_iter();
        let found = methods.filter(move |method| route.contains(&format!("{method}(")));
        Some(found.map(move |method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>())
    };
    let routes: BTreeSet<_> = source.filter_map(of).flatten().collect();
    let named = |path: &str| match path.split('/').nth(1).unwrap() {
        kind @ ("ResourceTypes" | "Schemas") if path.matches('/').count() > 1 => format!("/{kind}/{{id}}"),
        _ => path.to_owned(),
    };
    let table: BTreeSet<_> =
        ROUTES.iter().map(|(method, path, ..)| ((*method).to_owned(), named(path))).collect();
    assert_eq!(table, routes);
}
