"""`stonegate login --aws-profile`: people and machines sign in with AWS credentials, and STS (moto) says who they are."""

from __future__ import annotations

import base64
import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness.gateway import Gateway, Serve
from harness.process import clean_environment
from harness.simulator import Simulator
from harness.sts import Sts

GRANT = "urn:stonegate:params:oauth:grant-type:aws-identity"


@pytest.fixture(scope="module")
def sts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sts]:
    running = Sts(Path(__file__).parent / "provider" / "sts.py", tmp_path_factory.mktemp("sts"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def house(
    binary: Path, simulator: Simulator, sts: Sts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway that trusts the account."""
    running = Serve(binary, tmp_path_factory.mktemp("gateway"), simulator, {}, file=sts.settings())
    yield running
    running.stop()


class Ann:
    """Somebody with AWS's files in their home."""

    def __init__(self, house: Gateway, sts: Sts, home: Path) -> None:
        self.binary = str(house.binary)
        self.environment = clean_environment(home, **sts.credentials(home))
        self.run("setup", house.base_url)

    def run(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [self.binary, *arguments], env=self.environment, text=True, capture_output=True, timeout=60, check=False
        )
        assert done.returncode == code, f"{arguments} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout if code == 0 else done.stderr

    def whoami(self) -> dict[str, Any]:
        return json.loads(self.run("whoami", "--json"))["whoami"]


@pytest.fixture
def ann(house: Gateway, sts: Sts, tmp_path: Path) -> Ann:
    return Ann(house, sts, tmp_path)


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        (["--aws-profile", "dev"], "ann@example.org"),
        (["--aws-profile", "robot"], "ci-deploy"),
        (["--aws-profile"], "job-7"),
    ],
    ids=["a person of Identity Center", "an IAM user", "the default chain"],
)
def test_whoever_has_credentials_of_a_trusted_account_signs_in(ann: Ann, flags: list[str], name: str) -> None:
    ann.run("login", *flags)
    who = ann.whoami()
    assert (who["user_name"], who["role"], who["key_kind"]) == (name, "user", "session")
    assert "keys:manage" in who["scopes"] and "admin:write" not in who["scopes"]
    assert ann.run("token").startswith("sk-stone-")


def test_a_role_that_no_rule_is_for_does_not_get_in(ann: Ann) -> None:
    assert "may not use this gateway" in ann.run("login", "--aws-profile", "accounts", code=3)


def test_a_forged_signature_does_not_get_in(ann: Ann) -> None:
    assert "SignatureDoesNotMatch" in ann.run("login", "--aws-profile", "forged", code=3)


def test_without_credentials_one_is_told_what_to_do(ann: Ann) -> None:
    assert "aws sts get-caller-identity --profile nobody" in ann.run("login", "--aws-profile", "nobody", code=3)


def test_what_was_signed_for_one_address_is_of_no_use_at_another(house: Gateway, sts: Sts) -> None:
    other = house.base_url.replace("127.0.0.1", "localhost")
    status, refused = redeem(house, botocore_signs(other, sts))
    assert (status, refused["error"]) == (400, "invalid_grant") and "another server" in refused["error_description"]


def test_what_botocore_signs_is_taken_once(house: Gateway, sts: Sts) -> None:
    """Anybody can do without the command line: the request is AWS's usual one, with one header more."""
    signed = botocore_signs(house.base_url, sts)
    status, tokens = redeem(house, signed)
    assert (status, tokens.get("token_type")) == (200, "Bearer"), tokens
    status, refused = redeem(house, signed)
    assert (status, refused["error"]) == (400, "invalid_grant") and "used already" in refused["error_description"]


def botocore_signs(server: str, sts: Sts) -> dict[str, Any]:
    started = sts.background.started
    request = AWSRequest(
        method="POST",
        url="https://sts.us-east-1.amazonaws.com/",
        data="Action=GetCallerIdentity&Version=2011-06-15",
        headers={
            "Host": "sts.us-east-1.amazonaws.com",
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "X-Stonegate-Server": server,
        },
    )
    credentials = Credentials(started["access_key_id"], started["secret_access_key"])
    SigV4Auth(credentials, "sts", "us-east-1").add_auth(request)
    headers = [[name, value] for name, value in request.headers.items()]
    return {"method": request.method, "url": request.url, "headers": headers, "body": request.data}


def redeem(house: Gateway, signed: dict[str, Any]) -> tuple[int, Any]:
    assertion = base64.urlsafe_b64encode(json.dumps(signed).encode()).decode().rstrip("=")
    form = urllib.parse.urlencode({"grant_type": GRANT, "assertion": assertion}).encode()
    try:
        with urllib.request.urlopen(f"{house.base_url}/oauth/token", data=form, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
