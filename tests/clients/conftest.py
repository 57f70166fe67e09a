"""Starts what the tests talk to, once per run, and gives each test a marker of its own."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import anthropic
import pytest

from harness.claude_code import ClaudeCode
from harness.codex import Codex
from harness.gateway import Demo, Gateway, Key, Serve
from harness.simulator import Simulator, StartedSimulator

WORK = Path(__file__).parent / ".work"
RECORDS = pytest.StashKey[list[Path]]()
LOGS = pytest.StashKey[list[Path]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RECORDS] = []
    config.stash[LOGS] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks at the recordings of all tests comes last."""
    items.sort(key=lambda item: item.get_closest_marker("after_all_others") is not None)


@pytest.fixture(scope="session")
def binary() -> Path:
    """The program under test."""
    path = Path(os.environ.get("STONEGATE_BIN", ""))
    assert path.is_file(), "STONEGATE_BIN names no program; run.sh builds one and sets it"
    return path.resolve()


@pytest.fixture(scope="session")
def record(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes the name of a file in which a simulator records what arrives; all are looked at in the end."""

    def make() -> Path:
        path = tmp_path_factory.mktemp("record") / "requests.jsonl"
        pytestconfig.stash[RECORDS].append(path)
        return path

    return make


@pytest.fixture(scope="session")
def records(pytestconfig: pytest.Config) -> list[Path]:
    """What this run recorded, and what other tests of the project left in the folder `STONEGATE_RECORDS`."""
    others = os.environ.get("STONEGATE_RECORDS")
    return pytestconfig.stash[RECORDS] + (sorted(Path(others).glob("*.jsonl")) if others else [])


@pytest.fixture(scope="session")
def logs(pytestconfig: pytest.Config) -> list[Path]:
    """What every gateway wrote to its log."""
    return pytestconfig.stash[LOGS]


@pytest.fixture(scope="session")
def simulator(
    binary: Path, record: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Simulator]:
    running = StartedSimulator(binary, tmp_path_factory.mktemp("simulator"), record())
    yield running
    running.stop()


@pytest.fixture(scope="session")
def gateways(
    binary: Path, simulator: Simulator, logs: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Gateway]]:
    """Starts a gateway with these settings, or gives the one that already runs with them."""
    running: dict[tuple[tuple[str, str], ...], Serve] = {}

    def start(**settings: str) -> Gateway:
        named = {name.replace("__", "."): value for name, value in settings.items()}
        place = tuple(sorted(named.items()))
        if place not in running:
            running[place] = Serve(binary, tmp_path_factory.mktemp("gateway"), simulator, named)
            logs.append(running[place].background.log)
        return running[place]

    yield start
    for gateway in running.values():
        gateway.stop()


@pytest.fixture(scope="session")
def gateway(gateways: Callable[..., Gateway]) -> Gateway:
    """The gateway with the settings that everybody has."""
    return gateways()


@pytest.fixture(scope="session")
def demo(binary: Path, record: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    running = Demo(binary, tmp_path_factory.mktemp("demo"), record())
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def forgetful(request: pytest.FixtureRequest) -> None:
    """Each test begins with an empty log, which stays quick to read, and without the scripts of others."""
    if "simulator" in request.fixturenames:
        request.getfixturevalue("simulator").forget()


@pytest.fixture
def marker(counter: Iterator[int]) -> str:
    """A word that no other test uses: it finds this test's requests in the simulator's log, and its scripts."""
    return f"marker-{next(counter):04}-end"


@pytest.fixture(scope="session")
def counter() -> Iterator[int]:
    return itertools.count(1)


@pytest.fixture
def key(gateway: Gateway, marker: str) -> Key:
    """A key that only this test uses."""
    return gateway.create_key(marker)


@pytest.fixture
def client(gateway: Gateway) -> Iterator[anthropic.Anthropic]:
    """The Python SDK as anybody would set it up."""
    with anthropic.Anthropic(base_url=gateway.base_url, api_key=gateway.key.text) as made:
        yield made


@pytest.fixture
def claude_code(tmp_path: Path) -> ClaudeCode:
    """Claude Code with an empty home and working directory."""
    return ClaudeCode(WORK / "node/node_modules/.bin/claude", tmp_path)


@pytest.fixture
def codex(tmp_path: Path) -> Codex:
    """Codex with an empty home and working directory."""
    return Codex(WORK / "node/node_modules/.bin/codex", tmp_path)
