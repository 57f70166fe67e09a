"""A person with a browser: cookies, forms, and nothing else."""

from __future__ import annotations

import http.cookiejar
import re
import urllib.parse
import urllib.request


class Person:
    """Signs in at a gateway's pages by address and password."""

    def __init__(self, base_url: str, email: str, password: str) -> None:
        self.base_url = base_url
        self.email = email
        self.password = password
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def _open(self, address: str, form: dict[str, str] | None = None) -> tuple[str, str]:
        """Where one ends up, and the page there."""
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        headers = {"origin": self.base_url, "sec-fetch-site": "same-origin"} if data else {}
        request = urllib.request.Request(urllib.parse.urljoin(self.base_url, address), data=data, headers=headers)
        with self._opener.open(request, timeout=10) as answer:
            return answer.url, answer.read().decode()

    def set_password(self, link: str) -> None:
        """By the link that an administrator made."""
        _, page = self._open(link)
        self._open("/signin/password", {**hidden(page), "password": self.password})

    def approve(self, address: str) -> str:
        """Goes where a device sends one, signs in, and says yes. Gives the page that asked."""
        _, page = self._open(address)
        if 'action="/signin"' in page:
            _, page = self._open("/signin", {**hidden(page), "email": self.email, "password": self.password})
        _, done = self._open("/device", {**hidden(page), "decision": "approve"})
        assert "Connected" in done, done
        return page


def hidden(page: str) -> dict[str, str]:
    """What a page's last form sends along unseen."""
    form = page[page.rindex("<form") :]
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form))
