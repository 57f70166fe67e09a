//! What the matrix sends to Bedrock and gives to clients, kept for those who know their shapes better than we do: `make
//! clients` holds the one against AWS's own service model and the other against the vendors' SDKs.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process;
use std::sync::{LazyLock, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stonegate_protocol::Outbound;

/// In the form of the simulator's own record, which the client tests read anyway.
static SENT: LazyLock<Mutex<File>> = LazyLock::new(|| kept("bedrock-matrix", "jsonl"));
static GIVEN: LazyLock<Mutex<File>> = LazyLock::new(|| kept("answers-matrix", "lines"));
/// Longer bodies say nothing more of their shape.
const LONGEST: usize = 64 * 1024;

/// Keeps a call to Bedrock.
pub(crate) fn sent(outbound: &Outbound) {
    let body = outbound.body.to_bytes();
    if body.len() <= LONGEST {
        write(
            &SENT,
            &json!({
                "number": 0,
                "method": "POST",
                "path": outbound.path,
                "headers": outbound.headers,
                "body": STANDARD.encode(body),
            }),
        );
    }
}

/// Keeps what a client gets.
pub(crate) fn given(client: &str, place: &str, stream: bool, is_whole: bool, body: &[u8]) {
    write(
        &GIVEN,
        &json!({
            "client": client,
            "place": place,
            "stream": stream,
            "is_whole": is_whole,
            "body": STANDARD.encode(body),
        }),
    );
}

fn kept(name: &str, ending: &str) -> Mutex<File> {
    let file = format!("{name}-{}.{ending}", process::id());
    Mutex::new(File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join(file)).unwrap())
}

fn write(file: &Mutex<File>, line: &Value) {
    writeln!(file.lock().unwrap(), "{line}").unwrap();
}
