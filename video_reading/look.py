"""From a decoded frame to the RGB picture that a viewer shows: upright, square pixels, 8 bits, standard range."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Self

import av
import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import SideData
from av.video.reformatter import Colorspace, ColorTrc, Interpolation, VideoReformatter

from dataset_schema import FailureKind
from video_reading.tone import HDR_TRANSFERS, Image, to_standard_range
from video_reading.video_error import VideoError

# From the number in the stream (ITU-T H.273). The scaler knows no others, and refuses to work on them.
_MATRICES: Final = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
# Known to the standard but not to the scaler; with another matrix every color would be wrong.
_NOT_SHOWN: Final = {8: "YCgCo", 11: "YDzDx", 14: "ICtCp", 15: "IPT-C2", 16: "YCgCo-Re", 17: "YCgCo-Ro"}
# Our choice, as players do it: a stream that names no known color matrix has BT.709 from this height on.
HD_HEIGHT: Final = 720
_UNSPECIFIED: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Orientation:
    """How the coded picture must be turned: rows and columns swapped first, then mirrored."""

    is_swapped: bool = False
    flips_rows: bool = False
    flips_columns: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Self:
        """From the frame's display matrix, to the nearest right angle."""
        matrix = frame.side_data.get("DISPLAYMATRIX")
        if not isinstance(matrix, SideData):
            return cls()
        a, b, _, c, d = struct.unpack_from("5i", matrix)
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(flips_rows=d < 0, flips_columns=a < 0)
        return cls(is_swapped=True, flips_rows=b < 0, flips_columns=c < 0)

    @property
    def is_upright(self) -> bool:
        """Whether nothing is to be turned."""
        return not (self.is_swapped or self.flips_rows or self.flips_columns)

    @property
    def rotation_deg(self) -> int:
        """Clockwise, of a picture that is also mirrored if only one flip is left over."""
        if self.is_swapped:
            return 270 if self.flips_rows else 90
        return 180 if self.flips_rows else 0

    def apply(self, image: Image) -> Image:
        """The picture, or one of its planes, turned."""
        image = image.swapaxes(0, 1) if self.is_swapped else image
        rows = slice(None, None, -1 if self.flips_rows else 1)
        columns = slice(None, None, -1 if self.flips_columns else 1)
        return np.ascontiguousarray(image[rows, columns])


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How the frames of a video are shown, judged by its first one.

    Attributes:
        size: (height, width) upright, with square pixels. Pixels are stretched, never squeezed: none is lost.
        transfer: name of the color transfer; None where the stream does not say.
    """

    size: tuple[int, int]
    orientation: Orientation
    sample_aspect: Fraction
    transfer: str | None

    @classmethod
    def of(cls, frame: av.VideoFrame, sample_aspect: Fraction) -> Self:
        """The look of a frame."""
        orientation = Orientation.of(frame)
        height, width = frame.height * max(1.0, float(1 / sample_aspect)), frame.width * max(1.0, float(sample_aspect))
        size = round(height), round(width)
        known = {transfer.value: transfer.name.lower() for transfer in ColorTrc if transfer.value != _UNSPECIFIED}
        return cls(
            size=size[::-1] if orientation.is_swapped else size,
            orientation=orientation,
            sample_aspect=sample_aspect,
            transfer=known.get(frame.color_trc),
        )

    def painter(
        self, height: int, width: int, scaling: Interpolation = Interpolation.BICUBIC
    ) -> Callable[[av.VideoFrame], Image]:
        """What paints whole frames of this look, squeezed into an upright size."""
        return _Painter(height, width, self.orientation, scaling).paint

    def covering(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) of the upright picture as small as covers a size."""
        scale = max(height / self.size[0], width / self.size[1])
        return max(height, round(self.size[0] * scale)), max(width, round(self.size[1] * scale))

    def fitter(self, height: int, width: int) -> Callable[[av.VideoFrame], Image]:
        """What paints frames of this look as small as covers an upright size, cropped around their centre."""
        covering = self.covering(height, width)
        top, left = (covering[0] - height) // 2, (covering[1] - width) // 2
        paint = self.painter(*covering)
        return lambda frame: paint(frame)[top : top + height, left : left + width]


def shrunk(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """The size with its long side at most `long_side`."""
    scale = min(1.0, long_side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


class _Painter:
    """Paints frames of one video at one size; it is cheaper to keep one than to set up another for every frame."""

    def __init__(self, height: int, width: int, orientation: Orientation, scaling: Interpolation) -> None:
        self._orientation = orientation
        self._coded_size = (width, height) if orientation.is_swapped else (height, width)
        self._scaling = scaling
        self._reformatter = VideoReformatter()

    def paint(self, frame: av.VideoFrame) -> Image:
        """The whole frame, squeezed into the size.

        Raises:
            VideoError: its colors are coded in a way that cannot be shown.
        """
        transfer = ColorTrc(frame.color_trc) if frame.color_trc in HDR_TRANSFERS else None
        height, width = self._coded_size
        image: npt.NDArray[Any] = self._reformatter.reformat(
            frame,
            width,
            height,
            "rgb24" if transfer is None else "rgb48le",
            src_colorspace=matrix_of(frame),
            interpolation=self._scaling,
            threads=1,
        ).to_ndarray()
        return self._orientation.apply(image if transfer is None else to_standard_range(image, transfer))


def matrix_of(frame: av.VideoFrame) -> Colorspace | None:
    """By which its colors are coded; None if it is RGB.

    Raises:
        VideoError: by one that the scaler does not know.
    """
    if frame.format.is_rgb:
        return None
    if frame.colorspace in _NOT_SHOWN:
        raise VideoError(
            FailureKind.INPUT,
            f"codes its colors as {_NOT_SHOWN[frame.colorspace]}, which cannot be shown; convert it to BT.709",
        )
    guess = Colorspace.ITU709 if frame.height >= HD_HEIGHT else Colorspace.ITU601
    return _MATRICES.get(frame.colorspace, guess)
