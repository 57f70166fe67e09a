"""`stonegate login` against the gateway itself: a person, a browser, and what can be done afterwards."""

from __future__ import annotations

import base64
import hmac
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import WORK
from harness.browser import Browser
from harness.claude_code import ClaudeCode
from harness.gateway import Gateway
from harness.process import clean_environment
from harness.simulator import Simulator

EMAIL = "grace@example.com"
PASSWORD = "a longer password than most"


class Person:
    """Somebody with an account, at a terminal."""

    def __init__(self, gateway: Gateway, binary: Path, home: Path) -> None:
        self.gateway = gateway
        self.binary = str(binary)
        self.home = home
        self.environment = clean_environment(home)
        self.run("setup", gateway.base_url)

    def run(self, *arguments: str, given: str = "", code: int = 0) -> str:
        command = [self.binary, *arguments]
        done = subprocess.run(
            command, env=self.environment, input=given, text=True, capture_output=True, timeout=60, check=False
        )
        assert done.returncode == code, f"{command} ended with {done.returncode}: {done.stderr}"
        return done.stdout

    def whoami(self) -> dict[str, Any]:
        return json.loads(self.run("whoami", "--json"))["whoami"]

    def sign_in(self) -> dict[str, Any]:
        """By device flow, with a browser."""
        command = [self.binary, "login", "--json"]
        with subprocess.Popen(command, env=self.environment, text=True, stdout=subprocess.PIPE) as login:
            assert login.stdout is not None
            code = json.loads(login.stdout.readline())
            Browser().approve(self.gateway.base_url, code["user_code"], EMAIL, PASSWORD)
            told = json.loads(login.stdout.readline())
        assert login.returncode == 0
        return told


@pytest.fixture(scope="module")
def house(gateways: Callable[..., Gateway]) -> Gateway:
    """A gateway that has accounts of its own, and one of them."""
    gateway = gateways(signin__local="true")
    token = gateway.background.started["bootstrap_token"]
    body = {"token": token, "name": "grace", "email": EMAIL, "password": PASSWORD}
    gateway._post("/admin/v1/bootstrap", body, "POST", "")
    return gateway


@pytest.fixture
def grace(house: Gateway, binary: Path, tmp_path: Path) -> Person:
    home = tmp_path / "person"
    home.mkdir()
    return Person(house, binary, home)


def test_a_person_signs_in_with_a_browser_and_out(grace: Person) -> None:
    told = grace.sign_in()
    assert (told["event"], told["whoami"]["user_name"]) == ("signed_in", "grace")
    whoami = grace.whoami()
    assert "keys:manage" in whoami["scopes"] and "admin:write" not in whoami["scopes"]
    token = grace.run("token").strip()
    status, _ = grace.gateway.get("/v1/models", headers={"authorization": f"Bearer {token}"})
    assert status == 200
    grace.run("logout")
    status, _ = grace.gateway.get("/v1/models", headers={"authorization": f"Bearer {token}"})
    assert status == 401, "the sign-in has ended at the gateway"
    grace.run("whoami", code=3)


def test_a_person_signs_in_with_a_password(grace: Person) -> None:
    grace.run("login", "--email", EMAIL, given="another password\n", code=3)
    grace.run("login", "--email", EMAIL, "--admin", given=f"{PASSWORD}\n")
    assert "admin:write" in grace.whoami()["scopes"]


def test_a_token_is_renewed(grace: Person) -> None:
    grace.run("login", "--email", EMAIL, given=f"{PASSWORD}\n")
    profile = grace.home / ".config/stonegate/profiles/default.json"
    kept = json.loads(profile.read_text())
    first = kept["credential"]["session"]["access_token"]
    kept["credential"]["session"]["expires_at"] = "2026-01-01T00:00:00Z"
    profile.write_text(json.dumps(kept))
    key = grace.whoami()["key"]
    second = grace.run("token").strip()
    assert second != first and grace.whoami()["key"] == key, "one key over the whole sign-in"


def code_of(secret: str, second: float) -> str:
    """What an authenticator app shows at that time (RFC 6238)."""
    tag = hmac.digest(base64.b32decode(secret), (int(second) // 30).to_bytes(8, "big"), "sha1")
    at = tag[-1] & 0xF
    return f"{(int.from_bytes(tag[at : at + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"


def test_codes_of_an_app_beside_the_password(grace: Person) -> None:
    """Set up, asked for, used once, and taken away by whoever has the store."""
    command = [grace.binary, "account", "totp", "enable", "--email", EMAIL, "--json"]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=grace.environment, text=True, bufsize=1, **pipes) as enable:
        assert enable.stdin is not None and enable.stdout is not None
        enable.stdin.write(f"{PASSWORD}\n")
        secret = json.loads(enable.stdout.readline())["secret"]
        began = time.time()
        enable.stdin.write(f"{code_of(secret, began)}\n")
        recovery = json.loads(enable.stdout.readline())["recovery_codes"]
    assert enable.returncode == 0
    try:
        # One that is not shown yet is in time, too: nobody waits for half a minute here.
        code = code_of(secret, began + 30)
        for given, expected in [("", 3), (code, 0), (code, 3), (recovery[0], 0), (recovery[0], 3)]:
            grace.run("login", "--email", EMAIL, given=f"{PASSWORD}\n{given}\n", code=expected)
    finally:
        grace.gateway.run("users", "totp-reset", "grace", "--reason", "the test is over")
    grace.run("login", "--email", EMAIL, given=f"{PASSWORD}\n")
    entries = grace.gateway.run("audit", "list", "--action", "totp.reset")["data"]
    assert "the test is over" in json.dumps(entries)


def test_claude_code_with_a_key_made_by_a_sign_in(
    grace: Person, binary: Path, simulator: Simulator, marker: str, tmp_path: Path
) -> None:
    grace.run("login", "--email", EMAIL, given=f"{PASSWORD}\n")
    program = str(WORK / "node/node_modules/.bin/claude")
    claude = ClaudeCode(Path(), tmp_path, [str(binary), "claude", "--program", program, "--"])
    # Claude Code has a home of its own here; the profile is the person's.
    turn = claude.run({"XDG_CONFIG_HOME": str(grace.home / ".config")}, f"Say {marker}")
    assert (turn.code, turn.said) == (0, marker), turn.errors
    assert [arrival.status for arrival in simulator.arrivals(marker)] == [200]


def test_the_doctor_finds_nothing(grace: Person) -> None:
    grace.run("login", "--email", EMAIL, given=f"{PASSWORD}\n")
    checks = json.loads(grace.run("doctor", "--json"))["checks"]
    assert {check["state"] for check in checks} == {"good"}, checks
    assert [check["check"] for check in checks] == [
        "address", "sign-in", "gateway", "clock", "key", "models", "call", "clients"
    ]


def only(place: Path, *names: str) -> Path:
    """A folder with these programs of the machine, and no others."""
    programs = place / "programs"
    programs.mkdir()
    for name in names:
        found = shutil.which(name)
        assert found, name
        (programs / name).symlink_to(found)
    return programs


@pytest.mark.parametrize(
    "before", [None, {"theme": "dark", "env": {"A": "ü"}}], ids=["no settings yet", "settings of one's own"]
)
def test_the_setup_script_connects_claude_code(
    house: Gateway, tmp_path: Path, before: dict[str, Any] | None
) -> None:
    """`curl … | sh`, on a machine that has Claude Code and nothing of ours."""
    status, script = house.get("/setup")
    assert status == 200
    programs = only(tmp_path, "mkdir", "dirname", "node")
    (programs / "claude").symlink_to("/bin/true")
    settings = tmp_path / ".claude/settings.json"
    if before is not None:
        settings.parent.mkdir()
        settings.write_text(json.dumps(before))
    environment = clean_environment(tmp_path, PATH=str(programs))

    refused = subprocess.run(
        ["/bin/sh"], env=environment, input=script, text=True, capture_output=True, start_new_session=True, check=False
    )
    assert refused.returncode == 1 and "STONEGATE_YES" in refused.stderr, refused
    assert settings.exists() == (before is not None), "nothing is done without being asked"

    agreed = subprocess.run(
        ["/bin/sh"], env={**environment, "STONEGATE_YES": "1"}, input=script, text=True, capture_output=True, check=False
    )
    assert agreed.returncode == 0, agreed.stderr
    expected = {**(before or {}), "forceLoginMethod": "gateway", "forceLoginGatewayUrl": house.base_url}
    assert json.loads(settings.read_text()) == expected


def test_the_setup_script_uses_the_command_line_where_it_is(house: Gateway, binary: Path, tmp_path: Path) -> None:
    """One line, a browser, and Claude Code asks the command line for what to call with."""
    _, script = house.get("/setup")
    programs = only(tmp_path, "mkdir", "dirname")
    (programs / "claude").symlink_to("/bin/true")
    (programs / "stonegate").symlink_to(binary)
    environment = clean_environment(tmp_path, PATH=str(programs), STONEGATE_YES="1")
    with subprocess.Popen(
        ["/bin/sh", "-c", script], env=environment, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as setup:
        assert setup.stdout is not None
        code = next(found for line in setup.stdout if (found := re.fullmatch(r" +([A-Z]{4}-[A-Z]{4})\n", line)))
        Browser().approve(house.base_url, code[1], EMAIL, PASSWORD)
        rest = setup.stdout.read()
    assert setup.returncode == 0, rest
    settings = json.loads((tmp_path / ".claude/settings.json").read_text())
    assert settings["env"]["ANTHROPIC_BASE_URL"] == house.base_url
    helper = ["/bin/sh", "-c", settings["apiKeyHelper"]]
    token = subprocess.check_output(helper, env=environment, text=True).strip()
    status, _ = house.get("/v1/models", headers={"authorization": f"Bearer {token}"})
    assert status == 200


def test_the_setup_script_installs_nothing(house: Gateway, tmp_path: Path) -> None:
    _, script = house.get("/setup")
    programs = only(tmp_path, "mkdir", "dirname", "node")
    environment = clean_environment(tmp_path, PATH=str(programs), STONEGATE_YES="1")
    done = subprocess.run(["/bin/sh"], env=environment, input=script, text=True, capture_output=True, check=False)
    assert done.returncode == 1 and "not installed" in done.stderr
    assert list(tmp_path.iterdir()) == [programs]


def test_a_browser_is_signed_in_by_the_command_line(house: Gateway, grace: Person) -> None:
    grace.sign_in()
    link = json.loads(grace.run("ui", "--json"))["url"]
    assert f"{house.base_url}/signin/link?token=" in grace.run("ui", "--no-browser")
    browser = Browser()
    browser.get(link)
    assert browser.url == f"{house.base_url}/signin/link" and "<dd>grace</dd>" in browser.page
    name = re.search(r'name="link" value="([^"]+)"', browser.page)
    assert name
    browser.send(f"{house.base_url}/signin/link", link=name[1])
    assert browser.url == f"{house.base_url}/home" and "Your account" in browser.page
    grace.run("logout")
    browser.get(f"{house.base_url}/home")
    assert browser.url == f"{house.base_url}/signin", "it was signed out with the command line"
