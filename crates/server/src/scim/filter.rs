//! Filters (RFC 7644, section 3.4.2.2): `userName eq "ann" and emails[type eq "work"] pr`.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::path::{Name, member};

/// How deep parentheses may nest, and how long a filter may be.
const DEEPEST: u32 = 20;
const LONGEST: usize = 4_096;

/// What a resource has to be like.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Present(Name),
    Compare(Name, Operator, Value),
    /// Of an attribute with several values, one is like this.
    Some(Name, Box<Filter>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// A text that is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no filter: {0}")]
pub(super) struct NotAFilter(&'static str);

impl Filter {
    /// # Errors
    /// When the text is no filter.
    pub(super) fn parse(text: &str) -> Result<Self, NotAFilter> {
        if text.len() > LONGEST {
            return Err(NotAFilter("it is too long"));
        }
        let mut parser = Parser { rest: text, depth: 0 };
        let filter = parser.or()?;
        if parser.rest.trim_start().is_empty() {
            Ok(filter)
        } else {
            Err(NotAFilter("its end is not understood"))
        }
    }

    /// The text that the attribute has to equal, whatever else the filter asks for.
    pub(super) fn only(&self, attribute: &str) -> Option<&str> {
        match self {
            Self::And(one, other) => one.only(attribute).or_else(|| other.only(attribute)),
            Self::Compare(Name { attribute: named, part: None }, Operator::Equal, Value::String(text))
                if named == attribute =>
            {
                Some(text)
            }
            _ => None,
        }
    }

    /// Whether it is no more than one comparison.
    pub(super) fn is_comparison(&self) -> bool {
        matches!(self, Self::Compare(..))
    }

    /// Whether the attribute has anything to do with it.
    pub(super) fn mentions(&self, attribute: &str) -> bool {
        match self {
            Self::And(one, other) | Self::Or(one, other) => {
                one.mentions(attribute) || other.mentions(attribute)
            }
            Self::Not(inner) => inner.mentions(attribute),
            Self::Present(name) | Self::Compare(name, ..) | Self::Some(name, _) => {
                name.attribute == attribute
            }
        }
    }

    /// Whether a resource, or one value of an attribute, is like this.
    pub(super) fn fits(&self, of: &Map<String, Value>) -> bool {
        match self {
            Self::And(one, other) => one.fits(of) && other.fits(of),
            Self::Or(one, other) => one.fits(of) || other.fits(of),
            Self::Not(inner) => !inner.fits(of),
            Self::Present(name) => values(of, name).iter().any(|value| is_present(value)),
            Self::Compare(name, Operator::NotEqual, wanted) => !holds(of, name, Operator::Equal, wanted),
            Self::Compare(name, operator, wanted) => holds(of, name, *operator, wanted),
            Self::Some(name, inner) => match member(of, &name.attribute) {
                Some(Value::Array(items)) => {
                    items.iter().filter_map(Value::as_object).any(|item| inner.fits(item))
                }
                Some(Value::Object(item)) => inner.fits(item),
                _ => false,
            },
        }
    }
}

fn holds(of: &Map<String, Value>, name: &Name, operator: Operator, wanted: &Value) -> bool {
    let values = values(of, name);
    // Something that is not there is nothing.
    (values.is_empty() && operator == Operator::Equal && wanted.is_null())
        || values.iter().any(|value| compare(value, operator, wanted, is_exact(name)))
}

/// Whether capitals matter. A member's value is an id.
fn is_exact(name: &Name) -> bool {
    matches!(&*name.attribute, "id" | "externalid" | "members" | "groups" | "value")
}

/// What a resource is sorted by: the attribute's first value, or that which is called so.
pub(super) fn sorted_by(resource: &Map<String, Value>, name: &Name) -> Option<String> {
    let first = match member(resource, &name.attribute) {
        Some(Value::Array(items)) => {
            let primary = items.iter().find(|item| item.get("primary") == Some(&Value::Bool(true)));
            primary.or(items.first())
        }
        found => found,
    };
    let value = match first? {
        Value::Object(parts) => member(parts, name.part.as_deref().unwrap_or("value"))?,
        value => value,
    };
    match value {
        Value::String(text) if is_exact(name) => Some(text.clone()),
        Value::String(text) => Some(text.to_lowercase()),
        value => Some(value.to_string()),
    }
}

/// All values of an attribute: each of several, and of a complex one its `value` where no part is named.
fn values<'a>(of: &'a Map<String, Value>, name: &Name) -> Vec<&'a Value> {
    let found = match member(of, &name.attribute) {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(value) => vec![value],
        None => Vec::new(),
    };
    let part = name.part.as_deref();
    let inner = |value: &'a Value| match (value, part) {
        (Value::Object(members), Some(part)) => member(members, part),
        (Value::Object(members), None) => member(members, "value").or(Some(value)),
        (value, None) => Some(value),
        (_, Some(_)) => None,
    };
    found.into_iter().filter_map(inner).collect()
}

fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn compare(value: &Value, operator: Operator, wanted: &Value, is_exact: bool) -> bool {
    let ordered = |ordering: Option<std::cmp::Ordering>| match operator {
        Operator::Greater => ordering.is_some_and(std::cmp::Ordering::is_gt),
        Operator::GreaterOrEqual => ordering.is_some_and(std::cmp::Ordering::is_ge),
        Operator::Less => ordering.is_some_and(std::cmp::Ordering::is_lt),
        Operator::LessOrEqual => ordering.is_some_and(std::cmp::Ordering::is_le),
        _ => ordering.is_some_and(std::cmp::Ordering::is_eq),
    };
    match (value, wanted) {
        (Value::String(value), Value::String(wanted)) if is_exact => match operator {
            Operator::Contains => value.contains(wanted),
            Operator::StartsWith => value.starts_with(wanted),
            Operator::EndsWith => value.ends_with(wanted),
            _ => ordered(Some(value.cmp(wanted))),
        },
        (Value::String(value), Value::String(wanted)) => {
            if let (Ok(value), Ok(wanted)) = (value.parse::<Timestamp>(), wanted.parse::<Timestamp>()) {
                return ordered(Some(value.cmp(&wanted)));
            }
            let (value, wanted) = (value.to_lowercase(), wanted.to_lowercase());
            match operator {
                Operator::Contains => value.contains(&wanted),
                Operator::StartsWith => value.starts_with(&wanted),
                Operator::EndsWith => value.ends_with(&wanted),
                _ => ordered(Some(value.cmp(&wanted))),
            }
        }
        (Value::Number(value), Value::Number(wanted)) => ordered(
            value.as_f64().zip(wanted.as_f64()).and_then(|(value, wanted)| value.partial_cmp(&wanted)),
        ),
        // Entra ID writes truths as texts.
        (Value::Bool(truth), Value::String(text)) => {
            operator == Operator::Equal && text.eq_ignore_ascii_case(if *truth { "true" } else { "false" })
        }
        (value, wanted) => operator == Operator::Equal && value == wanted,
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: u32,
}

impl<'a> Parser<'a> {
    fn or(&mut self) -> Result<Filter, NotAFilter> {
        let mut filter = self.and()?;
        while self.takes_word("or") {
            filter = Filter::Or(Box::new(filter), Box::new(self.and()?));
        }
        Ok(filter)
    }

    fn and(&mut self) -> Result<Filter, NotAFilter> {
        let mut filter = self.one()?;
        while self.takes_word("and") {
            filter = Filter::And(Box::new(filter), Box::new(self.one()?));
        }
        Ok(filter)
    }

    fn one(&mut self) -> Result<Filter, NotAFilter> {
        if self.takes("(") {
            return self.inside(")");
        }
        if self.takes_word("not") {
            if !self.takes("(") {
                return Err(NotAFilter("after `not` comes a parenthesis"));
            }
            return Ok(Filter::Not(Box::new(self.inside(")")?)));
        }
        let name = Name::parse(self.word()).ok_or(NotAFilter("an attribute's name is missing"))?;
        if self.takes("[") {
            return Ok(Filter::Some(name, Box::new(self.inside("]")?)));
        }
        let operator = match &*self.word().to_lowercase() {
            "pr" => return Ok(Filter::Present(name)),
            "eq" => Operator::Equal,
            "ne" => Operator::NotEqual,
            "co" => Operator::Contains,
            "sw" => Operator::StartsWith,
            "ew" => Operator::EndsWith,
            "gt" => Operator::Greater,
            "ge" => Operator::GreaterOrEqual,
            "lt" => Operator::Less,
            "le" => Operator::LessOrEqual,
            _ => return Err(NotAFilter("an operator is missing: eq, ne, co, sw, ew, gt, ge, lt, le or pr")),
        };
        Ok(Filter::Compare(name, operator, self.value()?))
    }

    /// What stands in parentheses or brackets that were opened.
    fn inside(&mut self, close: &str) -> Result<Filter, NotAFilter> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(NotAFilter("it nests too deeply"));
        }
        let filter = self.or()?;
        self.depth -= 1;
        if self.takes(close) { Ok(filter) } else { Err(NotAFilter("a parenthesis is not closed")) }
    }

    fn takes(&mut self, sign: &str) -> bool {
        let after = self.rest.trim_start().strip_prefix(sign);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let before = self.rest;
        if self.word().eq_ignore_ascii_case(word) {
            return true;
        }
        self.rest = before;
        false
    }

    /// Up to the next space or sign.
    fn word(&mut self) -> &'a str {
        let rest = self.rest.trim_start();
        let end = rest.find([' ', '(', ')', '[', ']', '"']).unwrap_or(rest.len());
        let (word, rest) = rest.split_at(end);
        self.rest = rest;
        word
    }

    /// A text, number, truth or nothing, as JSON writes it.
    fn value(&mut self) -> Result<Value, NotAFilter> {
        const MISSING: NotAFilter = NotAFilter("a value is missing: texts stand in double quotes");
        let rest = self.rest.trim_start();
        if rest.starts_with('"') {
            let mut texts = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            let text = texts.next().and_then(Result::ok).ok_or(MISSING)?;
            self.rest = rest.get(texts.byte_offset()..).unwrap_or_default();
            return Ok(Value::String(text));
        }
        // What follows a word of JSON's has to be a delimiter of JSON's for its own reader, which a parenthesis is not.
        let value = serde_json::from_str(self.word()).map_err(|_no_word| MISSING)?;
        if matches!(value, Value::Bool(_) | Value::Number(_) | Value::Null) {
            Ok(value)
        } else {
            Err(MISSING)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ann() -> Map<String, Value> {
        let ann = json!({
            "id": "usr_1", "externalId": "00u1", "userName": "Ann@example.org", "active": true,
            "name": { "givenName": "Ann", "familyName": "O\"Neil" },
            "emails": [
                { "type": "work", "value": "ann@example.org", "primary": true },
                { "type": "home", "value": "ann@home.example" },
            ],
            "meta": { "lastModified": "2026-11-21T12:00:00Z" },
        });
        ann.as_object().unwrap().clone()
    }

    #[test]
    fn a_filter_finds_whom_it_is_about() {
        for (text, expected) in [
            (r#"userName eq "ann@EXAMPLE.org""#, true),
            (r#"username Eq "bob""#, false),
            (r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "ann""#, true),
            (r#"externalId eq "00U1""#, false),
            (r#"id eq "usr_1" and active eq true"#, true),
            (r#"active eq "False""#, false),
            (r#"active ne false"#, true),
            (r#"name.familyName co "\"n""#, true),
            (r#"emails eq "ann@home.example""#, true),
            (r#"emails.type ew "k""#, true),
            (r#"emails[type eq "work" and value co "home"]"#, false),
            (r#"emails[type eq "home" and value co "home"]"#, true),
            (r#"not (userName pr) or (title pr)"#, false),
            (r#"title eq null and nickName ne "x""#, true),
            (r#"userName eq "x" or userName eq "y" and active eq true"#, false),
            (r#"meta.lastModified gt "2026-01-01T00:00:00Z" and meta.lastModified le "2027""#, true),
            (r#"meta.lastModified lt "2026-11-21T12:00:00.5Z""#, true),
            (r#"urn:example:2.0:User:userName pr"#, false),
            (r#"(userName sw "ann" or userName sw "bob") and not (active eq false)"#, true),
            (r#"ID eq "USR_1""#, false),
        ] {
            assert_eq!(Filter::parse(text).unwrap().fits(&ann()), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let deep = format!("{}userName pr{}", "(".repeat(30), ")".repeat(30));
        let long = format!("userName eq \"{}\"", "x".repeat(5_000));
        for text in [
            "",
            "userName",
            "userName is \"x\"",
            "userName eq",
            "userName eq ann",
            "userName eq \"ann",
            "userName eq [1]",
            "(userName pr",
            "userName pr)",
            "not userName pr",
            "emails[type eq \"work\"",
            "eq \"x\"",
            "1x pr",
            "a..b pr",
            &deep,
            &long,
        ] {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_can_be_looked_up_is_known() {
        let only =
            |text: &str, attribute: &str| Filter::parse(text).unwrap().only(attribute).map(str::to_owned);
        assert_eq!(only(r#"userName eq "Ann""#, "username").as_deref(), Some("Ann"));
        assert_eq!(only(r#"active eq true and userName eq "Ann""#, "username").as_deref(), Some("Ann"));
        assert_eq!(only(r#"userName eq "Ann" or active eq true"#, "username"), None);
        assert_eq!(only(r#"not (userName eq "Ann")"#, "username"), None);
        assert_eq!(only(r#"userName sw "Ann""#, "username"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_odd_to_be_refused(text in "[ a-zA-Z.:$()\\[\\]\"\\\\{}0-9é-]{0,60}|\\PC{0,60}") {
            if let Ok(filter) = Filter::parse(&text) {
                filter.fits(&ann());
            }
        }

        #[test]
        fn what_is_made_of_the_right_pieces_is_read_or_refused(
            pieces in proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..40),
        ) {
            if let Ok(filter) = Filter::parse(&pieces.join(" ")) {
                filter.fits(&ann());
                filter.only("username");
            }
        }
    }

    const PIECES: [&str; 17] = [
        "userName",
        "emails.type",
        "emails[",
        "]",
        "(",
        ")",
        "not",
        "and",
        "or",
        "eq",
        "pr",
        "co",
        "gt",
        "\"a\"",
        "true",
        "1e9",
        "null",
    ];
}
