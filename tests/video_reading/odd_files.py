"""Files that are odd in one way each, with the truth: when each frame is shown, and what a viewer then sees.

Colors become code values, and pictures coded ones, by the formulas of the standards: neither the project's code nor a
scaler has a say in what is true.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt
from av.container import OutputContainer
from av.stream import Disposition

from curation.records import Image
from tests.curation.made_videos import add_audio, add_video, barcode

HEIGHT: Final = 144
WIDTH: Final = 256
_FINE_TICK: Final = Fraction(1, 24000)

# ITU-T H.273: the number that a stream gives for its matrix or transfer, and the matrix's weights of red and blue.
BT709, UNSPECIFIED, BT601, BT2020 = 1, 2, 6, 9
PQ, HLG = 16, 18
_WEIGHTS: Final = {BT709: (0.2126, 0.0722), BT601: (0.299, 0.114), BT2020: (0.2627, 0.0593)}
_LIMITED, _FULL = 1, 2
# Rows and columns of pixels that share their chroma.
_CHROMA: Final = {"420": (2, 2), "422": (1, 2), "444": (1, 1)}

# Top left, top right, bottom left, bottom right; and what is dark and bright.
CORNERS: Final = ((220.0, 20.0, 20.0), (20.0, 200.0, 20.0), (20.0, 20.0, 220.0), (235.0, 235.0, 235.0))
INK: Final = (40.0, 220.0)
# The same in cd/m2 of BT.2020: black, a grey card of 18 %, diffuse white (ITU-R BT.2408), a warm light.
LIGHTS: Final = ((0.0, 0.0, 0.0), (26.0, 26.0, 26.0), (203.0, 203.0, 203.0), (300.0, 120.0, 60.0))
INK_OF_LIGHT: Final = (0.0, 203.0)

Values = npt.NDArray[np.float64]
Beside = Callable[[OutputContainer], Callable[[], Iterable["av.Packet[Any]"]]]


def _at_24_fps(count: int) -> tuple[float, ...]:
    return tuple(index / 24 for index in range(count))


@dataclass(frozen=True, kw_only=True)
class Coding:
    """How pictures become a file.

    Attributes:
        matrix: that colors are coded with; `tag` is what the stream says of it.
    """

    matrix: int = BT601
    tag: int = UNSPECIFIED
    color_range: int = _LIMITED
    transfer: int = UNSPECIFIED
    depth: int = 8
    subsampling: str = "420"
    codec: str = "libx264"
    options: dict[str, str] = field(default_factory=lambda: {"crf": "8", "threads": "1", "bf": "2"})
    sample_aspect: Fraction = Fraction(1)
    tick: Fraction = _FINE_TICK


_TEN_BITS: Final = Coding(depth=10, codec="libx265", options={"x265-params": "log-level=none:pools=1", "crf": "8"})
_IN_AVI: Final = Coding(options={"crf": "8", "threads": "1", "bf": "3", "b_strategy": "0"}, tick=Fraction(1, 24))


@dataclass(frozen=True, kw_only=True)
class OddFile:
    """A way to write one, and the truth about it.

    Attributes:
        times_s: when each of its frames is shown, as a player counts.
        see: what a viewer sees of a frame.
        coded: the picture that is coded so that it is seen.
        draw: a frame, with RGB from 0 to 1 as the transfer codes it.
        beside: adds a stream in front of the video, and gives its packets when asked.
        patched: the file's bytes, changed.
        span_s: the clip in it; None is the whole file.
    """

    times_s: Sequence[float] = _at_24_fps(18)
    see: Callable[[int], Image]
    draw: Callable[[int], Values]
    coded: Callable[[Values], Values] = lambda image: image
    coding: Coding = Coding()
    beside: Beside | None = None
    patched: Callable[[bytes], bytes] | None = None
    suffix: str = ".mp4"
    span_s: tuple[float, float] | None = None

    def write(self, folder: Path) -> Path:
        path = folder / f"odd{self.suffix}"
        images = (self.coded(self.draw(index)) for index in range(len(self.times_s)))
        _encode(path, images, self)
        if self.patched is not None:
            path.write_bytes(self.patched(path.read_bytes()))
        return path


def drawn(
    index: int,
    height: int = HEIGHT,
    width: int = WIDTH,
    *,
    corners: Sequence[tuple[float, float, float]] = CORNERS,
    ink: tuple[float, float] = INK,
    late: float = 0.0,
) -> Values:
    """Four colored quarters. Across them the bits of the index; above that a block that moves right as time goes on."""
    dark, bright = ink
    image = np.empty((height, width, 3))
    for quarter, color in enumerate(corners):
        top, left = quarter // 2 * height // 2, quarter % 2 * width // 2
        image[top : top + height // 2, left : left + width // 2] = color
    image[3 * height // 8 : 5 * height // 8] = np.where(barcode(index, height // 4, width) > 130, bright, dark)
    left = round((24 + 6 * (index + late)) * width / WIDTH)
    image[height // 16 : height // 4, left : left + width // 8] = bright
    return image


def _ordinary(**how: Any) -> OddFile:
    plain = OddFile(see=lambda index: np.rint(drawn(index)).astype(np.uint8), draw=lambda index: drawn(index) / 255)
    return replace(plain, **how)


def _encode(path: Path, images: Iterator[Values], file: OddFile) -> None:
    first, coding = next(images), file.coding
    pix_fmt = f"yuv{coding.subsampling}p{'' if coding.depth == 8 else '10le'}"
    with av.open(path, "w") as output:
        packets_beside = file.beside(output) if file.beside else lambda: ()
        stream = add_video(output, first.shape[:2], codec=coding.codec, pix_fmt=pix_fmt, options=coding.options)
        stream.disposition = Disposition.default
        context = stream.codec_context
        context.time_base, context.gop_size, context.sample_aspect_ratio = coding.tick, 1000, coding.sample_aspect
        context.colorspace, context.color_range, context.color_trc = coding.tag, coding.color_range, coding.transfer
        output.mux(list(packets_beside()))
        for time_s, image in zip(file.times_s, [first, *images], strict=True):
            frame = av.VideoFrame.from_ndarray(_code_values(image, coding), format=pix_fmt)
            frame.pts, frame.time_base = round(time_s / coding.tick), coding.tick
            frame.colorspace, frame.color_range, frame.color_trc = coding.tag, coding.color_range, coding.transfer
            output.mux(stream.encode(frame))
        output.mux(stream.encode())


def _code_values(image: Values, coding: Coding) -> npt.NDArray[Any]:
    """The planes (ITU-R BT.601, 709, 2020)."""
    red, green, blue = np.moveaxis(image, -1, 0)
    of_red, of_blue = _WEIGHTS[coding.matrix]
    luma = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    chroma = np.stack([(blue - luma) / (2 - 2 * of_blue), (red - luma) / (2 - 2 * of_red)])
    height, width = luma.shape
    rows, columns = _CHROMA[coding.subsampling]
    chroma = chroma.reshape(2, height // rows, rows, width // columns, columns).mean(axis=(2, 4))
    step = 1 << coding.depth - 8
    if coding.color_range == _FULL:
        luma, chroma = luma * (256 * step - 1), chroma * (256 * step - 1) + 128 * step
    else:
        luma, chroma = (luma * 219 + 16) * step, (chroma * 224 + 128) * step
    planes = np.rint(np.concatenate([luma.reshape(-1), chroma.reshape(-1)]))
    planes = planes.reshape((3, height, width) if coding.subsampling == "444" else (-1, width))
    return np.asarray(planes, np.uint8 if coding.depth == 8 else np.uint16)


def _turned(a: int, b: int, c: int, d: int) -> OddFile:
    """Coded (p, q) is shown at (a p + c q + x, b p + d q + y), as the track header of ISO 14496-12 has it."""

    def coded(image: Values) -> Values:
        image = image[:: -1 if b + d < 0 else 1, :: -1 if a + c < 0 else 1]
        return image if a else image.swapaxes(0, 1)

    def patched(content: bytes) -> bytes:
        start = content.index(b"tkhd") + 44
        x, y = WIDTH * (a + c < 0), HEIGHT * (b + d < 0)
        matrix = [value << 16 for value in (a, b, 0, c, d, 0, x, y)] + [1 << 30]
        fields = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
        return content[:start] + fields + content[start + len(fields) :]

    return _ordinary(coded=coded, patched=patched)


def _high_dynamic_range(transfer: int) -> OddFile:
    code = _pq_code if transfer == PQ else _hlg_code
    coding = replace(_TEN_BITS, matrix=BT2020, tag=BT2020, transfer=transfer)
    corners = tuple(tuple(_on_a_standard_display(np.array(light))) for light in LIGHTS)
    dark, bright = (float(_on_a_standard_display(np.full(3, nits))[0]) for nits in INK_OF_LIGHT)
    return _ordinary(
        see=lambda index: np.rint(drawn(index, corners=corners, ink=(dark, bright))).astype(np.uint8),
        draw=lambda index: code(drawn(index, corners=LIGHTS, ink=INK_OF_LIGHT)),
        coding=coding,
    )


def _pq_code(nits: Values) -> Values:
    """SMPTE ST 2084, inverse."""
    power = (nits / 10_000) ** 0.1593017578125
    return np.asarray(((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375)


def _hlg_code(nits: Values) -> Values:
    """ITU-R BT.2100 for a display of 1000 cd/m2, its system gamma of 1.2 on each channel."""
    scene = (nits / 1000) ** (1 / 1.2)
    return np.where(
        scene <= 1 / 12, np.sqrt(3 * scene), 0.17883277 * np.log(12 * scene.clip(1 / 12) - 0.28466892) + 0.55991073
    )


def _on_a_standard_display(nits: Values) -> Values:
    """sRGB of a light: BT.2020 to BT.709, diffuse white at 203 cd/m2, rolled off up to 1000 (extended Reinhard)."""
    to_bt709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])
    peak = 1000 / 203
    light = (to_bt709 @ (nits / 203)).clip(0, peak)
    light = light * (1 + light / peak**2) / (1 + light)
    return np.asarray(255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055))


def _large(coding: Coding) -> OddFile:
    size = (5 * HEIGHT, 5 * WIDTH)
    return _ordinary(
        see=lambda index: np.rint(drawn(index, *size)).astype(np.uint8),
        draw=lambda index: drawn(index, *size) / 255,
        coding=coding,
    )


def _interlaced(*, first: int = 0, **how: Any) -> OddFile:
    """The second field is half a frame later than the first, which has the even rows (0) or the odd ones (1)."""

    def draw(index: int) -> Values:
        woven = drawn(index)
        woven[1 - first :: 2] = drawn(index, late=0.5)[1 - first :: 2]
        return woven / 255

    options = {"crf": "5", "x264-params": f"{'bff' if first else 'tff'}=1:threads=1"}
    coding = Coding(matrix=BT709, tag=BT709, options=options)
    return _ordinary(draw=draw, times_s=[index / 25 for index in range(20)], coding=coding, **how)


def _halved(image: Values, axis: int) -> Values:
    height, width, _ = image.shape
    pairs = (height // 2, 2, width, 3) if axis == 0 else (height, width // 2, 2, 3)
    return np.asarray(image.reshape(pairs).mean(axis=axis + 1))


def _turned_too(file: OddFile, *matrix: int) -> OddFile:
    """The same, coded in another direction than it is shown in."""
    turned = _turned(*matrix)
    return replace(file, coded=lambda image: file.coded(turned.coded(image)), patched=turned.patched)


def _wide_pixels() -> OddFile:
    return _ordinary(coded=lambda image: _halved(image, 1), coding=Coding(sample_aspect=Fraction(2)))


def _grey_stream(output: OutputContainer) -> Callable[[], Iterable["av.Packet[Any]"]]:
    stream = add_video(output, (64, 112))

    def packets() -> Iterator["av.Packet[Any]"]:
        for index in range(18):
            frame = av.VideoFrame.from_ndarray(np.full((64, 112, 3), 128, np.uint8), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 24)
            yield from stream.encode(frame)
        yield from stream.encode()

    return packets


def _cover(output: OutputContainer) -> Callable[[], Iterable["av.Packet[Any]"]]:
    stream = add_video(output, (600, 600), codec="mjpeg", pix_fmt="yuvj420p", options={"qscale": "2"})
    stream.disposition = Disposition.attached_pic
    return lambda: stream.encode(av.VideoFrame.from_ndarray(np.full((600, 600, 3), 128, np.uint8), format="rgb24"))


def _silence(output: OutputContainer) -> Callable[[], Iterable["av.Packet[Any]"]]:
    stream = add_audio(output, "aac")

    def packets() -> Iterator["av.Packet[Any]"]:
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 2 * 44100), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        yield from stream.encode(frame)
        yield from stream.encode()

    return packets


ODD_FILES: Final[dict[str, OddFile]] = {
    "ordinary": _ordinary(),
    "mirrored left to right": _turned(-1, 0, 0, 1),
    "mirrored top to bottom": _turned(1, 0, 0, -1),
    "turned by 90": _turned(0, 1, -1, 0),
    "turned by 180": _turned(-1, 0, 0, -1),
    "turned by 270": _turned(0, -1, 1, 0),
    "transposed": _turned(0, 1, 1, 0),
    "transposed the other way": _turned(0, -1, -1, 0),
    "PQ": _high_dynamic_range(PQ),
    "HLG": _high_dynamic_range(HLG),
    "large without a named matrix": _large(Coding(matrix=BT709)),
    "small with the matrix of large ones": _ordinary(coding=Coding(matrix=BT709, tag=BT709)),
    "full range": _ordinary(coding=Coding(tag=BT601, color_range=_FULL)),
    "full range in ten bits": _ordinary(coding=replace(_TEN_BITS, tag=BT601, color_range=_FULL)),
    "chroma in every second column": _ordinary(coding=Coding(subsampling="422")),
    "chroma in every pixel": _ordinary(coding=Coding(subsampling="444")),
    "wide pixels": _wide_pixels(),
    "wide pixels and turned by 270": _turned_too(_wide_pixels(), 0, -1, 1, 0),
    "HLG and turned by 90": _turned_too(_high_dynamic_range(HLG), 0, 1, -1, 0),
    "tall pixels": _ordinary(coded=lambda image: _halved(image, 0), coding=Coding(sample_aspect=Fraction(1, 2))),
    "pixels of a shape that is no camera's": _ordinary(coding=Coding(sample_aspect=Fraction(10))),
    "interlaced": _interlaced(),
    "interlaced with the lower field first": _interlaced(first=1),
    "interlaced and mirrored": _turned_too(_interlaced(), -1, 0, 0, 1),
    "a small stream in front": _ordinary(beside=_grey_stream),
    "a cover picture": _ordinary(beside=_cover),
    "sound before the first frame": _ordinary(times_s=[0.5 + time_s for time_s in _at_24_fps(18)], beside=_silence),
    "a changing pace": _ordinary(times_s=[*np.arange(6) / 12, *(0.5 + np.arange(24) / 60), 0.9, 0.95]),
    "twelve frames per second": _ordinary(times_s=[index / 12 for index in range(10)]),
    "a transport stream": _ordinary(suffix=".ts"),
    "a gap": _ordinary(times_s=[*np.arange(8) / 24, *(0.6 + np.arange(10) / 24)]),
    "reordered frames in AVI": _ordinary(suffix=".avi", coding=_IN_AVI),
    "a raw stream": _ordinary(suffix=".h264", coding=Coding(tick=Fraction(1, 24))),
    "a span": _ordinary(times_s=_at_24_fps(60), span_s=(0.75, 1.5)),
    "a span of AVI": _ordinary(times_s=_at_24_fps(60), span_s=(0.75, 1.5), suffix=".avi", coding=_IN_AVI),
}
