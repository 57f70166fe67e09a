"""The real Claude Code, headless: one process a turn, with a home of its own."""

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

from .process import clean_environment

TURN_SECONDS = 45


@dataclass
class Turn:
    """What one run printed. `events` are the lines of `--output-format stream-json`."""

    code: int
    events: list[dict[str, Any]]
    errors: str
    seconds: float
    unread: list[str] = field(default_factory=list)

    @property
    def result(self) -> dict[str, Any]:
        """The last word: the event of type `result`."""
        results = [event for event in self.events if event.get("type") == "result"]
        assert results, f"Claude Code gave no result (exit {self.code}):\n{self.unread}\n{self.errors}"
        return results[-1]

    @property
    def said(self) -> str:
        return self.result["result"]

    def blocks(self, kind: str) -> list[dict[str, Any]]:
        """The content blocks of one type, of both sides, in order."""
        messages = [event["message"] for event in self.events if event.get("type") in ("assistant", "user")]
        contents = [message["content"] for message in messages if isinstance(message["content"], list)]
        return [block for content in contents for block in content if block.get("type") == kind]

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event.get("type") == kind]


class ClaudeCode:
    """One person's Claude Code: the home keeps settings and sessions from turn to turn."""

    def __init__(self, program: Path, place: Path) -> None:
        self.program = program
        self.home = place / "home"
        self.directory = place / "work"
        self.home.mkdir()
        self.directory.mkdir()

    def ask(
        self,
        base_url: str,
        key: str,
        prompt: str,
        *flags: str,
        bearer: bool = False,
        stop_when: Callable[[dict[str, Any]], bool] | None = None,
        **variables: str,
    ) -> Turn:
        """Runs one turn to its end, or to the event on which the person presses Ctrl-C."""
        command = [str(self.program), "-p", prompt, "--output-format", "stream-json", "--verbose", *flags]
        process = subprocess.Popen(
            command,
            cwd=self.directory,
            env=self._environment(base_url, key, bearer, variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        begun = time.monotonic()
        timer = threading.Timer(TURN_SECONDS, _kill, [process])
        timer.start()
        errors: list[str] = []
        reader = threading.Thread(target=lambda: errors.append(process.stderr.read() if process.stderr else ""))
        reader.start()
        turn = Turn(0, [], "", 0.0)
        try:
            assert process.stdout is not None
            for line in process.stdout:
                event = _parsed(line)
                if event is None:
                    turn.unread.append(line)
                    continue
                turn.events.append(event)
                if stop_when is not None and stop_when(event):
                    stop_when = None
                    process.send_signal(signal.SIGINT)
            turn.code = process.wait()
        finally:
            timer.cancel()
            _kill(process)
            reader.join()
            process.stdout and process.stdout.close()
            process.stderr and process.stderr.close()
        turn.errors = "".join(errors)
        turn.seconds = time.monotonic() - begun
        assert turn.seconds < TURN_SECONDS, f"Claude Code did not end in {TURN_SECONDS} s:\n{turn.events[-3:]}"
        return turn

    def _environment(self, base_url: str, key: str, bearer: bool, variables: dict[str, str]) -> dict[str, str]:
        credential = "ANTHROPIC_AUTH_TOKEN" if bearer else "ANTHROPIC_API_KEY"
        return clean_environment(
            self.home,
            ANTHROPIC_BASE_URL=base_url,
            CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
            CLAUDE_CONFIG_DIR=str(self.home / ".claude"),
            CLAUDE_CODE_TMPDIR=str(self.home),
            TMPDIR=str(self.home),
            **{credential: key},
            **variables,
        )


def _kill(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except json.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None
