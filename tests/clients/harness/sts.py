"""AWS's STS (moto), and people who have credentials of its account."""

from __future__ import annotations

import sys
from pathlib import Path

from .process import Background, clean_environment

ACCOUNT = "123456789012"


class Sts:
    """STS as a process of its own. It checks signatures, as AWS does."""

    def __init__(self, script: Path, home: Path) -> None:
        environment = clean_environment(home, AWS_EC2_METADATA_DISABLED="true")
        self.background = Background([sys.executable, str(script)], environment, home / "sts.log")
        self.url: str = self.background.started["url"]

    def settings(self) -> str:
        """What makes a gateway trust its account."""
        return f"""
            [signin]
            sts_endpoint_url = "{self.url}"
            [[signin.aws_accounts]]
            account = "{ACCOUNT}"
            rules = [
                {{ permission_set = "Developer" }},
                {{ aws_role = "Build-*", allow_models = ["claude-*"] }},
                {{ aws_user = "ci-*" }},
            ]
        """

    def credentials(self, home: Path) -> dict[str, str]:
        """Writes AWS's files for somebody with this home, and gives the variables that go with them."""
        started = self.background.started
        (home / ".aws").mkdir()
        (home / ".aws/credentials").write_text(
            f"[robot]\naws_access_key_id = {started['access_key_id']}\n"
            f"aws_secret_access_key = {started['secret_access_key']}\n"
            f"[forged]\naws_access_key_id = {started['access_key_id']}\naws_secret_access_key = of another\n"
        )
        profiles = [("default", "Build-Linux", "job-7")]
        profiles.append(("profile dev", "AWSReservedSSO_Developer_0123456789abcdef", "ann@example.org"))
        profiles.append(("profile accounts", "AWSReservedSSO_Accountant_0123456789abcdef", "ann@example.org"))
        (home / ".aws/config").write_text(
            "".join(
                f"[{name}]\nrole_arn = arn:aws:iam::{ACCOUNT}:role/{role}\nrole_session_name = {session}\n"
                f"source_profile = robot\nregion = eu-west-1\n"
                for name, role, session in profiles
            )
        )
        return {"AWS_ENDPOINT_URL_STS": self.url, "AWS_EC2_METADATA_DISABLED": "true"}

    def stop(self) -> int:
        return self.background.stop()
