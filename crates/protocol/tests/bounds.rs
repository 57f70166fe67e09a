//! What bounds the tokens of a request, in every dialect: its bytes, or nothing but the model's window; and how often it is
//! read.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without may stop it")]

use bytes::Bytes;
use stonegate_protocol::conversation::{Passes, Sizes};
use stonegate_protocol::{
    Capabilities, Inbound, anthropic, bedrock_native, converse, openai_chat, openai_responses,
};

const PDF: &str = "JVBERi0xLjQK";
const ZIP: &str = "UEsDBBQA";
const TEXT: &str = "aGVsbG8gd29y";

/// Reads a body of the dialect around a part of a message.
fn with_part(dialect: &str, part: &str) -> Box<dyn Inbound> {
    let messages = format!(r#""messages":[{{"role":"user","content":[{part}]}}]"#);
    match dialect {
        "messages" => messages_body(&format!(r#"{{"model":"m","max_tokens":9,{messages}}}"#)),
        "chat" => Box::new(openai_chat::parse(body(&format!(r#"{{"model":"m",{messages}}}"#))).unwrap()),
        "responses" => {
            let input = format!(r#"{{"model":"m","input":[{{"role":"user","content":[{part}]}}]}}"#);
            Box::new(openai_responses::parse(body(&input)).unwrap())
        }
        "converse" => Box::new(converse::parse(body(&format!("{{{messages}}}")), false, "m").unwrap()),
        _ => Box::new(bedrock_native::parse(body(&format!("{{{messages}}}")), false, "m", |_| None).unwrap()),
    }
}

fn body(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn messages_body(text: &str) -> Box<dyn Inbound> {
    Box::new(anthropic::parse(None, &[], body(text)).unwrap())
}

#[track_caller]
fn check(dialect: &str, part: &str, is_bounded: bool) {
    let sizes: Sizes = *with_part(dialect, part).sizes();
    assert_eq!(sizes.unbounded == 0, is_bounded, "{dialect} {part}: {sizes:?}");
}

#[test]
fn a_pdf_has_no_bound_in_its_bytes_and_a_text_has() {
    let check_both = |kind: &str, source: String, is_bounded| {
        check("messages", &format!(r#"{{"type":"{kind}","source":{source}}}"#), is_bounded);
        let result = format!(r#"{{"type":"tool_result","content":[{{"source":{source},"type":"{kind}"}}]}}"#);
        check("messages", &result, is_bounded);
    };
    let base64 =
        |media: &str, data: &str| format!(r#"{{"type":"base64","media_type":"{media}","data":"{data}"}}"#);
    check_both("document", base64("application/pdf", PDF), false);
    // Only PDFs come as base64, whatever they are called.
    check_both("document", base64("text/plain", TEXT), false);
    check_both("document", r#"{"type":"url","url":"https://a.example/b.pdf"}"#.to_owned(), false);
    check_both("document", r#"{"type":"file","file_id":"file_1"}"#.to_owned(), false);
    check_both("document", r#"{"type":"text","media_type":"text/plain","data":"hello"}"#.to_owned(), true);
    check_both("document", r#"{"type":"content","content":"hello"}"#.to_owned(), true);
    check_both("image", base64("image/png", TEXT), true);
    check_both("hologram", base64("image/png", TEXT), false);
    let nested = format!(
        r#"{{"type":"content","content":[{{"type":"document","source":{}}}]}}"#,
        base64("application/pdf", PDF)
    );
    check_both("document", nested, false);
}

#[test]
fn a_file_of_openais_dialects_is_what_all_that_is_said_of_it_says() {
    for (file, is_bounded) in [
        (format!(r#""file_data":"data:application/pdf;base64,{PDF}""#), false),
        (format!(r#""file_data":"data:text/plain;base64,{TEXT}""#), true),
        (format!(r#""file_data":"data:TEXT/CSV;charset=utf-8;base64,{TEXT}","filename":"a.csv""#), true),
        (format!(r#""file_data":"data:text/plain;base64,{TEXT}","filename":"a.pdf""#), false),
        (format!(r#""file_data":"data:text/plain;base64,{PDF}","filename":"a.txt""#), false),
        (format!(r#""file_data":"data:text/plain;base64,{ZIP}""#), false),
        (format!(r#""file_data":"{TEXT}","filename":"a.txt""#), true),
        (format!(r#""file_data":"{PDF}","filename":"a.txt""#), false),
        (format!(r#""file_data":"{TEXT}","filename":"a.docx""#), false),
        (format!(r#""file_data":"{TEXT}","filename":"a.xlsx""#), false),
        (format!(r#""file_data":"{TEXT}""#), false),
        (format!(r#""file_data":"data:image/png;base64,{TEXT}","filename":"a.png""#), true),
        (r#""file_id":"file_1""#.to_owned(), false),
    ] {
        check("chat", &format!(r#"{{"type":"file","file":{{{file}}}}}"#), is_bounded);
        check("responses", &format!(r#"{{"type":"input_file",{file}}}"#), is_bounded);
    }
    check("responses", r#"{"type":"input_file","file_url":"https://a.example/b"}"#, false);
    check(
        "responses",
        &format!(r#"{{"type":"input_image","image_url":"data:image/png;base64,{TEXT}"}}"#),
        true,
    );
    check(
        "chat",
        &format!(r#"{{"type":"input_audio","input_audio":{{"format":"wav","data":"{TEXT}"}}}}"#),
        false,
    );
    let sound = format!(r#"{{"type":"input_audio","input_audio":{{"format":"wav","data":"{TEXT}"}}}}"#);
    check("responses", &sound, false);
    check("chat", r#"{"type":"audio_url","audio_url":{"url":"https://a.example/b.mp3"}}"#, false);
    check("chat", &format!(r#"{{"type":"video_url","video_url":"data:video/mp4;base64,{TEXT}"}}"#), false);
}

#[test]
fn office_files_videos_and_what_lies_elsewhere_have_no_bound_on_converse() {
    for (part, is_bounded) in [
        (format!(r#"{{"document":{{"format":"pdf","name":"a","source":{{"bytes":"{PDF}"}}}}}}"#), false),
        (format!(r#"{{"document":{{"source":{{"bytes":"{ZIP}"}},"name":"a","format":"docx"}}}}"#), false),
        (format!(r#"{{"document":{{"format":"xlsx","name":"a","source":{{"bytes":"{TEXT}"}}}}}}"#), false),
        (format!(r#"{{"document":{{"format":"xls","name":"a","source":{{"bytes":"{TEXT}"}}}}}}"#), false),
        (format!(r#"{{"document":{{"name":"a","source":{{"bytes":"{TEXT}"}}}}}}"#), false),
        (format!(r#"{{"document":{{"format":"txt","name":"a","source":{{"bytes":"{TEXT}"}}}}}}"#), true),
        (format!(r#"{{"document":{{"format":"txt","name":"a","source":{{"bytes":"{PDF}"}}}}}}"#), false),
        (
            format!(r#"{{"document":{{"format":"md","name":"a","source":{{"bytes":"\u004aVBER{TEXT}"}}}}}}"#),
            false,
        ),
        (r#"{"document":{"name":"a","source":{"text":"hello"}}}"#.to_owned(), true),
        (r#"{"document":{"name":"a","source":{"content":[{"text":"hello"}]}}}"#.to_owned(), true),
        (
            r#"{"document":{"format":"txt","name":"a","source":{"s3Location":{"uri":"s3://a/b"}}}}"#
                .to_owned(),
            false,
        ),
        (
            format!(
                r#"{{"toolResult":{{"toolUseId":"a","content":[{{"document":{{"format":"pdf","name":"a","source":{{"bytes":"{PDF}"}}}}}}]}}}}"#
            ),
            false,
        ),
        (format!(r#"{{"video":{{"format":"mp4","source":{{"bytes":"{TEXT}"}}}}}}"#), false),
        (format!(r#"{{"audio":{{"format":"mp3","source":{{"bytes":"{TEXT}"}}}}}}"#), false),
        (format!(r#"{{"image":{{"format":"png","source":{{"bytes":"{TEXT}"}}}}}}"#), true),
    ] {
        check("converse", &part, is_bounded);
    }
}

#[test]
fn media_of_a_models_own_body_are_found_by_name() {
    for (part, images, is_bounded) in [
        (r#"{"text":"an image of a video"}"#, 0, true),
        (r#"{"image":{"format":"png","source":{"bytes":"AAAA"}}}"#, 1, true),
        (r#"{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}"#, 1, true),
        (r#"{"v\u0069deo":{"source":{}}}"#, 0, false),
        (r#"{"a":[[{"document":{}}]]}"#, 0, false),
        (r#"{"type":"audio_url","audio_url":{"url":"https://a.example/b.mp3"}}"#, 0, false),
        (r#"{"mediaSource":{"s3Location":{"uri":"s3://a/b"}}}"#, 0, false),
    ] {
        let sizes = *with_part("native", part).sizes();
        assert_eq!((sizes.images, sizes.unbounded == 0), (images, is_bounded), "{part}");
    }
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert!(with_part("native", &deep).sizes().unbounded > 0, "what is not looked at");
}

#[test]
fn text_that_upstream_writes_out_again_counts_again() {
    let plain = r#"{"type":"document","source":{"type":"text","data":"a.b.c."}"#;
    assert_eq!(with_part("messages", &format!("{plain}}}")).sizes().repeated_bytes, 0);
    let cited = with_part("messages", &format!(r#"{plain},"citations":{{"enabled":true}}}}"#));
    assert_eq!(cited.sizes().repeated_bytes, 32);
    let tool = r#"{"name":"long","description":"ddddddddddddddddddddddddd"}"#;
    let named = messages_body(&format!(
        r#"{{"model":"m","max_tokens":9,"tools":[{{"name":"a"}},{tool}],"messages":[{{"role":"user","content":[{{"type":"tool_result","content":[{{"type":"tool_reference","tool_name":"long"}},{{"type":"tool_reference","tool_name":"long"}}]}}]}}]}}"#
    ));
    assert_eq!(named.sizes().repeated_bytes, 2 * tool.len() as u64);
}

#[track_caller]
fn check_passes(inbound: &dyn Inbound, beside: u64, from_tokens: u64) {
    let passes = inbound.passes(&Capabilities::default());
    assert_eq!(passes, Passes { beside, from_tokens }, "{inbound:?}");
}

#[test]
fn a_history_that_is_summed_up_first_is_read_twice() {
    let asked =
        |members: &str| messages_body(&format!(r#"{{"model":"m","max_tokens":9,"messages":[],{members}}}"#));
    let edits = |edits: &str| asked(&format!(r#""context_management":{{"edits":[{edits}]}}"#));
    check_passes(&*asked(r#""system":"x""#), 0, 0);
    check_passes(
        &*edits(r#"{"type":"clear_tool_uses_20250919","trigger":{"type":"input_tokens","value":7}}"#),
        0,
        0,
    );
    check_passes(&*edits(r#"{"type":"compact_20260112"}"#), 1, 150_000);
    let early = r#"{"type":"compact_20260112","trigger":{"type":"input_tokens","value":60000}}"#;
    check_passes(&*edits(early), 1, 60_000);
    check_passes(&*edits(r#"{"type":"compact_20260112","trigger":{"value":"many"}}"#), 1, 0);
    let tools = |kind: &str| asked(&format!(r#""tools":[{{"type":"{kind}","name":"x"}}]"#));
    check_passes(&*tools("tool_search_tool_regex_20251119"), 9, 0);
    check_passes(&*tools("bash_20250124"), 0, 0);
    // Refused before it is sent.
    check_passes(&*tools("web_search_20250305"), 0, 0);
}

#[test]
fn members_for_claude_in_other_dialects_are_read_too() {
    let with = |members: &str| {
        let text = format!(r#"{{"messages":[],"additionalModelRequestFields":{members}}}"#);
        converse::parse(body(&text), false, "m").unwrap()
    };
    check_passes(&with(r#"{"top_k":1}"#), 0, 0);
    check_passes(&with(r#"{"context_management":{"edits":[{"type":"compact_20260112"}]}}"#), 1, 0);
    check_passes(&with(r#"{"tools":[{"type":"tool_search_tool_bm25"}]}"#), 9, 0);
    check_passes(&with(r#"{"tools":"odd"}"#), 19, 0);
    let chat = r#"{"model":"m","messages":[],"additionalModelRequestFields":{"tools":[{"type":"tool_search_tool_bm25"}]}}"#;
    check_passes(&openai_chat::parse(body(chat)).unwrap(), 9, 0);
    let grounded = r#"{"messages":[],"toolConfig":{"tools":[{"systemTool":{"name":"nova_grounding"}}]}}"#;
    check_passes(&converse::parse(body(grounded), false, "m").unwrap(), 9, 0);
}

#[test]
fn tools_that_run_where_the_model_runs_are_followed_by_another_pass() {
    let with = |members: &str| {
        openai_responses::parse(body(&format!(r#"{{"model":"m","input":"x",{members}}}"#))).unwrap()
    };
    check_passes(&with(r#""tools":[{"type":"function","name":"a"}]"#), 0, 0);
    check_passes(&with(r#""tools":[{"type":"mcp"}],"max_tool_calls":3"#), 3, 0);
    check_passes(&with(r#""tools":[{"type":"tool_search"}]"#), 9, 0);
    check_passes(&with(r#""tools":[{"type":"tool_search","execution":"client"}]"#), 0, 0);
    let compaction = r#""context_management":[{"type":"compaction","compact_threshold":200000}]"#;
    check_passes(&with(&format!(r#""max_output_tokens":1000,{compaction}"#)), 1, 199_000);
    check_passes(&with(r#""context_management":null"#), 0, 0);
}
