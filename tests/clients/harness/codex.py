"""The real Codex, headless: one process a task, with a home of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import headless
from .headless import Event
from .process import clean_environment

TASK_SECONDS = 45

SETTINGS = """
model = "{model}"
model_provider = "stonegate"

[model_providers.stonegate]
name = "Stonegate"
base_url = "{base_url}/v1"
env_key = "STONEGATE_KEY"
wire_api = "responses"
supports_websockets = {websockets}
"""


@dataclass
class Task(headless.Run):
    """What one run printed. `events` are the lines of `codex exec --json`."""

    def items(self, kind: str) -> list[dict[str, Any]]:
        """The items of one type that came to their end."""
        items = [event["item"] for event in self.of_type("item.completed")]
        return [item for item in items if item["type"] == kind]

    @property
    def said(self) -> str:
        messages = self.items("agent_message")
        assert messages, f"Codex said nothing (exit {self.code}):\n{self.events[-3:]}\n{self.errors}"
        return messages[-1]["text"]

    @property
    def usage(self) -> dict[str, int]:
        return self.of_type("turn.completed")[-1]["usage"]

    @property
    def failure(self) -> str:
        return self.of_type("turn.failed")[-1]["error"]["message"]


class Codex:
    """One person's Codex: the home keeps settings and sessions from task to task."""

    def __init__(self, program: Path, place: Path, run_by: Sequence[str] = ()) -> None:
        """`run_by` is the start of a command line that ends with Codex's own arguments."""
        self.command = [*run_by] or [str(program)]
        self.home = place / "home"
        self.directory = place / "work"
        self.home.mkdir()
        self.directory.mkdir()

    def do(
        self,
        base_url: str,
        key: str,
        prompt: str,
        *flags: str,
        model: str = "claude-sonnet-5-5",
        resume: bool = False,
        websockets: bool = False,
        stop_when: Callable[[Event], bool] | None = None,
    ) -> Task:
        """Runs one task to its end, or to the event on which the person presses Ctrl-C."""
        settings = SETTINGS.format(model=model, base_url=base_url, websockets=str(websockets).lower())
        (self.home / "config.toml").write_text(settings)
        command = [*self.command, "exec", "--json", "--skip-git-repo-check"]
        # The tests' own sandbox is the directory of each test.
        command += ["--dangerously-bypass-approvals-and-sandbox", *flags]
        command += ["resume", "--last", prompt] if resume else [prompt]
        environment = clean_environment(self.home, CODEX_HOME=str(self.home), STONEGATE_KEY=key)
        task = Task()
        headless.run(task, command, self.directory, environment, TASK_SECONDS, stop_when)
        return task
