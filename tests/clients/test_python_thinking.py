"""The Python SDK: thinking, and its signatures on the way back."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest

from harness.samples import MODEL, OLDER_MODEL, WEATHER, ask
from harness.simulator import Simulator

ADAPTIVE: Any = {"type": "adaptive", "display": "summarized"}
BUDGET: Any = {"type": "enabled", "budget_tokens": 1024}


def called(client: anthropic.Anthropic, streamed: bool, **asked: Any) -> Any:
    if not streamed:
        return client.messages.create(max_tokens=4000, **asked)
    with client.messages.stream(max_tokens=4000, **asked) as stream:
        return stream.get_final_message()


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("model", "thinking"), [(MODEL, ADAPTIVE), (OLDER_MODEL, BUDGET)])
def test_thinking_survives_a_tool_turn_with_its_signature(
    client: anthropic.Anthropic, simulator: Simulator, marker: str, model: str, thinking: Any, streamed: bool
) -> None:
    """The simulator refuses a thinking block of which one byte has changed."""
    asked: dict[str, Any] = {"model": model, "thinking": thinking, "tools": [WEATHER]}
    messages = ask(marker, 'think 30; tool get_weather {"city":"Bern"}; then think 10; text Sunny.')
    first = called(client, streamed, messages=messages, **asked)
    assert [block.type for block in first.content] == ["thinking", "tool_use"]
    thought, use = first.content
    assert len(thought.thinking.split()) == 30 and thought.signature
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "sunny"}
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    second = called(client, streamed, messages=messages, **asked)
    assert second.content[-1].text == "Sunny."
    replayed = simulator.arrivals(marker)[1]
    assert replayed.json["messages"][1]["content"][0] == {
        "type": "thinking",
        "thinking": thought.thinking,
        "signature": thought.signature,
    }
    assert replayed.json["thinking"] == thinking


def test_a_forged_signature_is_refused_so_that_the_client_can_tell(
    client: anthropic.Anthropic, simulator: Simulator, marker: str
) -> None:
    good = simulator.sign_thinking("I think.")
    forged = {**good, "thinking": "I think otherwise."}
    messages = ask(marker, "text fine") + [
        {"role": "assistant", "content": [forged, {"type": "text", "text": "Well."}]},
        {"role": "user", "content": "Go on."},
    ]
    with pytest.raises(anthropic.BadRequestError) as refused:
        client.messages.create(model=MODEL, max_tokens=4000, messages=messages, thinking=ADAPTIVE)
    assert "signature" in refused.value.message


def test_redacted_thinking_survives_both_ways(client: anthropic.Anthropic, simulator: Simulator, marker: str) -> None:
    messages = ask(marker, "redact; text Hm.")
    first = client.messages.create(model=MODEL, max_tokens=4000, messages=messages, thinking=ADAPTIVE)
    assert first.content[0].type == "redacted_thinking"
    data = first.content[0].data
    assert data
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": "Go on."}]
    client.messages.create(model=MODEL, max_tokens=4000, messages=messages, thinking=ADAPTIVE)
    replayed = simulator.arrivals(marker)[1].json["messages"][1]["content"][0]
    assert replayed == {"type": "redacted_thinking", "data": data}


def test_thinking_streams_as_deltas_with_the_signature_last(client: anthropic.Anthropic, marker: str) -> None:
    with client.messages.create(
        model=MODEL, max_tokens=4000, messages=ask(marker, "think 20; text Yes."), thinking=ADAPTIVE, stream=True
    ) as stream:
        deltas = [event.delta.type for event in stream if event.type == "content_block_delta"]
    thoughts = [delta for delta in deltas if delta in ("thinking_delta", "signature_delta")]
    assert thoughts.count("signature_delta") == 1 and thoughts[-1] == "signature_delta"
    assert thoughts.count("thinking_delta") > 1
    assert deltas[-1] == "text_delta"


def test_omitted_thinking_keeps_its_signature(client: anthropic.Anthropic, marker: str) -> None:
    thinking: Any = {"type": "adaptive", "display": "omitted"}
    message = client.messages.create(
        model=MODEL, max_tokens=4000, messages=ask(marker, "think 20; text Yes."), thinking=thinking
    )
    assert (message.content[0].type, message.content[0].thinking) == ("thinking", "")
    assert message.content[0].signature


def test_thinking_tokens_are_reported(client: anthropic.Anthropic, marker: str) -> None:
    message = client.messages.create(
        model=MODEL, max_tokens=4000, messages=ask(marker, "think 40; text Yes."), thinking=ADAPTIVE
    )
    details = message.usage.output_tokens_details
    assert details is not None and 0 < details.thinking_tokens < message.usage.output_tokens
