"""Whether reference images and backgrounds are fit to train on: leaks that are known, faces that were counted.

    python -m benchmarks.references [MEDIA]

MEDIA has masks/ (sequences with one PNG per frame, 0 for background) and clips/ (a manifest with categories and words).
Without it, the sequences are drawn by `worlds.sprites`.
"""

import argparse
import csv
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from PIL import Image as Picture

from benchmarks.figures import Figure
from benchmarks.known_masks import placed
from curation.annotators.faces import BlazeFaceConfig, BlazeFaceDetector
from curation.annotators.likeness.histogram import HistogramEncoder
from curation.annotators.protocols import FaceDetector
from curation.decisions import decide_stage
from curation.profiles import EmbeddedAnnotators
from curation.records import Clip, EntityWord, LocatedEntity, Mask, ReferenceFrame
from curation.stage import Stage
from curation.stages.background import BackgroundConfig, BackgroundPicture, grow_to_hole
from curation.stages.decode import Decode, DecodeConfig
from curation.stages.entity_masks import EntityMasks, EntityMasksConfig
from curation.stages.reference_images import ReferenceImages, ReferenceImagesConfig
from dataset_schema import EntityKind, Source
from storage.text_files import open_text
from worlds.sprites import SpriteWorldConfig, plan_clip, render_shot, write_video

JOB: Final = "references"

# A background leaks if more of the subject than this is neither painted over nor hidden, and is clean below the second;
# what lies between counts as neither.
LEAKS: Final = 0.05
CLEAN: Final = 0.01

# Faces of people in the frames at 5, 50 and 95 % of a clip, counted by eye: at least 15 pixels wide, in profile too,
# not from behind and not blurred out. The clips that are not named show none.
COUNTED_FACES: Final[Mapping[str, tuple[int, int, int]]] = {
    "c01_dog_and_woman_outdoors": (1, 1, 1),
    "c13_red_convertible": (1, 0, 0),
    "c15_man_dog_snow": (1, 1, 0),
    "c17_chef_kitchen": (1, 1, 1),
    "c23_woman_eating": (1, 1, 1),
    "c25_two_men_jacket": (2, 2, 2),
    "c27_sleeping_baby": (1, 1, 1),
    "c42_football_webcam_overlay": (1, 1, 1),
    "c44_helicopter_game_webcam": (1, 1, 1),
    "c45_presenter_with_inset": (1, 1, 1),
    "c47_man_with_cutout_overlay": (2, 2, 2),
    "c49_women_talk_popup_images": (2, 2, 2),
}
# Faces that their publisher blurred, and one of a statue: found or not, they are neither right nor wrong.
NOT_COUNTED: Final = frozenset({"c05_children_on_bed", "c40_poster_zoom_b"})

_WORLD: Final = SpriteWorldConfig(seed=5, height=288, width=512, max_subjects=1, undesirable_share=0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownSequence:
    """A clip whose subject is known to the pixel in its reference frames."""

    clip: Clip
    truths: tuple[Mask, ...]


def main() -> None:
    """Print a line per figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("media", nargs="?", type=Path)
    cv2.setNumThreads(1)
    for figure in figures(parser.parse_args().media):
        print(f"{figure.name:60} {figure.value:.3f} of {figure.of}")


def figures(media: Path | None) -> list[Figure]:
    """Known leaks and published backgrounds; with real clips also faces, and what becomes of the good ones."""
    with tempfile.TemporaryDirectory() as scratch:
        sequences = list(read_sequences(media / "masks") if media else draw_sequences(Path(scratch), count=6))
    found = leak_figures(sequences) + published_figures(sequences)
    return found if media is None else found + clip_figures(media / "clips")


def leak_figures(sequences: Sequence[KnownSequence]) -> list[Figure]:
    """Whether the leak check tells masks that are wrong on purpose from true ones."""
    stage = _background_stage()
    stage.setup()
    leaky: list[bool] = []
    clean: list[bool] = []
    for sequence in sequences:
        for masks in zip(*(_wrong_masks(truth) for truth in sequence.truths), strict=True):
            (scored,) = stage.score([_with_masks(sequence.clip, masks)])
            scored, _ = decide_stage(stage, scored)
            left = _left(sequence, masks)
            if scored.scores.background_leak is not None and not CLEAN <= left <= LEAKS:
                (leaky if left > LEAKS else clean).append(scored.background is None)
    return [
        Figure(
            job=JOB, name="leaks made on purpose that are found", value=_mean(leaky), of=f"{len(leaky)} backgrounds"
        ),
        Figure(
            job=JOB,
            name="clean backgrounds that are refused",
            value=_mean(clean),
            of=f"{len(clean)} backgrounds",
            at_most=True,
        ),
    ]


def published_figures(sequences: Sequence[KnownSequence]) -> list[Figure]:
    """What of the true subject is left in the backgrounds that the embedded profile publishes."""
    stage, masks_stage = _background_stage(), _masks_stage()
    stage.setup()
    masks_stage.setup()
    lefts = []
    for sequence in sequences:
        (clip,) = stage.score(masks_stage.score([sequence.clip]))
        clip, _ = decide_stage(stage, clip)
        if clip.background is not None and clip.located is not None:
            lefts.append(_left(sequence, _located_masks(clip.located, len(sequence.truths))))
    of = f"{len(lefts)} backgrounds"
    return [
        Figure(
            job=JOB, name="clips with a background", value=len(lefts) / len(sequences), of=f"{len(sequences)} clips"
        ),
        Figure(
            job=JOB,
            name=f"of those: more than {LEAKS:.0%} of the subject left",
            value=_mean([left > LEAKS for left in lefts]),
            of=of,
            at_most=True,
        ),
    ]


def _located_masks(located: Sequence[LocatedEntity], frames: int) -> list[Mask | None]:
    """All that was located in each frame, as one mask."""
    masks: list[Mask | None] = [None] * frames
    for entity in located:
        known = masks[entity.reference_index]
        masks[entity.reference_index] = entity.mask if known is None else known | entity.mask
    return masks


def clip_figures(clips: Path) -> list[Figure]:
    """Faces against their count, and how many good clips get references and a background, given their words."""
    faces = BlazeFaceDetector(BlazeFaceConfig())
    stages: tuple[Stage, ...] = (
        _masks_stage(),
        ReferenceImages(ReferenceImagesConfig(), faces, HistogramEncoder()),
        _background_stage(),
    )
    for stage in stages:
        stage.setup()
    counted, found, false, good, kept, with_background = 0, 0, 0, 0, 0, 0
    for row, clip in _read_clips(clips):
        true, seen, beyond = _count_faces(clip, faces)
        counted, found, false = counted + true, found + seen, false + beyond
        if row["category"] != "good" or not row["subject_words"]:
            continue
        good += 1
        finished = _run(stages, clip)
        kept += finished is not None
        with_background += finished is not None and finished.background is not None
    return [
        Figure(job=JOB, name="faces found", value=found / max(1, counted), of=f"{counted} counted by eye"),
        Figure(job=JOB, name="boxes that are no face", value=false, of="87 frames", at_most=True),
        Figure(
            job=JOB, name="good clips with references, given their words", value=kept / max(1, good), of=f"{good} clips"
        ),
        Figure(job=JOB, name="of those: with a background", value=with_background / max(1, kept), of=f"{kept} clips"),
    ]


def _run(stages: Sequence[Stage], clip: Clip) -> Clip | None:
    """What the stages make of the clip; None if one of them rejects it."""
    scored = clip
    for stage in stages:
        (scored,) = stage.score([scored])
        scored, reasons = decide_stage(stage, scored)
        if reasons:
            return None
    return scored


def read_sequences(masks: Path) -> Iterator[KnownSequence]:
    """The sequences of a manifest; every object of theirs is the subject."""
    with open_text(masks / "manifest.csv") as file:
        for row in csv.DictReader(file):
            video, folder = masks.parent / row["video"].split(" (")[0], masks.parent / row["masks_dir"]
            words = [placed(row["caption"], word, EntityKind.SUBJECT) for word in row["entity_words"].split("|")]
            clip = _decode(video, row["caption"], words)
            files = sorted(folder.glob("*.png"))
            yield _sequence(clip, [np.asarray(Picture.open(files[frame.index])) > 0 for frame in _frames(clip)])


def draw_sequences(folder: Path, *, count: int) -> Iterator[KnownSequence]:
    """Clips of one sprite each."""
    for index in range(count):
        shot = render_shot(plan_clip(_WORLD, index).shots[0], height=_WORLD.height, width=_WORLD.width)
        video = folder / f"{index}.mp4"
        write_video(video, shot.video, _WORLD.fps)
        clip = _decode(video, "thing", [EntityWord(word="thing", kind=EntityKind.SUBJECT, start=0, end=5)])
        yield _sequence(clip, [shot.labels[frame.index] > 0 for frame in _frames(clip)])


def _read_clips(clips: Path) -> Iterator[tuple[Mapping[str, str], Clip]]:
    """Every row of the manifest and its clip, with the row's words."""
    kinds = {"subject_words": EntityKind.SUBJECT, "object_words": EntityKind.OBJECT}
    with open_text(clips / "manifest.csv") as file:
        for row in csv.DictReader(file):
            caption = row["caption"]
            words = [(word, kind) for column, kind in kinds.items() for word in row[column].split("|") if word]
            yield row, _decode(clips / row["video"], caption, [placed(caption, word, kind) for word, kind in words])


def _decode(video: Path, caption: str, words: Sequence[EntityWord]) -> Clip:
    decode = Decode(DecodeConfig())
    try:
        source = Source(id=video.stem, uri=str(video))
        (clip,) = decode.score([Clip(clip_id="0" * 16, source=source, caption=caption, entity_words=tuple(words))])
    finally:
        decode.close()
    return clip


def _sequence(clip: Clip, truths: Sequence[Mask]) -> KnownSequence:
    sizes = [frame.image.shape[1::-1] for frame in _frames(clip)]
    masks = (
        cv2.resize(t.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        for t, size in zip(truths, sizes, strict=True)
    )
    return KnownSequence(clip=clip, truths=tuple(masks))


def _frames(clip: Clip) -> Sequence[ReferenceFrame]:
    return clip.frames.reference_frames if clip.frames else ()


def _background_stage() -> BackgroundPicture:
    jobs = EmbeddedAnnotators()
    return BackgroundPicture(BackgroundConfig(), jobs.inpainting.build(), jobs.leaks.build(jobs.masks.build()))


def _masks_stage() -> EntityMasks:
    return EntityMasks(EntityMasksConfig(), EmbeddedAnnotators().masks.build())


def _wrong_masks(truth: Mask) -> Iterator[Mask]:
    """The true mask, one a tenth of it too small, and four that leave a part of the subject out."""
    yield truth
    yield _eroded(truth, 0.1)
    yield _eroded(truth, 0.4)
    yield np.roll(truth, round(0.3 * float(np.sqrt(truth.sum()))), axis=1)
    rows, columns = np.nonzero(truth)
    if not len(rows):
        yield from (truth, truth)
        return
    without_leg, without_head = truth.copy(), truth.copy()
    without_leg[round(np.quantile(rows, 0.6)) :, : round(np.median(columns))] = False
    without_head[: round(rows.min() + 0.25 * np.ptp(rows))] = False
    yield without_leg
    yield without_head


def _eroded(mask: Mask, share: float) -> Mask:
    """The mask without this share of its pixels, those nearest to its outline."""
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    inner: Mask = mask & (depth > (np.quantile(depth[mask], share) if mask.any() else 0))
    return inner


def _with_masks(clip: Clip, masks: Sequence[Mask]) -> Clip:
    located = (
        LocatedEntity(word_index=0, reference_index=index, mask=mask, detection_score=1.0, mask_score=1.0)
        for index, mask in enumerate(masks)
        if mask.any()
    )
    return replace(clip, located=tuple(located))


def _left(sequence: KnownSequence, masks: Sequence[Mask | None]) -> float:
    """The share of the true subject in the middle frame that is not painted over; all of it without a mask."""
    middle = len(sequence.truths) // 2
    truth, mask = sequence.truths[middle], masks[middle]
    if mask is None:
        return 1.0
    hole = grow_to_hole(mask, BackgroundConfig().dilation)
    return float((truth & ~hole).sum() / max(1, truth.sum()))


def _count_faces(clip: Clip, faces: FaceDetector) -> tuple[int, int, int]:
    """Faces that were counted in a clip's frames; how many boxes there are up to the count, and beyond it."""
    name = clip.source.id
    if name in NOT_COUNTED:
        return 0, 0, 0
    counts = COUNTED_FACES.get(name, (0, 0, 0))
    boxes = [len(faces.detect(frame.image)) for frame in _frames(clip)]
    seen = sum(min(n, true) for n, true in zip(boxes, counts, strict=True))
    return sum(counts), seen, sum(boxes) - seen


def _mean(values: Sequence[bool]) -> float:
    return float(np.mean(values)) if values else 0.0


if __name__ == "__main__":
    main()
