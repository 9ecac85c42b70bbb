"""How well and how fast the shot detectors find transitions, and the single-shot filter decides.

    python -m benchmarks.shots FOLDER [FOLDER ...] [--manifest CSV]

A folder holds videos and `truth.json`: per video `file`, `frames` and `single_shot`, and its transitions, in decoded
frames from 0 on: `hard_cuts` (first frame of the new shot) and `gradual` (`first_mixed_frame`, `last_mixed_frame`), or
both as `transitions`. The manifest is a CSV whose columns `video` and `single_shot` (yes or no) add decisions alone.
"""

import argparse
import csv
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from curation.annotators.protocols import ShotDetector
from curation.annotators.shots import SceneDetectShots, TransNetV2Shots
from curation.records import Frames
from curation.stages.decode import DecodeConfig
from curation.stages.single_shot import SingleShotConfig, cut_frames
from curation.video.child import Child
from curation.video.requests import Decoded, DecodeRequest, Span, VideoPart

TOLERANCE_FRAMES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """A video and its truth.

    Attributes:
        frames: what transitions are counted in; a file with several streams may have been marked on another one.
        transitions: first and last possible new frame; None where nobody marked them.
    """

    path: Path
    frames: int | None
    transitions: tuple[tuple[int, int], ...] | None
    is_single_shot: bool


@dataclass(frozen=True, slots=True)
class Count:
    """Hits, misses and false alarms."""

    hits: int = 0
    misses: int = 0
    false_alarms: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.hits + other.hits, self.misses + other.misses, self.false_alarms + other.false_alarms)

    @property
    def f1(self) -> float:
        """1 where there is nothing to find and nothing was found."""
        mistakes = self.misses + self.false_alarms
        return 1.0 if not self.hits + mistakes else 2 * self.hits / (2 * self.hits + mistakes)


class Found(NamedTuple):
    """What was found of the hard cuts, of the gradual transitions, and of both.

    A false alarm is of no kind: it counts against all three.
    """

    hard: Count = Count()
    gradual: Count = Count()
    both: Count = Count()

    def plus(self, other: "Found") -> "Found":
        """Both videos together."""
        return Found(*(one + another for one, another in zip(self, other, strict=True)))


def compare(found: list[int], transitions: tuple[tuple[int, int], ...]) -> Found:
    """Match cuts to transitions one to one. Further cuts within one gradual transition are the same transition."""
    rest = list(found)
    hits = {True: 0, False: 0}
    for first, last in transitions:
        near = [cut for cut in rest if first - TOLERANCE_FRAMES <= cut <= last + TOLERANCE_FRAMES]
        hits[last > first] += bool(near)
        same = near if last > first else near[:1]
        rest = [cut for cut in rest if cut not in same]
    gradual = sum(last > first for first, last in transitions)
    hard = len(transitions) - gradual
    return Found(
        Count(hits[False], hard - hits[False], len(rest)),
        Count(hits[True], gradual - hits[True], len(rest)),
        Count(sum(hits.values()), len(transitions) - sum(hits.values()), len(rest)),
    )


def read_truth(folder: Path) -> Iterator[Video]:
    """The videos that `truth.json` describes."""
    for entry in json.loads((folder / "truth.json").read_text(encoding="utf-8"))["videos"]:
        yield Video(
            path=folder / Path(entry["file"]).name,
            frames=entry["frames"],
            transitions=tuple(sorted(_transitions(entry))),
            is_single_shot=entry["single_shot"],
        )


def _transitions(entry: dict[str, Any]) -> Iterator[tuple[int, int]]:
    marked = entry.get("transitions", []) + entry.get("gradual", [])
    for cut in [*entry.get("hard_cuts", []), *(mark["frame"] for mark in marked if "frame" in mark)]:
        yield cut, cut
    for mark in marked:
        if "first_mixed_frame" in mark:
            yield mark["first_mixed_frame"], mark["last_mixed_frame"] + 1


def read_manifest(path: Path) -> Iterator[Video]:
    """The videos of a manifest, with decisions only."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            is_single = row["single_shot"].split()[0] == "yes"
            yield Video(path=path.parent / row["video"], frames=None, transitions=None, is_single_shot=is_single)


def look_at(videos: list[Video]) -> Iterator[tuple[Video, Frames]]:
    """Decode the videos."""
    config = DecodeConfig()
    child = Child(config.child)
    for video in videos:
        path = str(video.path.resolve())
        request = DecodeRequest(
            part=VideoPart(path=path, span=Span(), max_pixels=config.max_pixels),
            max_duration_s=config.max_duration_s,
            reference_long_side=config.reference_long_side,
        )
        decoded: Decoded = child.ask(request, where=path)
        yield video, replace(decoded.frames, content=decoded.frames.content[:0], references=())
    child.close()


def measure(detector: ShotDetector, clips: list[tuple[Video, Frames]], threshold: float) -> None:
    """Print one line per video, and totals."""
    detector.load()
    total, right, cpu_s, video_s = Found(), 0, 0.0, 0.0
    for video, frames in clips:
        start_s = time.process_time()
        probabilities = detector.cut_probabilities(frames.thumbnails)[:-1]
        cpu_s += time.process_time() - start_s
        video_s += float(frames.times_s[-1] - frames.times_s[0])
        cuts = cut_frames(probabilities, threshold)
        is_right = (not cuts) == video.is_single_shot
        right += is_right
        line = f"  {video.path.name:36} highest {probabilities.max(initial=0):.3f} {'right' if is_right else 'WRONG'}"
        if video.transitions is not None:
            per_frame = (video.frames or len(frames.times_s)) / len(frames.times_s)
            count = compare([round(cut * per_frame) for cut in cuts], video.transitions)
            total = total.plus(count)
            line += f"  F1 {count.both.f1:.3f} {count.both}"
        print(line)
    frames_count = sum(len(frames.times_s) for _, frames in clips)
    for kind, of_kind in zip(("hard cuts", "gradual transitions", "both"), total, strict=True):
        print(f"  {kind}: F1 {of_kind.f1:.3f} {of_kind}")
    print(f"  single shot or not: {right} of {len(clips)} right")
    print(f"  {cpu_s / video_s:.3f} CPU s per second of video, {frames_count / cpu_s:.0f} frames per CPU s")


def main() -> None:
    """Run both detectors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--manifest", type=Path)
    arguments = parser.parse_args()
    videos = [video for folder in arguments.folders for video in read_truth(folder)]
    videos += read_manifest(arguments.manifest) if arguments.manifest else []
    clips = list(look_at(videos))
    for detector in (TransNetV2Shots(), SceneDetectShots()):
        print(detector.describe().name)
        measure(detector, clips, SingleShotConfig().threshold)


if __name__ == "__main__":
    main()
