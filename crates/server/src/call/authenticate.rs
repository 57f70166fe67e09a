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

/// The token of an OpenID provider, from either header: three parts of base64, of which the first is JSON (RFC 7515, 7.1).
pub(crate) fn shown_token(headers: &HeaderMap) -> Option<&str> {
    let own = headers.get("x-api-key").and_then(|value| value.to_str().ok());
    let is_one =
        |text: &&str| text.starts_with("eyJ") && text.bytes().filter(|byte| *byte == b'.').count() == 2;
    [own, bearer(headers)].into_iter().flatten().map(str::trim).find(is_one)
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
    fn a_providers_token_is_told_by_its_form() {
        for (headers, expected) in [
            (&[("authorization", "Bearer eyJh.eyJp.c2ln")][..], Some("eyJh.eyJp.c2ln")),
            (&[("authorization", "bearer  eyJh.eyJp.c2ln ")], Some("eyJh.eyJp.c2ln")),
            (&[("x-api-key", "eyJh.eyJp.c2ln")], Some("eyJh.eyJp.c2ln")),
            (
                &[("x-api-key", "sk-ant-x"), ("authorization", "Bearer eyJh.eyJp.c2ln")],
                Some("eyJh.eyJp.c2ln"),
            ),
            (
                &[("x-api-key", "eyJa.eyJp.c2ln"), ("authorization", "Bearer eyJb.eyJp.c2ln")],
                Some("eyJa.eyJp.c2ln"),
            ),
            // Without a signature it is told why it is not taken.
            (&[("authorization", "Bearer eyJh.eyJp.")], Some("eyJh.eyJp.")),
            (&[("authorization", "Bearer eyJh.eyJp")], None),
            (&[("authorization", "Bearer eyJh.k.iv.text.tag")], None), // encrypted: nobody's here
            (&[("authorization", "Basic eyJh.eyJp.c2ln")], None),
            (&[("cookie", "eyJh.eyJp.c2ln")], None),
            (&[("x-api-key", "sk-ant-x")], None),
        ] {
            let mut sent = HeaderMap::new();
            for (name, value) in headers {
                sent.append(*name, HeaderValue::from_str(value).expect("it is text"));
            }
            assert_eq!(shown_token(&sent), expected, "{headers:?}");
        }
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
