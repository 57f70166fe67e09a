//! A JSON value as the text that it came as.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON value that is carried and not looked into: a schema, the input of a tool. Its text stays as it came, since
/// numbers, the order of members and duplicate members would not survive a tree.
#[derive(Clone, Debug)]
pub struct JsonText(Box<RawValue>);

impl JsonText {
    /// The value in a text; none where the text is not JSON.
    #[must_use]
    pub fn parse(text: &str) -> Option<JsonText> {
        serde_json::from_str(text).ok().map(JsonText)
    }

    /// `{}`.
    #[must_use]
    pub fn empty_object() -> JsonText {
        JsonText::parse("{}").expect("an empty object is JSON")
    }

    /// A string.
    #[must_use]
    pub fn string(text: &str) -> JsonText {
        JsonText::of(text).expect("a string is JSON")
    }

    /// Whatever serialises; none where it does not (a map whose keys are no strings).
    #[must_use]
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Option<JsonText> {
        serde_json::value::to_raw_value(value).ok().map(JsonText)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Whether the value is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.as_str().starts_with('{')
    }

    /// The text inside, where the value is a string.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'_, str>> {
        serde_json::from_str(self.as_str()).ok()
    }
}

/// Two values are equal when their texts are.
impl PartialEq for JsonText {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for JsonText {}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(JsonText)
    }
}
