"""A terminal that a program believes in: tmux, typed into and read."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

WAIT_SECONDS = 30


class Terminal:
    """One program in a terminal of its own, in a tmux server of its own."""

    def __init__(self, place: Path, directory: Path, environment: dict[str, str], *command: str) -> None:
        if shutil.which("tmux") is None:
            pytest.skip("there is no tmux here: apt-get install tmux")
        self._socket = place / "tmux"
        variables = [f"{name}={value}" for name, value in environment.items()]
        self._tmux(
            "-f", "/dev/null", "new-session", "-d", "-x", "150", "-y", "50", "-c", str(directory),
            "env", "-i", "TERM=screen-256color", *variables, *command,
        )  # fmt: skip

    def _tmux(self, *arguments: str) -> str:
        command = ["tmux", "-S", str(self._socket), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stderr}"
        return done.stdout

    def screen(self) -> str:
        """What is seen, with long lines in one piece."""
        return self._tmux("capture-pane", "-p", "-J")

    def press(self, *keys: str) -> None:
        """Names of tmux's, such as `Enter` and `Down`."""
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)

    def choose(self, text: str) -> None:
        """Moves the mark to a line of a list, and takes it."""
        for _ in range(10):
            lines = self.wait_for(text).splitlines()
            at = next(number for number, line in enumerate(lines) if text in line)
            marked = next((number for number, line in enumerate(lines) if line.strip().startswith("❯")), None)
            if marked == at:
                self.press("Enter")
                return
            if marked is not None:
                self.press("Down" if marked < at else "Up")
            time.sleep(0.3)
        raise AssertionError(f"{text!r} could not be chosen:\n{self.screen()}")

    def wait_for(self, *texts: str, seconds: float = WAIT_SECONDS) -> str:
        """The screen, as soon as it shows one of these texts."""
        return self.wait_until(lambda screen: any(text in screen for text in texts), f"one of {texts}", seconds)

    def wait_until(self, seen: Callable[[str], bool], what: str, seconds: float = WAIT_SECONDS) -> str:
        end = time.monotonic() + seconds
        while True:
            screen = self.screen()
            if seen(screen):
                return screen
            assert time.monotonic() < end, f"{what} was not seen in {seconds} s:\n{screen}"
            time.sleep(0.2)

    def close(self) -> None:
        subprocess.run(["tmux", "-S", str(self._socket), "kill-server"], capture_output=True, timeout=20, check=False)
