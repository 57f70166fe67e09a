"""The real Claude Code signs in to a gateway by its own `/login`, in a terminal, with nothing installed beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.claude_code import ClaudeCode
from harness.gateway import Gateway
from harness.person import Person
from harness.process import clean_environment
from harness.simulator import Simulator
from harness.terminal import Terminal


@pytest.fixture
def person(gateway: Gateway, marker: str) -> Person:
    """Somebody with an account at the gateway."""
    name = f"ann-{marker}"
    user = gateway.administer("POST", "/admin/v1/users", {"name": name, "email": f"{name}@example.org"})
    link = gateway.administer("POST", f"/admin/v1/users/{user['id']}/password-link", {})
    person = Person(gateway.base_url, f"{name}@example.org", "correct horse battery")
    person.set_password(link["url"])
    return person


@pytest.fixture
def terminal(gateway: Gateway, claude_code: ClaudeCode, tmp_path: Path) -> Iterator[Terminal]:
    """Claude Code as somebody starts it for the first time whose organisation has set it to this gateway."""
    settings = claude_code.home / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps({"forceLoginMethod": "gateway", "forceLoginGatewayUrl": gateway.base_url}))
    environment = clean_environment(
        claude_code.home,
        CLAUDE_CONFIG_DIR=str(settings.parent),
        CLAUDE_CODE_TMPDIR=str(claude_code.home),
        TMPDIR=str(claude_code.home),
    )
    terminal = Terminal(tmp_path, claude_code.directory, environment, *claude_code.command)
    yield terminal
    terminal.close()


def sign_in(terminal: Terminal, person: Person) -> None:
    """What a person presses, from the first screen to the prompt."""
    terminal.wait_for("text style")
    terminal.press("Enter")
    terminal.wait_for("Enter to connect")
    terminal.press("Enter")
    terminal.choose("Yes, trust this gateway")
    screen = terminal.wait_for("Code:")
    code = re.search(r"Code:\s+([A-Z]{4}-[A-Z]{4})", screen)
    assert code, screen
    asked = person.approve(f"/device?user_code={code[1]}")
    assert "claude_code" in asked and code[1] in asked
    screen = terminal.wait_for("Yes, continue")
    assert person.login in screen
    terminal.choose("Yes, continue")
    terminal.wait_for("Connected to Cloud gateway")
    terminal.press("Enter")
    terminal.wait_for("Security notes")
    terminal.press("Enter")
    terminal.choose("Yes, I trust this folder")


@pytest.mark.timeout(240)
def test_a_person_signs_in_and_is_answered(
    gateway: Gateway, simulator: Simulator, terminal: Terminal, person: Person, marker: str
) -> None:
    gateway.administer(
        "PATCH", "/admin/v1/tenants/default", {"managed_settings": {"permissions": {"deny": ["WebFetch"]}}}
    )
    try:
        sign_in(terminal, person)
        terminal.wait_for("· Cloud gateway")
        terminal.type(f"Say {marker}")
        terminal.press("Enter")
        terminal.wait_until(lambda screen: screen.count(marker) >= 2, f"the answer {marker}")
        # The turn itself, and beside it the title of the session.
        arrived = simulator.arrivals(marker)
        assert arrived and {arrival.status for arrival in arrived} == {200}
    finally:
        gateway.administer("PATCH", "/admin/v1/tenants/default", {"managed_settings": None})
    sessions = gateway.administer("GET", "/admin/v1/keys?kind=session&limit=1000", None)["data"]
    [session] = [key for key in sessions if key["user_name"] == person.login.split("@")[0]]
    assert session["name"] == "claude_code" and session["status"] == "active"
    assert session["scopes"] == [
        "messages:send", "chat:send", "responses:send", "embeddings:send", "bedrock:invoke", "usage:read",
    ]  # fmt: skip
