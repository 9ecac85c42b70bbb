"""Pictures that were kept of a video, compressed: some of its frames, each with its index."""

import io
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from curation.records import Image

# Our choice: quality 95, a tenth of the bytes of the pixels and 43 to 49 dB from them, which is far less than what the
# video's own compression has lost (`benchmarks/splitting.py` prints both).
_JPEG_QUALITY: Final = 95


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stills:
    """Some frames of a clip.

    Attributes:
        indices: of these frames among all frames of the clip, rising.
        edges: where each picture begins in `jpegs`, and where the last one ends.
        jpegs: one after the other, in one piece, so that they come through the child's pipe without a copy.
    """

    indices: npt.NDArray[np.intp]
    edges: npt.NDArray[np.int64]
    jpegs: npt.NDArray[np.uint8]

    def between(self, first: int, end: int) -> Self:
        """Those of the frames `[first, end)`, counted from `first` on."""
        start, stop = np.searchsorted(self.indices, (first, end))
        return replace(self, indices=self.indices[start:stop] - first, edges=self.edges[start : stop + 1])

    def picture(self, number: int, size: tuple[int, int] | None = None) -> Image:
        """One of them; at another (height, width) if one is given."""
        jpeg = io.BytesIO(self.jpegs[self.edges[number] : self.edges[number + 1]].data)
        with PillowImage.open(jpeg) as image:
            sized = image if size is None else image.resize(size[::-1], PillowImage.Resampling.BICUBIC)
            return np.asarray(sized.convert("RGB"))


class StillsRecorder:
    """Compresses stills as they come."""

    def __init__(self) -> None:
        self._file = io.BytesIO()
        # Filled again for every still: a fresh one would cost as much as the compression.
        self._canvas = PillowImage.new("RGB", (1, 1))
        self._indices: list[int] = []
        self._edges = [0]

    def add(self, index: int, image: Image) -> None:
        """Keep a frame, unless it is the one that was kept last."""
        if self._indices and self._indices[-1] == index:
            return
        height, width, _ = image.shape
        if self._canvas.size != (width, height):
            self._canvas = PillowImage.new("RGB", (width, height))
        self._canvas.frombytes(np.ascontiguousarray(image))
        self._canvas.save(self._file, "JPEG", quality=_JPEG_QUALITY)
        self._indices.append(index)
        self._edges.append(self._file.tell())

    def stills(self) -> Stills:
        """All that were kept."""
        return Stills(
            indices=np.array(self._indices, np.intp),
            edges=np.array(self._edges, np.int64),
            jpegs=np.frombuffer(self._file.getbuffer(), np.uint8),
        )
