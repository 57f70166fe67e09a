"""The Python SDK: tools, over several turns."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import pytest
from anthropic import beta_tool

from harness.samples import MODEL, TIME, WEATHER, ask, user
from harness.simulator import Simulator

TWO_CALLS = (
    'text Let me look.; tool get_weather {"city":"Bern"}; tool get_time {"city":"Rom"}; then text Sunny at noon.'
)


def uses(message: Any) -> list[Any]:
    return [block for block in message.content if block.type == "tool_use"]


def results(message: Any) -> dict[str, Any]:
    blocks = [
        {"type": "tool_result", "tool_use_id": use.id, "content": f"{use.name}: {use.input['city']}"}
        for use in uses(message)
    ]
    return {"role": "user", "content": blocks}


def called(client: anthropic.Anthropic, streamed: bool, **asked: Any) -> Any:
    if not streamed:
        return client.messages.create(model=MODEL, max_tokens=500, **asked)
    with client.messages.stream(model=MODEL, max_tokens=500, **asked) as stream:
        return stream.get_final_message()


@pytest.mark.parametrize("streamed", [False, True])
def test_parallel_tool_calls_and_their_results(
    client: anthropic.Anthropic, simulator: Simulator, marker: str, streamed: bool
) -> None:
    tools = [WEATHER, TIME]
    messages = ask(marker, TWO_CALLS)
    first = called(client, streamed, messages=messages, tools=tools)
    assert first.stop_reason == "tool_use"
    assert [(use.name, use.input) for use in uses(first)] == [
        ("get_weather", {"city": "Bern"}),
        ("get_time", {"city": "Rom"}),
    ]
    messages += [{"role": "assistant", "content": first.content}, results(first)]
    second = called(client, streamed, messages=messages, tools=tools)
    assert second.stop_reason == "end_turn"
    assert second.content[0].text == "Sunny at noon."
    answered = simulator.arrivals(marker)[1].json["messages"][-1]["content"]
    assert [block["content"] for block in answered] == ["get_weather: Bern", "get_time: Rom"]


def test_the_input_of_a_tool_keeps_its_bytes(client: anthropic.Anthropic, marker: str) -> None:
    """Numbers, order of members and escapes are the model's own; a client may have signed or hashed them."""
    exact = '{"z":1.0,"a":1e2,"n":12345678901234567890,"s":"\\u00e9\\/","empty":"","":null}'
    with client.messages.create(
        model=MODEL, max_tokens=500, messages=ask(marker, f"tool get_weather {exact}"), tools=[WEATHER], stream=True
    ) as stream:
        deltas = [event.delta for event in stream if event.type == "content_block_delta"]
    assert "".join(delta.partial_json for delta in deltas if delta.type == "input_json_delta") == exact


def test_tool_definitions_travel_unchanged(client: anthropic.Anthropic, simulator: Simulator, marker: str) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": False}
    tools: list[Any] = [
        {**WEATHER, "input_schema": {**schema, "required": ["city"]}, "strict": True},
        {**TIME, "eager_input_streaming": True, "cache_control": {"type": "ephemeral"}},
        {"type": "bash_20250124", "name": "bash"},
        {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool", "max_characters": 10_000},
    ]
    choice: Any = {"type": "auto", "disable_parallel_tool_use": True}
    client.messages.create(model=MODEL, max_tokens=500, messages=ask(marker), tools=tools, tool_choice=choice)
    arrived = simulator.arrival(marker).json
    assert arrived["tools"] == tools
    assert arrived["tool_choice"] == choice


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "get_time"}])
def test_a_forced_tool_is_called(client: anthropic.Anthropic, marker: str, choice: Any) -> None:
    message = client.messages.create(
        model=MODEL,
        max_tokens=500,
        messages=ask(marker),
        tools=[TIME],
        tool_choice=choice,
        thinking={"type": "disabled"},
    )
    assert [use.name for use in uses(message)] == ["get_time"]


def test_deferred_tools_travel_with_their_beta(client: anthropic.Anthropic, simulator: Simulator, marker: str) -> None:
    tools: list[Any] = [
        {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"},
        {**WEATHER, "defer_loading": True},
    ]
    client.beta.messages.create(
        model=MODEL, max_tokens=500, messages=ask(marker), tools=tools, betas=["advanced-tool-use-2025-11-20"]
    )
    arrived = simulator.arrival(marker).json
    assert arrived["tools"] == tools
    assert arrived["anthropic_beta"] == ["tool-search-tool-2025-10-19"]


def test_results_may_hold_images_and_errors(client: anthropic.Anthropic, simulator: Simulator, marker: str) -> None:
    from harness.samples import png

    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": png()}}
    messages: list[Any] = [
        user(f"{marker} What is the weather?"),
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Bern"}},
                {"type": "tool_use", "id": "toolu_2", "name": "get_weather", "input": {"city": "Rom"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "see"}, image]},
                {"type": "tool_result", "tool_use_id": "toolu_2", "content": "no such city", "is_error": True},
            ],
        },
    ]
    message = client.messages.create(model=MODEL, max_tokens=500, messages=messages, tools=[WEATHER])
    assert "no such city" in message.content[0].text
    assert simulator.arrival(marker).json["messages"] == messages


def test_a_call_cut_by_max_tokens_is_not_lost(client: anthropic.Anthropic, marker: str) -> None:
    call = json.dumps({"city": "word " * 100})
    message = client.messages.create(
        model=MODEL, max_tokens=20, messages=ask(marker, f"tool get_weather {call}"), tools=[WEATHER]
    )
    assert message.stop_reason == "max_tokens"
    assert [use.name for use in uses(message)] == ["get_weather"]


def test_the_tool_runner_falls_back_when_threads_are_refused(
    client: anthropic.Anthropic, simulator: Simulator, marker: str
) -> None:
    """The runner keeps its history on the server, which Bedrock cannot; told so by a code, it sends all of it."""
    asked: list[str] = []

    @beta_tool
    def get_weather(city: str) -> str:
        """The weather in a city.

        Args:
            city: Which city.
        """
        asked.append(city)
        return f"{city} is sunny"

    runner = client.beta.messages.tool_runner(
        model=MODEL,
        max_tokens=500,
        tools=[get_weather],
        messages=ask(marker, 'tool get_weather {"city":"Bern"}; then tool get_weather {"city":"Rom"}; then text done'),
    )
    final = runner.until_done()
    assert asked == ["Bern", "Rom"]
    assert final.content[-1].text == "done"
    arrived = [arrival.json for arrival in simulator.arrivals(marker)]
    assert [len(body["messages"]) for body in arrived] == [1, 3, 5]
    assert not any("thread" in body for body in arrived)


def test_the_streaming_tool_runner_works(client: anthropic.Anthropic, marker: str) -> None:
    @beta_tool
    def get_weather(city: str) -> str:
        """The weather in a city.

        Args:
            city: Which city.
        """
        return f"{city} is sunny"

    runner = client.beta.messages.tool_runner(
        model=MODEL,
        max_tokens=500,
        tools=[get_weather],
        messages=ask(marker, 'tool get_weather {"city":"Bern"}; then text all done'),
        stream=True,
    )
    said = [stream.get_final_message() for stream in runner]
    assert [message.stop_reason for message in said] == ["tool_use", "end_turn"]
    assert said[-1].content[0].text == "all done"
