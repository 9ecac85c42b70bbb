"""The pages on which a person labels clips for the content filter (A.1): five keys, undo, and where two disagree.

No page shows what a network or another person says of the clip that is labelled: it would lead the eye.
"""

from collections import Counter
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route

from curation.annotators.protocols import CONTENT_CLASSES
from curation.content_training.contact_sheets import SHEET_COLUMNS
from pipelines.browser.guard import Access, Guard
from pipelines.browser.label_folder import LABELS_FILE, LabelFolder, personal_file, sheet_name
from pipelines.browser.pages import page_templates, static_files

# What A.1 says of each class, for whoever labels.
_MEANINGS: Final = {
    "desirable": "an ordinary shot with things that move, or seen by a camera that moves through the scene",
    "still_foreground": "a photograph or drawing, at most moved or enlarged",
    "slight_motion": "a filmed scene in which hardly anything moves",
    "screen_in_screen": "a picture in the picture: a webcam over other footage, a frame with a video inside",
    "screen_recording": "what a computer's screen shows: desktop, browser, slides, terminal",
}
# A label and its quotes are far shorter.
_MOST_BYTES: Final = 1000


class LabelPages:
    """The pages over one folder, for one person.

    Args:
        labels: that are shown and changed.
    """

    def __init__(self, labels: LabelFolder) -> None:
        self._labels = labels
        self._templates = page_templates()
        self._templates.globals |= {"meanings": _MEANINGS, "columns": SHEET_COLUMNS}
        self._token = ""

    def app(self, access: Access) -> Guard:
        """All pages, behind the guard, which alone knows the token that whoever writes must tell."""
        self._token = access.write_token or ""
        routes = [
            Route("/", self.overview),
            Route("/clip/{number:int}", self.clip),
            Route("/sheet/{number:int}", self.sheet),
            Route("/labels/{number:int}", self.give, methods=["POST"]),
            Route("/undo", self.undo, methods=["POST"]),
            Mount("/static", static_files()),
        ]
        handlers: Any = {HTTPException: self._problem, **dict.fromkeys((OSError, ValueError), self._wrong)}
        return Guard(Starlette(routes=routes, exception_handlers=handlers), access)

    def overview(self, _: Request) -> Response:
        """How far this person is, which labels were given, and where two people disagree."""
        labels = self._labels
        return self._page(
            "labels.html",
            counts=Counter(labels.own.values()),
            agreements=list(labels.agreements()),
            first=_number(labels.next_open(-1)),
            file=personal_file(labels.annotator),
            listing=LABELS_FILE,
        )

    def clip(self, request: Request) -> Response:
        """One clip, with its five choices."""
        place = self._place(request)
        source, own = self._labels.clips[place], self._labels.own
        span = "" if source.start_s is None and source.end_s is None else _span(source.start_s, source.end_s)
        return self._page(
            "label.html",
            number=place + 1,
            name=f"{Path(source.uri).name}{span}",
            given=own.get(place, ""),
            following=_number(self._labels.next_open(place)),
        )

    def sheet(self, request: Request) -> Response:
        """The 16 frames of a clip."""
        file = self._labels.folder / sheet_name(self._place(request))
        if not file.is_file():
            raise HTTPException(404, f"{file.name} is missing; `label-clips` wrote it beside {LABELS_FILE}")
        return FileResponse(file, media_type="image/png")

    async def give(self, request: Request) -> Response:
        """Label a clip; answers with the number of the next one that has no label."""
        place = self._place(request)
        content = b""
        async for chunk in request.stream():
            content += chunk
            if len(content) > _MOST_BYTES:
                raise HTTPException(413, f"a label has more than {_MOST_BYTES} bytes")
        label = content.decode("utf-8", errors="replace")
        try:
            await run_in_threadpool(self._labels.give, place, label)
        except ValueError as error:
            raise HTTPException(400, str(error)) from error
        return JSONResponse({"number": _number(self._labels.next_open(place))})

    def undo(self, _: Request) -> Response:
        """Take back what was said last; answers with the number of its clip."""
        return JSONResponse({"number": _number(self._labels.undo())})

    def _place(self, request: Request) -> int:
        number, last = request.path_params["number"], len(self._labels.clips)
        if not 1 <= number <= last:
            raise HTTPException(404, f"there is no clip {number}, the last one is {last}")
        return int(number) - 1

    def _page(self, template: str, **values: Any) -> Response:
        values |= {"labels": self._labels, "classes": CONTENT_CLASSES, "token": self._token}
        values["folder_name"] = self._labels.folder.resolve().name
        return HTMLResponse(self._templates.get_template(template).render(values))

    async def _problem(self, _: Request, error: Any) -> Response:
        page = self._templates.get_template("problem.html")
        name = self._labels.folder.resolve().name
        return HTMLResponse(page.render(sentence=error.detail, folder_name=name), error.status_code)

    async def _wrong(self, request: Request, error: Exception) -> Response:
        """A file of somebody else is wrong, or the folder cannot be written."""
        return await self._problem(request, HTTPException(503, " ".join(str(error).split())))


def _number(place: int | None) -> int | None:
    return None if place is None else place + 1


def _span(start_s: float | None, end_s: float | None) -> str:
    return f", {start_s or 0:g} s to {'the end' if end_s is None else f'{end_s:g} s'}"
