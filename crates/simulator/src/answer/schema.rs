//! The smallest reasonable value that satisfies a JSON schema.

use serde_json::{Map, Value, json};

/// Schemas that refer to themselves end here.
const DEEPEST: u32 = 12;

/// A value for `schema`. `subject` fills the texts that have no rule of their own.
pub(crate) fn instance(schema: &Value, subject: &str) -> Value {
    Maker { root: schema, subject }.make(schema, 0)
}

struct Maker<'a> {
    root: &'a Value,
    subject: &'a str,
}

impl<'a> Maker<'a> {
    fn make(&self, schema: &'a Value, depth: u32) -> Value {
        if depth > DEEPEST {
            return Value::Null;
        }
        if let Some(value) = schema.get("const").or_else(|| schema.get("default")) {
            return value.clone();
        }
        if let Some(value) = schema.get("enum").and_then(Value::as_array).and_then(|values| values.first()) {
            return value.clone();
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|path| self.refer(path)) {
            return self.make(target, depth + 1);
        }
        if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
            return self.all_of(schema, parts, depth);
        }
        for choice in ["anyOf", "oneOf"] {
            let choices = schema.get(choice).and_then(Value::as_array);
            if let Some(first) =
                choices.and_then(|choices| choices.iter().find(|choice| !is_null(choice)).or(choices.first()))
            {
                return self.make(first, depth + 1);
            }
        }
        self.of_type(schema, depth)
    }

    fn refer(&self, path: &str) -> Option<&'a Value> {
        self.root.pointer(path.strip_prefix('#')?)
    }

    fn all_of(&self, schema: &'a Value, parts: &'a [Value], depth: u32) -> Value {
        let mut merged = Map::new();
        let own = self.of_type(schema, depth);
        for part in parts.iter().map(|part| self.make(part, depth + 1)).chain([own]) {
            match part {
                Value::Object(members) => merged.extend(members),
                other if merged.is_empty() && !other.is_null() => return other,
                _ => {}
            }
        }
        Value::Object(merged)
    }

    fn of_type(&self, schema: &'a Value, depth: u32) -> Value {
        match kind(schema) {
            "object" => {
                let properties = schema.get("properties").and_then(Value::as_object);
                let members = properties.into_iter().flatten();
                let required: Vec<&str> = schema
                    .get("required")
                    .and_then(Value::as_array)
                    .map(|names| names.iter().filter_map(Value::as_str).collect())
                    .unwrap_or_default();
                members
                    .filter(|(name, _)| required.contains(&name.as_str()))
                    .map(|(name, schema)| (name.clone(), self.make(schema, depth + 1)))
                    .collect::<Map<_, _>>()
                    .into()
            }
            "array" => {
                let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0).min(100);
                let item = schema.get("items").unwrap_or(&Value::Null);
                (0..least).map(|_| self.make(item, depth + 1)).collect()
            }
            "integer" => json!(number(schema).ceil() as i64),
            "number" => json!(number(schema)),
            "boolean" => json!(true),
            "null" => Value::Null,
            _ => self.string(schema).into(),
        }
    }

    fn string(&self, schema: &Value) -> String {
        let text = match schema.get("format").and_then(Value::as_str) {
            Some("date") => "2026-11-21",
            Some("time") => "12:00:00Z",
            Some("date-time") => "2026-11-21T12:00:00Z",
            Some("duration") => "PT1H",
            Some("email") => "someone@example.com",
            Some("hostname") => "example.com",
            Some("uri") => "https://example.com/",
            Some("ipv4") => "192.0.2.1",
            Some("ipv6") => "2001:db8::1",
            Some("uuid") => "00000000-0000-4000-8000-000000000000",
            _ => self.subject,
        };
        let least = schema.get("minLength").and_then(Value::as_u64).unwrap_or(0).min(10_000) as usize;
        let most = schema.get("maxLength").and_then(Value::as_u64).map_or(usize::MAX, |most| most as usize);
        let mut text: String = text.chars().take(most).collect();
        while text.chars().count() < least {
            text.push('.');
        }
        text
    }
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null")
}

fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            let mut kinds = kinds.iter().filter_map(Value::as_str);
            kinds.find(|kind| *kind != "null").unwrap_or("null")
        }
        _ if schema.get("properties").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ => "string",
    }
}

fn number(schema: &Value) -> f64 {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let least = bound("minimum").or_else(|| bound("exclusiveMinimum").map(|bound| bound + 1.0));
    let most = bound("maximum").or_else(|| bound("exclusiveMaximum").map(|bound| bound - 1.0));
    least.unwrap_or_else(|| most.map_or(1.0, |most| most.min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_satisfy_their_schema() {
        let check = |schema: Value, expected: Value| {
            assert_eq!(instance(&schema, "Red stones"), expected, "{schema}")
        };
        check(
            json!({"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}),
            json!({"title": "Red stones"}),
        );
        check(
            json!({"type": "array", "items": {"type": "integer", "minimum": 3}, "minItems": 2}),
            json!([3, 3]),
        );
        check(json!({"enum": ["a", "b"]}), json!("a"));
        check(json!({"anyOf": [{"type": "null"}, {"type": "boolean"}]}), json!(true));
        check(json!({"type": ["null", "number"]}), json!(1.0));
        check(
            json!({"$ref": "#/$defs/day", "$defs": {"day": {"type": "string", "format": "date"}}}),
            json!("2026-11-21"),
        );
        check(json!({"allOf": [{"properties": {"a": {"const": 1}}, "required": ["a"]}]}), json!({"a": 1}));
        check(json!({"type": "string", "minLength": 12}), json!("Red stones.."));
        check(json!(true), json!("Red stones"));
        let endless = json!({"$ref": "#"});
        assert_eq!(instance(&endless, ""), Value::Null);
    }
}
