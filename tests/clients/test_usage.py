"""Every call leaves one record, with what Bedrock reported and what it costs."""

from __future__ import annotations

from typing import Any, Iterator

import anthropic
import pytest

from harness.gateway import Gateway, Key
from harness.samples import MODEL, OLDER_MODEL, ask, long_text, user

# US dollars for a million tokens of Claude Sonnet 5.5 through a profile of one geography: 10 % over the list price.
# The same number is nano-dollars for a thousandth of a token's price, so all of it stays in integers.
NANODOLLARS = {"input": 2_200, "output": 11_000, "cache_write_5m": 2_750, "cache_write_1h": 4_400, "cache_read": 110}


@pytest.fixture
def own(gateway: Gateway, key: Key) -> Iterator[anthropic.Anthropic]:
    """A client with a key that only this test uses, and that never tries again."""
    with anthropic.Anthropic(base_url=gateway.base_url, api_key=key.text, max_retries=0) as client:
        yield client


def priced(usage: Any) -> int:
    split = usage.cache_creation
    counts = {
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cache_read": usage.cache_read_input_tokens or 0,
        "cache_write_5m": split.ephemeral_5m_input_tokens if split else 0,
        "cache_write_1h": split.ephemeral_1h_input_tokens if split else 0,
    }
    return sum(NANODOLLARS[kind] * count for kind, count in counts.items())


@pytest.mark.parametrize("streamed", [False, True])
def test_a_call_leaves_one_record_as_soon_as_its_end_is_seen(
    gateway: Gateway, own: anthropic.Anthropic, key: Key, marker: str, streamed: bool
) -> None:
    asked: Any = {"model": MODEL, "max_tokens": 200, "messages": ask(marker, "words 50")}
    if streamed:
        with own.messages.stream(**asked) as stream:
            message = stream.get_final_message()
    else:
        message = own.messages.create(**asked)
    (call,) = gateway.usage(key)
    assert call["id"] == message._request_id or streamed
    assert (call["model_requested"], call["outcome"], call["basis"]) == (MODEL, "complete", "reported")
    assert call["stop_reason"] == message.stop_reason
    assert call["tokens"]["input"] == message.usage.input_tokens
    assert call["tokens"]["output"] == message.usage.output_tokens
    assert call["cost_nanodollars"] == priced(message.usage)
    assert call["stream"] is streamed


def test_cache_reads_and_writes_have_prices_of_their_own(
    gateway: Gateway, own: anthropic.Anthropic, key: Key, marker: str
) -> None:
    system: Any = [
        {"type": "text", "text": long_text(marker), "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "text", "text": long_text("second"), "cache_control": {"type": "ephemeral"}},
    ]
    usages = [
        own.messages.create(model=MODEL, max_tokens=200, system=system, messages=[user("Hello.")]).usage
        for _ in range(2)
    ]
    calls = gateway.usage(key)
    assert [call["cost_nanodollars"] for call in calls] == [priced(usage) for usage in usages]
    assert calls[0]["tokens"]["cache_write_1h"] > 1000 and calls[0]["tokens"]["cache_write_5m"] > 1000
    assert calls[1]["tokens"]["cache_read"] > 2000


def test_a_stream_that_fails_is_charged_by_what_was_seen(
    gateway: Gateway, own: anthropic.Anthropic, key: Key, marker: str
) -> None:
    with pytest.raises(anthropic.APIStatusError):
        with own.messages.stream(
            model=MODEL, max_tokens=200, messages=ask(marker, "words 40; drop after 20")
        ) as stream:
            stream.until_done()
    (call,) = gateway.wait_for_usage(key, lambda calls: len(calls) == 1)
    assert (call["outcome"], call["basis"]) == ("upstream_failed", "estimated")
    assert call["tokens"]["output"] > 0 and call["cost_nanodollars"] > 0


def test_what_bedrock_refuses_costs_nothing(
    gateway: Gateway, own: anthropic.Anthropic, key: Key, marker: str
) -> None:
    with pytest.raises(anthropic.BadRequestError):
        own.messages.create(model=MODEL, max_tokens=200, messages=ask(marker, "error ValidationException"))
    assert sum(call["cost_nanodollars"] for call in gateway.usage(key)) == 0


def test_usage_adds_up_by_model(gateway: Gateway, own: anthropic.Anthropic, key: Key, marker: str) -> None:
    for model in (MODEL, MODEL, OLDER_MODEL):
        own.messages.create(model=model, max_tokens=200, messages=ask(marker))
    calls = gateway.usage(key)
    assert [call["model_requested"] for call in calls] == [MODEL, MODEL, OLDER_MODEL]
    assert len({call["id"] for call in calls}) == 3
