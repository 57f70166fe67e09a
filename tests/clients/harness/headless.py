"""A client without a terminal: one process, which prints its events as lines of JSON."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Event = dict[str, Any]


@dataclass
class Run:
    """What one run printed. `unread` are the lines that are no events."""

    code: int = 0
    events: list[Event] = field(default_factory=list)
    errors: str = ""
    seconds: float = 0.0
    unread: list[str] = field(default_factory=list)

    def of_type(self, kind: str) -> list[Event]:
        return [event for event in self.events if event.get("type") == kind]


def run(
    seen: Run,
    command: list[str],
    directory: Path,
    environment: dict[str, str],
    most_seconds: float,
    stop_when: Callable[[Event], bool] | None = None,
) -> None:
    """Runs to the end, or to the event on which the person presses Ctrl-C, and fills `seen` with what was seen."""
    process = subprocess.Popen(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    begun = time.monotonic()
    timer = threading.Timer(most_seconds, _kill, [process])
    timer.start()
    errors: list[str] = []
    reader = threading.Thread(target=lambda: errors.append(process.stderr.read() if process.stderr else ""))
    reader.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            event = _parsed(line)
            if event is None:
                seen.unread.append(line)
                continue
            seen.events.append(event)
            if stop_when is not None and stop_when(event):
                stop_when = None
                process.send_signal(signal.SIGINT)
        seen.code = process.wait()
    finally:
        timer.cancel()
        _kill(process)
        reader.join()
        process.stdout and process.stdout.close()
        process.stderr and process.stderr.close()
    seen.errors = "".join(errors)
    seen.seconds = time.monotonic() - begun
    assert seen.seconds < most_seconds, f"{command[0]} did not end in {most_seconds} s:\n{seen.events[-3:]}"


def _kill(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _parsed(line: str) -> Event | None:
    try:
        event = json.loads(line)
    except json.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None
