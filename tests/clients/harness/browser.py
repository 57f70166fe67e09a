"""A person's browser, as far as the gateway's sign-in pages need one: cookies, forms, and where a page leads."""

from __future__ import annotations

import re
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar, DefaultCookiePolicy

_FORM_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')


class Browser:
    """Follows redirects and keeps cookies, as browsers do."""

    def __init__(self) -> None:
        # Loopback has no TLS, and its cookies come back all the same.
        policy = DefaultCookiePolicy(strict_ns_domain=DefaultCookiePolicy.DomainLiberal)
        self._open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar(policy))).open
        self.url = ""
        self.page = ""

    def get(self, url: str) -> None:
        self._visit(urllib.request.Request(url))

    def send(self, url: str, **members: str) -> None:
        """Sends the form of the page that is shown."""
        token = _FORM_TOKEN.search(self.page)
        assert token, f"no form at {self.url}:\n{self.page}"
        body = urllib.parse.urlencode({"form_token": token[1], **members}).encode()
        parts = urllib.parse.urlsplit(url)
        headers = {"origin": f"{parts.scheme}://{parts.netloc}", "sec-fetch-site": "same-origin"}
        self._visit(urllib.request.Request(url, data=body, headers=headers))

    def approve(self, base_url: str, user_code: str, email: str, password: str) -> None:
        """Signs in and confirms what a program asked for."""
        self.get(f"{base_url}/device?user_code={user_code}")
        if "/signin" in self.url:
            self.send(f"{base_url}/signin", email=email, password=password, user_code=user_code)
        assert user_code in self.page, f"{self.url}:\n{self.page}"
        self.send(f"{base_url}/device", user_code=user_code, decision="approve")

    def _visit(self, request: urllib.request.Request) -> None:
        with self._open(request, timeout=10) as answer:
            self.url = answer.url
            self.page = answer.read().decode()
