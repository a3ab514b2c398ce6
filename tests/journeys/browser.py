"""A person's browser in a few lines: it keeps cookies, fills forms and follows links, and knows no scripts."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from html import unescape
from http.cookiejar import CookieJar
from urllib.parse import urldefrag, urlencode, urljoin

_LINK = re.compile(r"""(?:href|src|hx-get)=["']([^"']+)["']""")
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Browser:
    """One person at one console."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
        )

    def get(self, address: str, *, body: bytes | None = None) -> tuple[int, str]:
        """Return the status and the text of a page, redirects followed."""
        wanted = urllib.request.Request(urljoin(self.base, address), data=body)
        wanted.add_header("Referer", self.base)
        try:
            with self._opener.open(wanted, timeout=20) as answer:
                return answer.status, answer.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode("utf-8", "replace")

    def post(self, address: str, **fields: str) -> tuple[int, str]:
        """Fill the form that stands on a page."""
        _, page = self.get(address)
        token = _TOKEN.search(page)
        assert token is not None, page
        return self.get(address, body=urlencode({"csrfmiddlewaretoken": token[1], **fields}).encode())

    def crawl(self, start: str = "/", *, most: int = 400) -> dict[str, tuple[int, str]]:
        """Return every page that links lead to, by address."""
        seen: dict[str, tuple[int, str]] = {}
        waiting = [start]
        while waiting and len(seen) < most:
            address = waiting.pop()
            if address in seen:
                continue
            seen[address] = self.get(address)
            for link in _LINK.findall(seen[address][1]):
                found = urldefrag(urljoin(urljoin(self.base, address), unescape(link))).url
                if found.startswith(f"{self.base}/"):
                    waiting.append(found.removeprefix(self.base))
        return seen
