"""People of a certified OpenID provider sign in, each by their group's rule; its machines call with tokens of their own."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from conftest import WORK
from harness.gateway import Gateway, Key, Serve
from harness.person import Person
from harness.provider import Provider
from harness.simulator import Simulator

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    script = Path(__file__).parent / "provider" / "provider.mjs"
    running = Provider(WORK / "node/node_modules", script, tmp_path_factory.mktemp("provider"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def house(
    binary: Path, simulator: Simulator, provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway that lets the provider's people in."""
    running = Serve(binary, tmp_path_factory.mktemp("gateway"), simulator, {}, file=provider.settings())
    yield running
    running.stop()


def form(gateway: Gateway, path: str, **pairs: str) -> tuple[int, Any]:
    request = urllib.request.Request(f"{gateway.base_url}{path}", data=urllib.parse.urlencode(pairs).encode())
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.parametrize(("name", "role"), [("staff-ann", "user"), ("lead-lea", "team_lead")])
def test_a_person_of_a_provider_connects_a_device(house: Gateway, name: str, role: str) -> None:
    _, device = form(house, "/oauth/device_authorization", client_id="test", device_name="laptop")
    person = Person(house.base_url, name, "any password")
    asked = person.approve(f"/device?user_code={device['user_code']}", by="corp")
    assert device["user_code"] in asked
    status, tokens = form(house, "/oauth/token", grant_type=DEVICE_CODE, device_code=device["device_code"])
    assert (status, tokens["email"]) == (200, f"{name}@example.org"), tokens
    _, who = house.get("/admin/v1/whoami", headers={"authorization": f"Bearer {tokens['access_token']}"})
    assert (who["user_name"], who["role"], who["key_kind"]) == (name, role, "session")


def test_a_person_in_no_group_does_not_get_in(house: Gateway) -> None:
    person = Person(house.base_url, "stranger", "any password")
    with pytest.raises(urllib.error.HTTPError) as refused:
        person.approve("/signin", by="corp")
    assert refused.value.code == 403
    assert "in no group that may use this gateway" in refused.value.read().decode()


def test_a_code_is_good_for_one_sign_in_of_one_browser(house: Gateway) -> None:
    """What comes back from the provider is of no use to anybody else, nor a second time."""
    ann, eve = (Person(house.base_url, name, "any password") for name in ("staff-ann", "staff-eve"))
    ann.begin("corp")
    callback = ann.stop_at("/signin/callback")
    for person in (eve, ann):
        with pytest.raises(urllib.error.HTTPError) as refused:
            person.follow(callback)
        assert refused.value.code == 400


def test_a_machine_calls_with_its_providers_token(house: Gateway, provider: Provider) -> None:
    """A service's access token takes the place of a key in the SDKs, and all that is called with it is one session's."""
    token = provider.machine_token("staff-ci")
    turn: Any = {"role": "user", "content": "Hello"}
    with anthropic.Anthropic(base_url=house.base_url, auth_token=token, api_key=None) as client:
        message = client.messages.create(model="claude-sonnet-5-5", max_tokens=100, messages=[turn])
    with openai.OpenAI(base_url=f"{house.base_url}/v1", api_key=token) as client:
        chat = client.chat.completions.create(model="claude-sonnet-5-5", max_tokens=100, messages=[turn])
        assert "claude-sonnet-5-5" in {model.id for model in client.models.list()}
    assert message.content and chat.choices
    administrator = house.create_key("administration", "--scopes", "all").text
    _, listed = house.get("/admin/v1/keys?kind=session", headers={"authorization": f"Bearer {administrator}"})
    sessions = [session for session in listed["data"] if session["user_name"] == "staff-ci"]
    assert [session["name"] for session in sessions] == ["corp"]
    usage = house.wait_for_usage(Key(id=sessions[0]["id"], text=""), calls=2)
    assert usage.calls == 2


@pytest.mark.parametrize(
    ("machine", "audience", "why"),
    [
        ("staff-ci", "https://elsewhere.example.org", "another audience"),
        ("stranger", "https://gateway.example.org", "in no group"),
    ],
)
def test_a_machine_that_is_not_for_this_gateway_is_told_so(
    house: Gateway, provider: Provider, machine: str, audience: str, why: str
) -> None:
    token = provider.machine_token(machine, audience)
    with anthropic.Anthropic(base_url=house.base_url, auth_token=token, api_key=None) as client:
        with pytest.raises(anthropic.AuthenticationError, match=why):
            client.models.list()
    with openai.OpenAI(base_url=f"{house.base_url}/v1", api_key=token) as client:
        with pytest.raises(openai.AuthenticationError, match=why):
            client.models.list()
