//! A small conversationalist: the same question gets the same answer.

use serde_json::{Value, value::RawValue};

use super::{schema, sums};
use crate::{
    prompt::{Prompt, Thinking, has_block, list, text, texts},
    script::{Outline, ToolCall},
};

/// How much of a text is quoted.
const QUOTED_CHARACTERS: usize = 300;

/// What the model says when nobody wrote it a script.
pub(crate) fn reply(prompt: Prompt<'_>) -> Outline {
    let thinking = (prompt.thinking() != Thinking::Off).then(|| thoughts(prompt));
    let mut outline = Outline { thinking, ..Outline::default() };
    if let Some(call) = tool_call(prompt) {
        outline.tools.push(call);
    } else if let Some(wanted) = prompt.schema() {
        outline.text = Some(schema::instance(wanted, &title(prompt.question())).to_string());
    } else {
        outline.text = Some(words(prompt));
    }
    outline
}

fn thoughts(prompt: Prompt<'_>) -> String {
    let question = shortened(prompt.question(), 80);
    if question.is_empty() {
        return "There is no question here. I shall say something kind and short.".to_owned();
    }
    format!("The user says: {question:?}. A short and friendly answer will do. Let me write it.")
}

fn words(prompt: Prompt<'_>) -> String {
    let turn = prompt.last_user_turn();
    let results: Vec<&Value> = turn
        .iter()
        .flat_map(|message| list(message, "content"))
        .filter(|block| text(block, "type") == "tool_result")
        .collect();
    if !results.is_empty() {
        return of_results(&results);
    }
    let mut said: Vec<String> =
        turn.iter().flat_map(|message| list(message, "content")).filter_map(seen).collect();
    said.push(answer_to(prompt, prompt.question()));
    said.join(" ")
}

/// A word on an image or a document.
fn seen(block: &Value) -> Option<String> {
    let source = block.get("source").unwrap_or(&Value::Null);
    match text(block, "type") {
        "image" => Some(format!("I see an image ({}).", text(source, "media_type"))),
        "document" => {
            let title =
                Some(text(block, "title")).filter(|title| !title.is_empty()).unwrap_or("without a title");
            Some(format!("I read the document {title} ({}).", text(source, "media_type")))
        }
        _ => None,
    }
}

fn of_results(results: &[&Value]) -> String {
    let said: Vec<String> = results
        .iter()
        .map(|result| {
            let said = match result.get("content") {
                Some(Value::String(text)) => text.clone(),
                _ => texts(result).join("\n"),
            };
            let failed = result.get("is_error") == Some(&Value::Bool(true));
            let lead = if failed { "The tool failed and said" } else { "The tool said" };
            format!("{lead}: {}", shortened(said.trim(), QUOTED_CHARACTERS))
        })
        .collect();
    said.join("\n\n")
}

fn answer_to(prompt: Prompt<'_>, question: &str) -> String {
    let lower = question.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    if question.is_empty() {
        return "I am listening.".to_owned();
    }
    if let Some(said) = said_on_request(question) {
        return said;
    }
    if let Some(result) = sums::solve(&lower) {
        return result;
    }
    if has(&["haiku"]) {
        return "Stone gate in the rain,\neach token counted, each drop.\nThe river runs clear.".to_owned();
    }
    if has(&["poem", "verse"]) {
        return "A gate of stone stood by the way,\nand counted all who passed by day;\nby night it hummed a quiet tune\nand priced the light of every moon."
            .to_owned();
    }
    if has(&["my name is "]) {
        let name = name_in(question).unwrap_or_default();
        return format!("Pleased to meet you, {name}. I am the simulator of Stonegate.");
    }
    if has(&["what is my name", "what's my name", "who am i"]) {
        let name = prompt
            .messages()
            .iter()
            .filter(|message| text(message, "role") == "user")
            .flat_map(texts)
            .rev()
            .find_map(name_in);
        return name
            .map_or_else(|| "You have not told me yet.".to_owned(), |name| format!("Your name is {name}."));
    }
    if has(&["who are you", "what are you", "your name", "which model", "what model"]) {
        return format!(
            "I am the Bedrock simulator of Stonegate, playing {}. I do not think, but I keep to the protocol: what I \
             send has the shape, the order and the usage figures of the real service.",
            prompt.model.display_name
        );
    }
    if has(&["count to ", "count from 1 to "]) {
        return count(&lower);
    }
    if let Some(known) = known_fact(&lower) {
        return known.to_owned();
    }
    if is_greeting(&lower) {
        return "Hello! I am a simulator behind Stonegate. Ask me a sum, a haiku, or anything you like."
            .to_owned();
    }
    if has(&["thank"]) {
        return "You are welcome.".to_owned();
    }
    format!(
        "You said: “{}” I am only a simulator, so this is as much as I can make of it; a real model will have more to say.",
        shortened(question, QUOTED_CHARACTERS)
    )
}

/// `Say …`, `Reply with exactly: …` and the like.
fn said_on_request(question: &str) -> Option<String> {
    const LEADS: &[&str] = &[
        "reply with exactly",
        "respond with exactly",
        "answer with exactly",
        "reply with only",
        "respond with only",
        "reply with the word",
        "reply with just",
        "say exactly",
        "say the word",
        "just say",
        "please say",
        "repeat after me",
        "repeat",
        "echo",
        "reply with",
        "say",
    ];
    let lead = LEADS.iter().find(|lead| {
        question.get(..lead.len()).is_some_and(|start| start.eq_ignore_ascii_case(lead))
            && question.get(lead.len()..).is_some_and(|rest| rest.starts_with([' ', ':']))
    })?;
    let rest = question.get(lead.len()..)?.trim_start_matches([':', ' ']).trim();
    let rest = rest.trim_matches(['"', '“', '”', '\'', '`']);
    let rest = rest.strip_suffix(" and nothing else").unwrap_or(rest).trim_end_matches('.');
    (!rest.is_empty()).then(|| rest.to_owned())
}

fn name_in(text: &str) -> Option<&str> {
    let lead = "my name is ";
    let at = text.to_ascii_lowercase().find(lead)?;
    let rest = text.get(at + lead.len()..)?;
    rest.split(|character: char| !character.is_alphanumeric() && character != '-')
        .next()
        .filter(|name| !name.is_empty())
}

fn count(lower: &str) -> String {
    let last = lower.rsplit("to ").next().unwrap_or_default();
    let digits: String = last.chars().take_while(char::is_ascii_digit).collect();
    let end = digits.parse::<u32>().unwrap_or(10).min(10_000);
    (1..=end).map(|number| number.to_string()).collect::<Vec<_>>().join(", ")
}

fn known_fact(lower: &str) -> Option<&'static str> {
    const FACTS: &[(&str, &str)] = &[
        ("capital of france", "The capital of France is Paris."),
        ("capital of germany", "The capital of Germany is Berlin."),
        ("capital of japan", "The capital of Japan is Tokyo."),
        ("capital of switzerland", "The capital of Switzerland is Bern."),
        ("colour of the sky", "Blue, on a good day."),
        ("color of the sky", "Blue, on a good day."),
        ("meaning of life", "Forty-two, they say."),
        (
            "what is stonegate",
            "Stonegate is a gateway in front of Amazon Bedrock: keys, budgets and usage for every client, in the client's own protocol.",
        ),
        (
            "what is bedrock",
            "Amazon Bedrock serves models of many makers behind one API. I am a stand-in for it.",
        ),
        ("joke", "Why did the token cross the gateway? It had been authorised."),
    ];
    FACTS.iter().find(|(part, _)| lower.contains(part)).map(|(_, fact)| *fact)
}

fn is_greeting(lower: &str) -> bool {
    let first = lower.split(|character: char| !character.is_alphabetic()).next().unwrap_or_default();
    matches!(first, "hi" | "hello" | "hey" | "hallo" | "bonjour" | "ciao" | "moin" | "ping" | "test")
}

fn shortened(text: &str, most: usize) -> String {
    let mut start: String = text.chars().take(most).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start
}

/// The first words, for titles.
fn title(question: &str) -> String {
    let plain = question.trim_matches(['"', '<', '>']);
    let words: Vec<&str> = plain.split_whitespace().take(6).collect();
    if words.is_empty() { "A quiet conversation".to_owned() } else { words.join(" ") }
}

/// The call that the request forces, or that a plain function asks for by its name.
fn tool_call(prompt: Prompt<'_>) -> Option<ToolCall> {
    let choice = prompt.body.get("tool_choice").unwrap_or(&Value::Null);
    let answered = prompt.last_user_turn().into_iter().any(|message| has_block(message, "tool_result"));
    let tool = match text(choice, "type") {
        "tool" => prompt.tools().iter().find(|tool| text(tool, "name") == text(choice, "name"))?,
        "any" => prompt.tools().iter().find(|tool| is_function(tool))?,
        "none" => return None,
        _ if answered => return None,
        _ => prompt.tools().iter().find(|tool| is_asked_for(tool, prompt.question()))?,
    };
    let subject = subject(prompt.question());
    let input = tool
        .get("input_schema")
        .map_or_else(|| serde_json::json!({}), |wanted| schema::instance(wanted, &subject));
    let input: Box<RawValue> = serde_json::value::to_raw_value(&input).ok()?;
    Some(ToolCall { name: text(tool, "name").to_owned(), input })
}

fn is_function(tool: &Value) -> bool {
    matches!(text(tool, "type"), "" | "custom")
}

/// A `snake_case` function of which a word stands in the question, such as `get_weather`. Coding agents name their
/// tools otherwise, and their prompts are too long to guess from.
fn is_asked_for(tool: &Value, question: &str) -> bool {
    let name = text(tool, "name");
    let lower = question.to_lowercase();
    let telling = |word: &str| word.len() >= 4 && lower.contains(word);
    is_function(tool) && name.contains('_') && !name.starts_with("mcp__") && name.split('_').any(telling)
}

/// The last capitalised word, which is mostly what a question is about.
fn subject(question: &str) -> String {
    let words =
        question.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    let capitalised = words.skip(1).filter(|word| word.chars().next().is_some_and(char::is_uppercase)).last();
    capitalised.map_or_else(|| title(question), str::to_owned)
}
