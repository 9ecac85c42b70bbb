"""What is to be forgotten of a dataset, found before anything is changed.

Our choice: forgotten is always a whole source, under all names and with all its clips: rows of the same file, rows
whose file had the same bytes, and rows that hold a video with the bytes of one of these. Whoever asks for a subject's
word asks for the sources in which a clip names it, because the other clips of such a video may show it too.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from dataset_schema import open_index
from pipelines.housekeeping.forgetting.asking import TOLD_BY, Asked, By
from pipelines.housekeeping.forgetting.payloads import Content, Payloads
from pipelines.housekeeping.forgetting.plan import ForgottenClip, ForgottenSource
from storage.address import Place

_COLUMNS: Final = (*TOLD_BY, "clip_id", "outcome", "subjects", "rights_holder", "shard", "row")
# Of the same file, or of a file with the same content.
_SAME: Final = ("source_id", "source_uri", "content_sha256")


class Found:
    """The rows that are meant.

    Args:
        dataset: as it is now.
        asked: what is to be forgotten.

    Attributes:
        clips: that go.
        sources: theirs, each as often as something else is told of it.
        contents: of all their media.
    """

    def __init__(self, dataset: Place, asked: Asked) -> None:
        self._rows = open_index(dataset).table(_COLUMNS).combine_chunks()
        self._payloads = Payloads(dataset)
        is_meant = asked.matches(self._rows)
        if asked.by is By.HASHES:
            is_meant = pc.or_(is_meant, self._unhashed(asked))
        contents: dict[Any, Content] = {}
        while True:
            is_meant = self._with_same_sources(is_meant)
            contents = self._payloads.of_rows(self._places(is_meant))
            more = pc.or_(is_meant, self._holding(_videos(contents)))
            if pc.sum(more).as_py() == pc.sum(is_meant).as_py():
                break
            is_meant = more
        rows = self._rows.filter(is_meant).to_pylist()
        self.clips = tuple(ForgottenClip(clip_id=row["clip_id"], outcome=row["outcome"]) for row in rows)
        self.sources = tuple(dict.fromkeys(_source(row) for row in rows))
        self.contents = frozenset(contents.values())

    def _with_same_sources(self, is_meant: pa.ChunkedArray) -> pa.ChunkedArray:
        """All rows that have a source's name, address or content with one of these, and with those, and so on."""
        while True:
            more = is_meant
            for name in _SAME:
                values = pc.unique(self._rows[name].filter(more)).drop_null()
                more = pc.or_(more, pc.is_in(self._rows[name], values))
            if pc.sum(more).as_py() == pc.sum(is_meant).as_py():
                return more
            is_meant = more

    def _places(self, is_meant: pa.ChunkedArray) -> Mapping[str, set[int]]:
        places: dict[str, set[int]] = defaultdict(set)
        for row in self._rows.select(["shard", "row"]).filter(is_meant).to_pylist():
            places[row["shard"]].add(row["row"])
        return places

    def _holding(self, videos: frozenset[Content]) -> pa.ChunkedArray:
        """The rows whose video is one of these."""
        found = self._payloads.of_sizes({each.size_bytes for each in videos}) if videos else iter(())
        return self._at({(at.shard, at.row) for at, content in found if at.number == 0 and content in videos})

    def _unhashed(self, asked: Asked) -> pa.ChunkedArray:
        """Rows that say nothing of their source's content, and hold a video that is listed."""
        is_silent = pc.is_null(self._rows["content_sha256"])
        if not asked.listed.contents or not pc.any(is_silent).as_py():
            return self._at(set())
        contents = self._payloads.of_rows(self._places(is_silent))
        listed = ((at.shard, at.row) for at, each in contents.items() if each.sha256 in asked.listed.contents)
        return self._at(set(listed))

    def _at(self, places: set[tuple[str, int]]) -> pa.ChunkedArray:
        if not places:
            return pa.chunked_array([pa.repeat(pa.scalar(False), self._rows.num_rows)])
        names = (self._rows[name].to_pylist() for name in ("shard", "row"))
        return pa.chunked_array([pa.array([place in places for place in zip(*names, strict=True)], pa.bool_())])


def _videos(contents: Mapping[Any, Content]) -> frozenset[Content]:
    return frozenset(content for at, content in contents.items() if at.number == 0 and at.shard.startswith("samples/"))


def _source(row: Mapping[str, Any]) -> ForgottenSource:
    return ForgottenSource(
        id=row["source_id"],
        uri=row["source_uri"],
        content_sha256=row["content_sha256"],
        perceptual_hash=row["perceptual_hash"],
    )
