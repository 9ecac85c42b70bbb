"""Asks the browser as any program would that speaks HTTP, and reads what it answers."""

import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

from pipelines.browser.app import Browser


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def page(self) -> "Page":
        return read_page(self.text)


@dataclass(frozen=True)
class Served:
    """A running server."""

    port: int
    browser: Browser
    dataset: Path

    def get(self, address: str, *, method: str = "GET", **headers: str) -> Answer:
        """Ask for an address."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, address, headers=headers)
            answer = connection.getresponse()
            found = {name.lower(): text for name, text in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()


@dataclass
class Page:
    """The parts of a page that tests look at."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What people read, with single blanks."""
        return re.sub(r"\s+", " ", " ".join(self.words))

    def all(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        """The attributes of every such tag."""
        return [found for name, found in self.tags if name == tag and attributes.items() <= found.items()]

    def link(self, relation: str) -> str | None:
        """Where a link with this relation leads."""
        found = self.all("a", rel=relation)
        return found[0]["href"] if found else None


def read_page(text: str) -> Page:
    """The tags and words of a page."""
    page = Page()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            page.tags.append((tag, {name: unescape(value or "") for name, value in attrs}))

        def handle_data(self, data: str) -> None:
            page.words.append(data)

    Reader().feed(text)
    return page
