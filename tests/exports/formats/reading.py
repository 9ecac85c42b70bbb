"""What readers of trainers do with files: frames by index or by time, pictures without their alpha."""

import io
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.exports.made_clips import grey, shown


def frames_by_time(path: Path, fps: float) -> int:
    """How many frames a reader takes that resamples by timestamps."""
    with av.open(str(path), "r") as file:
        stream = file.streams.video[0]
        times = [float(frame.time or 0) for frame in file.decode(stream)]
    return int((times[-1] - times[0]) * fps + 1e-6) + 1


def pace(path: Path) -> float:
    with av.open(str(path), "r") as file:
        return float(file.streams.video[0].average_rate or 0)


def sound_lag_s(path: Path) -> float | None:
    """By how much the sound ends before the pictures; None without sound."""
    with av.open(str(path), "r") as file:
        if not file.streams.audio:
            return None
        samples = sum(frame.samples for frame in file.decode(audio=0))
        rate = file.streams.audio[0].rate
    with av.open(str(path), "r") as file:
        frames = sum(1 for _ in file.decode(video=0))
    return float(frames / pace(path) - samples / rate)


def rgb(content: bytes | Path) -> npt.NDArray[np.uint8]:
    """A picture as most readers open it: alpha is dropped."""
    source = io.BytesIO(content) if isinstance(content, bytes) else content
    return np.asarray(Image.open(source).convert("RGB"))


def expect_on_white(path: Path, color: tuple[int, int, int]) -> None:
    """The disc is there, in its color, and what is around it is white to a reader that knows no alpha."""
    image = rgb(path)
    middle = image[image.shape[0] // 2, image.shape[1] // 2]
    assert np.abs(middle.astype(int) - color).max() <= 2
    for corner in (image[0, 0], image[0, -1], image[-1, 0], image[-1, -1]):
        assert corner.tolist() == [255, 255, 255]


def expect_frames(path: Path, numbers: list[int]) -> None:
    """The first frames are those of the clip that went in."""
    found = shown(path)[: len(numbers)]
    assert len(found) == len(numbers)
    assert max(abs(level - grey(number)) for level, number in zip(found, numbers, strict=True)) <= 2


def mask_of_runs(lengths: list[int], size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """A mask of runs, column by column; they have to cover it."""
    flat = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return flat.reshape(size[::-1]).T


def mask_of_letters(letters: str, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """A mask of letters, as COCO's tools decode them."""
    lengths: list[int] = []
    value = shift = 0
    for letter in letters:
        bits = ord(letter) - 48
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (bits & 16) and 1 << shift
            lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
            value = shift = 0
    return mask_of_runs(lengths, size)


def disc_in_frame(
    size: tuple[int, int], box: tuple[int, int, int, int], picture: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    """Where a made cut-out of a size lies in a frame, whose box (x0, y0, x1, y1) it fills; pixels by their middles."""
    height, width = picture
    down, across = np.mgrid[:height, :width]
    disc = ((down - height / 2) / (height / 2)) ** 2 + ((across - width / 2) / (width / 2)) ** 2 <= 1
    x0, y0, x1, y1 = box
    rows, columns = ((2 * np.arange(to) + 1) * of // (2 * to) for to, of in ((y1 - y0, height), (x1 - x0, width)))
    frame = np.zeros(size, bool)
    frame[y0:y1, x0:x1] = disc[np.ix_(rows, columns)]
    return frame
