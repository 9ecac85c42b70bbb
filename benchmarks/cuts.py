"""What an exact cut costs, against decoder, scaler and encoder alone doing the same.

    python -m benchmarks.cuts [VIDEO ...] [--height 576] [--width 1024] [--rounds 3]

Each video is cut whole, at 24 frames per second, covering the size and cropped to it: by `video_reading.cutting`, and
by FFmpeg's own filters (fps, scale, crop) between the same decoder and the same encoder with the same settings, in the
same process (PyAV), which is the floor: it knows no rotation, no pixel shapes, no fields and no colors of high dynamic
range. Without videos it draws one of six seconds at 1280x720, 30 frames per second. Threads: one.

PSNR is that of the cut as it is decoded, against the source's frames shown at that size.
"""

import argparse
import io
import sys
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import av
import numpy as np
from av.filter import Graph
from av.video.frame import PictureType
from av.video.stream import VideoStream

from benchmarks.measuring import cpu_seconds, machine, verdict
from benchmarks.splitting import write_long_video
from curation.records import Image
from dataset_schema import FRAMES_PER_SECOND
from video_reading.clip import open_clip
from video_reading.constant_pace import images_at_pace
from video_reading.cutting import ENCODING, cut_video
from video_reading.part import Span, VideoPart

_GOAL: Final = 1.15
_DRAWN_S: Final = 6.0
_COMPARED_EVERY: Final = 5


def main() -> int:
    """Print the table; the status is 1 if the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--height", type=int, default=576)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(machine(["av", "numpy"], seed=0))
    print(f"\n{'video':32} {'ours CPU-s':>10} {'floor':>7} {'ratio':>6} {'ours dB':>8} {'floor dB':>8}")
    with TemporaryDirectory() as scratch:
        videos = arguments.videos or [_drawn(Path(scratch))]
        costs = np.array([_compare(video, arguments) for video in videos])
    ours, floor = costs.sum(axis=0)
    print(f"{'all':32} {ours:10.2f} {floor:7.2f} {ours / floor:6.2f}   {verdict(ours / floor, _GOAL, at_most=True)}")
    return 0 if ours <= _GOAL * floor else 1


def _drawn(folder: Path) -> Path:
    write_long_video(folder / "drawn.mp4", [], seconds=_DRAWN_S, size=(720, 1280))
    return folder / "drawn.mp4"


def _compare(video: Path, arguments: argparse.Namespace) -> tuple[float, float]:
    height, width = arguments.height, arguments.width
    part = VideoPart(file=video, span=Span())
    ours = partial(cut_video, part, fps=FRAMES_PER_SECOND, size=(height, width), keeps_sound=False)
    by_filters = partial(cut_by_filters, video, height, width)
    costs = cpu_seconds({"ours": ours, "floor": by_filters}, rounds=arguments.rounds)
    shown = list(_pictures(video, height, width))
    quality = [_psnr(shown, list(_pictures(made, height, width))) for made in (ours().mp4, by_filters())]
    ratio = costs["ours"] / costs["floor"]
    figures = f"{costs['ours']:10.2f} {costs['floor']:7.2f} {ratio:6.2f} {quality[0]:8.2f} {quality[1]:8.2f}"
    print(f"{video.name[:32]:32} {figures}", flush=True)
    return costs["ours"], costs["floor"]


def cut_by_filters(video: Path, height: int, width: int) -> bytes:
    """The whole video at 24 frames per second, cut to a size by FFmpeg's filters alone; an MP4."""
    file, rate = io.BytesIO(), Fraction(FRAMES_PER_SECOND).limit_denominator(1001)
    with av.open(str(video)) as source, av.open(file, "w", format="mp4") as output:
        stream = source.streams.video[0]
        stream.codec_context.thread_count = 1
        target = output.add_stream("libx264", rate=rate, options=ENCODING)
        target.height, target.width, target.pix_fmt = height, width, "yuv420p"
        target.codec_context.gop_size = round(FRAMES_PER_SECOND)
        graph = _graph(stream, height, width)
        count = 0
        for frame in chain(source.decode(stream), [None]):
            graph.vpush(frame)
            for fitted in _pulled(graph):
                fitted.pts, fitted.time_base, fitted.pict_type = count, 1 / rate, PictureType.NONE
                output.mux(target.encode(fitted))
                count += 1
        output.mux(target.encode())
    return file.getvalue()


def _graph(stream: VideoStream, height: int, width: int) -> Graph:
    graph = Graph()
    graph.link_nodes(
        graph.add_buffer(template=stream),
        graph.add("fps", str(round(FRAMES_PER_SECOND))),
        graph.add("scale", f"{width}:{height}:force_original_aspect_ratio=increase:flags=bicubic"),
        graph.add("crop", f"{width}:{height}"),
        graph.add("format", "yuv420p"),
        graph.add("buffersink"),
    ).configure()
    return graph


def _pulled(graph: Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return


def _pictures(video: Path | bytes, height: int, width: int) -> Iterator[Image]:
    with open_clip(VideoPart(file=video, span=Span())) as clip:
        yield from images_at_pace(clip, fps=FRAMES_PER_SECOND, height=height, width=width)


def _psnr(shown: list[Image], found: list[Image]) -> float:
    pairs = list(zip(shown, found, strict=False))[::_COMPARED_EVERY]
    error = np.mean([np.mean((one.astype(np.float32) - other) ** 2) for one, other in pairs])
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


if __name__ == "__main__":
    sys.exit(main())
