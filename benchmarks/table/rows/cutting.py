"""Exact cuts against plain filters between the same decoder and the same encoder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.table.peers import peer_side
from benchmarks.table.row import Goal, Inputs, Row, Side, ours
from benchmarks.table.rows.footage import footage
from benchmarks.table.timed import Work
from dataset_schema import FRAMES_PER_SECOND
from video_reading.cutting import ENCODING, cut_video
from video_reading.part import Span, VideoPart

_SECONDS: Final = 10.0
_HEIGHT, _WIDTH = 576, 1024


def cut(video: str) -> Work:
    """The whole video, covering 576x1024 and cropped to it."""
    part = VideoPart(file=Path(video), span=Span())

    def work() -> str:
        made = cut_video(part, fps=FRAMES_PER_SECOND, size=(_HEIGHT, _WIDTH), keeps_sound=False)
        return f"{len(made.mp4) / 1e6:.1f} MB"

    return work


def rows(inputs: Inputs) -> Iterator[Row]:
    """One for each footage."""
    settings = [word for name, value in ENCODING.items() for word in (f"-{name}", value)]
    settings += ["-g", str(round(FRAMES_PER_SECOND))]
    for each in footage(inputs, seconds=_SECONDS):
        yield Row(
            what="exact cut to 576x1024",
            on=f"{each.name}, one thread",
            ours=Side(name="ours", command=ours("cutting:cut", each.video)),
            others=(
                peer_side(
                    "imageio-ffmpeg", "ffmpeg_cut", each.video, _HEIGHT, _WIDTH, round(FRAMES_PER_SECOND), *settings,
                    goal=Goal(most=1.15),
                ),
                Side(
                    name="floor: PyAV, fps, scale, crop, x264",
                    command=ours("splitting:encode_once", each.video, _HEIGHT, _WIDTH),
                    goal=Goal(most=1.15),
                ),
            ),
        )  # fmt: skip
