"""A person with a browser: cookies, forms, and nothing else."""

from __future__ import annotations

import html
import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request


class _Stop(urllib.request.HTTPRedirectHandler):
    """Follows where one is sent, but not to a path that was named."""

    def __init__(self) -> None:
        self.before: str | None = None
        self.stopped_at: str | None = None

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        if self.before is not None and urllib.parse.urlparse(newurl).path == self.before:
            self.stopped_at = newurl
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Person:
    """Signs in at a gateway's pages, or at a provider's, by name and password."""

    def __init__(self, base_url: str, login: str, password: str) -> None:
        self.base_url = base_url
        self.login = login
        self.password = password
        self._stop = _Stop()
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies, self._stop)
        self._place = base_url
        self._page = ""

    def _open(self, address: str, form: dict[str, str] | None = None) -> str:
        """The page at which one ends up."""
        url = urllib.parse.urljoin(self._place, address)
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        origin = "{0.scheme}://{0.netloc}".format(urllib.parse.urlparse(url))
        headers = {"origin": origin, "sec-fetch-site": "same-origin"} if data is not None else {}
        request = urllib.request.Request(url, data=data, headers=headers)
        with self._opener.open(request, timeout=10) as answer:
            self._place, self._page = answer.url, answer.read().decode()
        return self._page

    def _send(self, **typed: str) -> str:
        """Sends the page's last form."""
        form = self._page[self._page.rindex("<form") :]
        action = re.search(r'action="([^"]*)"', form)
        assert action, form
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
        known = {name: html.unescape(value) for name, value in hidden}
        return self._open(html.unescape(action[1]), {**known, **typed})

    def set_password(self, link: str) -> None:
        """By the link that an administrator made."""
        self._open(link)
        self._send(password=self.password)

    def begin(self, provider: str) -> None:
        """Goes from the gateway's page to the provider's."""
        page = self._open(f"{self.base_url}/signin") if self._place == self.base_url else self._page
        link = re.search(rf'href="(/signin/with/{provider}[^"]*)"', page)
        assert link, page
        self._open(html.unescape(link[1]))

    def _at_provider(self) -> None:
        """Gives one's name there, and says yes to what the gateway wants to know."""
        self._send(login=self.login, password=self.password)
        while "/interaction/" in self._place:
            self._send()

    def stop_at(self, path: str) -> str:
        """Signs in at the provider, but does not go back to the gateway by this path: gives where it would have been."""
        self._stop.before = path
        try:
            self._at_provider()
        except urllib.error.HTTPError:
            pass
        self._stop.before = None
        assert self._stop.stopped_at, self._page
        return self._stop.stopped_at

    def follow(self, address: str) -> str:
        return self._open(address)

    def approve(self, address: str, by: str | None = None) -> str:
        """Goes where a device sends one, signs in, and says yes. Gives the page that asked."""
        self._place = self.base_url
        self._open(address)
        if by is not None and f"/signin/with/{by}" in self._page:
            self.begin(by)
            self._at_provider()
        elif 'action="/signin"' in self._page:
            self._send(email=self.login, password=self.password)
        asked = self._page
        done = self._send(decision="approve")
        assert "Connected" in done, done
        return asked
