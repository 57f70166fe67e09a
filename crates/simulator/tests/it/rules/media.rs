//! Cache marks, images and documents.

use serde_json::{Value, json};

use super::{check, plus, user};
use crate::caller::{NEW, OLDEST, simulator, tool, with};

const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

#[tokio::test]
async fn cache_marks() {
    let running = simulator().await;
    let block = |mark: Value| json!({"type": "text", "text": "a", "cache_control": mark});
    let marked = |mark: Value| user(json!([block(mark)]));
    let plain = json!({"type": "ephemeral"});
    let hour = json!({"type": "ephemeral", "ttl": "1h"});
    let many = |count: usize| user(Value::from(vec![block(plain.clone()); count]));
    for (model, body, expected) in [
        (NEW, marked(plain.clone()), ""),
        (NEW, marked(Value::Null), ""),
        (NEW, marked(hour.clone()), ""),
        (
            OLDEST,
            marked(hour.clone()),
            "messages.0.content.0.text.cache_control.ephemeral.ttl: Extra inputs are not permitted",
        ),
        (
            NEW,
            marked(json!({"type": "ephemeral", "ttl": "2h"})),
            "messages.0.content.0.text.cache_control.ephemeral.ttl: Input should be '5m' or '1h'",
        ),
        (
            NEW,
            marked(json!({"type": "ephemeral", "scope": "global"})),
            "messages.0.content.0.text.cache_control.ephemeral.scope: Extra inputs are not permitted",
        ),
        (
            NEW,
            plus(
                json!({"system": [with(block(json!({"type": "ephemeral", "scope": "global"})), json!({}))]}),
            ),
            "system.0.cache_control.ephemeral.scope: Extra inputs are not permitted",
        ),
        (
            NEW,
            marked(json!({"type": "lasting"})),
            "messages.0.content.0.text.cache_control: Input should be 'ephemeral'",
        ),
        (NEW, many(4), ""),
        (NEW, many(5), "A maximum of 4 blocks with cache_control may be provided. Found 5."),
        (
            NEW,
            plus(
                json!({"tools": [with(tool("a"), json!({"cache_control": plain}))], "system": [block(hour.clone())]}),
            ),
            "system.0.cache_control.ttl: a ttl='1h' cache_control block must not come after",
        ),
        (NEW, plus(json!({"cache_control": plain})), "cache_control: Extra inputs are not permitted"),
        (
            NEW,
            user(json!([{"type": "text", "text": "", "cache_control": plain}])),
            "messages.0.content.0.text: cache_control cannot be set for empty text blocks",
        ),
    ] {
        check(&running, model, body, expected).await;
    }
}

#[tokio::test]
async fn images_and_documents() {
    let running = simulator().await;
    let image = |source: Value| user(json!([{"type": "image", "source": source}]));
    let base64 =
        |media_type: &str, data: &str| json!({"type": "base64", "media_type": media_type, "data": data});
    let document = |source: Value| user(json!([{"type": "document", "source": source}]));
    for (body, expected) in [
        (image(base64("image/png", PNG)), ""),
        (
            image(base64("image/jpeg", PNG)),
            "messages.0.content.0.image.source.base64.data: The image was specified using the image/jpeg media type, but the image appears to be a image/png image",
        ),
        (
            image(base64("image/bmp", PNG)),
            "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'",
        ),
        (
            image(base64("image/png", "%%%")),
            "messages.0.content.0.image.source.base64.data: Invalid base64 data",
        ),
        (image(base64("image/png", "aGVsbG8=")), "Could not process image"),
        (
            image(json!({"type": "url", "url": "https://example.com/a.png"})),
            "messages.0.content.0.image.source: URL sources are not supported",
        ),
        (
            image(json!({"type": "file", "file_id": "f"})),
            "messages.0.content.0.image.source: source type 'file' is not supported",
        ),
        (document(base64("application/pdf", "JVBERi0xLjQK")), ""),
        (
            document(base64("application/pdf", "aGVsbG8=")),
            "messages.0.content.0.document.source.base64.data: The PDF specified was not valid.",
        ),
        (
            document(base64("text/html", "aGVsbG8=")),
            "messages.0.content.0.document.source.base64.media_type: Input should be 'application/pdf'",
        ),
        (document(json!({"type": "text", "media_type": "text/plain", "data": "Hi."})), ""),
        (document(json!({"type": "content", "content": [{"type": "text", "text": "Hi."}]})), ""),
        (
            document(json!({"type": "url", "url": "https://example.com/a.pdf"})),
            "messages.0.content.0.document.source: URL sources are not supported",
        ),
        (
            user(
                json!([{"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]}]),
            ),
            "",
        ),
    ] {
        check(&running, NEW, body, expected).await;
    }
}
