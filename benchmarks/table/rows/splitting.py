"""Raw footage into clips in shards: shots found, cut exactly or named as spans, published. No other annotator looks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import av

from benchmarks.cuts import cut_by_filters
from benchmarks.table.peers import peer_side
from benchmarks.table.row import Goal, Inputs, Row, Side, ours
from benchmarks.table.rows.footage import footage
from benchmarks.table.timed import Work
from curation.stages.publish import PayloadMode

_SECONDS: Final = 40.0
_CUT_HEIGHT, _CUT_WIDTH = 576, 1024  # of the largest bucket that 1280x720 fills


def decode_alone(*videos: str) -> Work:
    """Every frame, on one thread, and nothing is done with it."""

    def work() -> str:
        frames = 0
        for video in videos:
            with av.open(video) as container:
                container.streams.video[0].codec_context.thread_count = 1
                frames += sum(1 for _ in container.decode(video=0))
        return f"{frames} frames"

    return work


def encode_once(video: str, height: str, width: str) -> Work:
    """All of it through FFmpeg's filters and x264, as the cuts are coded."""
    return lambda: f"{len(cut_by_filters(Path(video), int(height), int(width))) / 1e6:.1f} MB"


def rows(inputs: Inputs) -> Iterator[Row]:
    """Exact cuts on all footage; spans on the drawn one."""
    for number, each in enumerate(footage(inputs, seconds=_SECONDS)):
        output = inputs.scratch / "{run}"
        yield Row(
            what="shots found, cut exactly, published",
            on=each.name,
            ours=_ours(each.video.parent, output, PayloadMode.EXACT),
            others=(
                _peer("scenedetect", "scenedetect_and_cut", each.video.parent, output, most=0.6),
                _peer("py-data-juicer", "data_juicer_and_cut", each.video.parent, output, most=0.6),
                Side(name="floor: decode", command=ours("splitting:decode_alone", each.video)),
                Side(
                    name="floor: one plain pass of x264",
                    command=ours("splitting:encode_once", each.video, _CUT_HEIGHT, _CUT_WIDTH),
                ),
            ),
            rounds=3 if number == 0 else 2,
        )
        if number == 0:
            yield Row(
                what="shots found, published as spans",
                on=each.name,
                ours=_ours(each.video.parent, output, PayloadMode.SPAN),
                others=(
                    _peer("scenedetect", "scenedetect_alone", each.video.parent),
                    _peer("py-data-juicer", "data_juicer_and_cut", each.video.parent, output, most=0.15),
                    Side(name="floor: decode", command=ours("splitting:decode_alone", each.video)),
                ),
                rounds=2,
            )


def _ours(folder: Path, output: Path, mode: PayloadMode) -> Side:
    return Side(name="ours", command=ours("own_splitting:split", folder, output, mode), is_whole=True)


def _peer(package: str, where: str, *arguments: object, most: float | None = None) -> Side:
    """The operator's work alone: 13 CPU-s of its start are imports of the program around it."""
    goal = None if most is None else Goal(most=most)
    return peer_side(package, where, *arguments, goal=goal, is_whole=package == "scenedetect")
