"""A certified OpenID provider (npm's oidc-provider), and a person who signs in there."""

from __future__ import annotations

import base64
import json
import urllib.parse
import urllib.request
from pathlib import Path

from .process import Background, clean_environment


# What machines' tokens have to be made out to.
AUDIENCE = "https://gateway.example.org"


class Provider:
    """The provider as a process of its own; its pages let in whoever gives a name."""

    def __init__(self, node_modules: Path, script: Path, home: Path) -> None:
        # An ES module is found by where it is, not by where it is started from.
        local = home / script.name
        local.write_text(script.read_text())
        (home / "node_modules").symlink_to(node_modules)
        self.background = Background(["node", str(local)], clean_environment(home), home / "provider.log")
        self.issuer: str = self.background.started["issuer"]

    def settings(self) -> str:
        """What makes a gateway take its people."""
        return f"""
            [[signin.providers]]
            id = "corp"
            name = "Corp SSO"
            issuer = "{self.issuer}"
            client_id = "stonegate"
            client_secret = "a secret: of + and %"
            scopes = "openid email profile groups"
            audiences = ["{AUDIENCE}"]
            allow_private = true
            rules = [{{ group = "leads", role = "team_lead" }}, {{ group = "staff" }}]
        """

    def machine_token(self, machine: str, audience: str = AUDIENCE) -> str:
        """An access token that a machine asks for by its own secret."""
        secret = urllib.parse.quote_plus("a machine's secret")
        pair = base64.b64encode(f"{machine}:{secret}".encode()).decode()
        form = urllib.parse.urlencode({"grant_type": "client_credentials", "resource": audience}).encode()
        request = urllib.request.Request(f"{self.issuer}/token", form, {"authorization": f"Basic {pair}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            token: str = json.load(answer)["access_token"]
        return token

    def stop(self) -> int:
        return self.background.stop()
