"""Every call leaves one record, with what Bedrock reported and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest

from harness.gateway import Gateway, Key, Serve
from harness.samples import MODEL, OLDER_MODEL, ask, long_text, user
from harness.simulator import Simulator

# Nano-dollars for a token of Claude Sonnet 5.5 through a profile of one geography, which is 10 % over the list price
# ($2 and $10 for a million).
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
    usage = gateway.usage(key)
    assert (usage.calls, usage.estimated) == (1, 0)
    assert usage.tokens["input"] == message.usage.input_tokens
    assert usage.tokens["output"] == message.usage.output_tokens
    assert usage.nanodollars == priced(message.usage)


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
    usage = gateway.usage(key)
    assert usage.nanodollars == sum(priced(reported) for reported in usages)
    assert usage.tokens["cache_write_1h"] > 1000 and usage.tokens["cache_write_5m"] > 1000
    assert usage.tokens["cache_read"] == usage.tokens["cache_write_1h"] + usage.tokens["cache_write_5m"]


def test_a_stream_that_fails_is_charged_by_what_was_seen(
    gateway: Gateway, own: anthropic.Anthropic, key: Key, marker: str
) -> None:
    with pytest.raises(anthropic.APIStatusError):
        with own.messages.stream(
            model=MODEL, max_tokens=200, messages=ask(marker, "words 40; drop after 20")
        ) as stream:
            stream.until_done()
    usage = gateway.wait_for_usage(key, calls=1)
    assert (usage.calls, usage.estimated) == (1, 1)
    assert usage.tokens["output"] > 0 and usage.nanodollars > 0


def test_what_bedrock_refuses_costs_nothing(gateway: Gateway, own: anthropic.Anthropic, key: Key, marker: str) -> None:
    with pytest.raises(anthropic.BadRequestError):
        own.messages.create(model=MODEL, max_tokens=200, messages=ask(marker, "error ValidationException"))
    assert gateway.usage(key).nanodollars == 0


def test_usage_is_summed_by_model(gateways: Callable[..., Gateway], marker: str) -> None:
    gateway = gateways(server__drain_seconds="2")
    with anthropic.Anthropic(base_url=gateway.base_url, api_key=gateway.key.text) as client:
        for model in (MODEL, MODEL, OLDER_MODEL):
            client.messages.create(model=model, max_tokens=200, messages=ask(marker))
    calls = {row["group"]: row["calls"] for row in gateway.run("usage", "--by", "model")["data"]}
    assert sorted(calls.values()) == [1, 2]


def test_a_call_that_does_not_fit_its_budget_is_lowered_and_told(
    gateway: Gateway, own: anthropic.Anthropic, key: Key, marker: str
) -> None:
    """$0.02 pay for some 1,800 tokens, not for the 60,000 that were asked for."""
    gateway.limit(key, window="daily", limit_usd="0.02")
    raw = own.messages.with_raw_response.create(model=MODEL, max_tokens=60_000, messages=ask(marker), timeout=20)
    lowered = int(raw.headers["x-stonegate-max-tokens"])
    assert 256 <= lowered < 2_000
    assert gateway.simulator.arrival(marker).json["max_tokens"] == lowered


def test_a_budget_that_is_used_up_is_one_refusal(gateway: Gateway, key: Key, marker: str) -> None:
    """Final for the SDK, in the words and with the headers that its users look for."""
    gateway.limit(key, window="daily", limit_usd="0.000001")
    with anthropic.Anthropic(base_url=gateway.base_url, api_key=key.text) as client:
        with pytest.raises(anthropic.RateLimitError) as refused:
            client.messages.create(model=MODEL, max_tokens=200, messages=ask(marker))
    assert refused.value.type == "billing_error"
    headers = refused.value.response.headers
    assert headers["x-should-retry"] == "false" and int(headers["retry-after"]) > 0
    assert headers["anthropic-ratelimit-unified-status"] == "rejected"
    assert "budget" in refused.value.message.lower()
    assert gateway.simulator.arrivals(marker) == []


def test_a_budget_set_through_the_server_holds_from_its_answer_on(gateway: Gateway, key: Key, marker: str) -> None:
    budget = {"account": f"key:{key.id}", "window": "daily", "limit_usd": "0.000001"}
    gateway.administer("POST", "/admin/v1/budgets", budget)
    with anthropic.Anthropic(base_url=gateway.base_url, api_key=key.text) as client:
        with pytest.raises(anthropic.RateLimitError):
            client.messages.create(model=MODEL, max_tokens=200, messages=ask(marker))


def test_what_a_client_has_seen_is_kept_through_a_kill(
    binary: Path, simulator: Simulator, tmp_path: Path, marker: str
) -> None:
    gateway = Serve(binary, tmp_path, simulator, {})
    with anthropic.Anthropic(base_url=gateway.base_url, api_key=gateway.key.text) as client:
        for _ in range(5):
            with client.messages.stream(model=MODEL, max_tokens=200, messages=ask(marker)) as stream:
                stream.until_done()
        plain = client.messages.create(model=MODEL, max_tokens=200, messages=ask(marker))
    gateway.background.process.kill()
    gateway.stop()
    usage = gateway.usage(gateway.key)
    assert (usage.calls, usage.tokens["output"]) == (6, 6 * plain.usage.output_tokens)


def test_budgets_and_keys_outlive_the_process(binary: Path, simulator: Simulator, tmp_path: Path, marker: str) -> None:
    before = Serve(binary, tmp_path, simulator, {})
    key = before.create_key(marker)
    before.limit(key, window="total", limit_usd="0.000001")
    assert before.stop() == 0
    after = Serve(binary, tmp_path, simulator, {})
    with anthropic.Anthropic(base_url=after.base_url, api_key=key.text) as client:
        with pytest.raises(anthropic.RateLimitError):
            client.messages.create(model=MODEL, max_tokens=200, messages=ask(marker))
    assert after.stop() == 0
