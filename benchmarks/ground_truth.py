"""Everything but the networks: annotators that know the truth, the real stages, and what comes out of the shards.

    python -m benchmarks.ground_truth MASKS_MANIFEST [--captions CAPTIONS_MANIFEST]

The first CSV has the columns `sequence`, `video`, `masks_dir` (one PNG per frame; 0 is background, other values are
objects), `entity_words` and `roles` (both separated by |, in the order of the objects' values) and `caption`. The
second has `video`, `caption`, `subject_words`, `object_words` and `background_words`. Every clip must come back with
exactly its words, and every reference image with exactly its mask and its box, or be rejected for a rule of A.2.
"""

import argparse
import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image as Picture

from curation.annotators.leaks.checks import ColorLeak, ColorLeakConfig
from curation.annotators.likeness.histogram import HistogramEncoder
from curation.annotators.protocols import CONTENT_CLASSES, FaceBox, Hole, Scene
from curation.entity_words import check_answer
from curation.execution.local import LocalExecutor
from curation.execution.run import CurationRun, run_curation
from curation.records import Clip, Image, LocatedEntity, Mask, Video
from curation.stage import Resources, Stage
from curation.stages.background import BackgroundConfig, BackgroundPicture
from curation.stages.content_filter import ContentFilter, ContentFilterConfig
from curation.stages.decode import Decode, DecodeConfig
from curation.stages.entity_masks import EntityMasks, EntityMasksConfig
from curation.stages.entity_words import EntityWords, EntityWordsConfig
from curation.stages.publish import Publish, PublishConfig
from curation.stages.reference_images import ReferenceImages, ReferenceImagesConfig
from curation.stages.single_shot import SingleShotConfig, SingleShotFilter
from dataset_schema import Annotator, Bucket, EntityKind, RejectedClip, Sample, Source, read_shard, shard_paths
from storage.text_files import open_text

# No threshold drops a picture: what is tested is that the right pixels arrive.
EVERYTHING = ReferenceImagesConfig(
    min_area=0.0,
    max_area=1.0,
    min_short_side=1,
    min_largest_fragment=0.0,
    min_fill=0.0,
    max_border_contact=1.0,
    max_overlap=1.0,
    min_sharpness=0.0,
    min_agreement=0.0,
    same_mask_iou=1.0,
)
BUCKETS = (Bucket(17, 80, 144), Bucket(17, 144, 256))

MaskOf = Callable[[int, int], Mask]  # index of the word, index of the frame


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueClip:
    """A clip of which everything is known.

    Attributes:
        words: in the order of `mask_of`.
    """

    name: str
    video: Path
    caption: str
    words: Sequence[tuple[str, EntityKind]]
    mask_of: MaskOf


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came out of the shards.

    Attributes:
        rejected: reason codes; empty for a clip that was kept.
        words_are_exact: the same words of the same kinds, nothing more and nothing less.
        references: reference images that came out.
        expected: frames in which a word's mask has a pixel.
        exact: references whose alpha and box are the true mask's, bit for bit.
    """

    rejected: tuple[str, ...] = ()
    words_are_exact: bool = False
    references: int = 0
    expected: int = 0
    exact: int = 0


def curate_truth(clip: TrueClip, output: Path) -> Outcome:
    """Run the whole pipeline on one clip, and compare what is in the dataset with the truth."""
    annotator = _Knowing(clip)
    source = Source(id="0123456789abcdef", uri=str(clip.video))
    run = CurationRun(stages=_stages(annotator), output=output, profile="truth", config={})
    record = Clip(clip_id=source.id, source=source, caption=clip.caption)
    run_curation([record], run, executor=LocalExecutor())
    for path in shard_paths(output, Sample):
        for sample in read_shard(path, Sample):
            return _compare(clip, annotator, sample)
    rejections = [row for path in shard_paths(output, RejectedClip) for row in read_shard(path, RejectedClip)]
    if not rejections:
        raise RuntimeError(f"clip {clip.name} failed; look at {output}/failures")
    return Outcome(rejected=tuple(reason.reason for reason in rejections[0].reasons))


class _Knowing:
    """All annotators in one, for one clip."""

    reads_words: ClassVar[bool] = True

    def __init__(self, clip: TrueClip) -> None:
        self._clip = clip
        self.frames: dict[int, Image] = {}

    def describe(self) -> Annotator:
        """There are no weights."""
        return Annotator(job="truth", name="truth", revision="1")

    @property
    def resources(self) -> Resources:
        """Next to nothing."""
        return Resources()

    def load(self) -> None:
        """Nothing to load."""

    def extract(self, captions: Sequence[str]) -> list[str]:
        """Figure 7's answer."""
        return [truthful_answer(self._clip.words) for _ in captions]

    def cut_probabilities(self, thumbnails: Video) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """One shot."""
        return np.zeros(len(thumbnails))

    @property
    def own_threshold(self) -> float:
        """Any will do."""
        return 0.5

    def classify(self, videos: Video) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """Desirable."""
        return np.tile(np.eye(len(CONTENT_CLASSES))[0], (len(videos), 1))

    def locate(self, scenes: Sequence[Scene]) -> list[list[LocatedEntity]]:
        """The true masks."""
        return [list(self._located(scene)) for scene in scenes]

    def _located(self, scene: Scene) -> Iterator[LocatedEntity]:
        names = [word for word, _ in self._clip.words]
        for place, frame in enumerate(scene.frames):
            self.frames[frame.index] = frame.image
            for index, word in enumerate(scene.words):
                mask = self._clip.mask_of(names.index(word.word), frame.index)
                if word.kind is not EntityKind.BACKGROUND and mask.any():
                    yield LocatedEntity(
                        word_index=index, reference_index=place, mask=mask, detection_score=1.0, mask_score=1.0
                    )

    def detect(self, image: Image) -> list[FaceBox]:  # noqa: ARG002 - the protocol's name
        """No faces: their crops are no masks of the truth."""
        return []

    def inpaint(self, holes: Sequence[Hole]) -> list[Image]:
        """Left as it is."""
        return [hole.image for hole in holes]


def truthful_answer(words: Sequence[tuple[str, EntityKind]]) -> str:
    """The answer of Figure 7 that names these words."""
    return json.dumps({kind.value: [word for word, k in words if k is kind] for kind in EntityKind})


def _stages(truth: _Knowing) -> list[Stage]:
    return [
        EntityWords(EntityWordsConfig(), truth),
        Decode(DecodeConfig(), BUCKETS),
        SingleShotFilter(SingleShotConfig(), truth),
        ContentFilter(ContentFilterConfig(), truth),
        EntityMasks(EntityMasksConfig(), truth),
        ReferenceImages(EVERYTHING, truth, HistogramEncoder()),
        BackgroundPicture(BackgroundConfig(), truth, ColorLeak(ColorLeakConfig())),
        Publish(PublishConfig(), BUCKETS),
    ]


def _compare(clip: TrueClip, truth: _Knowing, sample: Sample) -> Outcome:
    names = [word for word, _ in clip.words]
    found = {(entity.word, entity.kind) for entity in sample.entities}
    references = [(names.index(e.word), reference) for e in sample.entities for reference in e.references]
    exact = 0
    for index, reference in references:
        if reference.frame_index is None or reference.box is None:
            raise ValueError(f"clip {sample.clip_id} has a picture that was not cut out of it; curate it")
        mask = clip.mask_of(index, reference.frame_index)
        rows, columns = np.nonzero(mask)
        box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        found_box = (reference.box.x0, reference.box.y0, reference.box.x1, reference.box.y1)
        picture = np.asarray(Picture.open(io.BytesIO(reference.image.bytes or b"")))
        inside = mask[box[1] : box[3], box[0] : box[2]]
        frame = truth.frames[reference.frame_index][box[1] : box[3], box[0] : box[2]]
        exact += (
            found_box == box
            and np.array_equal(picture[..., 3] == 255, inside)
            and np.array_equal(picture[..., :3][inside], frame[inside])
        )
    located = [word for word in clip.words if word[1] is not EntityKind.BACKGROUND]
    expected = sum(clip.mask_of(names.index(word), index).any() for word, _ in located for index in truth.frames)
    return Outcome(
        words_are_exact=found == set(clip.words),
        references=len(references),
        expected=int(expected),
        exact=exact,
    )


def read_masks_manifest(manifest: Path) -> Iterator[TrueClip]:
    """The clips of a manifest with masks."""
    with open_text(manifest) as file:
        for row in csv.DictReader(file):
            words = tuple(zip(row["entity_words"].split("|"), map(EntityKind, row["roles"].split("|")), strict=True))
            masks = sorted(_find(manifest, row["masks_dir"]).glob("*.png"))
            yield TrueClip(
                name=row["sequence"],
                video=_find(manifest, row["video"].split(" (")[0]),
                caption=row["caption"],
                words=words,
                mask_of=_mask_reader(masks, several=len(words) > 1),
            )


def _mask_reader(paths: Sequence[Path], *, several: bool) -> MaskOf:
    def mask_of(word: int, frame: int) -> Mask:
        values = np.asarray(Picture.open(paths[frame]))
        mask: Mask = values == word + 1 if several else values > 0
        return mask

    return mask_of


def _find(manifest: Path, name: str) -> Path:
    return next(path for path in (manifest.parent / name, manifest.parent.parent / name) if path.exists())


def _read_captions(manifest: Path) -> Iterator[tuple[str, str, list[tuple[str, EntityKind]]]]:
    with open_text(manifest) as file:
        for row in csv.DictReader(file):
            words = [
                (word, kind) for kind in EntityKind for word in row[f"{kind.value}_words"].split("|") if word.strip()
            ]
            yield row["video"], row["caption"], words


def main() -> None:
    """Print a row per clip and the totals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--captions", type=Path)
    arguments = parser.parse_args()
    kept = []
    for number, clip in enumerate(read_masks_manifest(arguments.manifest)):
        with tempfile.TemporaryDirectory() as folder:
            outcome = curate_truth(clip, Path(folder) / str(number))
        kept += [outcome] if not outcome.rejected else []
        words = "words exact" if outcome.words_are_exact else "WORDS DIFFER"
        print(
            f"{clip.name:20} rejected: {', '.join(outcome.rejected)}"
            if outcome.rejected
            else f"{clip.name:20} {words}, {outcome.exact} of {outcome.expected} references exact",
            flush=True,
        )
    print(
        f"{len(kept)} clips kept: words exact in {sum(o.words_are_exact for o in kept)}; references expected "
        f"{sum(o.expected for o in kept)}, found {sum(o.references for o in kept)}, exact {sum(o.exact for o in kept)}"
    )
    if arguments.captions:
        _print_captions(arguments.captions)


def _print_captions(manifest: Path) -> None:
    exact = 0
    for video, caption, words in _read_captions(manifest):
        checked = check_answer(caption, truthful_answer(words))
        if checked.violations:
            print(f"{video:34} rejected: {', '.join(v.rule.value for v in checked.violations)}")
            continue
        found = {(word.word, word.kind) for word in checked.words}
        if found == set(words):
            exact += 1
        else:
            print(f"{video:34} differs by {sorted((w, k.value) for w, k in found ^ set(words))}")
    print(f"captions whose words come back exactly: {exact}")


if __name__ == "__main__":
    main()
