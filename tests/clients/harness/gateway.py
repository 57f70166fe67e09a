"""The gateway as the tests see it: `stonegate serve` and `stonegate demo`, with their keys and usage."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .process import Background, clean_environment
from .simulator import AWS_ENVIRONMENT, Simulator

COMMAND_SECONDS = 30


@dataclass(frozen=True)
class Key:
    """A key, as its owner gets to see it once."""

    id: str
    text: str


NOTHING = {"calls": 0, "estimated": 0, "unresolved": 0, "tokens": {}, "cost_nanodollars": 0}


@dataclass(frozen=True)
class Usage:
    """One row of `stonegate usage`."""

    row: dict[str, Any]

    @property
    def calls(self) -> int:
        return self.row["calls"]

    @property
    def estimated(self) -> int:
        """How many of the calls rest on an estimate."""
        return self.row["estimated"]

    @property
    def unresolved(self) -> int:
        """How many are charged as held, since nobody knows what upstream bills."""
        return self.row["unresolved"]

    @property
    def tokens(self) -> dict[str, int]:
        return self.row["tokens"]

    @property
    def nanodollars(self) -> int:
        return self.row["cost_nanodollars"]


class Gateway:
    """A gateway that runs, and the commands that work on its store meanwhile."""

    def __init__(self, binary: Path, background: Background, environment: dict[str, str], simulator: Simulator) -> None:
        self.binary = binary
        self.background = background
        self.environment = environment
        self.simulator = simulator
        self.base_url: str = background.started["url"].rstrip("/")
        self.data_dir: str = background.started["data_dir"]
        self._admin_key: str | None = None
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

    def usage(self, key: Key) -> Usage:
        """What one key has used so far."""
        rows = self.run("usage", "--by", "key")["data"]
        return next((Usage(row) for row in rows if row["group"] == key.id), Usage(NOTHING))

    def wait_for_usage(self, key: Key, calls: int, seconds: float = 10) -> Usage:
        """The same, as soon as so many calls are accounted."""
        end = time.monotonic() + seconds
        while True:
            usage = self.usage(key)
            if usage.calls >= calls:
                return usage
            assert time.monotonic() < end, f"{usage.calls} of {calls} calls were accounted in {seconds} s"
            time.sleep(0.1)

    def limit(self, key: Key, window: str, limit_usd: str) -> None:
        """Sets a budget on one key. A running server heeds it within a second, which is over when this returns."""
        self.run("budgets", "set", "--account", f"key:{key.id}", "--window", window, "--limit-usd", limit_usd)
        time.sleep(1)

    def administer(self, method: str, path: str, body: Any) -> Any:
        """Calls the admin API."""
        if self._admin_key is None:
            self._admin_key = self.create_key("administration", "--scopes", "all").text
        return self._post(path, body, method, self._admin_key)

    def _post(self, path: str, body: Any, method: str, key: str) -> Any:
        headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
        request = urllib.request.Request(
            f"{self.base_url}{path}", data=json.dumps(body).encode(), method=method, headers=headers
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path} was answered {error.code}: {error.read()!r}") from None

    def get(self, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Status and JSON (or text) of a plain request."""
        request = urllib.request.Request(f"{self.base_url}{path}", method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, _parsed(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _parsed(error.read())


class Serve(Gateway):
    """`stonegate serve` on a directory of its own, before a simulator."""

    def __init__(
        self, binary: Path, home: Path, simulator: Simulator, settings: dict[str, str], file: str = ""
    ) -> None:
        environment = clean_environment(home, AWS_ENDPOINT_URL_BEDROCK_RUNTIME=simulator.base_url, **AWS_ENVIRONMENT)
        if simulator.mantle_url:
            environment["AWS_ENDPOINT_URL_BEDROCK_MANTLE"] = simulator.mantle_url
        command = [str(binary), "serve", "--listen", "127.0.0.1:0", "--data-dir", str(home / "data"), "--json"]
        if file:
            (home / "stonegate.toml").write_text(file)
            command += ["--config", str(home / "stonegate.toml")]
        for name, value in settings.items():
            command += ["--set", f"{name}={value}"]
        super().__init__(binary, Background(command, environment, home / "gateway.log"), environment, simulator)


class Demo(Gateway):
    """`stonegate demo`: gateway, simulator and sample people in one process."""

    def __init__(self, binary: Path, home: Path, record: Path) -> None:
        environment = clean_environment(home)
        command = [str(binary), "demo", "--listen", "127.0.0.1:0", "--json"]
        background = Background(command, environment, home / "demo.log")
        super().__init__(binary, background, environment, Simulator(background.started["simulator_url"]))
        self.printed_key = Key(id="", text=background.started["key"])
        self._record = record

    def stop(self) -> int:
        """Keeps what arrived at its simulator, as other simulators do by themselves, and ends."""
        lines = [json.dumps(arrival.raw) for arrival in self.simulator.log()]
        self._record.write_text("".join(f"{line}\n" for line in lines))
        return super().stop()


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")
