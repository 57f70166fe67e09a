"""`stonegate claude`, `codex` and `run` with the real programs: a key of their own, whatever else is set up."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import WORK
from harness.claude_code import ClaudeCode
from harness.codex import Codex
from harness.gateway import Gateway, Key
from harness.process import clean_environment
from harness.simulator import Simulator

NOWHERE = "http://127.0.0.1:9"
# What a person has lying about, none of which may count.
RIVALS = {
    "ANTHROPIC_API_KEY": "sk-ant-old",
    "ANTHROPIC_BASE_URL": NOWHERE,
    "AWS_ACCESS_KEY_ID": "AKIAOLD",
    "AWS_SECRET_ACCESS_KEY": "aws-old",
    "CLAUDE_CODE_USE_BEDROCK": "1",
    "OPENAI_API_KEY": "sk-openai-old",
}
COUNT_INTERRUPTS = """
import signal, time
count = []
signal.signal(signal.SIGINT, lambda *_: count.append(1))
print("ready", flush=True)
end = time.monotonic() + 20
while not count and time.monotonic() < end:
    time.sleep(0.01)
time.sleep(0.3)
print("interrupted", len(count), flush=True)
"""


@pytest.fixture
def parent(gateway: Gateway, marker: str) -> Key:
    """A key that may make others, and is no child's."""
    return gateway.create_key(marker, "--scopes", "messages:send,responses:send,keys:manage,usage:read")


def ephemeral_keys(gateway: Gateway, parent: Key) -> list[dict[str, Any]]:
    """The keys in force that were made with it."""
    headers = {"authorization": f"Bearer {parent.text}"}
    status, listed = gateway.get("/admin/v1/keys?kind=ephemeral", headers=headers)
    assert status == 200, listed
    return [key for key in listed["data"] if key["parent"] == parent.id and key["status"] == "active"]


def run_claude_code(binary: Path, place: Path) -> ClaudeCode:
    program = str(WORK / "node/node_modules/.bin/claude")
    return ClaudeCode(Path(), place, [str(binary), "claude", "--program", program, "--"])


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"env": {"ANTHROPIC_BASE_URL": NOWHERE, "ANTHROPIC_AUTH_TOKEN": "sk-old"}},
        {"env": {"CLAUDE_CODE_USE_BEDROCK": "1"}},
        {"apiKeyHelper": "echo sk-old"},
    ],
    ids=["plain", "another gateway", "bedrock", "helper"],
)
def test_claude_code(
    gateway: Gateway,
    binary: Path,
    parent: Key,
    simulator: Simulator,
    marker: str,
    tmp_path: Path,
    settings: dict[str, Any],
) -> None:
    claude = run_claude_code(binary, tmp_path)
    (claude.home / ".claude").mkdir()
    written = claude.home / ".claude/settings.json"
    written.write_text(json.dumps(settings))
    lives: list[int] = []

    def answered(event: dict[str, Any]) -> bool:
        lives.append(len(ephemeral_keys(gateway, parent)))
        return False

    variables = {**RIVALS, "STONEGATE_URL": gateway.base_url, "STONEGATE_KEY": parent.text}
    turn = claude.run(variables, f"Say {marker}", stop_when=answered)
    assert (turn.code, turn.said) == (0, marker), turn.errors
    assert [arrival.status for arrival in simulator.arrivals(marker)] == [200]
    assert max(lives) == 1 and ephemeral_keys(gateway, parent) == []
    assert written.read_text() == json.dumps(settings)


def test_a_command_of_claude_code_sees_no_credential(
    gateway: Gateway, binary: Path, parent: Key, simulator: Simulator, marker: str, tmp_path: Path
) -> None:
    plan = 'tool Bash {"command":"env > seen"}; then text Done.'
    variables = {**RIVALS, "STONEGATE_URL": gateway.base_url, "STONEGATE_KEY": parent.text}
    claude = run_claude_code(binary, tmp_path)
    variables["IS_SANDBOX"] = "1"
    turn = claude.run(variables, f"{marker} [sim: {plan}]", "--dangerously-skip-permissions")
    assert turn.said == "Done.", turn.errors
    seen = (claude.directory / "seen").read_text()
    for secret in ["sk-ant-old", "AKIAOLD", "aws-old", "sk-openai-old", parent.text]:
        assert secret not in seen, secret


def test_codex(
    gateway: Gateway, binary: Path, parent: Key, simulator: Simulator, marker: str, tmp_path: Path
) -> None:
    program = str(WORK / "node/node_modules/.bin/codex")
    run_by = [str(binary), "codex", "--url", gateway.base_url, "--program", program, "--"]
    codex = Codex(Path(), tmp_path, run_by)
    # Its own settings lead nowhere, and stay.
    task = codex.do(NOWHERE, parent.text, f"Say {marker}")
    assert (task.code, task.said) == (0, marker), task.errors
    assert NOWHERE in (codex.home / "config.toml").read_text()
    assert [arrival.status for arrival in simulator.arrivals(marker)] == [200]
    assert ephemeral_keys(gateway, parent) == []


def test_ctrl_c_at_the_terminal_reaches_the_program_once(
    gateway: Gateway, binary: Path, parent: Key, tmp_path: Path
) -> None:
    """The terminal sends it to both; what is passed on by us would be a second one."""
    variables = {"STONEGATE_URL": gateway.base_url, "STONEGATE_KEY": parent.text}
    command = [str(binary), "run", "--", sys.executable, "-c", COUNT_INTERRUPTS]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(command[0], command, clean_environment(tmp_path, **variables))
    shown = b""
    while b"ready" not in shown:
        shown += os.read(terminal, 1024)
    os.write(terminal, b"\x03")
    while b"interrupted" not in shown or not shown.endswith(b"\n"):
        shown += os.read(terminal, 1024)
    assert b"interrupted 1\r\n" in shown, shown
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0
    assert ephemeral_keys(gateway, parent) == []


def test_a_killed_program_leaves_no_key(gateway: Gateway, binary: Path, parent: Key, tmp_path: Path) -> None:
    variables = {"STONEGATE_URL": gateway.base_url, "STONEGATE_KEY": parent.text}
    command = [str(binary), "run", "--", sys.executable, "-c", "import os, signal; os.kill(os.getpid(), 9)"]
    ended = subprocess.run(command, env=clean_environment(tmp_path, **variables), timeout=30, check=False)
    assert ended.returncode == 128 + 9
    assert ephemeral_keys(gateway, parent) == []


def signed_in(gateway: Gateway, binary: Path, parent: Key, home: Path) -> dict[str, str]:
    """The environment of a person who has set up and signed in, and nothing else."""
    environment = clean_environment(home)
    for arguments in (["setup", gateway.base_url], ["login", "--key"]):
        command = [str(binary), *arguments]
        given = f"{parent.text}\n"
        done = subprocess.run(command, env=environment, input=given, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    return environment


def configure(binary: Path, environment: dict[str, str], *arguments: str) -> None:
    done = subprocess.run(
        [str(binary), "configure", *arguments], env=environment, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_claude_code_configured_for_good(
    gateway: Gateway, binary: Path, parent: Key, claude_code: ClaudeCode, simulator: Simulator, marker: str
) -> None:
    environment = signed_in(gateway, binary, parent, claude_code.home)
    environment["CLAUDE_CONFIG_DIR"] = str(claude_code.home / ".claude")
    configure(binary, environment, "claude")
    turn = claude_code.run({}, f"Say {marker}")
    assert (turn.code, turn.said) == (0, marker), turn.errors
    configure(binary, environment, "claude", "--undo")
    assert not (claude_code.home / ".claude/settings.json").exists()


def test_codex_configured_for_good(
    gateway: Gateway, binary: Path, parent: Key, codex: Codex, simulator: Simulator, marker: str
) -> None:
    environment = {**signed_in(gateway, binary, parent, codex.home), "CODEX_HOME": str(codex.home)}
    configure(binary, environment, "codex", "--model", "claude-sonnet-5-5")
    command = [*codex.command, "exec", "--skip-git-repo-check", f"Say {marker}"]
    done = subprocess.run(
        command,
        cwd=codex.directory,
        env=environment,
        text=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0 and marker in done.stdout, done.stderr
    assert [arrival.status for arrival in simulator.arrivals(marker)] == [200]
    configure(binary, environment, "codex", "--undo")
    assert not (codex.home / "config.toml").exists()
