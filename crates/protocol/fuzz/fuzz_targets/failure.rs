//! Whatever an error answer says: no panic, and no ARN in what the caller reads.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stonegate_protocol::{Problem, anthropic, failure};

fuzz_target!(|data: (u16, Option<&str>, Option<&str>, &[u8])| {
    let (status, name, wait, body) = data;
    let failure = failure::from_bedrock(status, name, wait, body);
    let _part = failure.rejected_part();
    let reply = anthropic::error::render(&Problem::from(&failure), "req_0");
    assert!(!failure.message.contains("arn:aws"), "{}", failure.message);
    assert!(reply.status >= 400);
});
