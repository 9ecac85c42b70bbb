"""Which address shows which page."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import duckdb
import pyarrow as pa
from jinja2 import Environment
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route

from curation.annotators.protocols import CONTENT_CLASSES
from dataset_schema import Outcome
from dataset_schema.rows import Row
from pipelines.browser import drawings
from pipelines.browser.byte_range import UnsatisfiableRangeError, wanted_bytes
from pipelines.browser.clip_query import NUMBERS, ClipQuery
from pipelines.browser.compare_pages import ComparePages
from pipelines.browser.compare_view import Side
from pipelines.browser.guard import Access, Guard
from pipelines.browser.media import HEAD_BYTES, MediaError, MediaReader, is_shown_as_video, media_type, stored_media
from pipelines.browser.opened import BrowsedDataset, Opened
from pipelines.browser.overview import OverviewCounter
from pipelines.browser.pages import page_templates, static_files
from pipelines.browser.pictures import PictureMaker
from pipelines.browser.stored_clip import ClipReader
from pipelines.browser.what_if import Threshold, thresholds, what_if
from pipelines.views.clip_view import Record, caption_pieces, clip_bars, entity_views, verdicts

_CLIPS_A_PAGE: Final = 48
# A payload stays what it is for as long as its clip and its place are; a browser asks again after this.
_KEPT_BY_BROWSERS: Final = {"Cache-Control": "private, max-age=600"}
# Beside a query, what an address may hold.
_PAGE, _AT, _PLACE = "page", "at", "place"


class PageError(HTTPException):
    """A page that cannot be shown: its status, and why in a sentence."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for.

    Attributes:
        page: of a gallery, from 1.
        at: where in the order of the query the clip stands, from 0.
        place: where in the index the clip was when the address was written.
    """

    query: ClipQuery
    page: int = 1
    at: int | None = None
    place: int | None = None


class Browser:
    """The pages over one dataset, and where it is compared with another one, those over both.

    Args:
        dataset: what is shown.
        name: what the pages call it; the folder's name where none is given.
        base: what the addresses of its pages begin with.
        second: what it is compared with; the pages over that are among these, under the base that it has.

    Attributes:
        media: reads all pictures and videos, and counts their bytes.
    """

    def __init__(
        self, dataset: BrowsedDataset, *, name: str = "", base: str = "", second: "Browser | None" = None
    ) -> None:
        self._dataset = dataset
        self._name = name or dataset.folder.resolve().name
        self._base = base
        self._second = second
        self._compare: ComparePages | None = None
        if second is not None:
            self._compare = ComparePages(lambda: (self.side(), second.side()), show=self._page, scratch=dataset.scratch)
        self.media = MediaReader()
        self._records = ClipReader(self.media)
        self._pictures = PictureMaker(self.media, self._records)
        self._overview = OverviewCounter()
        self._templates = _templates(base, is_compared=second is not None or bool(base))

    def app(self, access: Access) -> Guard:
        """All pages, behind the guard."""
        return Guard(self.pages(), access)

    def pages(self) -> Starlette:
        """All pages; who may ask for them is said elsewhere."""
        routes: list[BaseRoute] = [
            Route("/", self.overview),
            Route("/clips", self.gallery),
            Route("/clip/{clip_id}", self.clip),
            Route("/what-if", self.what_if),
            Route("/media/{clip_id}/{number:int}", self.payload),
            Route("/card/{clip_id}", self.card),
            Route("/frame/{clip_id}/{number:int}", self.frame),
            Mount("/static", static_files()),
        ]
        if self._second is not None and self._compare is not None:
            routes += [*self._compare.routes(), Mount(self._second._base, self._second.pages())]
        handlers: Any = {
            HTTPException: self._problem,
            **dict.fromkeys((OSError, duckdb.Error, pa.ArrowException), self._changed),
            duckdb.OutOfMemoryException: self._exhausted,
        }
        return Starlette(routes=routes, exception_handlers=handlers)

    def side(self) -> Side:
        """The dataset as it is now, for pages over two.

        Raises:
            PageError: it cannot be opened.
        """
        return Side(name=self._name, base=self._base, opened=self._opened())

    def count_ahead(self) -> None:
        """Count what the first page shows, and make ready what a search looks into, while their reader still comes.

        What is wrong the page itself will say.
        """
        with suppress(ValueError, OSError, HTTPException):
            opened = self._dataset.now()
            self._overview.count(opened)
            opened.clips.make_searchable()
            if self._compare is not None:
                self._compare.compare()

    def overview(self, _: Request) -> Response:
        """The dataset as a whole."""
        opened = self._opened()
        counted = self._overview.count(opened)
        return self._page("overview.html", opened, counted=counted, funnel=drawings.funnel_bars(opened.manifest.funnel))

    def gallery(self, request: Request) -> Response:
        """The clips that a query finds, some on a page."""
        opened = self._opened()
        asked = _asked(request)
        found = opened.clips.find(asked.query)
        pages = max(1, math.ceil(len(found) / _CLIPS_A_PAGE))
        if asked.page > pages:
            raise PageError(404, f"there is no page {asked.page}, the last one is {pages}")
        first = (asked.page - 1) * _CLIPS_A_PAGE
        places = found.page(asked.page, _CLIPS_A_PAGE)
        shown = asked.query.texts.get("sort")
        rows = opened.clips.cards(places, *([] if shown is None else [shown]))
        clips = [(first + number, place, row) for number, (place, row) in enumerate(zip(places, rows, strict=True))]
        return self._page(
            "gallery.html", opened, query=asked.query, total=len(found), page=asked.page, pages=pages, clips=clips
        )

    def clip(self, request: Request) -> Response:
        """One clip."""
        opened = self._opened()
        asked = _asked(request)
        found = opened.clips.find(asked.query)
        if asked.at is not None and asked.at < len(found):
            asked = replace(asked, place=int(found.places[asked.at]))
        place, row = _clip(opened, request, asked)
        at = asked.at if asked.at is not None and _is_at(found.places, asked.at, place) else found.position(place)
        steps = {} if at is None else {"previous": at - 1, "next": at + 1}
        neighbours = {
            name: (step, opened.clips.row(int(found.places[step]))["clip_id"])
            for name, step in steps.items()
            if 0 <= step < len(found)
        }
        record, problem = self._record(opened, row)
        told = {} if record is None else _told(record, opened)
        return self._page(
            "clip.html",
            opened,
            query=asked.query,
            row=row,
            place=place,
            at=at,
            total=len(found),
            page=1 if at is None else at // _CLIPS_A_PAGE + 1,
            neighbours=neighbours,
            problem=problem,
            record=record,
            has_video=is_shown_as_video(row),
            **told,
        )

    def what_if(self, request: Request) -> Response:
        """What other limits would change."""
        opened = self._opened()
        known, values, found, problem = [], {}, None, ""
        try:
            known = thresholds(opened)
            values = _values(request, known)
            found = what_if(opened, values) if values else None
        except ValueError as error:
            problem = str(error)
        return self._page("what_if.html", opened, known=known, values=values, found=found, problem=problem)

    def payload(self, request: Request) -> Response:
        """A payload of a clip as it lies in its shard, or the range of it that is asked for."""
        opened = self._opened()
        _, row = _clip(opened, request, _asked(request))
        try:
            media = stored_media(opened, row, request.path_params["number"])
            kind = media_type(self.media.read(media, range(min(HEAD_BYTES, media.length))))
        except MediaError as error:
            raise PageError(404, str(error)) from error
        size = media.length
        asked_range = request.headers.get("range")
        try:
            wanted = wanted_bytes(asked_range, size)
        except UnsatisfiableRangeError as error:
            return Response(f"{error}\n", 416, {"Content-Range": f"bytes */{size}"}, "text/plain")
        headers = {"Accept-Ranges": "bytes", "Content-Length": str(len(wanted)), **_KEPT_BY_BROWSERS}
        if asked_range is not None:
            headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
        content = iter(()) if request.method == "HEAD" else self.media.chunks(media, wanted)
        return StreamingResponse(content, 200 if asked_range is None else 206, headers, kind)

    def card(self, request: Request) -> Response:
        """A small picture of a clip."""
        return self._jpeg(request, self._pictures.card)

    def frame(self, request: Request) -> Response:
        """One of a clip's three frames, with outlines."""
        number = request.path_params["number"]
        return self._jpeg(request, lambda opened, row: self._pictures.frame(opened, row, number))

    def _jpeg(self, request: Request, make: Callable[[Opened, Row], bytes]) -> Response:
        opened = self._opened()
        _, row = _clip(opened, request, _asked(request))
        try:
            return Response(make(opened, row), headers=_KEPT_BY_BROWSERS, media_type="image/jpeg")
        except ValueError as error:
            raise PageError(404, str(error)) from error

    def _record(self, opened: Opened, row: Row) -> tuple[Record | None, str]:
        """What the shard says, or why it says nothing."""
        try:
            return self._records.record(opened, row), ""
        except (ValueError, OSError) as error:
            return None, str(error)

    def _opened(self) -> Opened:
        try:
            return self._dataset.now()
        except (ValueError, OSError) as error:
            raise PageError(503, f"the dataset cannot be opened: {error}") from error

    def _page(self, template: str, opened: Opened, **values: Any) -> Response:
        values = {"query": ClipQuery(), **values, "opened": opened, "counts": opened.index.counts}
        values["folder_name"] = self._name
        return HTMLResponse(self._templates.get_template(template).render(values))

    async def _problem(self, _: Request, error: Any) -> Response:
        page = self._templates.get_template("problem.html").render(sentence=error.detail, folder_name=self._name)
        return HTMLResponse(page, error.status_code)

    async def _exhausted(self, request: Request, error: Exception) -> Response:
        """A question took more memory than its database may have, with what else was asked at that time."""
        problem = " ".join(str(error).split())
        return await self._problem(
            request, PageError(503, f"this page needs more memory than it may take ({problem}); load it again")
        )

    async def _changed(self, request: Request, error: Exception) -> Response:
        """A part of the index was replaced, or a file deleted, between two looks at the dataset."""
        self._dataset.forget()
        if self._second is not None:
            self._second._dataset.forget()
        problem = " ".join(str(error).split())
        return await self._problem(
            request, PageError(503, f"files of the dataset changed ({problem}); reload the page")
        )


def _told(record: Record, opened: Opened) -> Mapping[str, Any]:
    """What a page says of a clip whose shard could be read."""
    return {
        "verdicts": verdicts(record, opened.policy),
        "pieces": list(caption_pieces(getattr(record, "caption", ""), getattr(record, "entities", ()))),
        "bars": clip_bars(record.scores, opened.policy) if not hasattr(record, "error_type") else [],
        "entities": entity_views(record, opened.policy),
    }


def _asked(request: Request) -> Asked:
    """What the address asks for.

    Raises:
        PageError: there is no such filter, number or order.
    """
    own: dict[str, int] = {}
    rest: list[tuple[str, str]] = []
    for name, value in request.query_params.multi_items():
        if name not in (_PAGE, _AT, _PLACE):
            rest.append((name, value))
        elif value.isascii() and value.isdecimal() and len(value) < 10:
            own[name] = int(value)
        else:
            raise PageError(400, f"{name} is {value[:80]!r}, expected a whole number")
    try:
        query = ClipQuery.read(rest)
    except ValueError as error:
        raise PageError(400, str(error)) from error
    return Asked(query, page=max(own.get(_PAGE, 1), 1), at=own.get(_AT), place=own.get(_PLACE))


def _values(request: Request, known: Sequence[Threshold]) -> dict[str, float]:
    """The limits of an address that are not those of the dataset.

    Raises:
        ValueError: there is no such limit, or its value is no number.
    """
    given = {each.name: each.value for each in known}
    values: dict[str, float] = {}
    for name, text in request.query_params.multi_items():
        if name not in given:
            raise ValueError(f"{name[:80]!r} is none of the limits of this dataset")
        try:
            value = float(text)
        except ValueError as error:
            raise ValueError(f"{name} is {text[:80]!r}, expected a number") from error
        if value != given[name]:
            values[name] = value
    return values


def _clip(opened: Opened, request: Request, asked: Asked) -> tuple[int, Row]:
    """The place and the row of the clip that the address names.

    Raises:
        PageError: there is none.
    """
    clip_id = request.path_params["clip_id"]
    place = opened.clips.place_of(clip_id, guess=asked.place)
    if place is None:
        raise PageError(404, f"the dataset has no clip {clip_id[:80]!r}")
    return place, opened.clips.row(place)


def _is_at(places: Any, at: int, place: int) -> bool:
    return at < len(places) and int(places[at]) == place


def _templates(base: str, *, is_compared: bool) -> Environment:
    templates = page_templates(base)
    templates.globals |= {
        "classes": CONTENT_CLASSES,
        "drawings": drawings,
        "is_compared": is_compared,
        "numbers": NUMBERS,
        "outcomes": list(Outcome),
    }
    return templates
