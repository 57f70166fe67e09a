//! Chunks and completions as Bedrock sends them: what is read of them.

use serde::Deserialize;

use super::usage::Reported;

/// A chunk of a stream, or a completion.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chunk {
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) choices: Option<Vec<Choice>>,
    pub(super) usage: Option<Reported>,
    pub(super) error: Option<serde::de::IgnoredAny>,
}

/// One of the answers.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice {
    pub(super) index: u64,
    /// `delta` of a chunk, `message` of a completion.
    #[serde(alias = "message")]
    pub(super) delta: Option<Said>,
    pub(super) finish_reason: Option<String>,
}

/// What the model says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Said {
    pub(super) content: Option<String>,
    pub(super) refusal: Option<String>,
    pub(super) reasoning_content: Option<String>,
    /// The same under another name.
    pub(super) reasoning: Option<String>,
    pub(super) tool_calls: Option<Vec<Call>>,
    pub(super) function_call: Option<Function>,
}

impl Said {
    /// Bytes of output in it.
    pub(super) fn len(&self) -> usize {
        let texts = [&self.content, &self.refusal, &self.reasoning_content, &self.reasoning];
        let said: usize = texts.into_iter().flatten().map(String::len).sum();
        let calls: usize = self.tool_calls.iter().flatten().map(Call::len).sum();
        said + calls + self.function_call.as_ref().map_or(0, Function::len)
    }
}

/// A call of a tool, or more of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Call {
    pub(super) index: Option<u64>,
    pub(super) id: Option<String>,
    pub(super) function: Option<Function>,
    pub(super) custom: Option<Custom>,
}

impl Call {
    fn len(&self) -> usize {
        let custom = self.custom.as_ref();
        let input = custom.map_or(0, |custom| {
            custom.name.as_ref().map_or(0, String::len) + custom.input.as_ref().map_or(0, String::len)
        });
        input + self.function.as_ref().map_or(0, Function::len)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Function {
    pub(super) name: Option<String>,
    pub(super) arguments: Option<String>,
}

impl Function {
    fn len(&self) -> usize {
        self.name.as_ref().map_or(0, String::len) + self.arguments.as_ref().map_or(0, String::len)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Custom {
    pub(super) name: Option<String>,
    pub(super) input: Option<String>,
}
