"""How well and how fast the shot detectors find transitions, and the single-shot filter decides.

    python -m benchmarks.shots [FOLDER ...] [--manifest CSV] [--forms]

Without a folder, footage that the project draws itself is measured. A folder holds videos and `truth.json`: per video
`file`, `frames` and `single_shot`, and its transitions, in decoded frames from 0 on: `hard_cuts` (first frame of the
new shot) and `gradual` (`first_mixed_frame`, `last_mixed_frame`), or both as `transitions`. The manifest is a CSV whose
columns `video` and `single_shot` (yes or no) add decisions alone. `--forms` prints what each measure gains that makes
TransNetV2 faster than its package, and what it changes.
"""

import argparse
import csv
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch

from benchmarks.figures import Figure
from benchmarks.generated_cuts import make_videos
from benchmarks.shot_forms import figures_of_forms, show_forms
from curation.annotators.protocols import ShotDetector
from curation.annotators.shots.detectors import (
    SceneDetectShots,
    TransNetV2Shots,
)
from curation.records import Frames
from curation.records import Video as Thumbnails
from curation.stages.decode import DecodeConfig
from curation.stages.single_shot import SingleShotConfig, cut_frames
from curation.video.child import Child
from curation.video.requests import Decoded, DecodeRequest
from storage.text_files import open_text, read_text
from video_reading.part import Span, VideoPart

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarkedClip:
    """What a detector sees of a video, and the truth.

    Attributes:
        marked_per_frame: frames that transitions are counted in, per frame of these.
    """

    name: str
    thumbnails: Thumbnails
    seconds: float
    marked_per_frame: float
    transitions: tuple[tuple[int, int], ...] | None
    is_single_shot: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """What a detector made of a clip."""

    clip: MarkedClip
    cuts: list[int]
    highest: float
    found: Found
    is_right: bool
    cpu_s: float


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
    for entry in json.loads(read_text(folder / "truth.json"))["videos"]:
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
    with open_text(path) as file:
        for row in csv.DictReader(file):
            is_single = row["single_shot"].split()[0] == "yes"
            yield Video(path=path.parent / row["video"], frames=None, transitions=None, is_single_shot=is_single)


def look_at(videos: list[Video]) -> Iterator[tuple[Video, Frames]]:
    """Decode the videos."""
    config = DecodeConfig()
    child = Child(config.child)
    for video in videos:
        path = video.path.resolve()
        request = DecodeRequest(
            part=VideoPart(file=path, span=Span(), max_pixels=config.max_pixels),
            max_duration_s=config.max_duration_s,
            reference_long_side=config.reference_long_side,
        )
        decoded: Decoded = child.ask(request, where=str(path))
        yield video, replace(decoded.frames, content=decoded.frames.content[:0], reference_frames=())
    child.close()


def clips_of(videos: list[Video]) -> Iterator[MarkedClip]:
    """Decode the videos, to thumbnails."""
    for video, frames in look_at(videos):
        per_frame = (video.frames or len(frames.times_s)) / len(frames.times_s)
        yield MarkedClip(
            name=video.path.name,
            thumbnails=frames.thumbnails,
            seconds=float(frames.times_s[-1] - frames.times_s[0]),
            marked_per_frame=per_frame,
            transitions=video.transitions,
            is_single_shot=video.is_single_shot,
        )


def generated_clips(seed: int, of_each: int) -> list[MarkedClip]:
    """Footage that the project draws itself."""
    return [
        MarkedClip(
            name=made.kind,
            thumbnails=made.thumbnails,
            seconds=len(made.thumbnails) / 25,
            marked_per_frame=1.0,
            transitions=made.transitions,
            is_single_shot=not made.transitions,
        )
        for made in make_videos(seed, of_each)
    ]


def judge(detector: ShotDetector, clips: Sequence[MarkedClip], threshold: float) -> list[Judged]:
    """What a loaded detector makes of every clip."""
    judged = []
    for clip in clips:
        start_s = time.process_time()
        probabilities = detector.cut_probabilities(clip.thumbnails)[:-1]
        cpu_s = time.process_time() - start_s
        cuts = cut_frames(probabilities, threshold)
        marked = [round(cut * clip.marked_per_frame) for cut in cuts]
        judged.append(
            Judged(
                clip=clip,
                cuts=cuts,
                highest=float(probabilities.max(initial=0.0)),
                found=Found() if clip.transitions is None else compare(marked, clip.transitions),
                is_right=(not cuts) == clip.is_single_shot,
                cpu_s=cpu_s,
            )
        )
    return judged


def show(judged: Sequence[Judged]) -> None:
    """Print one line per video, and totals."""
    for one in judged:
        line = f"  {one.clip.name:36} highest {one.highest:.3f} {'right' if one.is_right else 'WRONG'}"
        if one.clip.transitions is not None:
            line += f"  F1 {one.found.both.f1:.3f} {one.found.both}"
        print(line)
    for kind, of_kind in zip(("hard cuts", "gradual transitions", "both"), total(judged), strict=True):
        print(f"  {kind}: F1 {of_kind.f1:.3f} {of_kind}")
    print(f"  single shot or not: {sum(one.is_right for one in judged)} of {len(judged)} right")
    cpu_s = sum(one.cpu_s for one in judged)
    frames = sum(len(one.clip.thumbnails) for one in judged)
    seconds = sum(one.clip.seconds for one in judged)
    print(f"  {cpu_s / seconds:.3f} CPU s per second of video, {frames / cpu_s:.0f} frames per CPU s")


def total(judged: Sequence[Judged]) -> Found:
    """Of all clips together."""
    return reduce(Found.plus, (one.found for one in judged), Found())


def figures(media: Path | None) -> list[Figure]:
    """How right and how fast TransNetV2 is; on generated footage, where a lamp counts as no cut, without goals."""
    if media is None:
        marked = generated_clips(seed=0, of_each=3)
        others: list[MarkedClip] = []
    else:
        marked = list(clips_of([video for name in ("made", "natural") for video in read_truth(media / "shots" / name)]))
        others = list(clips_of(list(read_manifest(media / "clips" / "manifest.csv"))))
    threshold = SingleShotConfig().threshold
    detector = TransNetV2Shots()
    detector.load()
    judged = judge(detector, [*marked, *others], threshold)
    hard, gradual, both = total(judged)
    negatives = [one for one in judged if one.clip.is_single_shot]
    right = sum(one.is_right for one in judged)
    figure = partial(Figure, job="shots")

    def goal(value: float) -> float | None:
        return None if media is None else value

    is_right = right / len(judged)
    return [
        figure(name="hard cuts, F1", value=hard.f1, of=f"{hard.hits + hard.misses} cuts", goal=goal(0.97)),
        figure(name="gradual, F1", value=gradual.f1, of=f"{gradual.hits + gradual.misses} changes", goal=goal(0.8)),
        figure(name="false cuts", value=both.false_alarms, of=f"{len(marked)} marked videos"),
        figure(
            name="single shots with a cut", value=sum(bool(one.cuts) for one in negatives),
            of=f"{len(negatives)} single shots", goal=goal(0), at_most=True,
        ),
        figure(name="single shot or not, right", value=is_right, of=f"{len(judged)} videos", goal=goal(0.95)),
        *figures_of_forms([clip.thumbnails for clip in marked if not clip.is_single_shot], threshold),
    ]  # fmt: skip


def main() -> None:
    """Run both detectors, or the forms of one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--manifest", type=Path)
    parser.add_argument("--forms", action="store_true", help="what each measure that makes TransNetV2 faster gains")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    videos = [video for folder in arguments.folders for video in read_truth(folder)]
    videos += read_manifest(arguments.manifest) if arguments.manifest else []
    clips = list(clips_of(videos)) if videos else generated_clips(seed=0, of_each=3)
    threshold = SingleShotConfig().threshold
    if arguments.forms:
        show_forms([clip.thumbnails for clip in clips], threshold)
        return
    detectors: list[ShotDetector] = [TransNetV2Shots(), SceneDetectShots()]
    for detector in detectors:
        print(detector.describe().name)
        detector.load()
        show(judge(detector, clips, threshold))


if __name__ == "__main__":
    main()
