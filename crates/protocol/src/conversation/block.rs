//! What messages and answers are made of.

use super::json_text::JsonText;
use super::sizes::CacheLifetime;

/// A part of a message, and whether the prompt is to be cached up to and with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What it is.
    pub content: Content,
    /// The mark after it: [`CacheLifetime::None`] for none.
    pub cache: CacheLifetime,
}

impl From<Content> for Block {
    fn from(content: Content) -> Block {
        Block { content, cache: CacheLifetime::None }
    }
}

impl Block {
    /// A text without a mark.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Block {
        Content::Text { text: text.into(), citations: Vec::new() }.into()
    }
}

/// The kinds of parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Words.
    Text {
        /// The words.
        text: String,
        /// Where they are taken from.
        citations: Vec<Citation>,
    },
    /// An image, a document, sound, or a video.
    Media(Media),
    /// What the model thought. It goes back as it came, in its place: before the tool call that it led to.
    Thinking {
        /// The thoughts; may be empty where only the signature is given.
        text: String,
        /// By which the model knows its own thoughts again; without one, most upstreams refuse them.
        signature: Option<String>,
    },
    /// Thoughts that only the model can read.
    SealedThinking {
        /// The sealed bytes, in base64.
        data: String,
    },
    /// The model calls a tool.
    ToolUse(ToolUse),
    /// What the tool gave.
    ToolResult(ToolResult),
    /// A passage that was found for the model, to be cited.
    SearchResult {
        /// Where it was found: an address, a path.
        source: String,
        /// Its title.
        title: String,
        /// The passages.
        texts: Vec<String>,
        /// Whether the model shall cite it.
        cite: bool,
    },
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolUse {
    /// By which its result is known.
    pub id: String,
    /// The tool, as the client named it.
    pub name: String,
    /// A JSON object. What the model wrote that is not JSON (an answer that was cut off) is carried as a JSON string.
    pub input: JsonText,
}

/// What a tool gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolResult {
    /// The id of the call.
    pub id: String,
    /// Texts and media. Structured values are texts that hold JSON.
    pub content: Vec<Block>,
    /// Whether the tool failed.
    pub is_error: bool,
}

/// An image, a document, sound, or a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// Which of them.
    pub kind: MediaKind,
    /// The MIME type in lower case, without parameters: `image/png`, `application/pdf`. Empty where nobody said.
    pub media_type: String,
    /// Where its bytes are.
    pub source: Source,
    /// A document's name or title.
    pub name: Option<String>,
    /// What a person should know of a document, for the model's eyes.
    pub context: Option<String>,
    /// Whether a document is to be cited.
    pub cite: bool,
}

/// The kinds of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A PDF, a text, a table …
    Document,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
}

/// Where the bytes of a medium are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Here, in base64 with padding, without line breaks. Not decoded: every dialect carries media as base64.
    Base64(String),
    /// Here, as plain text (documents only).
    Text(String),
    /// At an `http` or `https` address, to be fetched before the call goes out.
    Url(String),
    /// In an S3 bucket, which Bedrock reads itself.
    S3 {
        /// `s3://bucket/key`.
        uri: String,
        /// The bucket's account, where it is another one.
        owner: Option<String>,
    },
}

/// Where words are taken from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Citation {
    /// The words in the source.
    pub cited_text: Option<String>,
    /// The source's title.
    pub title: Option<String>,
    /// The source's address.
    pub url: Option<String>,
    /// Which of the documents of the request, from 0, and where in it.
    pub span: Option<Span>,
}

/// Where in a document: the first one counts, the end does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Characters, from 0.
    Characters {
        /// Which document.
        document: u64,
        /// The first character.
        start: u64,
        /// The one after the last.
        end: u64,
    },
    /// Pages, from 1.
    Pages {
        /// Which document.
        document: u64,
        /// The first page.
        start: u64,
        /// The one after the last.
        end: u64,
    },
    /// Parts of a document that came in parts, or of a search result, from 0.
    Parts {
        /// Which document.
        document: u64,
        /// The first part.
        start: u64,
        /// The one after the last.
        end: u64,
    },
}
