"""The TypeScript SDK: the tests in typescript/, each shown as one of ours."""

from __future__ import annotations

import re
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.gateway import Gateway
from harness.process import clean_environment
from harness.simulator import Simulator

FOLDER = Path(__file__).parent / "typescript"
FILE_SECONDS = 50

Outcomes = dict[str, str | None]


@pytest.fixture(scope="module")
def outcomes(
    gateways: Callable[..., Gateway], simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Outcomes]]:
    """Runs one file, once, and tells of each of its tests why it failed, or nothing."""
    seen: dict[str, Outcomes] = {}

    def run(file: str) -> Outcomes:
        if file not in seen:
            seen[file] = _run(file, gateways(), gateways(bedrock__max_attempts="1"), simulator, tmp_path_factory)
        return seen[file]

    yield run


def _run(file: str, gateway: Gateway, hasty: Gateway, simulator: Simulator, places: pytest.TempPathFactory) -> Outcomes:
    home = places.mktemp("node")
    report = home / "report.xml"
    command = ["node", "--test", "--test-reporter=junit", f"--test-reporter-destination={report}", file]
    environment = clean_environment(
        home,
        STONEGATE_URL=gateway.base_url,
        STONEGATE_KEY=gateway.key.text,
        STONEGATE_HASTY_URL=hasty.base_url,
        STONEGATE_HASTY_KEY=hasty.key.text,
        SIMULATOR_URL=simulator.base_url,
    )
    done = subprocess.run(
        command, cwd=FOLDER, env=environment, capture_output=True, text=True, timeout=FILE_SECONDS, check=False
    )
    assert report.exists(), f"node ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    cases = ElementTree.parse(report).iter("testcase")
    return {case.attrib["name"]: _failure(case) for case in cases}


def _failure(case: ElementTree.Element) -> str | None:
    failure = case.find("failure")
    return None if failure is None else f"{failure.attrib.get('message', '')}\n{failure.text or ''}"


def _named() -> list[tuple[str, str]]:
    """Every test of the folder. Names that are made in a loop are kept as a pattern, with `*` for what varies."""
    files = sorted(FOLDER.glob("*.test.mjs"))
    pattern = re.compile(r"""^\s*test\((["`])(.+?)\1,""", re.MULTILINE)
    return [
        (file.name, re.sub(r"\$\{.*?\}", "*", found.group(2)))
        for file in files
        for found in pattern.finditer(file.read_text())
    ]


@pytest.mark.parametrize(("file", "name"), _named())
def test_the_typescript_sdk(outcomes: Callable[[str], Outcomes], file: str, name: str) -> None:
    wanted = re.compile(".+".join(re.escape(part) for part in name.split("*")))
    found = {case: failure for case, failure in outcomes(file).items() if wanted.fullmatch(case)}
    assert found, f"{file} ran no test with the name {name}: {sorted(outcomes(file))}"
    failed = {case: failure for case, failure in found.items() if failure is not None}
    assert not failed, "\n".join(f"{case}:\n{failure}" for case, failure in failed.items())
