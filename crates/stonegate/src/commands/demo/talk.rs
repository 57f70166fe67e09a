//! One streamed answer, printed as it comes.

use anyhow::{Context as _, bail};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::client::Client;

/// Asks, gives every piece of text to `show` as it arrives, and returns the whole.
pub(super) async fn ask(
    client: &Client,
    model: &str,
    question: &str,
    mut show: impl FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<String> {
    let body = json!({
        "model": model, "max_tokens": 512, "stream": true,
        "messages": [{ "role": "user", "content": question }],
    });
    let mut stream = client.stream("/v1/messages", &body).await?.into_body();
    let mut pending = Vec::new();
    let mut answer = String::new();
    while let Some(frame) = stream.frame().await {
        let Ok(data) = frame.context("the answer broke off")?.into_data() else { continue };
        pending.extend_from_slice(&data);
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            if let Some(text) = text_of(&line)? {
                show(&text)?;
                answer.push_str(&text);
            }
        }
    }
    Ok(answer)
}

/// The text that a line of the stream brings, if it brings any.
fn text_of(line: &[u8]) -> anyhow::Result<Option<String>> {
    let Some(data) = line.strip_prefix(b"data: ") else { return Ok(None) };
    let event: Value = serde_json::from_slice(data).context("an event is not JSON")?;
    match event["type"].as_str() {
        Some("content_block_delta") => Ok(event["delta"]["text"].as_str().map(str::to_owned)),
        Some("error") => bail!("the model's answer broke off: {}", event["error"]["message"]),
        Some(_) | None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_deltas_of_text_bring_text_and_an_error_is_one() {
        let delta = br#"data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}}"#;
        assert_eq!(text_of(delta).expect("JSON").as_deref(), Some("Hi"));
        for other in [&b"event: ping\n"[..], b"\n", br#"data: {"type":"message_stop"}"#] {
            assert_eq!(text_of(other).expect("JSON"), None);
        }
        let error = br#"data: {"type":"error","error":{"message":"overloaded"}}"#;
        assert!(text_of(error).expect_err("an error").to_string().contains("overloaded"));
    }
}
