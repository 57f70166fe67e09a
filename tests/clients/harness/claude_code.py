"""The real Claude Code, headless: one process a turn, with a home of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import headless
from .headless import Event
from .process import clean_environment

TURN_SECONDS = 45


@dataclass
class Turn(headless.Run):
    """What one run printed. `events` are the lines of `--output-format stream-json`."""

    @property
    def result(self) -> Event:
        """The last word: the event of type `result`."""
        results = self.of_type("result")
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


class ClaudeCode:
    """One person's Claude Code: the home keeps settings and sessions from turn to turn."""

    def __init__(self, program: Path, place: Path, run_by: Sequence[str] = ()) -> None:
        """`run_by` is the start of a command line that ends with Claude Code's own arguments."""
        self.command = [*run_by] or [str(program)]
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
        stop_when: Callable[[Event], bool] | None = None,
        **variables: str,
    ) -> Turn:
        """Runs one turn to its end, or to the event on which the person presses Ctrl-C."""
        credential = "ANTHROPIC_AUTH_TOKEN" if bearer else "ANTHROPIC_API_KEY"
        environment = {"ANTHROPIC_BASE_URL": base_url, credential: key, **variables}
        return self.run(environment, prompt, *flags, stop_when=stop_when)

    def ask_as_on_bedrock(self, base_url: str, credentials: dict[str, str], prompt: str, *flags: str) -> Turn:
        """The same in Claude Code's Bedrock mode, by Bedrock's own API."""
        environment = {
            "CLAUDE_CODE_USE_BEDROCK": "1",
            "ANTHROPIC_BEDROCK_BASE_URL": base_url,
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            **credentials,
        }
        return self.run(environment, prompt, *flags)

    def run(
        self,
        variables: dict[str, str],
        prompt: str,
        *flags: str,
        stop_when: Callable[[Event], bool] | None = None,
    ) -> Turn:
        """Runs one turn with these variables beside those that keep it to itself."""
        command = [*self.command, "-p", prompt, "--output-format", "stream-json", "--verbose", *flags]
        environment = clean_environment(
            self.home,
            CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
            CLAUDE_CONFIG_DIR=str(self.home / ".claude"),
            CLAUDE_CODE_TMPDIR=str(self.home),
            TMPDIR=str(self.home),
        )
        turn = Turn()
        headless.run(turn, command, self.directory, {**environment, **variables}, TURN_SECONDS, stop_when)
        return turn
