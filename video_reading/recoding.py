"""From pictures to frames that are ready to be coded, in colors that every reader takes for the same.

Frames of a video are fitted to another size without becoming RGB and YUV once more between: that saves nearly half the
work of a cut, and what rounding to RGB loses.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import av
import numpy as np
import numpy.typing as npt
from av.filter import Graph
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from video_reading.look import HD_HEIGHT, Look, matrix_of
from video_reading.tone import HDR_TRANSFERS, Image

PIXELS: Final = "yuv420p"

# As ITU-T H.273 numbers them: primaries, transfer and matrix have the same number.
_BT709: Final = 1
_SMPTE170M: Final = 6
_FILTER_NAMES: Final = {Colorspace.ITU709: "bt709", Colorspace.ITU601: "smpte170m"}
_MATRICES: Final = {_BT709: Colorspace.ITU709, _SMPTE170M: Colorspace.ITU601}


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedColors:
    """How the colors of a video of this project are coded, always in limited range.

    Our choice: as players guess by the height where nothing is said, and said, too. Who reads the tags and who does not
    then sees the same.

    Attributes:
        number: of its primaries, its transfer and its matrix in ITU-T H.273.
    """

    number: int

    @classmethod
    def of_height(cls, height: int) -> "CodedColors":
        """Those of a video of this height."""
        return cls(number=_BT709 if height >= HD_HEIGHT else _SMPTE170M)

    def tag(self, stream: "av.VideoStream") -> None:
        """Say so in a stream that is to be written."""
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = self.number
        context.color_range = ColorRange.MPEG

    @property
    def matrix(self) -> Colorspace:
        """As the scaler names it."""
        return _MATRICES[self.number]


def coded(image: Image) -> av.VideoFrame:
    """A picture of even sides, ready to be coded."""
    matrix = CodedColors.of_height(image.shape[0]).matrix
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    return frame.reformat(format=PIXELS, dst_colorspace=matrix, dst_color_range=ColorRange.MPEG)


def recoder(look: Look, height: int, width: int) -> Callable[[av.VideoFrame], av.VideoFrame]:
    """What makes frames of a look ready to be coded at an upright size of even sides, cropped around their centre.

    Pictures of high dynamic range are shown in RGB first, as `Look.fitter` shows them.
    """
    fit, show = _Fitter(look, height, width).fit, look.fitter(height, width)
    return lambda frame: coded(show(frame)) if frame.color_trc in HDR_TRANSFERS else fit(frame)


class _Fitter:
    """The scaler can change the matrix, too, but takes eight times as long for it as the filter made for that."""

    def __init__(self, look: Look, height: int, width: int) -> None:
        self._size = height, width
        self._covering = _even(look.covering(height, width))
        self._orientation = look.orientation
        self._target = CodedColors.of_height(height).matrix
        self._changes = {
            source: _MatrixChange(source, self._target) for source in _FILTER_NAMES if source is not self._target
        }
        self._reformatter = VideoReformatter()

    def fit(self, frame: av.VideoFrame) -> av.VideoFrame:
        matrix = matrix_of(frame)
        if matrix in self._changes:
            return self._changes[matrix](self._fit(frame, matrix, matrix))
        return self._fit(frame, matrix, self._target)

    def _fit(self, frame: av.VideoFrame, source: Colorspace | None, target: Colorspace) -> av.VideoFrame:
        height, width = self._covering[::-1] if self._orientation.is_swapped else self._covering
        covering = self._reformatter.reformat(
            frame,
            width,
            height,
            PIXELS,
            src_colorspace=source,
            dst_colorspace=target,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.BICUBIC,
            threads=1,
        )
        if self._orientation.is_upright and self._covering == self._size:
            return covering
        fitted = av.VideoFrame(*self._size[::-1], PIXELS)
        for covered_plane, plane, shrinks in zip(covering.planes, fitted.planes, (1, 2, 2), strict=True):
            top, left = (
                (covered - side) // 4 * 2 // shrinks for covered, side in zip(self._covering, self._size, strict=True)
            )
            upright = self._orientation.apply(_samples(covered_plane))
            values = _samples(plane)
            values[:] = upright[top : top + values.shape[0], left : left + values.shape[1]]
        return fitted


class _MatrixChange:
    """From BT.709 to BT.601, or back."""

    def __init__(self, source: Colorspace, target: Colorspace) -> None:
        matrices = f"ispace={_FILTER_NAMES[source]}:space={_FILTER_NAMES[target]}"
        # Primaries and transfer are said to stay, so that it is no more than a product for each pixel.
        self._how = f"{matrices}:iprimaries=bt709:primaries=bt709:itrc=bt709:trc=bt709:irange=tv:range=tv"
        self._graph: Graph | None = None
        self._count = 0

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        if self._graph is None:
            self._graph = self._built(frame)
        frame.pts = self._count  # what the source said may stand still or go back, and is said anew by whoever codes it
        self._count += 1
        self._graph.vpush(frame)
        return self._graph.vpull()

    def _built(self, frame: av.VideoFrame) -> Graph:
        graph = Graph()
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000)
        )
        graph.link_nodes(source, graph.add("colorspace", self._how), graph.add("buffersink")).configure()
        return graph


def _even(size: tuple[int, int]) -> tuple[int, int]:
    height, width = size
    return height + height % 2, width + width % 2


def _samples(plane: "av.video.plane.VideoPlane") -> npt.NDArray[np.uint8]:
    """Those of a plane, as they lie in it."""
    lines: npt.NDArray[np.uint8] = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return lines[: plane.height, : plane.width]
