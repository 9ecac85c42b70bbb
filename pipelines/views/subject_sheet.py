"""The contact sheet of one subject: what was given, what was chosen, and the clips on both sides of the limit."""

import io
from collections.abc import Iterator, Sequence
from typing import Final

from PIL import Image

from curation.one_subject.pictures import GivenPicture
from curation.one_subject.search import Found
from pipelines.views.html import html_file, picture_uri

_SIDE: Final = 240
_MOST: Final = 16
_MOST_AT_LIMIT: Final = 8


def subject_sheet(given: Sequence[GivenPicture], found: Found, *, limit: float, missing: Sequence[str]) -> str:
    """One HTML file.

    Args:
        given: of the subject.
        found: in the clips.
        limit: the least likeness.
        missing: what the pictures do not show, as sentences.
    """
    chosen = [(_opened(p.content), f"{p.view}, {p.distance}, {p.light}") for p in found.chosen[:_MOST]]
    least = [
        (_opened(shown.pictures[0].content), _told(shown.finding.likeness, shown.finding.uri))
        for shown in list(found.kept.values())[::-1][:_MOST_AT_LIMIT]
        if shown.pictures
    ]
    most = [
        (_opened(each.content), _told(each.finding.likeness, each.finding.uri))
        for each in found.strangers[:_MOST_AT_LIMIT]
    ]
    sections = [
        ("Given", list(_of_given(sorted(given, key=lambda each: each.crop is None)[:_MOST]))),
        (f"Chosen: {'; '.join(missing) or 'every side, distance and light that can be told'}", chosen),
        (f"Kept, those least like it first; the limit is {limit:g}", least),
        ("Rejected, those most like it first", most),
    ]
    return html_file("picture_sheet.html", title="The subject", sections=sections)


def _of_given(given: Sequence[GivenPicture]) -> Iterator[tuple[str, str]]:
    """The pictures that are used, and why others are not."""
    for each in given:
        if each.crop is None:
            yield "", each.problem
        else:
            yield picture_uri(Image.fromarray(each.crop.cutout), _SIDE), each.file.name


def _opened(content: bytes) -> str:
    return picture_uri(Image.open(io.BytesIO(content)).convert("RGBA"), _SIDE)


def _told(likeness: float | None, uri: str) -> str:
    name = uri.rstrip("/").rsplit("/", 1)[-1]
    return name if likeness is None else f"{likeness:.3f} {name}"
