"""The real Claude Code, through `stonegate serve` and through `stonegate demo`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from conftest import WORK
from harness.claude_code import ClaudeCode, Turn
from harness.gateway import Demo, Gateway, Key
from harness.simulator import Simulator
from harness.tap import Tap

# What a person would have allowed in a sandbox; asking is not possible without a terminal.
TOOLS = ["--allowedTools", "Bash,Edit,Read,Write", "--permission-mode", "acceptEdits"]


@pytest.fixture(params=["serve", "demo"])
def door(request: pytest.FixtureRequest) -> Gateway:
    """Both ways in which a person meets Stonegate."""
    found: Gateway = request.getfixturevalue("gateway" if request.param == "serve" else "demo")
    return found


def first_delta(event: dict[str, Any]) -> bool:
    return event.get("type") == "stream_event" and event["event"]["type"] == "content_block_delta"


def test_a_plain_answer(door: Gateway, claude_code: ClaudeCode, marker: str) -> None:
    turn = claude_code.ask(door.base_url, door.key.text, f"Say {marker}")
    assert turn.code == 0 and not turn.result["is_error"]
    assert turn.said == marker
    arrived = door.simulator.arrival(marker)
    assert "claude-opus-5-5" in arrived.path and arrived.is_stream
    assert turn.result["usage"]["output_tokens"] > 0


def test_the_key_that_the_demo_prints_works(demo: Demo, claude_code: ClaudeCode, marker: str) -> None:
    turn = claude_code.ask(demo.base_url, demo.printed_key.text, f"Say {marker}", bearer=True)
    assert turn.said == marker


def test_the_prompt_reaches_bedrock_as_claude_code_wrote_it(
    gateway: Gateway, claude_code: ClaudeCode, simulator: Simulator, marker: str
) -> None:
    """The attribution block stays first, the marks of the cache stay where they are, and so do the odd parts."""
    claude_code.ask(gateway.base_url, gateway.key.text, f"Say {marker}")
    body = simulator.arrival(marker).json
    assert body["system"][0]["text"].startswith("x-anthropic-billing-header:")
    assert sum("cache_control" in block for block in body["system"]) == 2
    assert [message["role"] for message in body["messages"]] == ["user", "system"]
    assert body["thinking"]["type"] == "adaptive"
    assert body["output_config"]["effort"]
    assert any(tool.get("defer_loading") for tool in body["tools"])
    assert "device_id" in body["metadata"]["user_id"]
    assert "tool-search-tool-2025-10-19" in body["anthropic_beta"]
    assert "per-turn-control-2026-07-01" not in body["anthropic_beta"]


def test_a_command_and_an_edit_over_several_turns(door: Gateway, claude_code: ClaudeCode, marker: str) -> None:
    notes = claude_code.directory / "notes.txt"
    notes.write_text("alpha\nomega\n")
    plan = [
        'think 20; text Let me look.; tool Bash {"command":"wc -l notes.txt > count.txt; cat count.txt"}',
        f"tool Read {json.dumps({'file_path': str(notes)})}",
        "think 10; tool Edit "
        + json.dumps({"file_path": str(notes), "old_string": "alpha", "new_string": "beta ]; {x}"}),
        "text All done.",
    ]
    turn = claude_code.ask(
        door.base_url, door.key.text, f"{marker} Please change it. [sim: {'; then '.join(plan)}]", *TOOLS
    )
    assert turn.said == "All done."
    assert notes.read_text() == "beta ]; {x}\nomega\n"
    assert (claude_code.directory / "count.txt").read_text().strip() == "2 notes.txt"
    assert [block["name"] for block in turn.blocks("tool_use")] == ["Bash", "Read", "Edit"]
    assert not any(block.get("is_error") for block in turn.blocks("tool_result"))
    arrived = door.simulator.arrivals(marker)
    assert [arrival.status for arrival in arrived] == [200] * 4


def test_parallel_tool_calls(gateway: Gateway, claude_code: ClaudeCode, marker: str) -> None:
    plan = 'tool Bash {"command":"echo one"}; tool Bash {"command":"echo two"}; then text Both.'
    turn = claude_code.ask(gateway.base_url, gateway.key.text, f"{marker} [sim: {plan}]", *TOOLS)
    assert turn.said == "Both."
    assert sorted(block["content"] for block in turn.blocks("tool_result")) == ["one", "two"]


def test_thinking_is_signed_and_replayed(door: Gateway, claude_code: ClaudeCode, marker: str) -> None:
    """The simulator refuses a thinking block whose signature was not made for its text."""
    plan = 'think 60; tool Bash {"command":"true"}; then think 40; text Thought through.'
    turn = claude_code.ask(door.base_url, door.key.text, f"{marker} [sim: {plan}]", *TOOLS)
    assert turn.said == "Thought through."
    thoughts = turn.blocks("thinking")
    assert len(thoughts) == 2 and all(thought["signature"] for thought in thoughts)
    replayed = [
        block
        for message in door.simulator.arrivals(marker)[1].json["messages"]
        if message["role"] == "assistant"
        for block in message["content"]
    ]
    assert replayed[0]["type"] == "thinking" and replayed[0]["signature"] == thoughts[0]["signature"]
    assert turn.result["usage"]["output_tokens_details"]["thinking_tokens"] > 0


@pytest.mark.parametrize("model", ["nova-2-lite"])
def test_a_tool_run_on_another_makers_model(
    gateway: Gateway, claude_code: ClaudeCode, simulator: Simulator, marker: str, model: str
) -> None:
    plan = 'tool Bash {"command":"echo one"}; tool Bash {"command":"echo two"}; then text Both.'
    turn = claude_code.ask(gateway.base_url, gateway.key.text, f"{marker} [sim: {plan}]", *TOOLS, "--model", model)
    assert turn.said == "Both."
    assert sorted(block["content"] for block in turn.blocks("tool_result")) == ["one", "two"]
    arrived = simulator.arrivals(marker)
    assert [arrival.status for arrival in arrived] == [200, 200]
    # The attribution line means something to Claude's endpoint only, and would spoil another's cache.
    assert b"x-anthropic-billing-header" not in arrived[0].body


@pytest.mark.parametrize("model", ["sonnet", "haiku", "claude-sonnet-4-6", "claude-haiku-4-5", "claude-opus-5-5[1m]"])
def test_other_models(gateway: Gateway, claude_code: ClaudeCode, simulator: Simulator, marker: str, model: str) -> None:
    """Older ones get another shape of request: no message from the system, a budget in place of adaptive thinking."""
    turn = claude_code.ask(gateway.base_url, gateway.key.text, f"Say {marker}", "--model", model)
    assert turn.said == marker
    assert model.removesuffix("[1m]") in simulator.arrival(marker).path


def test_a_conversation_is_resumed(
    gateway: Gateway, claude_code: ClaudeCode, simulator: Simulator, marker: str
) -> None:
    claude_code.ask(gateway.base_url, gateway.key.text, f"{marker} My name is Ada.")
    turn = claude_code.ask(gateway.base_url, gateway.key.text, "What is my name?", "--continue")
    assert "Ada" in turn.said
    usage = turn.result["usage"]
    assert usage["cache_read_input_tokens"] > usage["input_tokens"]


def test_a_helper_agent(gateway: Gateway, claude_code: ClaudeCode, simulator: Simulator, marker: str) -> None:
    task = {
        "description": "Say a word",
        "prompt": f"Say pebble {marker}",
        "subagent_type": "general-purpose",
        "run_in_background": False,
    }
    turn = claude_code.ask(
        gateway.base_url, gateway.key.text, f"{marker} [sim: tool Agent {json.dumps(task)}; then text Heard.]", *TOOLS
    )
    assert turn.said == "Heard."
    assert f"pebble {marker}" in json.dumps(turn.blocks("tool_result"))
    assert len(simulator.arrivals(marker)) == 3


def test_the_key_may_come_as_bearer(gateway: Gateway, claude_code: ClaudeCode, marker: str) -> None:
    assert claude_code.ask(gateway.base_url, gateway.key.text, f"Say {marker}", bearer=True).said == marker


def test_a_personal_key_beside_ours_does_no_harm(gateway: Gateway, claude_code: ClaudeCode, marker: str) -> None:
    """Claude Code sends both, each in its own header; the demo's recipe sets only the token."""
    turn = claude_code.ask(
        gateway.base_url, "sk-ant-api03-personal", f"Say {marker}", ANTHROPIC_AUTH_TOKEN=gateway.key.text
    )
    assert turn.said == marker


def test_context_is_counted(gateway: Gateway, claude_code: ClaudeCode, simulator: Simulator, key: Key) -> None:
    """`/context` counts each tool and segment by a call of its own, all at once."""
    before = sum(arrival.is_count for arrival in simulator.log())
    turn = claude_code.ask(gateway.base_url, key.text, "/context")
    assert "Context Usage" in turn.said
    counts = [arrival for arrival in simulator.log() if arrival.is_count][before:]
    assert len(counts) >= 10
    assert {arrival.status for arrival in counts} == {200}
    assert gateway.usage(key).nanodollars == 0


def test_a_conversation_is_compacted(
    gateway: Gateway, claude_code: ClaudeCode, simulator: Simulator, marker: str
) -> None:
    claude_code.ask(gateway.base_url, gateway.key.text, f"Say {marker}")
    turn = claude_code.ask(gateway.base_url, gateway.key.text, "/compact", "--continue")
    assert turn.code == 0 and not turn.result["is_error"]
    assert [arrival.status for arrival in simulator.log()] == [200] * len(simulator.log())
    assert len(simulator.arrivals(marker)) >= 2


def test_models_are_discovered(gateway: Gateway, claude_code: ClaudeCode, marker: str) -> None:
    claude_code.ask(gateway.base_url, gateway.key.text, f"Say {marker}", CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY="1")
    kept = json.loads((claude_code.home / ".claude/cache/gateway-models.json").read_text())
    assert kept["baseUrl"] == gateway.base_url
    models = {model["id"]: model["display_name"] for model in kept["models"]}
    assert models["claude-opus-5-5"] == "Claude Opus 5.5"
    assert models["claude-sonnet-5-5"] == "Claude Sonnet 5.5"


def test_throttling_is_waited_out(door: Gateway, claude_code: ClaudeCode, marker: str) -> None:
    """First by the gateway, within its own patience, and then by Claude Code."""
    turn = claude_code.ask(door.base_url, door.key.text, f"{marker} [sim: throttle 1 x 5; text At last.]")
    assert turn.said == "At last."
    assert turn.seconds > 5
    assert [arrival.status for arrival in door.simulator.arrivals(marker)] == [429] * 5 + [200]


def test_a_failure_in_mid_stream_is_recovered_from(
    gateway: Gateway, claude_code: ClaudeCode, simulator: Simulator, marker: str
) -> None:
    """An `error` event makes it ask once more, without a stream."""
    simulator.script({"exception": {"type": "internalServerException", "after_events": 4}}, marker=marker)
    turn = claude_code.ask(gateway.base_url, gateway.key.text, f"{marker} [sim: text One two three four five.]")
    assert turn.said == "One two three four five."
    assert [arrival.is_stream for arrival in simulator.arrivals(marker)] == [True, False]


def test_an_overflow_heals_by_itself(
    gateway: Gateway, claude_code: ClaudeCode, simulator: Simulator, marker: str
) -> None:
    """Anthropic's own words for it come through, so that it asks again with a `max_tokens` that fits."""
    words = "input length and `max_tokens` exceed context limit: 100000 + 128000 > 200000"
    words += ", decrease input length or `max_tokens` and try again"
    simulator.script({"error": {"type": "ValidationException", "message": words}}, marker=marker)
    turn = claude_code.ask(gateway.base_url, gateway.key.text, f"{marker} [sim: text It fits.]")
    assert turn.said == "It fits."
    asked = [arrival.json["max_tokens"] for arrival in simulator.arrivals(marker)]
    assert len(asked) == 2 and asked[1] < 100_000 < asked[0]


def test_what_an_older_model_cannot_do_is_left_out_by_itself(
    gateways: Callable[..., Gateway], claude_code: ClaudeCode, simulator: Simulator, marker: str
) -> None:
    """Asked by the name of a newer model, it is told by a token what to leave out, and does so for the whole session."""
    gateway = gateways(models__aliases="claude-fable-5-2=claude-sonnet-4-6")
    plan = 'tool Bash {"command":"true"}; then text Fine.'
    with Tap(gateway.base_url) as tap:
        turn = claude_code.ask(
            tap.base_url, gateway.key.text, f"{marker} [sim: {plan}]", "--model", "claude-fable-5-2", *TOOLS
        )
    assert turn.said == "Fine."
    assert tap.statuses == [400, 200, 200]
    roles = [[message["role"] for message in arrival.json["messages"]] for arrival in simulator.arrivals(marker)]
    assert roles == [["user"], ["user", "assistant", "user"]]


def test_an_alias_to_a_smaller_model_works(
    gateways: Callable[..., Gateway], claude_code: ClaudeCode, simulator: Simulator, marker: str
) -> None:
    """Claude Code asks for as many tokens as the model has that it thinks of; the other one has half as many."""
    gateway = gateways(models__aliases="claude-fable-5-2=claude-haiku-4-5")
    turn = claude_code.ask(
        gateway.base_url, gateway.key.text, f"{marker} [sim: text Fine.]", "--model", "claude-fable-5-2"
    )
    assert turn.said == "Fine."
    assert simulator.arrivals(marker)[-1].json["max_tokens"] == 64_000


def interrupted(gateway: Gateway, claude_code: ClaudeCode, key: Key, prompt: str) -> Turn:
    turn = claude_code.ask(gateway.base_url, key.text, prompt, "--include-partial-messages", stop_when=first_delta)
    # Now and then it is gone before it could say so.
    assert all(event["terminal_reason"] == "aborted_streaming" for event in turn.of_type("result"))
    assert turn.of_type("stream_event")
    return turn


def test_an_interrupted_call_is_read_on_and_accounted(door: Gateway, claude_code: ClaudeCode, marker: str) -> None:
    """Bedrock bills what it says to nobody, so it is read to the end and charged by its own report."""
    key = door.create_key(marker)
    turn = interrupted(door, claude_code, key, f"{marker} [sim: slow 20ms x 100]")
    assert turn.seconds < 10
    door.simulator.wait_for(marker, lambda found: [arrival.ending for arrival in found] == ["finished"])
    usage = door.wait_for_usage(key, calls=1)
    assert (usage.calls, usage.estimated) == (1, 0)
    assert usage.tokens["output"] >= 100


def test_an_interrupted_call_can_be_cancelled_upstream(
    gateways: Callable[..., Gateway], claude_code: ClaudeCode, simulator: Simulator, marker: str
) -> None:
    gateway = gateways(stream__on_disconnect="cancel")
    key = gateway.create_key(marker)
    interrupted(gateway, claude_code, key, f"{marker} [sim: slow 20ms x 1000]")
    left = time.monotonic()
    simulator.wait_for(marker, lambda found: [arrival.ending for arrival in found] == ["client_gone"])
    assert time.monotonic() - left < 3
    usage = gateway.wait_for_usage(key, calls=1)
    assert (usage.calls, usage.estimated) == (1, 1)
    assert usage.tokens["output"] > 0 and usage.nanodollars > 0


def test_a_revoked_key_is_told_once(door: Gateway, claude_code: ClaudeCode, marker: str) -> None:
    key = door.create_key(marker)
    claude_code.ask(door.base_url, key.text, f"Say {marker}")
    door.revoke(key)
    time.sleep(1)
    with Tap(door.base_url) as tap:
        turn = claude_code.ask(tap.base_url, key.text, f"Say {marker} again")
    assert turn.result["is_error"] and "revoked" in turn.said.lower()
    assert turn.seconds < 10
    assert (tap.requests, tap.statuses) == (["POST /v1/messages"], [401])


def test_a_budget_that_is_used_up_is_told_once(
    gateway: Gateway, claude_code: ClaudeCode, simulator: Simulator, marker: str
) -> None:
    key = gateway.create_key(marker)
    gateway.limit(key, window="daily", limit_usd="0.000001")
    with Tap(gateway.base_url) as tap:
        turn = claude_code.ask(tap.base_url, key.text, f"Say {marker}")
    assert turn.result["is_error"] and "budget" in turn.said.lower()
    assert turn.seconds < 10
    assert (tap.requests, tap.statuses) == (["POST /v1/messages"], [429])
    assert simulator.arrivals(marker) == []


def test_ten_at_once_on_a_small_budget_all_get_their_work_done(
    gateways: Callable[..., Gateway], tmp_path: Path, marker: str
) -> None:
    """What each of them may cost is more than a third of the budget, so they take what the others leave, in turn."""
    gateway = gateways(budget__wait_seconds="60")
    key = gateway.create_key(marker)
    gateway.limit(key, window="total", limit_usd="5")
    command = json.dumps({"command": "echo done > work.txt"})

    def work(number: int) -> tuple[Turn, Path]:
        directory = tmp_path / str(number)
        directory.mkdir()
        coder = ClaudeCode(WORK / "node/node_modules/.bin/claude", directory)
        prompt = f"{marker} [sim: tool Bash {command}; then text All done.]"
        return coder.ask(gateway.base_url, key.text, prompt, *TOOLS), coder.directory / "work.txt"

    with ThreadPoolExecutor(10) as pool:
        turns = list(pool.map(work, range(10)))
    assert [turn.said for turn, _ in turns] == ["All done."] * 10
    assert all(file.read_text().strip() == "done" for _, file in turns)
    asked = [arrival.json["max_tokens"] for arrival in gateway.simulator.arrivals(marker)]
    assert len(asked) >= 20 and min(asked) < max(asked), asked
    assert gateway.usage(key).nanodollars <= 5_000_000_000
