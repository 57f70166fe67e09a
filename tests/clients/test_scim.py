"""A SCIM client that we did not write provisions people and groups, and one that checks servers looks at what is answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_models import PatchOp, PatchOperation, SCIMException, SearchRequest
from scim2_tester import CheckResult, Status, check_server

from harness.gateway import Gateway, Serve
from harness.simulator import Simulator

# How long a change may take to be felt everywhere.
SOON = 1.0


@pytest.fixture(scope="module")
def house(
    binary: Path, simulator: Simulator, logs: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway with people of its own."""
    running = Serve(binary, tmp_path_factory.mktemp("gateway"), simulator, {"keys.per_user": "1000"})
    logs.append(running.background.log)
    running.run("users", "create", "--name", "provider", "--role", "admin")
    yield running
    running.stop()


@pytest.fixture
def connect(house: Gateway) -> Iterator[Callable[..., SyncSCIMClient]]:
    """Connects a provider to the gateway."""
    opened: list[httpx2.Client] = []

    def make(*flags: str) -> SyncSCIMClient:
        key = house.create_key("scim", *(flags or ("--user", "provider", "--scopes", "scim:write")))
        headers = {"authorization": f"Bearer {key.text}"}
        opened.append(httpx2.Client(base_url=f"{house.base_url}/scim/v2", headers=headers, timeout=30))
        return SyncSCIMClient(opened[-1])

    yield make
    for client in opened:
        client.close()


def is_meant(result: CheckResult) -> bool:
    """Somebody is active or is not: taking that away changes nothing, and above all lets nobody in again."""
    return result.title == "check_remove_attribute" and "'active'" in (result.reason or "")


def test_a_checker_of_scim_servers_finds_nothing(connect: Callable[..., SyncSCIMClient]) -> None:
    results = check_server(connect())
    for result in results:
        print(result.status.name, result.title, result.resource_type or "", result.reason or "")
    bad = [result for result in results if result.status not in {Status.SUCCESS, Status.SKIPPED} and not is_meant(result)]
    assert not bad, "\n".join(f"{result.status.name} {result.title}: {result.reason} {result.data}" for result in bad)
    assert sum(result.status is Status.SUCCESS for result in results) > 20, "it looked at next to nothing"


def test_a_person_is_provisioned_works_and_is_out_within_a_second(
    house: Gateway, connect: Callable[..., SyncSCIMClient]
) -> None:
    client = connect()
    client.discover()
    user = client.get_resource_model("User")
    group = client.get_resource_model("Group")
    assert user is not None and group is not None
    ann = client.create(
        user(
            user_name="ann@example.org",
            external_id="00u1",
            name={"given_name": "Ann", "family_name": "Ames"},
            emails=[{"value": "ann@example.org", "type": "work", "primary": True}],
        )
    )
    assert ann.active is True
    found = client.query(user, query_parameters=SearchRequest(filter='userName eq "ANN@example.org"'))
    assert [one.id for one in found.resources] == [ann.id]
    staff = client.create(group(display_name="staff", members=[{"value": ann.id}]))
    assert [member.value for member in staff.members] == [ann.id]
    assert [one.display for one in client.query(user, ann.id).groups] == ["staff"]

    key = house.create_key("ann", "--user", "ann@example.org")
    assert_standing(house, key.text, 200)
    operation = PatchOperation(op=PatchOperation.Op.replace_, path="active", value=False)
    assert client.modify(user, ann.id, PatchOp[user](operations=[operation])).active is False
    assert_standing(house, key.text, 401)
    ann = client.query(user, ann.id)
    ann.active = True
    assert client.replace(ann).active is True
    assert_standing(house, key.text, 200)
    client.delete(user, ann.id)
    assert_standing(house, key.text, 401)
    with pytest.raises(SCIMException):
        client.query(user, ann.id)
    assert client.query(group, staff.id).members in (None, [])


def test_a_key_for_anything_else_provisions_nobody(connect: Callable[..., SyncSCIMClient]) -> None:
    for flags in [("--user", "provider"), ("--scopes", "messages:send,admin:write")]:
        answer = connect(*flags).client.get("/Users")
        assert answer.status_code == 403, answer.text
        assert answer.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]


def assert_standing(house: Gateway, key: str, expected: int) -> None:
    """Whether the key's holder gets in, as it has to be a second after a change at the latest."""
    headers = {"authorization": f"Bearer {key}"}
    end = time.monotonic() + SOON
    status: Any = None
    while time.monotonic() < end:
        status, _ = house.get("/v1/models", headers=headers)
        if status == expected:
            return
    assert status == expected
