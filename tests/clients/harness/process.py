"""A program that runs beside the tests, says on its first line of output where it listens, and is stopped with them."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

START_SECONDS = 30
STOP_SECONDS = 10


class Background:
    """Runs a command whose first output line is a JSON object. Its error output goes to a file."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.command = command
        self.log = log
        self._lines: queue.Queue[str | None] = queue.Queue()
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.started: dict[str, Any] = self._first_line()
        except BaseException:
            self.stop()
            raise

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.decode(errors="replace"))
        self._lines.put(None)

    def _first_line(self) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=START_SECONDS)
        except queue.Empty:
            raise AssertionError(f"{self.command} said nothing in {START_SECONDS} s:\n{self.tail()}") from None
        if line is None:
            raise AssertionError(f"{self.command} ended with {self.process.wait()}:\n{self.tail()}")
        try:
            return json.loads(line)
        except json.JSONDecodeError:
            raise AssertionError(f"{self.command} began with {line!r}, which is no JSON:\n{self.tail()}") from None

    def tail(self) -> str:
        """The end of what it wrote to its error output."""
        return self.log.read_text(errors="replace")[-4000:]

    def is_running(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> int:
        """Asks it to stop, and kills it if it does not. Gives its exit code."""
        if self.is_running():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            return self.process.wait()


def clean_environment(home: Path, **variables: str) -> dict[str, str]:
    """Nothing of the caller's own set-up: no keys, no proxies, no configuration but what is given."""
    kept = {
        name: os.environ[name] for name in ("PATH", "LANG", "TZ", "TMPDIR", "LLVM_PROFILE_FILE") if name in os.environ
    }
    return {**kept, "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "NO_PROXY": "*", **variables}
