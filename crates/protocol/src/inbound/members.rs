//! The top-level members of a body: what each is called, and where it stands.

use std::ops::Range;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::json::{Place, Scanner};

use super::Malformed;

/// A top-level member: its name, and where it stands.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) place: Place,
}

/// A body that is a JSON object, as it came, and its members.
#[derive(Debug)]
pub(crate) struct Members {
    body: Bytes,
    list: Vec<Member>,
}

impl Members {
    /// Walks over a body once. `each` takes the value of a member, and says where that stands.
    ///
    /// # Errors
    /// Where the body is no JSON object or names a member twice, and as `each` says.
    pub(crate) fn read(
        body: Bytes,
        mut each: impl FnMut(&str, &mut Scanner<'_>) -> Result<Range<usize>, Malformed>,
    ) -> Result<Members, Malformed> {
        let mut list: Vec<Member> = Vec::with_capacity(16);
        let mut scanner = Scanner::new(&body);
        if scanner.peek() != Some(b'{') {
            let message = "The request body must be a JSON object".to_owned();
            return Err(Malformed { message, pointer: String::new() });
        }
        scanner.members(|scanner, name, key| {
            let value = each(name, scanner)?;
            list.push(Member { name: name.to_owned(), place: Place { key, value } });
            Ok::<(), Malformed>(())
        })?;
        scanner.end()?;
        Ok(Members { body, list })
    }

    /// The body as it came.
    pub(crate) fn body(&self) -> &Bytes {
        &self.body
    }

    /// The members in their order.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Member> {
        self.list.iter()
    }

    /// The member of that name.
    pub(crate) fn find(&self, name: &str) -> Option<&Member> {
        self.list.iter().find(|member| member.name == name)
    }

    /// The bytes of a range.
    pub(crate) fn raw(&self, range: &Range<usize>) -> &[u8] {
        self.body.get(range.clone()).unwrap_or_default()
    }

    /// The value of a member as it is written.
    pub(crate) fn written(&self, name: &str) -> Option<&[u8]> {
        self.body.get(self.find(name)?.place.value.clone())
    }

    /// The value of a member; none where it is not there or `null`.
    pub(crate) fn value(&self, name: &str) -> Option<&[u8]> {
        self.written(name).filter(|raw| *raw != b"null")
    }

    /// The value of a member; none where it is not there, `null`, or of another form.
    pub(crate) fn loose<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(self.value(name)?).ok()
    }
}

impl<'a> IntoIterator for &'a Members {
    type Item = &'a Member;
    type IntoIter = std::slice::Iter<'a, Member>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
