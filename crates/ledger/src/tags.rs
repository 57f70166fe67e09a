//! Free marks on calls, by which their cost can be told apart: `project=apollo,stage=test`.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

/// The most tags of one call. Each set of them that is ever used is a line in every report that tells by tags.
const MOST: usize = 10;
/// The longest name.
const NAME: usize = 32;
/// The longest value.
const VALUE: usize = 64;

/// The tags of a call or a key: at most ten, each a name and a value, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tags(Option<Arc<str>>);

/// What is wrong with tags.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTags {
    /// There is no `=`.
    #[error("`{0}` is no tag: write NAME=VALUE, with commas between tags")]
    NoPair(String),
    /// The name cannot be.
    #[error("`{0}` is no name of a tag: take 1 to 32 of a-z, 0-9, `_`, `-` and `.`, a letter first")]
    Name(String),
    /// The value cannot be.
    #[error(
        "the value of tag `{0}` has to be 1 to 64 of A-Z, a-z, 0-9, `_`, `-`, `.`, `:`, `/`, `@` and `+`"
    )]
    Value(String),
    /// The name is there twice.
    #[error("tag `{0}` is given twice")]
    Twice(String),
    /// The key says something else.
    #[error("tag `{0}` is set by the key, to another value")]
    Fixed(String),
    /// There are too many.
    #[error("there are {0} tags, and a call has at most ten")]
    TooMany(usize),
}

impl Tags {
    /// Text that [`Tags::as_str`] gave.
    pub fn from_kept(text: Option<Arc<str>>) -> Self {
        Self(text.filter(|text| !text.is_empty()))
    }

    /// The tags with commas between, in the order of their names; empty when there are none.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Each tag's name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.as_str().split(',').filter_map(|tag| tag.split_once('='))
    }

    /// What the tag of that name says.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.iter().find_map(|(own, value)| (own == name).then_some(value))
    }

    /// These, and those that a call brings. What these say holds: a call cannot say otherwise.
    ///
    /// # Errors
    /// When a call says otherwise, or they are too many together.
    pub fn with(&self, call: &Self) -> Result<Self, InvalidTags> {
        if self.is_empty() || call.is_empty() {
            return Ok(if call.is_empty() { self.clone() } else { call.clone() });
        }
        let mut all: BTreeMap<&str, &str> = self.iter().collect();
        for (name, value) in call.iter() {
            if all.insert(name, value).is_some_and(|own| own != value) {
                return Err(InvalidTags::Fixed(name.to_owned()));
            }
        }
        Self::of(&all)
    }

    fn of(all: &BTreeMap<&str, &str>) -> Result<Self, InvalidTags> {
        if all.len() > MOST {
            return Err(InvalidTags::TooMany(all.len()));
        }
        let tags: Vec<_> = all.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Ok(Self::from_kept(Some(tags.join(",").into())))
    }
}

impl fmt::Display for Tags {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}

impl FromStr for Tags {
    type Err = InvalidTags;

    /// Reads `NAME=VALUE` with commas between. Blanks around tags are passed over, and so is an empty text.
    fn from_str(text: &str) -> Result<Self, InvalidTags> {
        let mut all = BTreeMap::new();
        for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            // What is at fault is named in the answer, which shall stay short.
            let shown = || tag.chars().take(VALUE).collect::<String>();
            let (name, value) = tag.split_once('=').ok_or_else(|| InvalidTags::NoPair(shown()))?;
            let (name, value) = (name.trim(), value.trim());
            if !is_name(name) {
                return Err(InvalidTags::Name(name.chars().take(NAME).collect()));
            }
            if !is_value(value) {
                return Err(InvalidTags::Value(name.to_owned()));
            }
            if all.insert(name, value).is_some() {
                return Err(InvalidTags::Twice(name.to_owned()));
            }
        }
        Self::of(&all)
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.len() <= NAME
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.'))
}

fn is_value(value: &str) -> bool {
    (1..=VALUE).contains(&value.len())
        && value.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':' | b'/' | b'@' | b'+')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let tags = text.parse::<Tags>().map_err(|error| error.to_string())?;
        assert_eq!(tags.as_str().parse(), Ok(tags.clone()), "what is kept reads as it is");
        Ok(tags.to_string())
    }

    #[test]
    fn tags_are_read_in_one_form() {
        for (text, expected) in [
            ("", Ok("")),
            (" , ", Ok("")),
            ("project=apollo", Ok("project=apollo")),
            (" stage = test ,project=a/b:1@x+y,", Ok("project=a/b:1@x+y,stage=test")),
            ("project", Err("`project` is no tag: write NAME=VALUE, with commas between tags")),
            ("a=1,a=1", Err("tag `a` is given twice")),
            ("a=1=2", Err("the value of tag `a` has")),
            ("a=", Err("the value of tag `a` has")),
            ("a=\u{e9}", Err("the value of tag `a` has")),
            ("A=1", Err("`A` is no name of a tag")),
            ("1a=1", Err("`1a` is no name of a tag")),
            ("=1", Err("`` is no name of a tag")),
        ] {
            match (read(text), expected) {
                (Ok(read), Ok(expected)) => assert_eq!(read, expected, "{text}"),
                (Err(error), Err(expected)) => assert!(error.starts_with(expected), "{text}: {error}"),
                (read, _) => panic!("{text}: {read:?}"),
            }
        }
    }

    #[test]
    fn sizes_are_bounded() {
        let many = |count: usize| (0..count).map(|at| format!("t{at}=1")).collect::<Vec<_>>().join(",");
        let ok = |text: String| text.parse::<Tags>().is_ok();
        assert!(ok(many(10)) && !ok(many(11)));
        assert!(ok(format!("{}=1", "n".repeat(32))) && !ok(format!("{}=1", "n".repeat(33))));
        assert!(ok(format!("a={}", "v".repeat(64))) && !ok(format!("a={}", "v".repeat(65))));
    }

    #[test]
    fn a_call_adds_to_what_its_key_says_and_changes_none_of_it() {
        let tags = |text: &str| text.parse::<Tags>().unwrap();
        let key = tags("cost-center=42,stage=prod");
        assert_eq!(key.with(&Tags::default()), Ok(key.clone()));
        assert_eq!(Tags::default().with(&key), Ok(key.clone()));
        assert_eq!(key.with(&tags("stage=prod,a=1")), Ok(tags("a=1,cost-center=42,stage=prod")));
        assert_eq!(key.with(&tags("stage=test")), Err(InvalidTags::Fixed("stage".to_owned())));
        let many = tags("a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1");
        assert_eq!(key.with(&many), Err(InvalidTags::TooMany(11)));
        assert_eq!((key.value("stage"), key.value("none")), (Some("prod"), None));
    }
}
