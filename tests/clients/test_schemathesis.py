"""Schemathesis asks the admin API of a running gateway whatever its OpenAPI document allows, and much that it forbids."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import WORK
from harness.gateway import Gateway, Serve
from harness.process import clean_environment
from harness.simulator import Simulator

DOCUMENT = Path(__file__).parents[2] / "openapi" / "admin.json"
# The same requests at every run; another number is another walk.
SEED = 20261121
# Of each operation and each phase.
EXAMPLES = 15
# What the document does not say: which texts are ids and scopes, which members exclude each other. Such requests are
# refused with 400, which is right, and not what this check expects.
NOT_CHECKED = "positive_data_acceptance"


@pytest.fixture
def house(binary: Path, simulator: Simulator, logs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway of its own: nothing in it is as it was afterwards."""
    home = tmp_path_factory.mktemp("gateway")
    running = Serve(binary, home, simulator, {"keys.per_user": "100000"})
    logs.append(running.background.log)
    yield running
    running.stop()


@pytest.mark.timeout(300)
def test_every_answer_of_the_admin_api_is_documented_and_none_is_a_fault(house: Gateway, tmp_path: Path) -> None:
    key = house.create_key("schemathesis", "--scopes", "all")
    authorization = {"authorization": f"Bearer {key.text}"}
    _, who = house.get("/admin/v1/whoami", headers=authorization)
    surroundings = clean_environment(
        tmp_path,
        PYTHONPATH=str(Path(__file__).parent),
        SCHEMATHESIS_HOOKS="harness.spare_oneself",
        SPARED=f"{who['key']} {who['user']} {who['tenant']}",
    )
    command = [
        *(str(WORK.resolve() / "venv/bin/schemathesis"), "run", str(DOCUMENT), "--url", house.base_url),
        *("--header", f"Authorization: Bearer {key.text}"),
        *("--seed", str(SEED), "--max-examples", str(EXAMPLES), "--no-shrink", "--continue-on-failure"),
        *("--exclude-checks", NOT_CHECKED, "--phases", "examples,coverage,fuzzing,stateful"),
    ]
    done = subprocess.run(
        command, cwd=tmp_path, env=surroundings, capture_output=True, text=True, timeout=270, check=False
    )
    print(f"seed {SEED}")
    print(done.stdout[-3_000:])
    assert done.returncode == 0, f"seed {SEED}:\n{done.stdout[-20_000:]}\n{done.stderr}"
    assert "Unresolvable references" not in done.stdout
    assert house.get("/admin/v1/whoami", headers=authorization) == (200, who), "it did not lock itself out on the way"
