"""The Bedrock simulator as the tests see it: what arrived, and what shall happen next."""

from __future__ import annotations

import base64
import json
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .process import Background, clean_environment

# These are no secret: every simulator takes them.
ACCESS_KEY_ID = "AKIASTONEGATESIM0000"
SECRET_ACCESS_KEY = "stonegate/simulator/secret/access/key000"
BEARER_TOKEN = "bedrock-api-key-stonegate-simulator"
ACCOUNT = "123456789012"
REGION = "us-east-1"

AWS_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
    "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True)
class Arrival:
    """One request that reached the simulator."""

    raw: dict[str, Any]

    @property
    def method(self) -> str:
        return self.raw["method"]

    @property
    def path(self) -> str:
        return self.raw["path"]

    @property
    def headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.raw["headers"]}

    @property
    def body(self) -> bytes:
        return base64.b64decode(self.raw["body"])

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def status(self) -> int | None:
        return self.raw["status"]

    @property
    def verdict(self) -> Any:
        return self.raw["verdict"]

    @property
    def ending(self) -> str:
        """`open`, `finished`, `client_gone` or `dropped`."""
        outcome = self.raw["outcome"]
        return outcome if isinstance(outcome, str) else next(iter(outcome))

    @property
    def is_stream(self) -> bool:
        return self.path.endswith("/invoke-with-response-stream")

    @property
    def is_invocation(self) -> bool:
        return self.is_stream or self.path.endswith("/invoke")

    @property
    def is_count(self) -> bool:
        return self.path.endswith("/count-tokens")


class Simulator:
    """A simulator that runs, reached through the doors that it keeps for tests."""

    def __init__(self, base_url: str, mantle_url: str | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        # Where `bedrock-mantle` is played.
        self.mantle_url = mantle_url

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.base_url}{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def script(self, *behaviours: dict[str, Any], marker: str | None = None) -> None:
        """Queues what the next calls meet; with a marker, those of which the last user turn has that text."""
        for behaviour in behaviours:
            matched = {**behaviour.get("match", {}), **({"text": marker} if marker else {})}
            self._ask("POST", "/_sim/script", {**behaviour, "match": matched})

    def log(self) -> list[Arrival]:
        return [Arrival(entry) for entry in self._ask("GET", "/_sim/log")]

    def forget(self) -> None:
        """Empties log and scripts; the record in the file stays."""
        self._ask("DELETE", "/_sim/log")
        self._ask("DELETE", "/_sim/script")

    def sign_thinking(self, thinking: str) -> dict[str, Any]:
        """A thinking block whose signature is good."""
        return self._ask("POST", "/_sim/sign", {"thinking": thinking})

    def arrivals(self, marker: str) -> list[Arrival]:
        """The requests of which the body holds the marker."""
        return [arrival for arrival in self.log() if marker.encode() in _readable(arrival)]

    def arrival(self, marker: str) -> Arrival:
        """The one request with the marker."""
        found = self.arrivals(marker)
        assert len(found) == 1, f"{len(found)} requests with {marker} reached the simulator"
        return found[0]

    def wait_for(self, marker: str, wished: Callable[[list[Arrival]], bool], seconds: float = 10) -> list[Arrival]:
        """The requests with the marker, as soon as they are as wished."""
        end = time.monotonic() + seconds
        while True:
            found = self.arrivals(marker)
            if wished(found):
                return found
            assert time.monotonic() < end, f"not in {seconds} s: {[arrival.raw['outcome'] for arrival in found]}"
            time.sleep(0.05)


def _readable(arrival: Arrival) -> bytes:
    """The body; that of CountTokens with what it carries in base64."""
    if not arrival.is_count:
        return arrival.body
    try:
        return base64.b64decode(arrival.json["input"]["invokeModel"]["body"])
    except (ValueError, KeyError, TypeError):
        return arrival.body


class StartedSimulator(Simulator):
    """A simulator with a process of its own, which records to a file."""

    def __init__(self, binary: Path, home: Path, record: Path, *flags: str) -> None:
        command = [
            str(binary),
            "simulate",
            "--listen",
            "127.0.0.1:0",
            "--record",
            str(record),
            "--pace",
            "0",
            "--json",
            *flags,
        ]
        self.background = Background(command, clean_environment(home), home / "simulator.log")
        super().__init__(self.background.started["url"], self.background.started["mantle_url"])

    def stop(self) -> None:
        self.background.stop()
