"""The pages about two datasets: in what they differ, as `diff` finds it, and the clips of each difference."""

import math
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dataset_schema import Outcome
from pipelines.browser import drawings
from pipelines.browser.compare_view import Side, changed_limits, crossings, seen_clips
from pipelines.browser.opened import Opened
from pipelines.housekeeping.comparing import ChangedClip, Comparison, Difference
from pipelines.housekeeping.database import database_in

_CLIPS_A_PAGE: Final = 24
# Our choice: kinds of differences may be as many as clips; the most frequent come first.
_MOST_LINES: Final = 200
# Our choice: both datasets have memory of their own beside it. With 150 MB a million clips against a million took a
# quarter more CPU time than with the 500 MB that `diff` may take, and 340 MB less; pages asked for at once share it.
_MEMORY: Final = "200MB"
_NOT_THERE: Final = "not there"
_MOST_LETTERS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which clips an address asks for.

    Attributes:
        was: how they ended in the first dataset; None where they are not there. `now` likewise in the second.
        what: the score or the fact that differs, in place of how they ended.
        page: of these clips, from 1.
    """

    was: str | None = None
    now: str | None = None
    what: str = ""
    page: int = 1

    @classmethod
    def read(cls, request: Request) -> "Asked":
        """What an address says.

        Raises:
            HTTPException: it asks for something that there is not.
        """
        given = dict(request.query_params)
        page = given.pop("page", "1")
        if not (page.isascii() and page.isdecimal() and len(page) < 10):
            raise HTTPException(400, f"page is {page[:80]!r}, expected a whole number")
        if given.keys() not in ({"was", "now"}, {"what"}):
            raise HTTPException(400, f"the address asks by {', '.join(given)[:80]!r}, expected was and now, or what")
        if max(map(len, given.values())) > _MOST_LETTERS:
            raise HTTPException(400, f"the address has a value of more than {_MOST_LETTERS} letters")
        ends = {name: None if end == _NOT_THERE else end for name, end in given.items() if name != "what"}
        return cls(**ends, what=given.get("what", ""), page=max(int(page), 1))

    def address(self) -> dict[str, str]:
        """What of an address `read` reads as this, without the page."""
        return {"what": self.what} if self.what else {"was": self.was or _NOT_THERE, "now": self.now or _NOT_THERE}

    def count(self, found: Difference) -> int:
        """How many clips are like that."""
        if self.what:
            changed = [(each.name, each.clips) for each in found.scores] + [
                (each.name, each.clips) for each in found.facts
            ]
            return sum(clips for name, clips in changed if name == self.what)
        return sum(
            each.clips for each in found.moved if _is_end(self.was, each.first) and _is_end(self.now, each.second)
        )

    def find(self, comparison: Comparison) -> Sequence[ChangedClip]:
        """Those on the page."""
        part = range((self.page - 1) * _CLIPS_A_PAGE, self.page * _CLIPS_A_PAGE)
        if self.what:
            return comparison.changed(self.what, part)
        return comparison.moved(self.was, self.now, part)


class ComparePages:
    """The pages.

    Args:
        sides: gives both datasets as they are now.
        show: makes a page of a template's name, the first dataset and the template's values.
        scratch: for what the comparison puts on the disk.
    """

    def __init__(self, sides: Callable[[], tuple[Side, Side]], *, show: Callable[..., Response], scratch: Path) -> None:
        self._sides = sides
        self._show = show
        self._scratch = scratch
        self._lock = threading.Lock()
        self._of: tuple[Opened, Opened] | None = None
        self._comparison: Comparison | None = None

    def routes(self) -> list[Route]:
        """Their addresses."""
        return [Route("/compare", self.overview), Route("/compare/clips", self.clips)]

    def overview(self, _: Request) -> Response:
        """In what the two differ."""
        sides, comparison = self.compare()
        first, second = (side.opened for side in sides)
        found = comparison.difference
        return self._show(
            "compare.html",
            first,
            sides=sides,
            found=found,
            crossings=crossings(found, (first.index.counts, second.index.counts)),
            ends=(*Outcome, None),
            funnels=drawings.funnel_pairs(first.manifest.funnel, second.manifest.funnel),
            limits=list(changed_limits(first.policy, second.policy)),
            most=_MOST_LINES,
            asking=lambda **asked: Asked(**asked).address(),
        )

    def clips(self, request: Request) -> Response:
        """Some of the clips that differ in something, as either dataset has them."""
        asked = Asked.read(request)
        sides, comparison = self.compare()
        total = asked.count(comparison.difference)
        pages = max(1, math.ceil(total / _CLIPS_A_PAGE))
        if asked.page > pages:
            raise HTTPException(404, f"there is no page {asked.page}, the last one is {pages}")
        return self._show(
            "compare_clips.html",
            sides[0].opened,
            sides=sides,
            asked=asked,
            total=total,
            pages=pages,
            clips=seen_clips(asked.find(comparison), sides, asked.what) if total else [],
        )

    def compare(self) -> tuple[tuple[Side, Side], Comparison]:
        """Both, and in what they differ, which is found once for as long as they stay the same."""
        with self._lock:
            sides = self._sides()
            first, second = sides[0].opened, sides[1].opened
            if self._comparison is None or self._of is None or self._of[0] is not first or self._of[1] is not second:
                self._comparison, self._of = None, (first, second)
                folder = self._scratch / "comparison"
                shutil.rmtree(folder, ignore_errors=True)  # of the former one
                self._comparison = Comparison(database_in(folder, memory=_MEMORY), first.index, second.index)
            return sides, self._comparison


def _is_end(asked: str | None, end: str | None) -> bool:
    """Whether an end is the one that is asked for, or of the outcome that is."""
    return asked == end or (end is not None and asked == end.partition(":")[0])
