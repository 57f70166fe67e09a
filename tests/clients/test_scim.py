"""An identity provider provisions people by SCIM: a checker of the RFCs asks all that a provider may, and looks at the answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

from harness.gateway import Gateway


@pytest.fixture
def provider(gateway: Gateway) -> Iterator[SyncSCIMClient]:
    """A provider with a key that may provision the tenant of its user."""
    user = gateway.administer("POST", "/admin/v1/users", {"name": "identity provider", "role": "admin"})
    wanted = {"name": "scim", "user": user["id"], "scopes": ["scim:write"]}
    key = gateway.administer("POST", "/admin/v1/keys", wanted)["key"]
    with Client(base_url=f"{gateway.base_url}/scim/v2", headers={"authorization": f"Bearer {key}"}) as http:
        yield SyncSCIMClient(http)


def test_a_checker_of_the_rfcs_has_nothing_to_say(provider: SyncSCIMClient) -> None:
    results = check_server(provider)
    wrong = [f"{found.title}: {found.reason}" for found in results if found.status in (Status.ERROR, Status.CRITICAL)]
    assert not wrong, "\n".join(wrong)
    assert sum(found.status == Status.SUCCESS for found in results) > 20, results
