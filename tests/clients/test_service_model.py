"""Every request that any test sent to Bedrock is one that botocore's own service model allows."""

from __future__ import annotations

import base64
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from harness.service_model import complaints, operation_of
from harness.simulator import Arrival

BODY = base64.b64encode(b"{}").decode()
JSON = ["content-type", "application/json"]


def request(path: str, headers: list[list[str]] | None = None, body: bytes = b"{}") -> Arrival:
    encoded = base64.b64encode(body).decode()
    return Arrival({"method": "POST", "path": path, "headers": headers or [JSON], "body": encoded})


@pytest.mark.parametrize(
    ("arrival", "word"),
    [
        (request("/model/us.anthropic.claude-x/invoke-me"), "no operation"),
        (request("/model/a.b%253A0/invoke"), "encoded twice"),
        (request("/model/a.b/invoke", [JSON, ["anthropic-beta", "x"]]), "anthropic-beta"),
        (request("/model/a.b/invoke", [JSON, ["x-amzn-bedrock-service-tier", "cheap"]]), "cheap"),
        (request("/model/a.b/invoke", body=b"[1"), "no JSON"),
        (request("/model/a.b/invoke", body=b'"' + b"x" * 25_000_001 + b'"'), "25000000"),
        (request("/model/a.b/count-tokens", body=b"{}"), "input"),
        (request("/model/a.b/count-tokens", body=b'{"input":{"invokeModel":{"body":"%"}}}'), "no base64"),
        (request("/model/a.b/count-tokens", body=b'{"input":{"invoke":{}}}'), "input.invoke"),
        (request("/model/a.b/count-tokens", body=b'{"more":1,"input":{}}'), "more"),
    ],
)
def test_the_check_finds_what_is_wrong(arrival: Arrival, word: str) -> None:
    assert any(word in complaint for complaint in complaints(arrival))


@pytest.mark.parametrize(
    "arrival",
    [
        request("/model/us.anthropic.claude-haiku-4-5-20251001-v1:0/invoke"),
        request("/model/a.b%3A0/invoke-with-response-stream", [JSON, ["x-amzn-bedrock-accept", "application/json"]]),
        request("/model/a.b/count-tokens", body=json.dumps({"input": {"invokeModel": {"body": BODY}}}).encode()),
    ],
)
def test_the_check_allows_what_is_right(arrival: Arrival) -> None:
    assert list(complaints(arrival)) == []


def recorded(records: list[Path]) -> list[Arrival]:
    lines = [line for path in records if path.exists() for line in path.read_text().splitlines()]
    return [Arrival(json.loads(line)) for line in lines]


@pytest.mark.after_all_others
def test_every_recorded_request_is_one_that_bedrock_knows(records: list[Path]) -> None:
    # The OpenAI-shaped surfaces are in no service model of AWS's; what they take is held by the simulator and by the SDKs.
    others = ("/_sim/", "/openai/v1/", "/v1/")
    arrivals = [arrival for arrival in recorded(records) if not arrival.path.startswith(others)]
    wrong: list[Any] = [
        (arrival.raw["number"], arrival.path, found) for arrival in arrivals if (found := list(complaints(arrival)))
    ]
    assert wrong == []
    if not records:
        pytest.skip("no other test ran, so nothing was recorded")
    seen = Counter(operation_of(arrival) for arrival in arrivals)
    print(f"{len(arrivals)} requests: {dict(seen)}")
    assert arrivals, "simulators ran, and recorded nothing"
