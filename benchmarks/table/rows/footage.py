"""Inputs of several rows: footage of 1280x720 in shots, drawn by the project, and of real clips where there are any."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.splitting import write_long_video
from benchmarks.table.row import Inputs
from dataset_schema import FRAMES_PER_SECOND

SIZE: Final = (720, 1280)


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """One video, alone in its folder."""

    video: Path
    name: str


def footage(inputs: Inputs, *, seconds: float) -> Iterator[Footage]:
    """Drawn; and pieces of real clips, scaled to the same size and joined."""
    seconds *= inputs.scale
    yield _write(inputs.scratch / "drawn", [], "drawn", seconds)
    if inputs.media is not None:
        folders = [inputs.media / "shots" / "natural", inputs.media / "shots" / "made"]
        yield _write(inputs.scratch / "real", folders, "pieces of real clips", seconds)


def _write(folder: Path, sources: list[Path], name: str, seconds: float) -> Footage:
    folder.mkdir(parents=True)
    video = folder / "footage.mp4"
    shots = write_long_video(video, sources, seconds=seconds, size=SIZE)
    told = f"{shots[-1].end / FRAMES_PER_SECOND:.0f} s of {SIZE[1]}x{SIZE[0]} in {len(shots)} shots, {name}"
    return Footage(video=video, name=told)
