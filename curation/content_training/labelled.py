"""Clips that people labelled, decoded as curation decodes them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from curation.annotators.content.network import ContentInput
from curation.annotators.protocols import CONTENT_CLASSES
from curation.content_training.agreement import measure_agreement
from curation.content_training.clips import LabelledClip
from curation.content_training.dataset import LabelledInputs, Progress, SplitInputs, store_inputs
from curation.content_training.labels import DecidedLabels, Labels, decide_labels, read_labels
from curation.content_training.real_clips import Lost, decode_clips
from curation.content_training.splits import split_by_video
from curation.records import Clip
from dataset_schema import Source
from storage.configs import strict


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledClips:
    """Which labels, and how they are split by video and class.

    Attributes:
        files: label files as `label-clips` writes them; of several people, one each.
        validation_share: of the videos, to choose the threshold by. Our choice: a fifth, and as much for `test_share`;
            the paper's 40,000 labels would allow less, a few hundred do not.
        test_share: of the videos, to judge by; nothing is chosen by them.
        workers: processes that decode.
    """

    profile: Literal["labelled"] = "labelled"
    files: tuple[Path, ...] = ()
    validation_share: float = 0.2
    test_share: float = 0.2
    workers: int = 1

    def __post_init__(self) -> None:
        shares = (self.validation_share, self.test_share)
        if min(shares) <= 0 or sum(shares) >= 1:
            raise ValueError(f"validation_share and test_share are {shares}, expected shares that leave some to train")
        if self.workers < 1:
            raise ValueError(f"workers is {self.workers}, expected at least 1")

    def gather(self, form: ContentInput, seed: int, progress: Progress | None = None) -> SplitInputs:
        """Read the labels, split them, decode every clip once.

        Raises:
            FileNotFoundError: a label file is missing.
            ValueError: there are no labels, bad ones, or too few of a class; or too few of the clips can be decoded.
        """
        if not self.files:
            raise ValueError("labelled clips have no files, expected label files as `label-clips` writes them")
        labels = read_labels(self.files)
        decided = decide_labels(labels.given)
        split = split_by_video(
            decided.labels, validation_share=self.validation_share, test_share=self.test_share, seed=seed
        )
        lost: list[Lost] = []
        training, validation, test = (
            store_inputs(self._prepared(form, sources, decided.labels, lost, progress), len(sources), form)
            for sources in split
        )
        _check_whole({"training": training, "validation": validation, "test": test}, lost)
        origin = _origin(labels, decided, lost)
        return SplitInputs(training, validation, test, origin, tuple(lost))

    def _prepared(
        self,
        form: ContentInput,
        sources: Sequence[Source],
        labels: Mapping[Source, int],
        lost: list[Lost],
        progress: Progress | None,
    ) -> Iterator[LabelledClip]:
        """The clips of one split that can be decoded; the others are added to `lost`."""
        clips = [Clip(clip_id=source.id, source=source, caption="") for source in sources]
        for done, footage in enumerate(decode_clips(clips, workers=self.workers), start=1):
            if isinstance(footage, Lost):
                lost.append(footage)
            else:
                yield LabelledClip(form.prepare(footage.frames), labels[footage.clip.source])
            if progress is not None:
                progress("decode clips", done, len(clips))


def _check_whole(splits: Mapping[str, LabelledInputs], lost: Sequence[Lost]) -> None:
    for name, split in splits.items():
        absent = [CONTENT_CLASSES[label] for label in np.flatnonzero(split.class_counts == 0)]
        if absent:
            raise ValueError(
                f"no {' or '.join(absent)} clip of the {name} split could be decoded, expected at least one of each "
                f"class; {len(lost)} clips were lost, the first: {lost[0].uri}: {lost[0].reason}"
            )


def _origin(labels: Labels, decided: DecidedLabels, lost: Sequence[Lost]) -> str:
    videos = len({source.uri for source in decided.labels})
    return (
        f"{len(labels.given)} labels that people gave to {len(decided.labels) + decided.ties} clips; the majority's "
        f"label counts. Set aside: {decided.ties} clips with a tie, {len(lost)} that cannot be decoded or that "
        f"curation would reject, {labels.unlabelled} rows without a label. The others were split by video and class, "
        f"so that none of {videos} videos is in two splits. Agreement: {measure_agreement(labels.given)}."
    )
