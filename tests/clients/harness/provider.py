"""A certified OpenID provider (npm's oidc-provider), and a person who signs in there."""

from __future__ import annotations

from pathlib import Path

from .process import Background, clean_environment


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
            allow_private = true
            rules = [{{ group = "leads", role = "team_lead" }}, {{ group = "staff" }}]
        """

    def stop(self) -> int:
        return self.background.stop()
