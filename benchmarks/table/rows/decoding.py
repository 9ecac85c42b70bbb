"""Decoding: all that curation wants to see of a video, against decoders that give every frame as a thumbnail."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.table.peers import VENV, link_ffmpeg_libraries, peer_side
from benchmarks.table.row import Goal, Inputs, Row, Side, ours
from benchmarks.table.rows.footage import footage
from benchmarks.table.timed import Work
from curation.stages.decode import DecodeConfig
from curation.video.decoding import decode
from curation.video.requests import DecodeRequest
from curation.video.sampling import THUMBNAIL_HEIGHT, THUMBNAIL_WIDTH
from video_reading.part import Span, VideoPart

_SECONDS: Final = 20.0
_OF_RAW: Final = 0.9


def look(video: str) -> Work:
    """Thumbnails, sixteen frames, and three of full size."""
    part = VideoPart(file=Path(video), span=Span())
    config = DecodeConfig()
    most_s, long_side = config.max_duration_s, config.reference_long_side
    request = DecodeRequest(part=part, max_duration_s=most_s, reference_long_side=long_side)

    def work() -> str:
        frames = decode(request).frames
        return f"{len(frames.thumbnails)} frames, {len(frames.content)} of 224, {len(frames.reference_frames)} whole"

    return work


def rows(inputs: Inputs) -> Iterator[Row]:
    """One for each footage."""
    if VENV.is_dir():
        link_ffmpeg_libraries()
    for each in footage(inputs, seconds=_SECONDS):
        arguments = (each.video, THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT)
        yield Row(
            what="frames for curation (peers: thumbnails alone)",
            on=each.name,
            ours=Side(name="ours", command=ours("decoding:look", each.video)),
            others=(
                Side(
                    name="floor: PyAV, all frames",
                    command=ours("splitting:decode_alone", each.video),
                    goal=Goal(most=round(1 / _OF_RAW, 2)),
                ),
                peer_side("decord", "decord_thumbnails", *arguments),
                peer_side("torchcodec", "torchcodec_thumbnails", *arguments),
            ),
        )
