//! What a request of Converse means, for models that are called by something else.

use crate::carry::Unsupported;
use crate::conversation::turns::Speaker;
use crate::conversation::{
    Block as Part, CacheLifetime, Content, Guardrail, JsonText, Media, MediaKind, Message, OutputFormat,
    Request, Role, Sampling, Source, Tool, ToolChoice, ToolResult, ToolUse,
};
use crate::effort::Effort;

use super::wire::{Block, Body, Bytes, Choice, Output, Reasoning, System, Tool as ToolWire, ToolConfig};
use super::{citation, media};

/// Reads a body whole.
pub(super) fn request(body: &[u8]) -> Result<Request, Unsupported> {
    let body: Body<'static> = serde_json::from_slice(body).map_err(|error| Unsupported {
        message: format!("The request body: {error}"),
        ..Unsupported::default()
    })?;
    if body.prompt_variables.is_some() {
        return Err(Unsupported::member("promptVariables", "this model cannot be called by a stored prompt"));
    }
    let mut request = Request { system: system(body.system)?, ..Request::default() };
    for (index, turn) in body.messages.into_iter().enumerate() {
        let role = match turn.role {
            Speaker::User => Role::User,
            Speaker::Assistant => Role::Assistant,
            Speaker::System => Role::System,
        };
        let content = parts(&format!("messages.{index}.content"), turn.content)?;
        request.messages.push(Message { role, content });
    }
    if let Some(inference) = body.inference_config {
        request.max_output_tokens = inference.max_tokens;
        request.sampling =
            Sampling { temperature: inference.temperature, top_p: inference.top_p, top_k: None };
        request.stop_sequences = inference.stop_sequences;
    }
    if let Some(config) = body.tool_config {
        tools(config, &mut request)?;
    }
    request.guardrail = body.guardrail_config.map(|guardrail| Guardrail {
        id: guardrail.guardrail_identifier.into_owned(),
        version: guardrail.guardrail_version.into_owned(),
        trace: guardrail.trace.map(std::borrow::Cow::into_owned),
        stream_mode: guardrail.stream_processing_mode.map(std::borrow::Cow::into_owned),
    });
    request.additional = body.additional_model_request_fields;
    if body.additional_model_response_field_paths.is_some_and(|paths| !paths.is_empty()) {
        request.left_out.push("additionalModelResponseFieldPaths".to_owned());
    }
    let labels = body.request_metadata.into_iter();
    request.metadata = labels.map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
    request.latency = body.performance_config.map(|performance| performance.latency.into_owned());
    request.service_tier = body.service_tier.map(|tier| tier.r#type.into_owned());
    if let Some(output) = body.output_config {
        read_output(output, &mut request)?;
    }
    Ok(request)
}

fn read_output(output: Output<'_>, request: &mut Request) -> Result<(), Unsupported> {
    if let Some(word) = output.effort.filter(|word| !word.is_empty()) {
        let effort = Effort::from_wire(&word)
            .ok_or_else(|| Unsupported::member("outputConfig.effort", "this effort is not known"))?;
        request.effort = Some(effort);
    }
    if let Some(format) = output.text_format {
        let definition = format.structure.json_schema;
        let path = "outputConfig.textFormat.structure.jsonSchema.schema";
        let schema = JsonText::parse(&definition.schema).filter(JsonText::is_object);
        request.output_format = Some(OutputFormat::JsonSchema {
            name: definition.name.map(std::borrow::Cow::into_owned),
            description: definition.description.map(std::borrow::Cow::into_owned),
            schema: schema.ok_or_else(|| Unsupported::member(path, "a JSON schema was expected"))?,
            strict: None,
        });
    }
    Ok(())
}

fn system(blocks: Vec<System<'static>>) -> Result<Vec<Part>, Unsupported> {
    let mut parts: Vec<Part> = Vec::with_capacity(blocks.len());
    for block in blocks {
        match block {
            System::Text(text) => parts.push(Part::text(text)),
            System::CachePoint(point) => mark(&mut parts, point.lifetime()),
            System::GuardContent(_) => {
                return Err(Unsupported::member("system", "guardContent is for models that Converse serves"));
            }
        }
    }
    Ok(parts)
}

/// A cache point marks what stands before it.
fn mark(parts: &mut [Part], lifetime: CacheLifetime) {
    if let Some(last) = parts.last_mut() {
        last.cache = last.cache.max(lifetime);
    }
}

fn tools(config: ToolConfig<'static>, request: &mut Request) -> Result<(), Unsupported> {
    for tool in config.tools {
        match tool {
            ToolWire::Spec(spec) => request.tools.push(Tool {
                name: spec.name.into_owned(),
                description: spec
                    .description
                    .map(std::borrow::Cow::into_owned)
                    .filter(|text| !text.is_empty()),
                parameters: spec.input_schema.json.into_owned(),
                strict: spec.strict,
                cache: CacheLifetime::None,
            }),
            ToolWire::CachePoint(point) => {
                if let Some(last) = request.tools.last_mut() {
                    last.cache = last.cache.max(point.lifetime());
                }
            }
            ToolWire::System(_) => {
                let why = "system tools are for models that Converse serves";
                return Err(Unsupported::member("toolConfig.tools", why));
            }
        }
    }
    request.tool_choice = match config.tool_choice {
        None | Some(Choice::Auto(_)) => ToolChoice::Auto,
        Some(Choice::Any(_)) => ToolChoice::Any,
        Some(Choice::Tool(named)) => ToolChoice::Tool(named.name.into_owned()),
    };
    Ok(())
}

fn parts(path: &str, blocks: Vec<Block<'static>>) -> Result<Vec<Part>, Unsupported> {
    let mut parts: Vec<Part> = Vec::with_capacity(blocks.len());
    for block in blocks {
        if let Block::CachePoint(point) = &block {
            mark(&mut parts, point.lifetime());
        } else {
            parts.push(content(path, block)?.into());
        }
    }
    Ok(parts)
}

fn content(path: &str, block: Block<'static>) -> Result<Content, Unsupported> {
    Ok(match block {
        Block::Text(text) => Content::Text { text: text.into_owned(), citations: Vec::new() },
        Block::Json(value) => Content::Text { text: value.as_str().to_owned(), citations: Vec::new() },
        Block::Image(picture) => Content::Media(medium(MediaKind::Image, &picture.format, picture.source)),
        Block::Video(picture) => Content::Media(medium(MediaKind::Video, &picture.format, picture.source)),
        Block::Audio(picture) => Content::Media(medium(MediaKind::Audio, &picture.format, picture.source)),
        Block::Document(document) => {
            let format = document.format.unwrap_or_default();
            Content::Media(Media {
                name: Some(document.name.into_owned()),
                context: document.context.map(std::borrow::Cow::into_owned),
                cite: document.citations.is_some_and(|cites| cites.enabled),
                ..medium(MediaKind::Document, &format, document.source)
            })
        }
        Block::ToolUse(call) => Content::ToolUse(ToolUse {
            id: call.tool_use_id.into_owned(),
            name: call.name.into_owned(),
            input: call.input.into_owned(),
        }),
        Block::ToolResult(result) => Content::ToolResult(ToolResult {
            id: result.tool_use_id.into_owned(),
            content: parts(path, result.content)?,
            is_error: result.status.as_deref() == Some("error"),
        }),
        Block::ReasoningContent(Reasoning::ReasoningText(thoughts)) => Content::Thinking {
            text: thoughts.text.into_owned(),
            signature: thoughts.signature.map(std::borrow::Cow::into_owned),
        },
        Block::ReasoningContent(Reasoning::RedactedContent(data)) => {
            Content::SealedThinking { data: data.into_owned() }
        }
        Block::CitationsContent(cited) => Content::Text {
            text: cited.content.into_iter().map(|part| part.text).collect(),
            citations: cited.citations.into_iter().map(citation::read).collect(),
        },
        Block::SearchResult(found) => Content::SearchResult {
            source: found.source.into_owned(),
            title: found.title.into_owned(),
            texts: found.content.into_iter().map(|part| part.text.into_owned()).collect(),
            cite: found.citations.is_some_and(|cites| cites.enabled),
        },
        Block::GuardContent(_) | Block::ToolAddition(_) | Block::ToolRemoval(_) | Block::CachePoint(_) => {
            let why = "guardContent, toolAddition and toolRemoval are for models that Converse serves";
            return Err(Unsupported::member(path, why));
        }
    })
}

fn medium(kind: MediaKind, format: &str, source: Bytes<'static>) -> Media {
    let media_type = if format.is_empty() { String::new() } else { media::media_type(kind, format) };
    let source = match source {
        Bytes::Here(data) => Source::Base64(data.into_owned()),
        Bytes::Text(text) => Source::Text(text.into_owned()),
        Bytes::Content(texts) => {
            Source::Text(texts.into_iter().map(|part| part.text).collect::<Vec<_>>().join("\n"))
        }
        Bytes::S3Location(place) => Source::S3 {
            uri: place.uri.into_owned(),
            owner: place.bucket_owner.map(std::borrow::Cow::into_owned),
        },
    };
    Media { kind, media_type, source, name: None, context: None, cite: false }
}
