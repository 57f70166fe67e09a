//! A shallow reader of JSON: walks over a text once and tells where things stand, without building anything.
//!
//! The structure is checked (brackets, commas, colons, literals, numbers); what stands inside a string is left to whoever
//! reads that string. So a body of 200 KB costs little more than finding the ends of its strings.

use std::borrow::Cow;
use std::ops::Range;

mod closing;
mod lenient;
mod names;
mod path;

use closing::{Closing, closing_quote};
pub(crate) use lenient::lenient;
use names::Names;
use path::path_to;

const NO_NAME: &str = "a member's name is no valid string";

/// Where and why a text is no JSON, or none that says only one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotJson {
    pub(crate) at: usize,
    pub(crate) why: &'static str,
    /// The member that an object has twice, as a dotted path, where that is what is wrong.
    pub(crate) twice: Option<Box<str>>,
}

/// Where a member of an object stands: its key (with quotes) and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) key: Range<usize>,
    pub(crate) value: Range<usize>,
}

impl Place {
    /// The whole member, from the key's first quote to the value's end.
    pub(crate) fn member(&self) -> Range<usize> {
        self.key.start..self.value.end
    }
}

/// A member's name as it is written.
struct Key {
    /// Where it stands, with its quotes.
    range: Range<usize>,
    /// Whether it is known to be ASCII without any escape.
    is_plain: bool,
}

#[derive(Clone)]
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The closing brackets that are still to come inside the value that is being skipped.
    open: Vec<u8>,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Scanner<'a> {
        Scanner { bytes, at: 0, open: Vec::new() }
    }

    /// Starts at an offset; every range given is still one of the whole text.
    pub(crate) fn starting_at(bytes: &'a [u8], at: usize) -> Scanner<'a> {
        Scanner { bytes, at, open: Vec::new() }
    }

    /// The bytes of a range that this scanner gave.
    pub(crate) fn raw(&self, range: &Range<usize>) -> &'a [u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// The string that stands in a range that this scanner gave.
    pub(crate) fn text(&self, range: &Range<usize>) -> Option<Cow<'a, str>> {
        text(self.raw(range))
    }

    /// How many bytes a string's text has, which stands in a range that this scanner gave; its written length where it is
    /// no valid one.
    pub(crate) fn text_bytes(&self, range: &Range<usize>) -> u64 {
        let written = range.len().saturating_sub(2);
        self.text(range).map_or(written, |text| text.len()) as u64
    }

    /// The first byte of the next value or bracket, without taking it.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    /// Only white space may follow.
    pub(crate) fn end(&mut self) -> Result<(), NotJson> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.wrong("something follows the end of the JSON text")),
        }
    }

    /// Walks over an object whose members mean something to us; `each` gets every name as its reader will understand it
    /// (`\u0074ype` is `type`), where the key stands, and must take the value from the scanner.
    ///
    /// A name that comes twice is refused, since nobody could say which of the two the model's reader goes by.
    pub(crate) fn members<E: From<NotJson>>(
        &mut self,
        mut each: impl FnMut(&mut Scanner<'a>, &str, Range<usize>) -> Result<(), E>,
    ) -> Result<Range<usize>, E> {
        self.named(|scanner, name, key| {
            let name = std::str::from_utf8(name).map_err(|_not_text| scanner.wrong(NO_NAME))?;
            each(scanner, name, key)
        })
    }

    /// [`Scanner::members`] for the many small objects of a long request, where names are only compared: their bytes are
    /// those of a valid text.
    pub(crate) fn named<E: From<NotJson>>(
        &mut self,
        mut each: impl FnMut(&mut Scanner<'a>, &[u8], Range<usize>) -> Result<(), E>,
    ) -> Result<Range<usize>, E> {
        let mut names = Names::default();
        self.pairs(|scanner, key| {
            let name = scanner.name(&key)?;
            let range = key.range;
            if names.has(&name) {
                let why = "a member is given twice";
                let path = path_to(scanner.bytes, range.start);
                let path = path.unwrap_or_else(|| String::from_utf8_lossy(&name).into_owned());
                return Err(NotJson { at: range.start, why, twice: Some(path.into()) }.into());
            }
            each(scanner, &name, range)?;
            names.add(name);
            Ok(())
        })
    }

    /// A name as its reader will understand it.
    fn name(&self, key: &Key) -> Result<Cow<'a, [u8]>, NotJson> {
        let raw = self.raw(&key.range);
        if key.is_plain {
            return Ok(Cow::Borrowed(raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default()));
        }
        match text(raw).ok_or_else(|| self.wrong(NO_NAME))? {
            Cow::Borrowed(name) => Ok(Cow::Borrowed(name.as_bytes())),
            Cow::Owned(name) => Ok(Cow::Owned(name.into_bytes())),
        }
    }

    /// Walks over an object whose members are only passed over or edited; `each` gets every key as it is written and must
    /// take its value from the scanner. To know a member by its name, use [`Scanner::members`].
    pub(crate) fn keys<E: From<NotJson>>(
        &mut self,
        mut each: impl FnMut(&mut Scanner<'a>, Range<usize>) -> Result<(), E>,
    ) -> Result<Range<usize>, E> {
        self.pairs(|scanner, key| each(scanner, key.range))
    }

    fn pairs<E: From<NotJson>>(
        &mut self,
        mut each: impl FnMut(&mut Scanner<'a>, Key) -> Result<(), E>,
    ) -> Result<Range<usize>, E> {
        self.take(b'{', "an object was expected")?;
        let start = self.at - 1;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(start..self.at);
        }
        loop {
            let key = self.key()?;
            each(self, key)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(start..self.at);
                }
                _ => return Err(self.wrong("`,` or `}` was expected").into()),
            }
        }
    }

    /// Walks over an array; `each` gets every index and must take the element from the scanner.
    pub(crate) fn array<E: From<NotJson>>(
        &mut self,
        mut each: impl FnMut(&mut Scanner<'a>, usize) -> Result<(), E>,
    ) -> Result<Range<usize>, E> {
        self.take(b'[', "an array was expected")?;
        let start = self.at - 1;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(start..self.at);
        }
        for index in 0.. {
            each(self, index)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    break;
                }
                _ => return Err(self.wrong("`,` or `]` was expected").into()),
            }
        }
        Ok(start..self.at)
    }

    /// Walks over the next value, whatever it is.
    pub(crate) fn value(&mut self) -> Result<Range<usize>, NotJson> {
        let first = self.peek();
        let start = self.at;
        // By far the most values are strings; they need none of what follows.
        if first == Some(b'"') {
            return self.string();
        }
        self.open.clear();
        loop {
            if self.opening()? {
                continue;
            }
            loop {
                let Some(closing) = self.open.last().copied() else {
                    return Ok(start..self.at);
                };
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        if closing == b'}' {
                            self.key()?;
                        }
                        break;
                    }
                    Some(byte) if byte == closing => {
                        self.at += 1;
                        self.open.pop();
                    }
                    _ => return Err(self.wrong("`,` or a closing bracket was expected")),
                }
            }
        }
    }

    /// Takes a whole scalar or an empty bracket pair (false), or the bracket that opens a filled one (true).
    fn opening(&mut self) -> Result<bool, NotJson> {
        match self.peek() {
            Some(b'"') => {
                self.string()?;
            }
            Some(b'{') => {
                self.at += 1;
                if self.peek() != Some(b'}') {
                    self.open.push(b'}');
                    self.key()?;
                    return Ok(true);
                }
                self.at += 1;
            }
            Some(b'[') => {
                self.at += 1;
                if self.peek() != Some(b']') {
                    self.open.push(b']');
                    return Ok(true);
                }
                self.at += 1;
            }
            Some(b't') => self.literal(b"true")?,
            Some(b'f') => self.literal(b"false")?,
            Some(b'n') => self.literal(b"null")?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(_) => return Err(self.wrong("a value was expected")),
            None => return Err(self.wrong("the text ends too early")),
        }
        Ok(false)
    }

    /// Takes a string; the range includes its quotes.
    pub(crate) fn string(&mut self) -> Result<Range<usize>, NotJson> {
        self.take(b'"', "a string was expected")?;
        self.rest_of_string().map(|string| string.range)
    }

    /// Takes what is left of a string behind its first quote.
    #[inline]
    fn rest_of_string(&mut self) -> Result<Key, NotJson> {
        let start = self.at - 1;
        let inside = self.bytes.get(self.at..).unwrap_or_default();
        let Some(Closing { at, is_plain }) = closing_quote(inside) else {
            self.at = self.bytes.len();
            return Err(self.wrong("a string has no end"));
        };
        self.at += at + 1;
        Ok(Key { range: start..self.at, is_plain })
    }

    fn key(&mut self) -> Result<Key, NotJson> {
        self.take(b'"', "a member's name was expected")?;
        let key = self.rest_of_string()?;
        self.take(b':', "`:` was expected")?;
        Ok(key)
    }

    fn take(&mut self, wanted: u8, why: &'static str) -> Result<(), NotJson> {
        match self.peek() {
            Some(byte) if byte == wanted => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(self.wrong(why)),
            None => Err(self.wrong("the text ends too early")),
        }
    }

    fn literal(&mut self, literal: &[u8]) -> Result<(), NotJson> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if !rest.starts_with(literal) {
            return Err(self.wrong("a value was expected"));
        }
        self.at += literal.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), NotJson> {
        if self.here() == Some(b'-') {
            self.at += 1;
        }
        match self.here() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.here() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.here(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.here(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), NotJson> {
        let start = self.at;
        while matches!(self.here(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.wrong("a digit was expected")) } else { Ok(()) }
    }

    fn here(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn wrong(&self, why: &'static str) -> NotJson {
        NotJson { at: self.at, why, twice: None }
    }
}

/// What a JSON string (with its quotes) says; none if it is no valid one.
pub(crate) fn text(raw: &[u8]) -> Option<Cow<'_, str>> {
    let (b'"', [inner @ .., b'"']) = raw.split_first()? else { return None };
    if memchr::memchr(b'\\', inner).is_none() {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    serde_json::from_slice::<String>(raw).ok().map(Cow::Owned)
}

/// The text as a JSON string, with quotes.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(bytes: &[u8]) -> Result<Range<usize>, NotJson> {
        let mut scanner = Scanner::new(bytes);
        let range = scanner.value()?;
        scanner.end()?;
        Ok(range)
    }

    #[test]
    fn what_is_json_is_told_from_what_is_not() {
        for good in [
            "{}",
            "[]",
            " [ 1 , -0.5e+3 , true,false,null , \"\" ] ",
            r#"{"a":{"b":[{}]},"c":"\"\\"}"#,
            "0",
            "\"x\"",
            r#"{"a":"a string that is longer than sixteen bytes \" and goes on"}"#,
        ] {
            assert!(whole(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "[1 2]",
            "01",
            "1.",
            "-",
            "tru",
            "\"x",
            "\"x\\",
            "{}{}",
            "{\"a\":1,}",
            "[}",
            "{]",
            "nul",
            "+1",
            ",",
            "[1}",
            "{\"a\":1]",
        ] {
            assert!(whole(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    fn names(body: &str) -> Result<Vec<String>, NotJson> {
        let mut names = Vec::new();
        Scanner::new(body.as_bytes()).members(|scanner, name, _| {
            scanner.value()?;
            names.push(name.to_owned());
            Ok::<(), NotJson>(())
        })?;
        Ok(names)
    }

    #[test]
    fn a_members_name_is_what_its_reader_understands() {
        assert_eq!(names(r#"{"\u0074ype":1,"a\/b":2,"é":3}"#).unwrap(), ["type", "a/b", "é"]);
        assert!(names(r#"{"\ud800":1}"#).is_err(), "half a character");
        let bytes = b"{\"ty\xffpe\":1,\"and_more_so_that_the_text_is_long\":2}";
        let named = Scanner::new(bytes).named(|scanner, _, _| scanner.value().map(drop));
        assert!(named.is_err(), "not UTF-8");
    }

    #[test]
    fn a_name_that_comes_twice_is_refused_however_it_is_written() {
        let many: String = (0..40).map(|number| format!(r#""m{number}":0,"#)).collect();
        for (body, twice) in [
            (r#"{"a":1,"b":2,"a":3}"#.to_owned(), Some("a")),
            (r#"{"type":1,"\u0074ype":2}"#.to_owned(), Some("type")),
            (r#"{"a":1,"b":{"a":1}}"#.to_owned(), None),
            (format!(r#"{{{many}"x":1}}"#), None),
            (format!(r#"{{{many}"m3":1}}"#), Some("m3")),
            (format!(r#"{{{many}"m3\u0037":1}}"#), Some("m37")),
        ] {
            assert_eq!(names(&body).err().and_then(|wrong| wrong.twice).as_deref(), twice, "{body}");
        }
    }

    #[test]
    fn deep_nesting_does_not_overflow_the_stack() {
        let deep = format!("{}{}", "[".repeat(300_000), "]".repeat(300_000));
        assert!(whole(deep.as_bytes()).is_ok());
        assert!(whole("[".repeat(300_000).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _result = whole(&bytes);
        }

        #[test]
        fn json_like_bytes_are_judged_as_serde_json_judges_them(
            text in r#"[\[\]{},:"a1 0.e+tn\-]{0,16}"#
        ) {
            let ours = whole(text.as_bytes()).is_ok();
            let theirs = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
            prop_assert_eq!(ours, theirs);
        }
    }
}
