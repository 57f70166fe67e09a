//! Who is calling: the key that a request shows.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use stonegate_identity::KeyText;

/// The key, from either header that clients use.
///
/// Anthropic's older clients send `x-api-key`, the newer ones and OpenAI's `Authorization: Bearer`. Claude Code sends both
/// when a person has a key of their own in the environment beside ours: then the one that can be ours counts.
pub(crate) fn shown_key(headers: &HeaderMap) -> Option<KeyText> {
    let own = headers.get("x-api-key").and_then(|value| value.to_str().ok());
    [own, bearer(headers)].into_iter().flatten().find_map(|text| KeyText::parse(text.trim()).ok())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// Two keys of ours, by a letter each, in place of `$A` and `$B`.
    fn check(headers: &[(&'static str, &str)], expected: Option<char>) {
        let [a, b] = [[1; 24], [2; 24]].map(KeyText::mint);
        let fill = |text: &str| text.replace("$A", a.as_str()).replace("$B", b.as_str());
        let mut sent = HeaderMap::new();
        for (name, value) in headers {
            sent.append(*name, HeaderValue::from_str(&fill(value)).expect("it is text"));
        }
        let expected = expected.map(|letter| fill(&format!("${letter}")));
        assert_eq!(shown_key(&sent).map(|key| key.as_str().to_owned()), expected, "{headers:?}");
    }

    #[test]
    fn both_headers_are_read() {
        check(&[("x-api-key", "$A")], Some('A'));
        check(&[("x-api-key", " $A ")], Some('A'));
        check(&[("authorization", "Bearer $B")], Some('B'));
        check(&[("authorization", "bearer   $B ")], Some('B'));
        check(&[("authorization", "Basic $B")], None);
        check(&[("authorization", "Bearer ")], None);
        check(&[("authorization", "$B")], None);
        check(&[("x-api-key", "")], None);
        check(&[("cookie", "$A")], None);
    }

    #[test]
    fn of_two_keys_the_one_that_can_be_ours_counts() {
        check(&[("x-api-key", "$A"), ("authorization", "Bearer $B")], Some('A'));
        check(&[("x-api-key", "sk-ant-x"), ("authorization", "Bearer $B")], Some('B'));
        check(&[("x-api-key", "$A"), ("authorization", "Bearer sk-ant-x")], Some('A'));
        check(&[("x-api-key", "sk-ant-x"), ("authorization", "Bearer sk-ant-y")], None);
    }
}
