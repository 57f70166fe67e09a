"""What the gateway wrote to its logs while all the other tests ran."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from harness.simulator import BEARER_TOKEN, SECRET_ACCESS_KEY

# The tests' own words in prompts, whole keys, and credentials.
FORBIDDEN = [
    re.compile(r"\[sim:"),
    re.compile(r"Say marker-"),
    re.compile(r"sk-stone-[0-9a-z]{20,}"),
    re.compile(r"Bearer "),
    re.compile(re.escape(SECRET_ACCESS_KEY)),
    re.compile(re.escape(BEARER_TOKEN)),
]


def lines(logs: list[Path]) -> list[str]:
    return [line for log in logs for line in log.read_text().splitlines()]


@pytest.mark.after_all_others
def test_no_prompt_and_no_secret_is_in_a_log(logs: list[Path]) -> None:
    found = [line for line in lines(logs) if any(pattern.search(line) for pattern in FORBIDDEN)]
    assert found == []


@pytest.mark.after_all_others
def test_every_line_of_a_log_is_json_with_a_level(logs: list[Path]) -> None:
    for line in lines(logs):
        entry = json.loads(line)
        assert entry["level"] and entry["message"]


@pytest.mark.after_all_others
def test_nothing_went_wrong_inside(logs: list[Path]) -> None:
    """Whatever clients, Bedrock and the network did, it was no fault of the gateway."""
    faults = [line for line in lines(logs) if json.loads(line)["level"] == "ERROR"]
    assert faults == []
    assert not any("panicked" in line for line in lines(logs))
