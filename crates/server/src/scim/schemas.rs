//! What this service can do, and what its resources look like (RFC 7643, sections 5 to 7).

use axum::extract::Path;
use axum::response::Response;
use serde_json::{Value, json};

use super::Provisioner;
use super::list::{COUNT_MOST, LIST};
use super::person::{NAME_PARTS, TEXTS};
use super::reply::{Refused, found};

pub(super) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(super) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
const TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// `GET /scim/v2/ServiceProviderConfig`
pub(super) async fn service_provider_config(at: Provisioner) -> Response {
    let no = json!({ "supported": false });
    let config = json!({
        "schemas": [CONFIG],
        "patch": { "supported": true },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": COUNT_MOST },
        "sort": { "supported": true },
        "changePassword": no, "etag": no,
        "authenticationSchemes": [{
            "type": "oauthbearertoken", "name": "Key", "primary": true,
            "description": "A key with the scope scim:write, as Authorization: Bearer",
        }],
        "meta": { "resourceType": "ServiceProviderConfig", "location": at.address("ServiceProviderConfig") },
    });
    std::future::ready(found(&config)).await
}

/// `GET /scim/v2/ResourceTypes`
pub(super) async fn resource_types(at: Provisioner) -> Response {
    std::future::ready(found(&listed(types(&at)))).await
}

/// `GET /scim/v2/ResourceTypes/{id}`
pub(super) async fn resource_type(at: Provisioner, Path(id): Path<String>) -> Result<Response, Refused> {
    std::future::ready(one(types(&at), "resource type", &id)).await
}

/// `GET /scim/v2/Schemas`
pub(super) async fn schemas(at: Provisioner) -> Response {
    std::future::ready(found(&listed(known(&at)))).await
}

/// `GET /scim/v2/Schemas/{id}`
pub(super) async fn schema(at: Provisioner, Path(id): Path<String>) -> Result<Response, Refused> {
    std::future::ready(one(known(&at), "schema", &id)).await
}

fn listed(all: [Value; 2]) -> Value {
    json!({
        "schemas": [LIST], "totalResults": all.len(), "startIndex": 1, "itemsPerPage": all.len(), "Resources": all,
    })
}

fn one(all: [Value; 2], kind: &str, id: &str) -> Result<Response, Refused> {
    let of = all.iter().find(|one| one.get("id").and_then(Value::as_str) == Some(id));
    of.map(found).ok_or_else(|| Refused::not_found(kind, id))
}

fn types(at: &Provisioner) -> [Value; 2] {
    [("User", "/Users", USER, "Account"), ("Group", "/Groups", GROUP, "Group")].map(
        |(name, endpoint, schema, description)| {
            json!({
                "schemas": [TYPE], "id": name, "name": name, "endpoint": endpoint, "schema": schema,
                "description": description,
                "meta": {
                    "resourceType": "ResourceType",
                    "location": at.address(&format!("ResourceTypes/{name}")),
                },
            })
        },
    )
}

fn known(at: &Provisioner) -> [Value; 2] {
    [(USER, "User", user()), (GROUP, "Group", group())].map(|(id, name, attributes)| {
        json!({
            "schemas": [SCHEMA], "id": id, "name": name, "description": name, "attributes": attributes,
            "meta": { "resourceType": "Schema", "location": at.address(&format!("Schemas/{id}")) },
        })
    })
}

fn user() -> Vec<Value> {
    let mut attributes = vec![
        with(text("userName"), json!({ "required": true, "uniqueness": "server" })),
        complex("name", false, NAME_PARTS.map(text).to_vec()),
        of_kind("active", "boolean"),
        complex(
            "emails",
            true,
            vec![text("value"), text("display"), text("type"), of_kind("primary", "boolean")],
        ),
        read_only(complex(
            "groups",
            true,
            vec![
                read_only(text("value")),
                read_only(reference("$ref", &["Group"])),
                read_only(text("display")),
                read_only(with(text("type"), json!({ "canonicalValues": ["direct"] }))),
            ],
        )),
    ];
    attributes.extend(TEXTS.map(|name| match name {
        "profileUrl" => reference(name, &["external"]),
        name => text(name),
    }));
    attributes
}

fn group() -> Vec<Value> {
    let once = |attribute| with(attribute, json!({ "mutability": "immutable" }));
    vec![
        with(text("displayName"), json!({ "required": true, "uniqueness": "server" })),
        complex(
            "members",
            true,
            vec![
                once(with(text("value"), json!({ "caseExact": true }))),
                once(reference("$ref", &["User"])),
                once(with(text("type"), json!({ "canonicalValues": ["User"] }))),
            ],
        ),
    ]
}

fn of_kind(name: &str, kind: &str) -> Value {
    json!({
        "name": name, "type": kind, "multiValued": false, "description": name, "required": false,
        "mutability": "readWrite", "returned": "default",
    })
}

fn text(name: &str) -> Value {
    with(of_kind(name, "string"), json!({ "caseExact": false, "uniqueness": "none" }))
}

fn reference(name: &str, to: &[&str]) -> Value {
    let facts = json!({ "referenceTypes": to, "caseExact": true, "uniqueness": "none" });
    with(of_kind(name, "reference"), facts)
}

fn read_only(attribute: Value) -> Value {
    with(attribute, json!({ "mutability": "readOnly" }))
}

fn complex(name: &str, is_many: bool, parts: Vec<Value>) -> Value {
    with(of_kind(name, "complex"), json!({ "multiValued": is_many, "subAttributes": parts }))
}

/// The same attribute, with these of its facts otherwise.
fn with(mut attribute: Value, facts: Value) -> Value {
    if let (Some(attribute), Value::Object(facts)) = (attribute.as_object_mut(), facts) {
        attribute.extend(facts);
    }
    attribute
}
