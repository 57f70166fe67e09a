"""The Python SDK: images, documents, citations, caching, structured output."""

from __future__ import annotations

import base64
from typing import Any

import anthropic
import pydantic
import pytest

from harness.samples import MODEL, long_text, pdf, png, user
from harness.simulator import Simulator


def test_images_travel(client: anthropic.Anthropic, simulator: Simulator, marker: str) -> None:
    image: Any = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": png()}}
    messages = [{"role": "user", "content": [image, {"type": "text", "text": f"{marker}: what is this?"}]}]
    message = client.messages.create(model=MODEL, max_tokens=500, messages=messages)
    assert "image/png" in message.content[0].text
    assert simulator.arrival(marker).json["messages"] == messages


def test_pdfs_travel_and_are_cited(client: anthropic.Anthropic, simulator: Simulator, marker: str) -> None:
    document: Any = {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": pdf()},
        "title": "A page",
        "context": "empty",
        "citations": {"enabled": True},
    }
    messages = [{"role": "user", "content": [document, {"type": "text", "text": f"{marker}: what does it say?"}]}]
    message = client.messages.create(model=MODEL, max_tokens=500, messages=messages)
    assert message.content[0].citations[0].type == "page_location"
    assert message.content[0].citations[0].document_title == "A page"
    assert simulator.arrival(marker).json["messages"] == messages


def test_citations_stream(client: anthropic.Anthropic, marker: str) -> None:
    document: Any = {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "Grass is green. Sky is blue."},
        "citations": {"enabled": True},
    }
    with client.messages.stream(
        model=MODEL,
        max_tokens=500,
        messages=[{"role": "user", "content": [document, {"type": "text", "text": f"{marker} What is green?"}]}],
    ) as stream:
        cited = [event.citation for event in stream if event.type == "citation"]
        message = stream.get_final_message()
    assert [citation.cited_text for citation in cited] == ["Grass is green."]
    assert message.content[0].citations[0].type == "char_location"


@pytest.mark.parametrize("streamed", [False, True])
def test_both_cache_lifetimes_are_kept_apart(
    client: anthropic.Anthropic, simulator: Simulator, marker: str, streamed: bool
) -> None:
    system = [
        {"type": "text", "text": long_text(marker), "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "text", "text": long_text("second"), "cache_control": {"type": "ephemeral", "ttl": "5m"}},
    ]
    asked: Any = {"model": MODEL, "max_tokens": 500, "system": system, "messages": [user("Hello.")]}

    def usage() -> Any:
        if not streamed:
            return client.messages.create(**asked).usage
        with client.messages.stream(**asked) as stream:
            return stream.get_final_message().usage

    written, read = usage(), usage()
    split = written.cache_creation
    assert split.ephemeral_1h_input_tokens > 1000 and split.ephemeral_5m_input_tokens > 1000
    both = split.ephemeral_1h_input_tokens + split.ephemeral_5m_input_tokens
    assert written.cache_creation_input_tokens == both
    assert read.cache_read_input_tokens == both and read.cache_creation_input_tokens == 0
    assert simulator.arrivals(marker)[0].json["system"] == system


def test_automatic_caching_becomes_a_mark(client: anthropic.Anthropic, simulator: Simulator, marker: str) -> None:
    """Bedrock knows no `cache_control` at the top level; the gateway sets the mark where Anthropic would."""
    message = client.messages.create(
        model=MODEL,
        max_tokens=500,
        cache_control={"type": "ephemeral"},
        messages=[{"role": "user", "content": [{"type": "text", "text": long_text(marker)}]}],
    )
    assert message.usage.cache_creation_input_tokens > 1000
    arrived = simulator.arrival(marker).json
    assert "cache_control" not in arrived
    assert arrived["messages"][-1]["content"][-1]["cache_control"] == {"type": "ephemeral"}


class Weather(pydantic.BaseModel):
    city: str
    degrees: int
    words: list[str]


def test_structured_output_is_parsed(client: anthropic.Anthropic, simulator: Simulator, marker: str) -> None:
    message = client.messages.parse(
        model=MODEL,
        max_tokens=500,
        messages=[user(f"{marker} What is the weather in Bern?")],
        output_format=Weather,
    )
    assert isinstance(message.parsed_output, Weather)
    sent = simulator.arrival(marker).json["output_config"]["format"]
    assert sent["type"] == "json_schema" and set(sent["schema"]["required"]) == {"city", "degrees", "words"}


def test_structured_output_streams(client: anthropic.Anthropic, marker: str) -> None:
    with client.messages.stream(
        model=MODEL, max_tokens=500, messages=[user(f"{marker} The weather?")], output_format=Weather
    ) as stream:
        message = stream.get_final_message()
    assert isinstance(message.parsed_output, Weather)


def test_large_bodies_are_taken_whole(client: anthropic.Anthropic, simulator: Simulator, marker: str) -> None:
    """Bedrock takes 25 MB; nothing on the way may take less."""
    page = base64.b64decode(pdf())
    data = base64.b64encode(page + b"%" + b"x" * 15_000_000).decode()
    document: Any = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": data}}
    content = [document, {"type": "text", "text": f"{marker} say hello"}]
    client.messages.create(model=MODEL, max_tokens=500, messages=[{"role": "user", "content": content}])
    assert simulator.arrival(marker).json["messages"][0]["content"][0]["source"]["data"] == data


def test_what_is_larger_than_bedrock_takes_is_refused_as_too_large(
    client: anthropic.Anthropic, simulator: Simulator, marker: str
) -> None:
    with pytest.raises(anthropic.ContentTooLargeError) as refused:
        client.messages.create(model=MODEL, max_tokens=500, messages=[user(f"{marker} {'x' * 25_100_000}")])
    assert refused.value.type == "request_too_large"
    assert simulator.arrivals(marker) == []
