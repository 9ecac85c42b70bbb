"""How well the content filter tells desirable clips from the four undesirable kinds of A.1.

    python -m benchmarks.content_filter [MEDIA] [--checkpoint DIR] [--sheet PNG] [--seed N] [--clips N] [--pairs N]

MEDIA is a folder with clips/manifest.csv, whose column `category` names the class. Footage in its msrvttp/videos,
masks/ and shots/natural (the single-shot parts of a second and more) is taken to be desirable, as a second set: how
much of it is removed. That is the word of who collected it; some of the parts hardly move. Without MEDIA the same is
measured on clips that are drawn for the purpose, with a seed that no training uses. Insets are also composed for the
purpose, each clip with and without (`inset_clips.py`). The sheet shows the mistakes.
"""

import argparse
import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image as Picture

from benchmarks.figures import Figure
from benchmarks.inset_clips import compose_pair
from curation.annotators.content.classifier import VideoMaeConfig, VideoMaeContentClassifier
from curation.annotators.insets.finder import BorderedInsets
from curation.annotators.protocols import CONTENT_CLASSES
from curation.content_training.clips import generate_clip
from curation.content_training.evaluation import DESIRABLE, FilterReport, class_table, confusion_table, roc_table
from curation.records import Clip, Image, Video
from curation.stages.content_filter import ContentFilter, ContentFilterConfig
from curation.stages.decode import Decode, DecodeConfig
from dataset_schema import Source
from storage.text_files import open_text, read_text

# `train-filter` draws with seeds 0, 1,000,003 and 2,000,006.
SEED: Final = 31
DRAWN: Final = 125
PAIRS: Final = 12

_CLASSES: Final = {
    "good": "desirable",
    "still_image": "still_foreground",
    "slight_motion": "slight_motion",
    "screen_in_screen": "screen_in_screen",
    "screen_recording": "screen_recording",
}
_SHOWN: Final = (0, 4, 8, 11, 15)
_TILE: Final = 120
_MIN_PART_S: Final = 1.0

JOB: Final = "content_filter"


class Labelled(NamedTuple):
    """A clip and its true class."""

    source: Source
    label: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """Clips with what the filter says of them.

    Attributes:
        videos: what the filter saw, per clip.
        threshold: that a clip must reach to be kept.
    """

    names: tuple[str, ...]
    videos: tuple[Video, ...]
    report: FilterReport
    threshold: float

    @property
    def is_kept(self) -> npt.NDArray[np.bool_]:
        """Per clip."""
        return np.asarray(self.report.probabilities[:, DESIRABLE] >= self.threshold)

    @property
    def is_mistaken(self) -> npt.NDArray[np.bool_]:
        """Desirable and removed, or undesirable and kept."""
        return np.asarray(self.is_kept != (self.report.labels == DESIRABLE))


def figures(media: Path | None) -> list[Figure]:
    """Balanced accuracy, five-way accuracy and area under the curve; on real clips also the second set."""
    classifier = VideoMaeContentClassifier()
    scored = score_drawn(classifier, SEED, DRAWN) if media is None else score_real(classifier, manifest_clips(media))
    report, of = scored.report, f"{len(scored.names)} {'drawn' if media is None else 'real'} clips"
    found = [
        Figure(
            job=JOB,
            name="balanced accuracy at the shipped threshold",
            value=report.balanced_accuracy(scored.threshold),
            of=of,
            goal=0.85 if media is None else 0.9,
        ),
        Figure(job=JOB, name="five-way accuracy", value=report.accuracy, of=of, goal=0.65),
        Figure(job=JOB, name="area under the curve of desirable", value=report.area_under_curve, of=of),
    ]
    if media is not None:
        second = score_real(classifier, second_clips(media))
        removed = 1 - float(second.is_kept.mean())
        found.append(
            Figure(
                job=JOB, name="share of desirable removed, second set", value=removed, of=f"{len(second.names)} clips"
            )
        )
    return [*found, *inset_figures()]


def main() -> None:
    """Print a row per clip, the tables and the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("media", nargs="?", type=Path)
    parser.add_argument("--checkpoint", help="a folder that `train-filter` wrote, in place of the network that ships")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet of the mistakes")
    parser.add_argument("--seed", type=int, default=SEED, help="of drawn clips")
    parser.add_argument("--clips", type=int, default=DRAWN, help="drawn")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="drawn clips with and without an inset")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    classifier = VideoMaeContentClassifier(VideoMaeConfig(checkpoint=arguments.checkpoint))
    if arguments.media is None:
        sets = [score_drawn(classifier, arguments.seed, arguments.clips)]
    else:
        sets = [score_real(classifier, clips(arguments.media)) for clips in (manifest_clips, second_clips)]
    for scored in sets:
        summarize(scored)
    for figure in inset_figures(arguments.seed, arguments.pairs):
        print(f"{figure.name}: {figure.value:.2f} of {figure.of}")
    if arguments.sheet:
        tiles = [tile for scored in sets for tile in mistakes(scored)]
        if tiles:
            Picture.fromarray(np.vstack(tiles)).save(arguments.sheet)


def score_drawn(classifier: VideoMaeContentClassifier, seed: int, count: int) -> Scored:
    """Draw clips and score them, by the network alone: of drawn clips there is nothing but its 16 frames."""
    clips = [generate_clip(seed, index) for index in range(count)]
    labels = np.array([clip.label for clip in clips])
    names = tuple(f"drawn {index} {CONTENT_CLASSES[label]}" for index, label in enumerate(labels))
    probabilities = np.concatenate([classifier.classify(clip.frames[None]) for clip in clips])
    return _scored(classifier, names, tuple(clip.frames for clip in clips), probabilities, labels)


def score_real(classifier: VideoMaeContentClassifier, clips: Sequence[Labelled]) -> Scored:
    """Decode clips and score them as curation does, insets and all.

    Raises:
        ClipError: a clip cannot be decoded.
    """
    decode, content_filter = Decode(DecodeConfig()), ContentFilter(ContentFilterConfig(), classifier, BorderedInsets())
    names, videos, rows = [], [], []
    for clip in clips:
        decoded = decode.score([Clip(clip_id=clip.source.id, source=clip.source, caption="")])
        (scored,) = content_filter.score(decoded)
        if scored.frames is None:
            raise ValueError(f"{clip.source.uri} was decoded without frames, expected Decode to give them")
        names.append(clip.source.id)
        videos.append(scored.frames.content)
        rows.append([getattr(scored.scores, name) for name in CONTENT_CLASSES])
    decode.close()
    labels = np.array([clip.label for clip in clips])
    return _scored(classifier, tuple(names), tuple(videos), np.array(rows, np.float64), labels)


def inset_figures(seed: int = SEED, count: int = PAIRS) -> list[Figure]:
    """How many composed insets are found, and how often one is found in the same clip without."""
    finder = BorderedInsets()
    answers = np.array([finder.find(compose_pair(seed, index)) for index in range(count)])
    without, with_inset = answers.mean(axis=0)
    return [
        Figure(job=JOB, name="drawn insets found", value=float(with_inset), of=f"{count} clips", goal=0.25),
        Figure(
            job=JOB,
            name="insets found where there are none",
            value=float(without),
            of=f"{count} clips",
            goal=0.02,
            at_most=True,
        ),
    ]


def manifest_clips(media: Path) -> list[Labelled]:
    """The clips of the manifest, with their classes."""
    with open_text(media / "clips" / "manifest.csv") as file:
        rows = list(csv.DictReader(file))
    return [
        Labelled(
            Source(id=Path(row["video"]).stem, uri=str(media / "clips" / row["video"])),
            CONTENT_CLASSES.index(_CLASSES[row["category"]]),
        )
        for row in rows
    ]


def second_clips(media: Path) -> list[Labelled]:
    """Footage that was collected for other purposes, taken to be desirable."""
    whole = [*sorted((media / "msrvttp" / "videos").glob("*.mp4")), *sorted((media / "masks").rglob("*.mp4"))]
    sources = [Source(id=path.stem, uri=str(path)) for path in whole]
    natural = media / "shots" / "natural"
    truth = json.loads(read_text(natural / "truth.json"))
    for video in truth["videos"]:
        path = natural / Path(video["file"]).name
        for start_s, end_s in single_shot_parts(video):
            sources.append(Source(id=f"{path.stem} {start_s:.1f} s", uri=str(path), start_s=start_s, end_s=end_s))
    return [Labelled(source, DESIRABLE) for source in sources]


def single_shot_parts(video: dict[str, Any]) -> Iterator[tuple[float, float]]:
    """Where one shot lasts a second or more; a frame at either edge is left out."""
    numerator, denominator = video["fps"].split("/")
    fps = int(numerator) / int(denominator)
    cuts = [(cut, cut) for cut in video["hard_cuts"]]
    mixed = [(change["first_mixed_frame"], change["last_mixed_frame"] + 1) for change in video["gradual"]]
    start = 0
    for last, following in sorted([*cuts, *mixed, (video["frames"], video["frames"])]):
        if (last - start) / fps >= _MIN_PART_S:
            yield (start + 1) / fps, (last - 1) / fps
        start = following


def summarize(scored: Scored) -> None:
    """Print a row per clip, then what all come to."""
    print(f"\n{'clip':44} {'class':17} {'taken for':17} " + " ".join(f"{name[:9]:>9}" for name in CONTENT_CLASSES))
    for name, label, row, is_mistaken in zip(
        scored.names, scored.report.labels, scored.report.probabilities, scored.is_mistaken, strict=True
    ):
        shares = " ".join(f"{share:9.2f}" for share in row)
        verdict = "  MISTAKEN" if is_mistaken else ""
        print(f"{name[:44]:44} {CONTENT_CLASSES[label]:17} {CONTENT_CLASSES[row.argmax()]:17} {shares}{verdict}")
    report, is_desirable = scored.report, scored.report.labels == DESIRABLE
    kept, removed = scored.is_kept[is_desirable], ~scored.is_kept[~is_desirable]
    print(f"\nthreshold {scored.threshold:.2f}: {kept.sum()} of {len(kept)} desirable clips kept", end="")
    if not len(removed):
        print()
        return
    print(f", {removed.sum()} of {len(removed)} others removed", end="; ")
    print(f"balanced accuracy {report.balanced_accuracy(scored.threshold):.3f}, five-way {report.accuracy:.3f}", end="")
    print(f", area under the curve {report.area_under_curve:.3f}")
    print(f"\n{confusion_table(report)}\n\n{class_table(report)}\n\n{roc_table(report)}")


def mistakes(scored: Scored) -> Iterator[Image]:
    """A strip of frames for every clip that is wrongly kept or removed."""
    for index in np.flatnonzero(scored.is_mistaken):
        frames = [cv2.resize(scored.videos[index][frame], (_TILE, _TILE)) for frame in _SHOWN]
        strip = np.pad(np.hstack(frames), ((14, 2), (0, 0), (0, 0)), constant_values=255)
        score = scored.report.probabilities[index, DESIRABLE]
        text = f"{scored.names[index]}: desirable {score:.2f}, threshold {scored.threshold:.2f}"
        cv2.putText(strip, text, (2, 11), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 0, 0), 1, cv2.LINE_AA)
        yield strip


def _scored(
    classifier: VideoMaeContentClassifier,
    names: tuple[str, ...],
    videos: tuple[Video, ...],
    probabilities: npt.NDArray[np.float64],
    labels: npt.NDArray[np.int64],
) -> Scored:
    threshold = classifier.own_threshold
    if threshold is None:
        raise ValueError("the content filter's weights carry no threshold, expected min_desirable in config.json")
    report = FilterReport(probabilities=probabilities, labels=labels)
    return Scored(names=names, videos=videos, report=report, threshold=threshold)


if __name__ == "__main__":
    main()
