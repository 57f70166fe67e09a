//! The small language in which a prompt tells the simulator what to do:
//! `[sim: think 50; tool Bash {"command":"echo hi"}; then text done]`.
//!
//! Items are separated by `;`. An item that begins with `then` begins the next step; a step is played for each round of
//! tool results that follows the prompt.

use serde_json::value::RawValue;

use crate::{
    prompt::{Prompt, has_block, text, texts},
    script::{Behaviour, Cut, Intervention, Outline},
};

const OPENING: &str = "[sim:";
const SAMPLE_WORDS: &[&str] = &[
    "stone", "gate", "river", "lantern", "meadow", "quiet", "harbour", "amber", "willow", "ember", "cedar",
    "morning",
];

/// Finds the directive that concerns this call, and its step; `None` if there is none.
pub(crate) fn find(prompt: Prompt<'_>) -> Option<Behaviour> {
    // Titles and the like repeat what the person wrote, but are no part of the conversation.
    if prompt.schema().is_some() {
        return None;
    }
    let mut step = 0;
    let mut last_role = "";
    for message in prompt.messages().iter().rev() {
        let role = text(message, "role");
        match role {
            "user" => {
                if let Some(source) = texts(message).into_iter().rev().find_map(source) {
                    return Some(of_step(source, step));
                }
                if !has_block(message, "tool_result") {
                    return None;
                }
            }
            // Two messages of the assistant in a row are one turn.
            "assistant" if last_role != "assistant" => step += 1,
            _ => {}
        }
        if role != "system" {
            last_role = role;
        }
    }
    None
}

fn of_step(source: &str, step: usize) -> Behaviour {
    let steps = match parse(source) {
        Ok(steps) => steps,
        Err(complaint) => return Behaviour::text(&complaint),
    };
    steps.into_iter().nth(step).unwrap_or_else(|| Behaviour::text("Done."))
}

/// What stands between `[sim:` and its `]`. Brackets inside of JSON and of quotes do not count.
fn source(text: &str) -> Option<&str> {
    let start = text.rfind(OPENING)? + OPENING.len();
    let rest = text.get(start..)?;
    let end = split_points(rest).find(|&(_, character)| character == ']').map_or(rest.len(), |(at, _)| at);
    rest.get(..end)
}

/// The `;` and `]` of a source that are not inside of quotes, braces or brackets.
fn split_points(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut depth = 0_u32;
    let mut quoted = false;
    let mut escaped = false;
    text.char_indices().filter(move |&(_, character)| {
        if quoted {
            quoted = escaped || character != '"';
            escaped = character == '\\' && !escaped;
            return false;
        }
        match character {
            '"' => quoted = true,
            '{' | '[' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ']' if depth > 0 => depth -= 1,
            ';' | ']' => return depth == 0,
            _ => {}
        }
        false
    })
}

fn items(source: &str) -> Vec<&str> {
    let mut items = Vec::new();
    let mut start = 0;
    for (at, _) in split_points(source).filter(|&(_, character)| character == ';') {
        items.extend(source.get(start..at));
        start = at + 1;
    }
    items.extend(source.get(start..));
    items.into_iter().map(str::trim).filter(|item| !item.is_empty()).collect()
}

fn parse(source: &str) -> Result<Vec<Behaviour>, String> {
    let mut steps = vec![Behaviour::default()];
    for item in items(source) {
        let item = match item.strip_prefix("then ") {
            Some(rest) => {
                steps.push(Behaviour::default());
                rest.trim()
            }
            None => item,
        };
        let step = steps.last_mut().expect("there is a first step");
        apply(item, step).map_err(|why| format!("I do not understand the directive `{item}`: {why}."))?;
    }
    Ok(steps)
}

/// Applies one item to its step.
fn apply(item: &str, step: &mut Behaviour) -> Result<(), &'static str> {
    let (verb, rest) = item.split_once(char::is_whitespace).unwrap_or((item, ""));
    let rest = rest.trim();
    match verb {
        "text" => outline(step).text = Some(unquoted(rest)),
        "words" => outline(step).text = Some(words(number(rest)?)),
        "think" => outline(step).thinking = Some(rest.parse().map_or_else(|_| unquoted(rest), words)),
        "redact" => outline(step).redacted = true,
        "tool" => *step = call(std::mem::take(step), rest)?,
        "stop" => outline(step).stop_reason = Some(rest.to_owned()),
        "delay" => step.delay_ms = duration(rest)?,
        "slow" => slow(rest, step)?,
        "silence" => {
            let (length, after) = after(rest)?;
            step.silence =
                Some(crate::script::Silence { after_events: after.unwrap_or(3), ms: duration(length)? });
        }
        "endless" => step.endless = true,
        "guardrail" => {
            step.guardrail = Some(match rest {
                "" | "output" => Intervention::Output,
                "input" => Intervention::Input,
                _ => return Err("`guardrail` takes `input` or `output`"),
            });
        }
        "throttle" | "error" | "exception" | "drop" | "garbage" => fault(verb, rest, step)?,
        _ => return Err("no such word; the manual lists them"),
    }
    Ok(())
}

fn fault(verb: &str, rest: &str, step: &mut Behaviour) -> Result<(), &'static str> {
    let (rest, times) = counted(rest)?;
    step.times = times;
    match verb {
        "throttle" => {
            let mut throttled = Behaviour::throttled(0);
            if let Some(error) = &mut throttled.error {
                error.retry_after = if rest.is_empty() { None } else { Some(number(rest)?) };
            }
            step.error = throttled.error;
        }
        "error" => step.error = Some(error(rest)?),
        "exception" => {
            let (kind, after) = after(rest)?;
            let (kind, message) = kind.split_once(char::is_whitespace).unwrap_or((kind, ""));
            let failure = Behaviour::exception(kind, after.unwrap_or(0)).exception;
            step.exception = failure.map(|failure| crate::script::StreamFailure {
                message: (!message.is_empty()).then(|| unquoted(message)),
                ..failure
            });
        }
        "drop" if rest.is_empty() || rest == "before" => step.drop = Some(Cut::BeforeHeaders),
        "drop" => {
            let (_, after) = after(rest)?;
            step.drop = Some(Cut::AfterEvents(after.ok_or("`drop` takes `before` or `after N`")?));
        }
        _ => step.garbage_after_events = Some(after(rest)?.1.unwrap_or(0)),
    }
    Ok(())
}

fn outline(step: &mut Behaviour) -> &mut Outline {
    step.answer.get_or_insert_default()
}

/// `NAME {json}`; without JSON the input is empty.
fn call(step: Behaviour, rest: &str) -> Result<Behaviour, &'static str> {
    let (name, input) = rest.split_once(char::is_whitespace).unwrap_or((rest, "{}"));
    if name.is_empty() {
        return Err("`tool` takes a name and its input as JSON");
    }
    let input = input.trim();
    if !input.starts_with('{') || serde_json::from_str::<&RawValue>(input).is_err() {
        return Err("the input of a tool is a JSON object");
    }
    Ok(step.then_tool(name, input))
}

/// `50ms x 100`: that many words, one in each 50 ms.
fn slow(rest: &str, step: &mut Behaviour) -> Result<(), &'static str> {
    let (pace, count) = counted(rest)?;
    step.event_delay_ms = Some(duration(pace)?);
    if let Some(count) = count {
        outline(step).text = Some(words(u64::from(count)));
    }
    Ok(())
}

/// `STATUS TYPE "message"`, the status and the message optional.
fn error(rest: &str) -> Result<crate::script::ErrorAnswer, &'static str> {
    let (first, others) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let (status, named) = match first.parse::<u16>() {
        Ok(status) => (Some(status), others.trim()),
        Err(_) => (None, rest),
    };
    let (kind, message) = named.split_once(char::is_whitespace).unwrap_or((named, ""));
    if kind.is_empty() {
        return Err("`error` takes a type such as ValidationException");
    }
    let message = (!message.trim().is_empty()).then(|| unquoted(message.trim()));
    Ok(crate::script::ErrorAnswer { status, kind: kind.to_owned(), message, ..Default::default() })
}

/// Takes `after N` off the end.
fn after(rest: &str) -> Result<(&str, Option<u64>), &'static str> {
    match rest.rsplit_once("after ") {
        Some((before, count)) => Ok((before.trim(), Some(number(count)?))),
        None => Ok((rest, None)),
    }
}

/// Takes `x N` off the end.
fn counted(rest: &str) -> Result<(&str, Option<u32>), &'static str> {
    let padded = rest.rsplit_once(" x ").or_else(|| rest.strip_prefix("x ").map(|count| ("", count)));
    match padded {
        Some((before, count)) if !count.contains('"') => Ok((
            before.trim(),
            Some(count.trim().parse().map_err(|_not_a_number| "after `x` comes a number")?),
        )),
        _ => Ok((rest, None)),
    }
}

fn number(text: &str) -> Result<u64, &'static str> {
    text.trim().parse().map_err(|_not_a_number| "a number is wanted")
}

/// `20s`, `50ms` or `2` (seconds), in milliseconds.
fn duration(text: &str) -> Result<u64, &'static str> {
    let text = text.trim();
    if let Some(millis) = text.strip_suffix("ms") {
        return number(millis);
    }
    let seconds = number(text.strip_suffix('s').unwrap_or(text))?;
    Ok(seconds.saturating_mul(1000))
}

fn unquoted(text: &str) -> String {
    serde_json::from_str(text).unwrap_or_else(|_not_quoted| text.to_owned())
}

/// So many words.
fn words(count: u64) -> String {
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(1_000_000);
    SAMPLE_WORDS.iter().copied().cycle().take(count).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> Vec<Behaviour> {
        parse(source(text).expect("a directive")).expect("understood")
    }

    fn as_json(step: &Behaviour) -> String {
        let value = serde_json::to_value(step).expect("scripts serialise");
        let default = serde_json::to_value(Behaviour::default()).expect("scripts serialise");
        let changed = |name: &str, value: &serde_json::Value| default.get(name) != Some(value);
        let members =
            value.as_object().expect("an object").iter().filter(|(name, value)| changed(name, value));
        serde_json::Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect())
            .to_string()
    }

    #[test]
    fn a_plan_has_its_steps() {
        let text = "Please.\n[sim: tool Bash {\"command\":\"echo ]; hi\"}; then tool Edit {\"a\":[1]}; then text all done]\nThanks";
        let steps = steps(text);
        assert_eq!(steps.len(), 3);
        let answer = steps[0].answer.as_ref().expect("an answer");
        assert_eq!(answer.tools[0].name, "Bash");
        assert_eq!(answer.tools[0].input.get(), r#"{"command":"echo ]; hi"}"#);
        assert_eq!(steps[1].answer.as_ref().expect("an answer").tools[0].input.get(), r#"{"a":[1]}"#);
        assert_eq!(steps[2].answer.as_ref().expect("an answer").text.as_deref(), Some("all done"));
    }

    #[test]
    fn every_word_of_the_language() {
        let check = |text: &str, expected: &str| assert_eq!(as_json(&steps(text)[0]), expected, "{text}");
        let error = |rest: &str| format!(r#"{{"error":{{"details":{{}},"headers":[],{rest}"#);
        check(
            "[sim: throttle 2]",
            &error(r#""message":null,"retry_after":2,"status":null,"type":"ThrottlingException"}}"#),
        );
        check(
            "[sim: throttle x 3]",
            &error(
                r#""message":null,"retry_after":null,"status":null,"type":"ThrottlingException"},"times":3}"#,
            ),
        );
        check(
            "[sim: error 400 ValidationException \"Input is too long.\"]",
            &error(
                r#""message":"Input is too long.","retry_after":null,"status":400,"type":"ValidationException"}}"#,
            ),
        );
        check(
            "[sim: exception throttlingException after 3 x 1]",
            r#"{"exception":{"after_events":3,"message":null,"type":"throttlingException"},"times":1}"#,
        );
        check("[sim: drop after 3]", r#"{"drop":{"after_events":3}}"#);
        check("[sim: drop before]", r#"{"drop":"before_headers"}"#);
        check("[sim: garbage after 2]", r#"{"garbage_after_events":2}"#);
        check("[sim: silence 20s]", r#"{"silence":{"after_events":3,"ms":20000}}"#);
        check("[sim: silence 100ms after 1]", r#"{"silence":{"after_events":1,"ms":100}}"#);
        check("[sim: delay 2s; endless]", r#"{"delay_ms":2000,"endless":true}"#);
        let slow = &steps("[sim: slow 50ms x 100]")[0];
        assert_eq!(slow.event_delay_ms, Some(50));
        let text = slow.answer.as_ref().and_then(|answer| answer.text.clone()).expect("text");
        assert_eq!(text.split(' ').count(), 100);
        let thinks = &steps("[sim: think 200; redact; stop refusal]")[0].answer.clone().expect("an answer");
        assert_eq!(thinks.thinking.as_deref().map(|text| text.split(' ').count()), Some(200));
        assert!(thinks.redacted);
        assert_eq!(thinks.stop_reason.as_deref(), Some("refusal"));
    }

    #[test]
    fn what_is_not_understood_is_answered_in_words() {
        for text in [
            "[sim: dance]",
            "[sim: tool Bash nonsense]",
            "[sim: slow x x]",
            "[sim: tool]",
            "[sim: drop after x]",
        ] {
            assert!(parse(source(text).expect("a directive")).is_err(), "{text}");
        }
        assert!(source("no directive").is_none());
        assert_eq!(source("[sim: text open end"), Some(" text open end"));
    }
}
