"""The real Claude Code in its Bedrock mode: by Bedrock's own API, through the gateway."""

from __future__ import annotations

import json

import pytest

from harness.claude_code import ClaudeCode
from harness.gateway import Gateway
from harness.simulator import Simulator
from harness.tap import Tap

TOOLS = ["--allowedTools", "Bash,Edit,Read,Write", "--permission-mode", "acceptEdits"]


def bearer(gateway: Gateway, key: str) -> dict[str, str]:
    return {"AWS_BEARER_TOKEN_BEDROCK": key}


def signed(gateway: Gateway, key: str) -> dict[str, str]:
    """The pair of AWS credentials that belongs to the key."""
    status, pair = gateway.get("/bedrock/credentials", headers={"authorization": f"Bearer {key}"})
    assert status == 200, pair
    return {"AWS_ACCESS_KEY_ID": pair["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": pair["SecretAccessKey"]}


both_ways = pytest.mark.parametrize("shown", [bearer, signed])


@both_ways
def test_a_plain_answer(
    gateway: Gateway, claude_code: ClaudeCode, simulator: Simulator, marker: str, shown: object
) -> None:
    assert callable(shown)
    key = gateway.create_key(marker)
    credentials = shown(gateway, key.text)
    turn = claude_code.ask_as_on_bedrock(f"{gateway.base_url}/bedrock", credentials, f"Say {marker}")
    assert turn.code == 0 and turn.said == marker
    assert simulator.arrival(marker).is_stream
    usage = gateway.wait_for_usage(key, calls=1)
    assert usage.estimated == 0 and usage.nanodollars > 0
    # It also asks for one token, to see whether the model is there.
    assert usage.tokens["output"] >= turn.result["usage"]["output_tokens"]


@both_ways
def test_a_command_an_edit_and_thinking_over_several_turns(
    gateway: Gateway, claude_code: ClaudeCode, simulator: Simulator, marker: str, shown: object
) -> None:
    assert callable(shown)
    notes = claude_code.directory / "notes.txt"
    notes.write_text("alpha\nomega\n")
    plan = [
        'think 20; tool Bash {"command":"wc -l notes.txt > count.txt; cat count.txt"}',
        f"tool Read {json.dumps({'file_path': str(notes)})}",
        f"tool Edit {json.dumps({'file_path': str(notes), 'old_string': 'alpha', 'new_string': 'beta'})}",
        "text All done.",
    ]
    turn = claude_code.ask_as_on_bedrock(
        f"{gateway.base_url}/bedrock",
        shown(gateway, gateway.key.text),
        f"{marker} Please change it. [sim: {'; then '.join(plan)}]",
        *TOOLS,
    )
    assert turn.said == "All done."
    assert notes.read_text() == "beta\nomega\n"
    assert not any(block.get("is_error") for block in turn.blocks("tool_result"))
    assert [arrival.status for arrival in simulator.arrivals(marker)] == [200] * 4


def test_the_address_may_be_the_root(gateway: Gateway, claude_code: ClaudeCode, marker: str) -> None:
    turn = claude_code.ask_as_on_bedrock(gateway.base_url, bearer(gateway, gateway.key.text), f"Say {marker}")
    assert turn.said == marker


@pytest.mark.parametrize("model", ["claude-sonnet-4-6", "us.anthropic.claude-haiku-4-5-20251001-v1:0"])
def test_a_model_is_named_as_here_or_as_on_bedrock(
    gateway: Gateway, claude_code: ClaudeCode, simulator: Simulator, marker: str, model: str
) -> None:
    turn = claude_code.ask_as_on_bedrock(
        f"{gateway.base_url}/bedrock", bearer(gateway, gateway.key.text), f"Say {marker}", "--model", model
    )
    assert turn.said == marker
    assert "claude-" in simulator.arrival(marker).path


def test_it_finds_the_profiles_that_it_asks_for(gateway: Gateway, claude_code: ClaudeCode, marker: str) -> None:
    """It looks in the control plane for what it may call, before it calls anything."""
    with Tap(gateway.base_url) as tap:
        turn = claude_code.ask_as_on_bedrock(
            f"{tap.base_url}/bedrock", bearer(gateway, gateway.key.text), f"Say {marker}"
        )
    assert turn.said == marker
    assert tap.requests[0] == "GET /bedrock/inference-profiles"
    assert set(tap.statuses) == {200}, (tap.requests, tap.statuses)


def test_its_mode_for_mantle_works_too(
    gateway: Gateway, claude_code: ClaudeCode, simulator: Simulator, marker: str
) -> None:
    variables = {
        "CLAUDE_CODE_USE_MANTLE": "1",
        "ANTHROPIC_BEDROCK_MANTLE_BASE_URL": f"{gateway.base_url}/anthropic",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        **bearer(gateway, gateway.key.text),
    }
    prompt = f'{marker} [sim: tool Bash {{"command":"echo one > notes.txt"}}; then text All done.]'
    turn = claude_code.run(variables, prompt, *TOOLS)
    assert turn.said == "All done."
    assert (claude_code.directory / "notes.txt").read_text() == "one\n"
    assert [arrival.status for arrival in simulator.arrivals(marker)] == [200, 200]


def test_context_is_counted(gateway: Gateway, claude_code: ClaudeCode, simulator: Simulator) -> None:
    key = gateway.key.text
    turn = claude_code.ask_as_on_bedrock(f"{gateway.base_url}/bedrock", bearer(gateway, key), "/context")
    assert "Context Usage" in turn.said
    assert {arrival.status for arrival in simulator.log()} == {200}


def test_a_budget_that_is_used_up_is_told(
    gateway: Gateway, claude_code: ClaudeCode, simulator: Simulator, marker: str
) -> None:
    key = gateway.create_key(marker)
    gateway.limit(key, window="daily", limit_usd="0.000001")
    turn = claude_code.ask_as_on_bedrock(f"{gateway.base_url}/bedrock", bearer(gateway, key.text), f"Say {marker}")
    assert turn.result["is_error"] and "budget" in turn.said.lower()
    assert simulator.arrivals(marker) == []
