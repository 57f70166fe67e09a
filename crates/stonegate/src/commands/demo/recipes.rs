//! How to reach the gateway, ready to paste.

use crate::terminal::Style;

/// One way to call: its name, what it needs first, and the text to paste.
struct Recipe {
    name: &'static str,
    needs: Option<&'static str>,
    text: String,
}

/// Every way, as text for a terminal.
pub(super) fn render(base_url: &str, key: &str, model: &str, style: Style) -> String {
    recipes(base_url, key, model)
        .iter()
        .map(|recipe| {
            let indented: String = recipe.text.lines().map(|line| format!("    {line}\n")).collect();
            let needs = recipe.needs.map(|needs| format!("  {}", style.dim(needs))).unwrap_or_default();
            format!("\n  {}{needs}\n{indented}", style.bold(recipe.name))
        })
        .collect()
}

fn recipes(base_url: &str, key: &str, model: &str) -> [Recipe; 6] {
    [
        Recipe { name: "curl", needs: None, text: curl(base_url, key, model) },
        Recipe { name: "Python", needs: Some("pip install anthropic"), text: python(base_url, key, model) },
        Recipe {
            name: "TypeScript",
            needs: Some("npm install @anthropic-ai/sdk"),
            text: typescript(base_url, key, model),
        },
        Recipe { name: "OpenAI", needs: Some("pip install openai"), text: openai(base_url, key, model) },
        Recipe {
            name: "Codex",
            needs: Some("npm install -g @openai/codex"),
            text: codex(base_url, key, model),
        },
        Recipe {
            name: "Claude Code",
            needs: Some("npm install -g @anthropic-ai/claude-code"),
            text: format!("ANTHROPIC_BASE_URL={base_url} ANTHROPIC_AUTH_TOKEN={key} claude"),
        },
    ]
}

fn curl(base_url: &str, key: &str, model: &str) -> String {
    format!(
        r#"curl -N {base_url}/v1/messages -H 'x-api-key: {key}' \
  -H 'anthropic-version: 2023-06-01' -H 'content-type: application/json' \
  -d '{{"model":"{model}","max_tokens":512,"stream":true,"messages":[{{"role":"user","content":"Hello"}}]}}'"#
    )
}

fn python(base_url: &str, key: &str, model: &str) -> String {
    format!(
        r#"from anthropic import Anthropic
client = Anthropic(base_url="{base_url}", api_key="{key}")
message = client.messages.create(model="{model}", max_tokens=512, messages=[{{"role": "user", "content": "Hello"}}])
print(message.content[0].text)"#
    )
}

fn openai(base_url: &str, key: &str, model: &str) -> String {
    format!(
        r#"from openai import OpenAI
client = OpenAI(base_url="{base_url}/v1", api_key="{key}")
chat = client.chat.completions.create(model="{model}", messages=[{{"role": "user", "content": "Hello"}}])
print(chat.choices[0].message.content)"#
    )
}

fn codex(base_url: &str, key: &str, model: &str) -> String {
    format!(
        r#"STONEGATE_KEY={key} codex -c model={model} -c model_provider=stonegate \
  -c 'model_providers.stonegate={{name="Stonegate",base_url="{base_url}/v1",env_key="STONEGATE_KEY",wire_api="responses"}}'"#
    )
}

fn typescript(base_url: &str, key: &str, model: &str) -> String {
    format!(
        r#"import Anthropic from "@anthropic-ai/sdk";
const client = new Anthropic({{ baseURL: "{base_url}", apiKey: "{key}" }});
const message = await client.messages.create({{ model: "{model}", max_tokens: 512, messages: [{{ role: "user", content: "Hello" }}] }});
console.log(message.content);"#
    )
}
