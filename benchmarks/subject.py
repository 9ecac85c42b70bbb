"""Whether the clips of one subject are found by pictures of it, among others of its kind, in worlds where all is known.

    python -m benchmarks.subject [--seeds 1 2 3] [--clips 40] [--folder DIR] [--calibrate]

A world has some textures for each of its animals, so that the same cat comes again among other cats. It is curated as
videos are, but for backgrounds, shots and content: nothing here depends on them, and they cost most. Then each of its
subjects in turn is searched for by five drawings of it: other poses, other sizes, turned either way, and never through
a video's compression. The limit of the likeness was chosen on the worlds of `CALIBRATION_SEEDS`; figures are those of
others.
"""

import argparse
import json
import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.figures import Figure
from curation.annotators.faces import BlazeFaceConfig
from curation.annotators.likeness.histogram import HistogramEncoder
from curation.annotators.moving_object.locator import MovingObjectConfig
from curation.masks import mask_box
from curation.one_subject.finding import Looks, find_subject
from curation.one_subject.rules import SubjectConfig
from curation.one_subject.search import Search
from curation.profiles import CurationConfig, EmbeddedAnnotators, build_stages
from curation.records import Clip, Cutout
from curation.scripting import curate
from curation.stage import Resources, Stage
from curation.stages.background import BackgroundPicture
from curation.stages.content_filter import ContentFilter
from curation.stages.single_shot import SingleShotFilter
from dataset_schema import Annotator, Sample, read_shard, shard_paths
from pipelines.subject_dataset import middle_frame
from worlds.sprites import (
    ANIMALS,
    SHAPES,
    SpriteWorldConfig,
    Texture,
    draw_sprite,
    look,
    make_world,
    paint_texture,
    read_truth,
)

JOB: Final = "subject"
CALIBRATION_SEEDS: Final = (101, 201)
LEAST_PRECISION: Final = 0.95
LEAST_RECALL: Final = 0.9

# One animal moves, all else stands still: what the locator of the embedded profile can tell apart in drawings.
_WORLD: Final = SpriteWorldConfig(frames=25, max_subjects=2, max_moving=1, undesirable_share=0.0, looks=4)
_HALF: Final = 127  # of full cover
_STRANGERS_THAT_PASS: Final = 0.001
_CURATION: Final = CurationConfig(annotators=EmbeddedAnnotators(masks=MovingObjectConfig()), buckets=("9x64x112",))
# Phase of its cycle, side of the drawing in pixels, and whether it looks to the left.
_DRAWINGS: Final = ((0.0, 128, False), (0.2, 160, True), (0.4, 128, False), (0.6, 200, True), (0.8, 160, False))


class Target(NamedTuple):
    """A subject to look for: its shape and what it wears."""

    word: str
    texture: Texture


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Clips of all targets of a world.

    Attributes:
        right: found, and it is there; `wrong` found, and it is not.
        missed: kept by curation and not found; `lost` left out by curation.
    """

    right: int = 0
    wrong: int = 0
    missed: int = 0
    lost: int = 0

    def __add__(self, other: "Counted") -> "Counted":
        return Counted(**{name: getattr(self, name) + getattr(other, name) for name in asdict(self)})


def main() -> None:
    """Print a line per figure; the exit status tells nothing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], help="of the worlds")
    parser.add_argument("--clips", type=int, default=40, help="in each")
    parser.add_argument("--folder", type=Path, help="keep the worlds there, and go on with those that are there")
    parser.add_argument("--calibrate", action="store_true", help="print the limit instead, from these worlds")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as scratch:
        if given.calibrate:
            print(calibration(given.folder or Path(scratch), CALIBRATION_SEEDS, given.clips))
            return
        for figure in figures(given.folder or Path(scratch), given.seeds, given.clips):
            goal = "" if figure.goal is None else f"   goal {figure.goal:g}{'' if figure.is_met else ' MISSED'}"
            print(f"{figure.name:46} {figure.value:.3f} of {figure.of}{goal}")


def figures(folder: Path, seeds: Sequence[int], clips: int) -> list[Figure]:
    """Precision and recall over all targets of some worlds, with and without a word for what is looked for."""
    by_word, by_looks = Counted(), Counted()
    for seed in seeds:
        world = replace(_WORLD, seed=seed, clips=clips)
        videos, dataset = folder / f"w{seed}", curated_world(folder, world)
        samples = [sample for path in shard_paths(dataset, Sample) for sample in read_shard(path, Sample)]
        for target in targets(world):
            by_word += hold_against_truth(samples, videos, target, word=target.word)
            by_looks += hold_against_truth(samples, videos, target, word="")
    return [*figures_of("its word given", by_word), *figures_of("any animal", by_looks)]


def calibration(folder: Path, seeds: Sequence[int], clips: int) -> str:
    """The likeness that one stranger in a thousand reaches, and how many of the subject's own clips do."""
    strangers, own = list[float](), list[float]()
    for seed in seeds:
        world = replace(_WORLD, seed=seed, clips=clips)
        videos, dataset = folder / f"w{seed}", curated_world(folder, world)
        for sample in (sample for path in shard_paths(dataset, Sample) for sample in read_shard(path, Sample)):
            for target in targets(world):
                looks = Looks(_REMEMBERING.encode(drawings(target)), _REMEMBERING)
                likeness = find_subject(sample, looks).likeness
                if likeness is not None:
                    (own if shows(videos, _number(sample.source.uri), target) else strangers).append(likeness)
    limit = float(np.quantile(strangers, 1 - _STRANGERS_THAT_PASS))
    found = float(np.mean(np.array(own) >= limit))
    return (
        f"limit {limit:.3f}: {_STRANGERS_THAT_PASS:g} of {len(strangers)} strangers, {found:.3f} of {len(own)} its own"
    )


def curated_world(folder: Path, world: SpriteWorldConfig) -> Path:
    """The dataset of a world, which is drawn where it is not there."""
    videos, dataset = folder / f"w{world.seed}", folder / f"d{world.seed}"
    if not (videos / "manifest.csv").exists():
        make_world(videos, world)
    stages = [
        _NoBackground() if isinstance(stage, BackgroundPicture) else stage
        for stage in build_stages(_CURATION)
        if not isinstance(stage, SingleShotFilter | ContentFilter)
    ]
    curate(videos / "manifest.csv", stages, dataset)
    return dataset


def targets(world: SpriteWorldConfig) -> Iterator[Target]:
    """Every look of every animal."""
    return (Target(word, look(world, word, number)) for word in ANIMALS for number in range(world.looks))


def drawings(target: Target) -> list[Cutout]:
    """Five pictures of it, cut out."""
    return [_drawing(target, phase, side, is_turned=is_turned) for phase, side, is_turned in _DRAWINGS]


def hold_against_truth(samples: Sequence[Sample], videos: Path, target: Target, *, word: str) -> Counted:
    """Search the clips of a world for one subject, and count what is right."""
    looks = Looks(_REMEMBERING.encode(drawings(target)), _REMEMBERING, word=word)
    search = Search(
        looks, SubjectConfig(min_frame_difference=0.0), HistogramEncoder.same_subject, BlazeFaceConfig().build()
    )
    for sample in samples:
        finding = search.find(sample)
        if finding is not None:
            search.add(sample, finding, middle_frame(sample))
    found = {_number(shown.finding.uri) for shown in search.decide().kept.values()}
    kept = {_number(sample.source.uri) for sample in samples}
    all_clips = {_number(truth) for truth in (videos / "truth").glob("*.json")}
    true = {number for number in all_clips if shows(videos, number, target)}
    return Counted(
        right=len(found & true), wrong=len(found - true), missed=len(true & kept - found), lost=len(true - kept)
    )


def interval(part: int, whole: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, clips taken as independent."""
    if not whole:
        return 0.0, 1.0
    z, share = 1.96, part / whole
    middle = (share + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z / (1 + z * z / whole) * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole))
    return middle - half, middle + half


def figures_of(how: str, counted: Counted) -> list[Figure]:
    """The shares that counts come to, each with its interval."""
    found, kept = counted.right + counted.wrong, counted.right + counted.missed
    shares = (
        ("precision", found, LEAST_PRECISION),
        ("recall of the clips that curation kept", kept, LEAST_RECALL),
        ("recall of all clips", kept + counted.lost, None),
    )
    return [
        Figure(
            job=JOB,
            name=f"{name}, {how}",
            value=counted.right / max(1, whole),
            of="{} clips, 95 %: {:.3f} to {:.3f}".format(whole, *interval(counted.right, whole)),
            goal=goal,
        )
        for name, whole, goal in shares
    ]


class _NoBackground(Stage):
    """In the place of the stage that paints backgrounds: it rejects no clip, and nothing here looks at them."""

    name: ClassVar[str] = "background"
    adds: ClassVar[frozenset[str]] = frozenset({"background"})

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        """The clips as they are."""
        return list(clips)


class _Remembering:
    """The embedded encoder, which remembers what it saw: every target is held against the same pictures."""

    def __init__(self) -> None:
        self._encoder = HistogramEncoder()
        self._known: dict[bytes, npt.NDArray[np.float64]] = {}

    def describe(self) -> Annotator:
        return self._encoder.describe()

    @property
    def resources(self) -> Resources:
        return self._encoder.resources

    def load(self) -> None:
        return

    def encode(self, cutouts: Sequence[Cutout]) -> npt.NDArray[np.float64]:
        """One vector for each."""
        return np.stack([self._vector(cutout) for cutout in cutouts])

    def _vector(self, cutout: Cutout) -> npt.NDArray[np.float64]:
        seen = sha256(repr(cutout.shape).encode() + cutout.tobytes()).digest()
        if seen not in self._known:
            self._known[seen] = self._encoder.encode([cutout])[0]
        return self._known[seen]


def _drawing(target: Target, phase: float, side: int, *, is_turned: bool) -> Cutout:
    """The sprite with the colors that it has by itself, cut to its outline."""
    drawn = draw_sprite(SHAPES[target.word], paint_texture(target.texture, side), phase=phase).astype(np.float32)
    opaque = drawn[..., 3] > _HALF
    x0, y0, x1, y1 = mask_box(opaque)
    colors = np.clip(drawn[..., :3] * 255 / np.maximum(drawn[..., 3:], 1), 0, 255)
    cutout = np.dstack([colors, np.where(opaque, 255, 0)]).astype(np.uint8)[y0:y1, x0:x1]
    return np.ascontiguousarray(cutout[:, ::-1] if is_turned else cutout)


_truth = cache(read_truth)  # every target asks for it
_REMEMBERING: Final = _Remembering()


def _number(uri: Path | str) -> str:
    """Of a clip in its world, as its files are named."""
    return Path(uri).stem


def shows(videos: Path, number: str, target: Target) -> bool:
    """Whether a clip of a world shows a subject, by its truth."""
    worn = json.loads(json.dumps(asdict(target.texture)))
    truth = _truth(videos / "truth" / f"{number}.json")
    return any(subject.word == target.word and subject.texture == worn for subject in truth.subjects)


if __name__ == "__main__":
    main()
