"""What the test matrix (`crates/protocol/tests/matrix.rs`) gave to clients, read by the vendors' own SDKs, strictly."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import openresponses_types
import pytest
from anthropic._models import validate_type
from anthropic.types import Message, RawMessageStreamEvent
from botocore.eventstream import EventStreamBuffer
from pydantic import BaseModel

from harness.service_model import answer_complaints, event_complaints

Line = dict[str, Any]
ASK: Any = [{"role": "user", "content": "Hi"}]
# Every event of the published types of Open Responses, by its name.
EVENTS: dict[str, type[BaseModel]] = {
    kind.value: model
    for model in vars(openresponses_types).values()
    if isinstance(model, type) and issubclass(model, BaseModel) and model.__name__.endswith("StreamingEvent")
    for kind in model.model_fields["type"].annotation  # type: ignore[union-attr]
}


@cache
def lines() -> tuple[Line, ...]:
    place = os.environ.get("STONEGATE_RECORDS")
    files = sorted(Path(place).glob("answers-*.lines")) if place else []
    return tuple(json.loads(line) for file in files for line in file.read_text().splitlines())


def given(client: str, stream: bool) -> Iterator[tuple[Line, bytes]]:
    found = [line for line in lines() if line["client"] == client and line["stream"] is stream]
    if not found:
        pytest.skip("the matrix did not run: STONEGATE_RECORDS names no folder with its answers")
    for line in found:
        yield line, base64.b64decode(line["body"])


def answering(body: bytes, kind: str) -> httpx2.Client:
    """A connection on which every request is answered with these bytes."""
    answer = httpx2.Response(200, headers={"content-type": kind}, content=body)
    return httpx2.Client(transport=httpx2.MockTransport(lambda _request: answer))


def claude(body: bytes, kind: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key="x", http_client=answering(body, kind), _strict_response_validation=True)


def gpt(body: bytes, kind: str) -> openai.OpenAI:
    return openai.OpenAI(api_key="x", http_client=answering(body, kind), _strict_response_validation=True)


def read_or_fail(line: Line, read: Callable[[], Any], error: type[Exception]) -> Any:
    """A stream that was cut raises, and no other one does."""
    if line["is_whole"]:
        return read()
    with pytest.raises(error):
        read()
    return None


def test_messages_whole() -> None:
    for line, body in given("anthropic", stream=False):
        message = claude(body, "application/json").messages.create(model="m", max_tokens=9, messages=ASK)
        assert message.stop_reason, line["place"]


def test_messages_streamed() -> None:
    for line, body in given("anthropic", stream=True):

        def read(body: bytes = body) -> Message:
            client = claude(body, "text/event-stream")
            list(client.messages.create(model="m", max_tokens=9, messages=ASK, stream=True))
            with client.messages.stream(model="m", max_tokens=9, messages=ASK) as stream:
                return stream.get_final_message()

        message = read_or_fail(line, read, anthropic.APIError)
        assert message is None or message.stop_reason, line["place"]


def test_chats_whole() -> None:
    for line, body in given("openai_chat", stream=False):
        chat = gpt(body, "application/json").chat.completions.create(model="m", messages=ASK)
        assert chat.choices[0].finish_reason, line["place"]


def test_chats_streamed() -> None:
    for line, body in given("openai_chat", stream=True):

        def read(body: bytes = body) -> Any:
            client = gpt(body, "text/event-stream")
            reasons = [
                choice.finish_reason
                for chunk in client.chat.completions.create(model="m", messages=ASK, stream=True)
                for choice in chunk.choices
                if choice.finish_reason
            ]
            # The SDK's own helper takes nothing for an end but these.
            if reasons[-1] in ("stop", "tool_calls"):
                with client.chat.completions.stream(model="m", messages=ASK) as stream:
                    assert stream.get_final_completion().choices[0].finish_reason == reasons[-1]
            return reasons

        reasons = read_or_fail(line, read, openai.APIError)
        assert reasons is None or len(reasons) == 1, line["place"]


def test_responses_whole() -> None:
    for line, body in given("openai_responses", stream=False):
        response = gpt(body, "application/json").responses.create(model="m", input="Hi")
        assert response.status in ("completed", "incomplete"), line["place"]


def test_responses_streamed() -> None:
    for line, body in given("openai_responses", stream=True):
        client = gpt(body, "text/event-stream")
        events = list(client.responses.create(model="m", input="Hi", stream=True))
        last = events[-1].type
        assert (last in ("response.completed", "response.incomplete")) is line["is_whole"], (line["place"], last)
        assert [event.sequence_number for event in events] == list(range(len(events))), line["place"]
        for event in events:
            # OpenAI's own event, which Open Responses calls otherwise; and what is passed through as upstream gave it.
            own = event.type.startswith("response.reasoning_text") or " openai_responses " in line["place"]
            if not own:
                published = EVENTS[event.type]
                published.model_validate(event.model_dump(mode="json", by_alias=True, exclude_unset=True))


def test_converse_whole() -> None:
    for line, body in given("converse", stream=False):
        assert list(answer_complaints("Converse", json.loads(body))) == [], line["place"]


def frames(body: bytes) -> list[tuple[dict[str, str], bytes]]:
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    return [(message.headers, message.payload) for message in buffer]


@pytest.mark.parametrize(
    ("client", "operation"),
    [("converse", "ConverseStream"), ("bedrock_native", "InvokeModelWithResponseStream")],
)
def test_event_streams(client: str, operation: str) -> None:
    for line, body in given(client, stream=True):
        messages = frames(body)
        last = messages[-1][0]
        assert (last[":message-type"] == "event") is line["is_whole"], line["place"]
        for headers, payload in messages:
            name = headers.get(":event-type") or headers[":exception-type"]
            assert list(event_complaints(operation, name, json.loads(payload))) == [], line["place"]
            if name == "chunk":
                event = json.loads(base64.b64decode(json.loads(payload)["bytes"]))
                event.pop("amazon-bedrock-invocationMetrics", None)
                validate_type(type_=RawMessageStreamEvent, value=event)


def test_invocations_whole() -> None:
    for _line, body in given("bedrock_native", stream=False):
        validate_type(type_=Message, value=json.loads(body))
