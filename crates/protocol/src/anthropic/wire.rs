//! The members of a Messages request, as they are read for a model that does not speak the dialect.
//!
//! One shape for all kinds of blocks: which members a kind must have is said where the kind is known.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::Number;

use crate::conversation::{CacheLifetime, JsonText};

/// A whole request. Members that are not named here are told by [`super::inbound::Inbound`]'s list of members.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RequestWire {
    pub(super) system: Option<ContentWire>,
    pub(super) messages: Vec<MessageWire>,
    pub(super) tools: Option<Vec<ToolWire>>,
    pub(super) tool_choice: Option<ChoiceWire>,
    pub(super) thinking: Option<ThinkingWire>,
    pub(super) output_config: Option<OutputConfigWire>,
    pub(super) cache_control: Option<MarkWire>,
    pub(super) metadata: Option<MetadataWire>,
    pub(super) service_tier: Option<String>,
    pub(super) stop_sequences: Option<Vec<String>>,
    pub(super) temperature: Option<Number>,
    pub(super) top_p: Option<Number>,
    pub(super) top_k: Option<u64>,
}

#[derive(Deserialize)]
pub(super) struct MessageWire {
    pub(super) role: String,
    pub(super) content: ContentWire,
    pub(super) output_config: Option<IgnoredAny>,
    pub(super) clear_at: Option<IgnoredAny>,
}

/// A string, or blocks.
#[derive(Default)]
pub(super) enum ContentWire {
    /// Neither: a kind of block that has something else of that name.
    #[default]
    Other,
    Text(String),
    Blocks(Vec<BlockWire>),
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct BlockWire {
    pub(super) r#type: String,
    pub(super) text: Option<String>,
    pub(super) citations: Option<CitationsWire>,
    pub(super) cache_control: Option<MarkWire>,
    pub(super) source: Option<SourceWire>,
    pub(super) title: Option<String>,
    pub(super) context: Option<String>,
    pub(super) thinking: Option<String>,
    pub(super) signature: Option<String>,
    pub(super) data: Option<String>,
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) input: Option<JsonText>,
    pub(super) tool_use_id: Option<String>,
    pub(super) content: Option<ContentWire>,
    pub(super) is_error: Option<bool>,
    pub(super) tool_name: Option<String>,
    /// What a `tool_addition` or `tool_removal` is about.
    pub(super) tool: Option<ToolReferenceWire>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ToolReferenceWire {
    pub(super) name: Option<String>,
    pub(super) tool_name: Option<String>,
}

/// Of a document or search result: whether it is to be cited. Of a text: what it cites.
pub(super) enum CitationsWire {
    Enabled(bool),
    Cited(Vec<CitationWire>),
}

/// Where words are taken from.
#[derive(Debug, Deserialize)]
pub(super) struct CitationWire {
    pub(super) cited_text: Option<String>,
    pub(super) document_index: Option<u64>,
    pub(super) document_title: Option<String>,
    pub(super) title: Option<String>,
    pub(super) url: Option<String>,
    pub(super) source: Option<String>,
    pub(super) search_result_index: Option<u64>,
    pub(super) start_char_index: Option<u64>,
    pub(super) end_char_index: Option<u64>,
    pub(super) start_page_number: Option<u64>,
    pub(super) end_page_number: Option<u64>,
    pub(super) start_block_index: Option<u64>,
    pub(super) end_block_index: Option<u64>,
}

/// Where the bytes of an image or document are, or a search result was found.
pub(super) enum SourceWire {
    Address(String),
    Object(SourceObjectWire),
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct SourceObjectWire {
    pub(super) r#type: String,
    pub(super) media_type: Option<String>,
    pub(super) data: Option<String>,
    pub(super) url: Option<String>,
    pub(super) content: Option<ContentWire>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct MarkWire {
    ttl: Option<String>,
}

impl MarkWire {
    pub(super) fn lifetime(mark: Option<&MarkWire>) -> CacheLifetime {
        match mark {
            None => CacheLifetime::None,
            Some(mark) if mark.ttl.as_deref() == Some("1h") => CacheLifetime::Hour,
            Some(_) => CacheLifetime::FiveMinutes,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ToolWire {
    pub(super) r#type: Option<String>,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) input_schema: Option<JsonText>,
    pub(super) strict: Option<bool>,
    pub(super) cache_control: Option<MarkWire>,
    pub(super) input_examples: Option<IgnoredAny>,
    pub(super) allowed_callers: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ChoiceWire {
    pub(super) r#type: String,
    pub(super) name: Option<String>,
    pub(super) disable_parallel_tool_use: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ThinkingWire {
    pub(super) r#type: String,
    pub(super) budget_tokens: Option<u64>,
    pub(super) display: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct OutputConfigWire {
    pub(super) effort: Option<String>,
    pub(super) format: Option<FormatWire>,
    pub(super) task_budget: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct FormatWire {
    pub(super) r#type: String,
    pub(super) schema: Option<JsonText>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct MetadataWire {
    pub(super) user_id: Option<String>,
}

impl<'de> Deserialize<'de> for ContentWire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Content;
        impl<'de> Visitor<'de> for Content {
            type Value = ContentWire;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of blocks")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ContentWire, E> {
                Ok(ContentWire::Text(text.to_owned()))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<ContentWire, E> {
                Ok(ContentWire::Text(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ContentWire, A::Error> {
                let mut blocks = Vec::new();
                while let Some(block) = list.next_element()? {
                    blocks.push(block);
                }
                Ok(ContentWire::Blocks(blocks))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ContentWire, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(ContentWire::Other)
            }
        }
        deserializer.deserialize_any(Content)
    }
}

impl<'de> Deserialize<'de> for CitationsWire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Citations;
        impl<'de> Visitor<'de> for Citations {
            type Value = CitationsWire;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object that says whether to cite, or a list of citations")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<CitationsWire, A::Error> {
                let mut cited = Vec::new();
                while let Some(citation) = list.next_element()? {
                    cited.push(citation);
                }
                Ok(CitationsWire::Cited(cited))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<CitationsWire, A::Error> {
                #[derive(Deserialize)]
                struct EnabledWire {
                    enabled: Option<bool>,
                }
                let EnabledWire { enabled } = Deserialize::deserialize(MapAccessDeserializer::new(map))?;
                Ok(CitationsWire::Enabled(enabled.unwrap_or(false)))
            }
        }
        deserializer.deserialize_any(Citations)
    }
}

impl<'de> Deserialize<'de> for SourceWire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Source;
        impl<'de> Visitor<'de> for Source {
            type Value = SourceWire;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a source or an address")
            }

            fn visit_str<E: de::Error>(self, address: &str) -> Result<SourceWire, E> {
                Ok(SourceWire::Address(address.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SourceWire, A::Error> {
                Deserialize::deserialize(MapAccessDeserializer::new(map)).map(SourceWire::Object)
            }
        }
        deserializer.deserialize_any(Source)
    }
}
