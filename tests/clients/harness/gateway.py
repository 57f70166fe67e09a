"""The gateway as the tests see it: `stonegate serve` and `stonegate demo`, with their keys and usage."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from .process import Background, clean_environment
from .simulator import AWS_ENVIRONMENT, Simulator

COMMAND_SECONDS = 30


@dataclass(frozen=True)
class Key:
    """A key, as its owner gets to see it once."""

    id: str
    text: str


class Gateway:
    """`stonegate serve` on a directory of its own, before a simulator."""

    def __init__(self, binary: Path, home: Path, simulator: Simulator, settings: dict[str, str]) -> None:
        self.binary = binary
        self.home = home
        self.simulator = simulator
        self.data_dir = home / "data"
        self.environment = clean_environment(
            home, AWS_ENDPOINT_URL_BEDROCK_RUNTIME=simulator.base_url, **AWS_ENVIRONMENT
        )
        command = [str(binary), "serve", "--listen", "127.0.0.1:0", "--data-dir", str(self.data_dir), "--json"]
        for name, value in settings.items():
            command += ["--set", f"{name}={value}"]
        self.background = Background(command, self.environment, home / "gateway.log")
        self.base_url = self.background.started["url"].rstrip("/")
        self.key = self.create_key("tests")

    def stop(self) -> int:
        return self.background.stop()

    def run(self, *arguments: str) -> Any:
        """Runs another command of `stonegate` on the same store and gives its JSON."""
        command = [str(self.binary), *arguments, "--data-dir", str(self.data_dir), "--json"]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
        assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stderr}"
        return json.loads(done.stdout)

    def create_key(self, name: str, *flags: str) -> Key:
        made = self.run("keys", "create", "--name", name, *flags)
        return Key(id=made["id"], text=made["key"])

    def revoke(self, key: Key) -> None:
        self.run("keys", "revoke", key.id)

    def usage(self, key: Key) -> list[dict[str, Any]]:
        """The calls of one key, oldest first."""
        return self.run("usage", "--calls", "--key", key.id)["calls"]

    def wait_for_usage(
        self, key: Key, wished: Callable[[list[dict[str, Any]]], bool], seconds: float = 10
    ) -> list[dict[str, Any]]:
        """The calls of one key, as soon as they are as wished."""
        end = time.monotonic() + seconds
        while True:
            calls = self.usage(key)
            if wished(calls):
                return calls
            assert time.monotonic() < end, f"not in {seconds} s: {calls}"
            time.sleep(0.1)

    def get(self, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Status and JSON (or text) of a plain request."""
        request = urllib.request.Request(f"{self.base_url}{path}", method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, _parsed(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _parsed(error.read())


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


class Demo:
    """`stonegate demo`: gateway, simulator and sample people in one process."""

    def __init__(self, binary: Path, home: Path, record: Path) -> None:
        command = [str(binary), "demo", "--listen", "127.0.0.1:0", "--json"]
        self.background = Background(command, clean_environment(home), home / "demo.log")
        started = self.background.started
        self.base_url: str = started["url"].rstrip("/")
        self.key = Key(id="", text=started["key"])
        self.simulator = Simulator(started["simulator_url"])
        self._record = record

    def stop(self) -> int:
        """Keeps what arrived at its simulator, as other simulators do by themselves, and ends."""
        lines = [json.dumps(arrival.raw) for arrival in self.simulator.log()]
        self._record.write_text("".join(f"{line}\n" for line in lines))
        return self.background.stop()
