"""The Python SDK: plain calls and streams."""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
import pytest

from harness.gateway import Gateway
from harness.samples import MODEL, OLDER_MODEL, ask, user
from harness.simulator import Simulator


def text_of(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def test_a_plain_call_is_answered(client: anthropic.Anthropic, marker: str) -> None:
    message = client.messages.create(model=MODEL, max_tokens=200, messages=ask(marker))
    assert message.type == "message" and message.role == "assistant"
    assert text_of(message) == marker
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens > 0 and message.usage.output_tokens > 0
    assert message.model.startswith(MODEL)
    assert message._request_id and message._request_id.startswith("req_")


def test_the_sdk_of_today_uses_bearer_and_the_second_version(
    client: anthropic.Anthropic, simulator: Simulator, marker: str
) -> None:
    raw = client.messages.with_raw_response.create(model=MODEL, max_tokens=200, messages=ask(marker))
    sent = raw.http_request.headers
    assert sent["anthropic-version"] == "2026-10-21" and sent["authorization"].startswith("Bearer sk-stone-")
    assert raw.headers["request-id"] == raw.headers["x-request-id"]
    body = simulator.arrival(marker).json
    assert body["anthropic_version"] in ("bedrock-2023-05-31", "2026-10-21")
    assert "model" not in body and "stream" not in body


def test_nothing_of_the_clients_own_headers_reaches_bedrock(
    client: anthropic.Anthropic, gateway: Gateway, simulator: Simulator, marker: str
) -> None:
    client.messages.create(model=MODEL, max_tokens=200, messages=ask(marker), extra_headers={"x-secret": "s3cret"})
    arrived = simulator.arrival(marker)
    told = str(arrived.headers)
    assert gateway.key.text not in told and "s3cret" not in told and "stainless" not in told
    assert arrived.headers["authorization"].startswith("AWS4-HMAC-SHA256 ")


def test_a_stream_comes_event_for_event(client: anthropic.Anthropic, simulator: Simulator, marker: str) -> None:
    with client.messages.create(
        model=MODEL, max_tokens=200, messages=ask(marker, "text one two three four"), stream=True
    ) as stream:
        events = list(stream)
    kinds = [event.type for event in events if event.type != "content_block_delta"]
    assert kinds == ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"]
    deltas = [event.delta.text for event in events if event.type == "content_block_delta"]
    assert "".join(deltas) == "one two three four"
    assert len(deltas) > 1
    assert simulator.arrival(marker).is_stream


def test_a_stream_and_a_plain_call_say_the_same(client: anthropic.Anthropic, marker: str) -> None:
    question = ask(marker, "text the same words twice")
    plain = client.messages.create(model=MODEL, max_tokens=200, messages=question)
    with client.messages.stream(model=MODEL, max_tokens=200, messages=question) as stream:
        streamed = stream.get_final_message()
    assert text_of(streamed) == text_of(plain) == "the same words twice"
    assert streamed.usage.input_tokens == plain.usage.input_tokens
    assert streamed.usage.output_tokens == plain.usage.output_tokens
    assert streamed.stop_reason == plain.stop_reason


def test_a_stream_is_not_held_back(client: anthropic.Anthropic, simulator: Simulator, marker: str) -> None:
    """The first words are there while the model is still silent in the middle of its answer."""
    with client.messages.stream(
        model=MODEL, max_tokens=200, messages=ask(marker, "text one two three four five; silence 2s after 5")
    ) as stream:
        for event in stream:
            if event.type == "text":
                assert simulator.arrival(marker).ending == "open"
                break
        assert text_of(stream.get_final_message()) == "one two three four five"


def test_a_long_stream_arrives_whole(client: anthropic.Anthropic, marker: str) -> None:
    with client.messages.stream(model=MODEL, max_tokens=60_000, messages=ask(marker, "words 20000")) as stream:
        message = stream.get_final_message()
    assert len(text_of(message).split()) == 20_000


def test_conversations_go_on(client: anthropic.Anthropic, marker: str) -> None:
    messages: list[Any] = [user(f"{marker}. My name is Ada.")]
    first = client.messages.create(model=MODEL, max_tokens=200, messages=messages)
    messages += [{"role": "assistant", "content": first.content}, user("What is my name?")]
    second = client.messages.create(model=MODEL, max_tokens=200, messages=messages)
    assert "Ada" in text_of(second)


def test_what_is_sent_arrives_unchanged(client: anthropic.Anthropic, simulator: Simulator, marker: str) -> None:
    sent: dict[str, Any] = {
        "max_tokens": 321,
        "messages": [
            user("Grüße, 世界 \u2028 \\n \U0001f9f1"),
            {"role": "assistant", "content": [{"type": "text", "text": "Ja?"}]},
            {"role": "user", "content": [{"type": "text", "text": marker}, {"type": "text", "text": "a\u0000b\tc"}]},
        ],
        "system": [{"type": "text", "text": "first"}, {"type": "text", "text": "second"}],
        "metadata": {"user_id": '{"device_id":"0f","session_id":"x"}'},
        "stop_sequences": ["\n\nHuman:", "END"],
    }
    client.messages.create(model=MODEL, **sent)
    arrived = simulator.arrival(marker).json
    arrived.pop("anthropic_version")
    assert arrived == sent


def test_max_tokens_cuts(client: anthropic.Anthropic, marker: str) -> None:
    message = client.messages.create(model=MODEL, max_tokens=5, messages=ask(marker, "words 50"))
    assert message.stop_reason == "max_tokens"
    assert message.usage.output_tokens <= 5


@pytest.mark.parametrize("streamed", [False, True])
def test_stop_sequences_stop(client: anthropic.Anthropic, marker: str, streamed: bool) -> None:
    asked: dict[str, Any] = {
        "model": MODEL,
        "max_tokens": 200,
        "messages": ask(marker, "text one two HALT three"),
        "stop_sequences": ["HALT"],
    }
    if streamed:
        with client.messages.stream(**asked) as stream:
            message = stream.get_final_message()
    else:
        message = client.messages.create(**asked)
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "HALT")
    assert "three" not in text_of(message)


def test_refusals_keep_their_reason(client: anthropic.Anthropic, marker: str) -> None:
    message = client.messages.create(model=MODEL, max_tokens=200, messages=ask(marker, "text no; stop refusal"))
    assert message.stop_reason == "refusal"


def test_the_first_version_and_x_api_key_are_taken_too(gateway: Gateway, simulator: Simulator, marker: str) -> None:
    headers = {"anthropic-version": "2023-06-01", "x-api-key": gateway.key.text, "Authorization": anthropic.Omit()}
    with anthropic.Anthropic(base_url=gateway.base_url, api_key="unused", default_headers=headers) as client:
        raw = client.messages.with_raw_response.create(
            model=OLDER_MODEL, max_tokens=200, messages=ask(marker), extra_body={"temperature": 0.5, "top_k": 5}
        )
    assert "authorization" not in raw.http_request.headers
    body = simulator.arrival(marker).json
    assert (body["temperature"], body["top_k"]) == (0.5, 5)
    assert body["anthropic_version"] == "bedrock-2023-05-31"


def test_the_key_may_come_as_auth_token(gateway: Gateway, marker: str) -> None:
    with anthropic.Anthropic(base_url=gateway.base_url, auth_token=gateway.key.text) as client:
        assert text_of(client.messages.create(model=MODEL, max_tokens=200, messages=ask(marker))) == marker


def test_the_beta_namespace_works(client: anthropic.Anthropic, simulator: Simulator, marker: str) -> None:
    message = client.beta.messages.create(
        model=MODEL,
        max_tokens=200,
        messages=ask(marker),
        betas=["context-1m-2025-08-07", "advanced-tool-use-2025-11-20", "fast-mode-2026-02-01"],
    )
    assert text_of(message) == marker
    body = simulator.arrival(marker).json
    assert set(body["anthropic_beta"]) == {"context-1m-2025-08-07", "tool-search-tool-2025-10-19"}


def test_a_dropped_beta_is_named_in_a_header(client: anthropic.Anthropic, marker: str) -> None:
    raw = client.beta.messages.with_raw_response.create(
        model=MODEL, max_tokens=200, messages=ask(marker), betas=["fast-mode-2026-02-01"]
    )
    assert "fast-mode-2026-02-01" in raw.headers["x-stonegate-dropped"]


def test_a_message_from_the_system_may_stand_in_the_middle(
    client: anthropic.Anthropic, simulator: Simulator, marker: str
) -> None:
    messages: list[Any] = [user(f"{marker} Say hello."), {"role": "system", "content": "Be brief."}]
    message = client.messages.create(model=MODEL, max_tokens=200, messages=messages)
    assert message.stop_reason == "end_turn"
    assert simulator.arrival(marker).json["messages"] == messages


def test_context_management_travels(client: anthropic.Anthropic, simulator: Simulator, marker: str) -> None:
    edits = {"edits": [{"type": "clear_tool_uses_20250919", "keep": {"type": "tool_uses", "value": 3}}]}
    message = client.beta.messages.create(
        model=MODEL,
        max_tokens=200,
        messages=ask(marker),
        context_management=edits,
        betas=["context-management-2025-06-27"],
    )
    assert simulator.arrival(marker).json["context_management"] == edits
    assert message.context_management is not None


def test_effort_travels(client: anthropic.Anthropic, simulator: Simulator, marker: str) -> None:
    client.messages.create(model=MODEL, max_tokens=200, messages=ask(marker), output_config={"effort": "low"})
    assert simulator.arrival(marker).json["output_config"] == {"effort": "low"}


def test_many_calls_at_once(gateway: Gateway, marker: str) -> None:
    async def all_of_them() -> list[str]:
        async with anthropic.AsyncAnthropic(base_url=gateway.base_url, api_key=gateway.key.text) as client:

            async def one(number: int) -> str:
                words = f"{marker} number {number}"
                async with client.messages.stream(
                    model=MODEL, max_tokens=200, messages=ask(marker, f"text {words}")
                ) as stream:
                    return text_of(await stream.get_final_message())

            return await asyncio.gather(*(one(number) for number in range(40)))

    assert asyncio.run(all_of_them()) == [f"{marker} number {number}" for number in range(40)]


def test_the_asynchronous_client_works(gateway: Gateway, marker: str) -> None:
    async def call() -> Any:
        async with anthropic.AsyncAnthropic(base_url=gateway.base_url, api_key=gateway.key.text) as client:
            counted = await client.messages.count_tokens(model=MODEL, messages=ask(marker))
            return counted, await client.messages.create(model=MODEL, max_tokens=200, messages=ask(marker))

    counted, message = asyncio.run(call())
    assert text_of(message) == marker
    assert counted.input_tokens == message.usage.input_tokens
