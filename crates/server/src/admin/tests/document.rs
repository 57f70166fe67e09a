//! The OpenAPI document holds together, and says what is answered.

use super::*;

fn document() -> Value {
    serde_json::from_str(&openapi().unwrap()).unwrap()
}

/// Calls `see` with every object inside.
fn walk(value: &Value, see: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            see(members);
            members.values().for_each(|member| walk(member, see));
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, see)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut lost = BTreeSet::new();
    walk(&document, &mut |members| {
        if let Some(Value::String(to)) = members.get("$ref")
            && document.pointer(to.trim_start_matches('#')).is_none()
        {
            lost.insert(to.clone());
        }
    });
    assert_eq!(lost, BTreeSet::new());
}

#[test]
fn every_operation_says_what_holds_everywhere() {
    let document = document();
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap());
    for (_, operation) in operations {
        let (answers, body) = (&operation["responses"], &operation["requestBody"]);
        assert!(answers["503"].is_object(), "{operation}");
        assert_eq!(answers["413"].is_object(), body.is_object(), "{operation}");
    }
    let is_required =
        |path: &str, method: &str| document["paths"][path][method]["requestBody"]["required"].clone();
    // No body is taken for `{}`.
    assert_eq!(is_required("/admin/v1/keys/{id}/rotate", "post"), json!(false));
    assert_eq!(is_required("/admin/v1/keys", "post"), json!(true));
}

#[tokio::test]
async fn a_number_beyond_all_events_is_refused() {
    let house = House::open().await;
    for (after, status) in [("9223372036854775807", 200), ("9223372036854775808", 400)] {
        let reply = house.as_admin("GET", &format!("/budget-events?after={after}"), Value::Null).await;
        assert_eq!(reply.status.as_u16(), status, "{after}: {reply:?}");
    }
}
