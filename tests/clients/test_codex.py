"""The real Codex on Claude, Nova and OpenAI's models."""

from __future__ import annotations

import json
import time

import pytest

from harness.codex import Codex
from harness.gateway import Gateway
from harness.headless import Event
from harness.simulator import Simulator
from harness.tap import Tap

# One model behind each of Bedrock's APIs.
MODELS = ["claude-sonnet-5-5", "nova-2-lite", "gpt-oss-120b", "gpt-5.5"]
COMMAND = 'tool exec_command {"cmd":"echo one > notes.txt; cat notes.txt"}'
PATCH = """*** Begin Patch
*** Update File: notes.txt
@@
-alpha
+beta
*** End Patch
"""

every_model = pytest.mark.parametrize("model", MODELS)


@every_model
def test_a_task_with_commands(
    gateway: Gateway, codex: Codex, simulator: Simulator, marker: str, model: str
) -> None:
    key = gateway.create_key(marker)
    plan = f'{COMMAND}; then tool exec_command {{"cmd":"wc -l notes.txt"}}; then text All done.'
    task = codex.do(gateway.base_url, key.text, f"{marker} [sim: {plan}]", model=model)
    assert (task.code, task.said) == (0, "All done.")
    outputs = [(item["exit_code"], item["aggregated_output"]) for item in task.items("command_execution")]
    assert outputs == [(0, "one\n"), (0, "1 notes.txt\n")]
    assert (codex.directory / "notes.txt").read_text() == "one\n"
    assert [arrival.status for arrival in simulator.arrivals(marker)] == [200] * 3
    usage = gateway.wait_for_usage(key, calls=3)
    assert (usage.calls, usage.estimated) == (3, 0)
    assert usage.tokens["output"] == task.usage["output_tokens"] and usage.nanodollars > 0


def test_commands_run_by_a_script(gateway: Gateway, codex: Codex, simulator: Simulator, marker: str) -> None:
    """The newest models get their tools as an item of the input, and one of them runs JavaScript that runs the others."""
    script = 'const r = await tools.exec_command({cmd: "echo one > notes.txt; cat notes.txt"}); text(r.output);'
    plan = f"tool exec {json.dumps({'input': script})}; then text All done."
    task = codex.do(gateway.base_url, gateway.key.text, f"{marker} [sim: {plan}]", model="gpt-6-sol")
    assert task.said == "All done."
    assert (codex.directory / "notes.txt").read_text() == "one\n"
    assert [item["aggregated_output"] for item in task.items("command_execution")] == ["one\n"]
    first, second = simulator.arrivals(marker)
    assert first.json["input"][0]["type"] == "additional_tools"
    assert "one" in second.json["input"][-1]["output"][-1]["text"]


def test_thoughts_are_carried_from_call_to_call(
    gateway: Gateway, codex: Codex, simulator: Simulator, marker: str
) -> None:
    """Nothing is stored: Codex asks for its thoughts under seal, and sends them back."""
    plan = f"think 20; {COMMAND}; then text Done."
    effort = ["-c", 'model_reasoning_effort="high"']
    task = codex.do(gateway.base_url, gateway.key.text, f"{marker} [sim: {plan}]", *effort)
    assert task.said == "Done."
    # The simulator refuses a thought whose signature was not made for its text; that there was one to refuse:
    turns = simulator.arrivals(marker)[1].json["messages"]
    blocks = [block["type"] for turn in turns if turn["role"] == "assistant" for block in turn["content"]]
    assert blocks == ["thinking", "tool_use"]


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "nova-2-lite", "gpt-6-luna", "gpt-daybreak-blue-5.6-sol"])
def test_agents_speak_with_each_other(
    gateway: Gateway, codex: Codex, simulator: Simulator, marker: str, model: str
) -> None:
    """Codex hands its agents their tasks as items that no published API has."""
    task = json.dumps({"task_name": "helper", "message": f"Say {marker}-helped"})
    spawn = "spawn_agent" if model == "gpt-6-luna" else "collaboration__spawn_agent"
    wait = spawn.replace("spawn", "wait")
    plan = f'tool {spawn} {task}; then tool {wait} {{"timeout_ms":10000}}; then text All done.'
    agents = ["-c", "features.multi_agent=true", "-c", "features.multi_agent_v2=true"]
    done = codex.do(gateway.base_url, gateway.key.text, f"{marker} [sim: {plan}]", *agents, model=model)
    assert done.code == 0
    arrivals = simulator.arrivals(marker)
    assert [arrival.status for arrival in arrivals] == [200] * 4
    # The helper was told: it knows the plan, the call that made it, and its task.
    assert max(arrival.body.count(f"{marker}-helped".encode()) for arrival in arrivals) >= 3


@every_model
def test_the_second_call_reads_the_cache(gateway: Gateway, codex: Codex, marker: str, model: str) -> None:
    key = gateway.create_key(marker)
    task = codex.do(gateway.base_url, key.text, f"{marker} [sim: {COMMAND}; then text Done.]", model=model)
    usage = gateway.wait_for_usage(key, calls=2)
    assert usage.tokens["cache_read"] == task.usage["cached_input_tokens"]
    assert usage.tokens["cache_read"] > 0 or model == "gpt-oss-120b"


def test_an_edit_by_the_tool_that_takes_free_text(
    gateway: Gateway, codex: Codex, simulator: Simulator, marker: str
) -> None:
    """For a model that it knows, Codex has `apply_patch` as a custom tool, whose input is no JSON."""
    (codex.directory / "notes.txt").write_text("alpha\n")
    plan = f"tool apply_patch {json.dumps({'input': PATCH})}; then text Edited."
    task = codex.do(gateway.base_url, gateway.key.text, f"{marker} [sim: {plan}]", model="gpt-5.5")
    assert task.said == "Edited."
    assert (codex.directory / "notes.txt").read_text() == "beta\n"


@every_model
def test_a_task_is_gone_on_with(
    gateway: Gateway, codex: Codex, simulator: Simulator, marker: str, model: str
) -> None:
    codex.do(gateway.base_url, gateway.key.text, f"{marker} My name is Ada.", model=model)
    task = codex.do(gateway.base_url, gateway.key.text, "What is my name?", model=model, resume=True)
    assert "Ada" in task.said
    assert [arrival.status for arrival in simulator.arrivals(marker)] == [200, 200]


def test_it_falls_back_from_the_web_socket_at_once(gateway: Gateway, codex: Codex, marker: str) -> None:
    with Tap(gateway.base_url) as tap:
        task = codex.do(tap.base_url, gateway.key.text, f"Say {marker}", websockets=True)
    assert task.said == marker and task.seconds < 15
    assert (tap.requests[0], tap.statuses[0]) == ("GET /v1/responses", 426)
    assert tap.requests.count("POST /v1/responses") == 1


def test_throttling_is_waited_out(gateway: Gateway, codex: Codex, simulator: Simulator, marker: str) -> None:
    task = codex.do(gateway.base_url, gateway.key.text, f"{marker} [sim: throttle 1 x 2; text At last.]")
    assert task.said == "At last."
    assert [arrival.status for arrival in simulator.arrivals(marker)] == [429] * 2 + [200]


def test_an_interrupted_task_is_read_on_and_accounted(
    gateway: Gateway, codex: Codex, simulator: Simulator, marker: str
) -> None:
    """Bedrock bills what it says to nobody, so it is read to the end and charged by its own report."""
    key = gateway.create_key(marker)
    plan = f"{COMMAND}; then slow 20ms x 100"

    def command_ran(event: Event) -> bool:
        if event["type"] != "item.completed" or event["item"]["type"] != "command_execution":
            return False
        simulator.wait_for(marker, lambda found: len(found) == 2)
        return True

    task = codex.do(gateway.base_url, key.text, f"{marker} [sim: {plan}]", stop_when=command_ran)
    assert task.items("agent_message") == []
    simulator.wait_for(marker, lambda found: [arrival.ending for arrival in found] == ["finished"] * 2)
    usage = gateway.wait_for_usage(key, calls=2)
    assert (usage.calls, usage.estimated) == (2, 0)
    assert usage.tokens["output"] >= 100


def test_a_revoked_key_is_told(gateway: Gateway, codex: Codex, marker: str) -> None:
    """Codex asks five times more, whoever says 401."""
    key = gateway.create_key(marker)
    gateway.revoke(key)
    time.sleep(1)
    with Tap(gateway.base_url) as tap:
        task = codex.do(tap.base_url, key.text, f"Say {marker}")
    assert task.code != 0 and "revoked" in task.failure
    assert set(tap.statuses) == {401}


@every_model
def test_a_budget_that_is_used_up_is_told_once(
    gateway: Gateway, codex: Codex, simulator: Simulator, marker: str, model: str
) -> None:
    key = gateway.create_key(marker)
    gateway.limit(key, window="daily", limit_usd="0.000001")
    with Tap(gateway.base_url) as tap:
        task = codex.do(tap.base_url, key.text, f"Say {marker}", model=model)
    assert task.code != 0
    assert task.seconds < 10
    assert tap.requests.count("POST /v1/responses") == 1
    assert simulator.arrivals(marker) == []
