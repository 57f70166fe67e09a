//! Where words are taken from, in Converse's words.

use std::borrow::Cow;

use crate::conversation::{Citation, Span};

use super::wire::{self, FoundRange, Location, Range, TextPart, Web};

pub(super) fn write(citation: &Citation) -> wire::Citation {
    let range = |document: u64, start: u64, end: u64| Range { document_index: document, start, end };
    let location = match citation.span {
        Some(Span::Characters { document, start, end }) => {
            Some(Location::DocumentChar(range(document, start, end)))
        }
        Some(Span::Pages { document, start, end }) => {
            Some(Location::DocumentPage(range(document, start, end)))
        }
        Some(Span::Parts { document, start, end }) => {
            Some(Location::DocumentChunk(range(document, start, end)))
        }
        None => citation.url.clone().map(|url| Location::Web(Web { url: Some(url), domain: None })),
    };
    let text = |text: &String| TextPart { text: Cow::Owned(text.clone()) };
    wire::Citation {
        title: citation.title.clone(),
        source: citation.url.clone().filter(|_| citation.span.is_some()),
        source_content: citation.cited_text.iter().map(text).collect(),
        location,
    }
}

pub(super) fn read(wire: wire::Citation) -> Citation {
    let texts: Vec<Cow<'static, str>> = wire.source_content.into_iter().map(|part| part.text).collect();
    let mut citation = Citation {
        cited_text: (!texts.is_empty()).then(|| texts.concat()),
        title: wire.title,
        url: wire.source,
        span: None,
    };
    match wire.location {
        None => {}
        Some(Location::Web(web)) => citation.url = web.url.or(web.domain).or(citation.url),
        Some(Location::DocumentChar(Range { document_index: document, start, end })) => {
            citation.span = Some(Span::Characters { document, start, end });
        }
        Some(Location::DocumentPage(Range { document_index: document, start, end })) => {
            citation.span = Some(Span::Pages { document, start, end });
        }
        Some(
            Location::DocumentChunk(Range { document_index: document, start, end })
            | Location::SearchResult(FoundRange { search_result_index: document, start, end }),
        ) => citation.span = Some(Span::Parts { document, start, end }),
    }
    citation
}
