"""aider edits a file, by Chat Completions and by Messages.

It brings 690 MB of packages, too much for every run of the tests: this one runs where `STONEGATE_AIDER` names the program
(`python3 -m venv .work/aider && .work/aider/bin/pip install aider-chat==0.86.2`).
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from harness.gateway import Gateway, Key
from harness.process import clean_environment
from harness.simulator import Simulator

AIDER = os.environ.get("STONEGATE_AIDER")
ANSWER = "notes.txt\n```\nbeta\nomega\n```\n"
SETTINGS = ["--yes-always", "--no-git", "--no-check-update", "--no-show-model-warnings", "--analytics-disable"]
SETTINGS += ["--edit-format", "whole", "--map-tokens", "0", "--no-pretty"]

pytestmark = pytest.mark.skipif(not AIDER, reason="STONEGATE_AIDER names no program")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("flags", [[], ["--no-stream"]], ids=["streamed", "whole"])
@pytest.mark.parametrize(
    ("model", "variables"),
    [
        ("openai/claude-sonnet-5-5", {"OPENAI_API_BASE": "{}/v1", "OPENAI_API_KEY": "{key}"}),
        ("openai/nova-2-lite", {"OPENAI_API_BASE": "{}/v1", "OPENAI_API_KEY": "{key}"}),
        ("openai/gpt-oss-120b", {"OPENAI_API_BASE": "{}/v1", "OPENAI_API_KEY": "{key}"}),
        ("anthropic/claude-haiku-4-5", {"ANTHROPIC_API_BASE": "{}", "ANTHROPIC_API_KEY": "{key}"}),
    ],
)
def test_an_edit(
    gateway: Gateway,
    simulator: Simulator,
    key: Key,
    tmp_path: Path,
    marker: str,
    model: str,
    variables: dict[str, str],
    flags: list[str],
) -> None:
    (tmp_path / "notes.txt").write_text("alpha\nomega\n")
    named = {name: value.format(gateway.base_url, key=key.text) for name, value in variables.items()}
    prompt = f"{marker} Please change it. [sim: text {json.dumps(ANSWER)}]"
    done = subprocess.run(
        [str(AIDER), "--model", model, *SETTINGS, *flags, "--message", prompt, "notes.txt"],
        cwd=tmp_path,
        env=clean_environment(tmp_path, LITELLM_LOCAL_MODEL_COST_MAP="True", **named),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (tmp_path / "notes.txt").read_text() == "beta\nomega\n", done.stdout + done.stderr
    assert [arrival.status for arrival in simulator.arrivals(marker)] == [200]
    usage = gateway.wait_for_usage(key, calls=1)
    assert usage.estimated == 0 and usage.nanodollars > 0
