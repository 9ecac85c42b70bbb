"""What a reader of an HTML page sees: its text, in which classes it stands, and its pictures."""

import base64
import io
from dataclasses import dataclass, field
from html.parser import HTMLParser

from PIL import Image

_WITHOUT_END = frozenset({"img", "meta", "link", "br", "input"})
_UNSEEN = frozenset({"style", "script", "title"})


@dataclass
class Element:
    """An element of a page, and all the text within it as one line."""

    tag: str
    attributes: dict[str, str]
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What is read in it."""
        return " ".join("".join(self.pieces).split())

    @property
    def picture(self) -> Image.Image:
        """The picture that its address holds."""
        address = self.attributes.get("src") or self.attributes["href"]
        media_type, _, content = address.removeprefix("data:").partition(";base64,")
        assert media_type.startswith("image/"), address[:40]
        return Image.open(io.BytesIO(base64.b64decode(content)))


class ShownPage(HTMLParser):
    """A page as one reads it; it has to be well-formed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(page)
        self.close()
        assert not self._open, [element.tag for element in self._open]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag == "br":
            self.handle_data("\n")
        if tag not in _WITHOUT_END:
            self._open.append(self.elements[-1])

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        if not any(element.tag in _UNSEEN for element in self._open):
            for element in self._open:
                element.pieces.append(data)

    @property
    def text(self) -> str:
        """All of it as one line."""
        return next(element.text for element in self.elements if element.tag == "html")

    def of_tag(self, tag: str) -> list[Element]:
        """The elements of a tag, in order."""
        return [element for element in self.elements if element.tag == tag]

    def of_class(self, *names: str) -> list[Element]:
        """The elements that have all of these classes, in order."""
        return [each for each in self.elements if set(names) <= set(each.attributes.get("class", "").split())]

    def pictures(self, alt: str) -> list[Image.Image]:
        """The pictures that are called so."""
        return [element.picture for element in self.of_tag("img") if element.attributes["alt"] == alt]

    def expect_to_be_one_file(self) -> None:
        """Nothing in it is fetched from elsewhere, nothing runs, and every picture has a word for who cannot see it."""
        for element in self.elements:
            assert element.tag not in ("script", "link", "iframe")
            for name in ("src", "href"):
                assert element.attributes.get(name, "data:").startswith("data:")
            assert element.tag != "img" or element.attributes["alt"]
