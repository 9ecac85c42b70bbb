"""Finds the subjects and objects a caption names: boxes by GroundingDINO, masks by SAM, frame by frame (3.1).

There is no tracking: what a word names in one frame and in another is the same because the word is (3.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import ClassVar, Final, Literal, NamedTuple

import numpy as np

from curation.annotators.checkpoints import describe_checkpoint
from curation.annotators.device import Device
from curation.annotators.grounding.choice import ChoiceConfig, ChosenBox, choose_boxes, is_ambiguous, trim_mask
from curation.annotators.grounding.networks import (
    BoxDetector,
    BoxedImage,
    BoxSegmenter,
    Question,
    ScoredMask,
    WordBoxes,
)
from curation.annotators.protocols import EntityLocator, Scene
from curation.records import LocatedEntity, Mask
from curation.stage import Resources
from dataset_schema import Annotator, EntityKind
from storage.checkpoints import check_model_type, checkpoint_folder
from storage.configs import PRESET_ONLY, strict

# Our choice: at the published sizes three frames take two minutes on one core, the slowest place to run.
_TIMEOUT_S: Final = 300.0


def half_a_gpu() -> Device:
    """Our choice, by reckoning: one frame of either network takes 2 to 3 GiB in float32, half of it in bfloat16."""
    return Device(gpus=0.5, gpu_memory_gib=16, memory_gib=6, batch_size=8)


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class GroundedMasksConfig:
    """Which networks look, and what counts.

    Attributes:
        detector: a GroundingDINO, by folder or hub name. The authors' evaluator: Swin-T, trained on O365, GoldG and
            Cap4M.
        segmenter: a SAM or a SAM 2, by folder or hub name; which of the two is read from its config. The authors'
            evaluator: SAM ViT-B.
        max_words: of one prompt. Our choice: 8; among more words the detector overlooks small things.
        choice: when a box or a mask counts.
        device: where both networks run; they take turns. Its batch size counts clips for the stage, frames here.
    """

    profile: Literal["grounded_masks"] = "grounded_masks"
    detector: str = "IDEA-Research/grounding-dino-tiny"
    segmenter: str = "facebook/sam-vit-base"
    max_words: int = field(default=8, metadata=PRESET_ONLY)
    choice: ChoiceConfig = field(default_factory=ChoiceConfig)
    device: Device = field(default_factory=half_a_gpu)

    reads_words: ClassVar[bool] = True
    tells_places_apart: ClassVar[bool] = False
    tells_looks_apart: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.max_words < 1:
            raise ValueError(f"max_words is {self.max_words}, expected at least 1")

    def build(self) -> EntityLocator:
        """The locator of `transformers`' networks; nothing is loaded yet."""
        from curation.annotators.grounding.grounding_dino import GROUNDING_DINO, GroundingDino
        from curation.annotators.grounding.segment_anything import SEGMENT_ANYTHING, load_segment_anything
        from curation.annotators.grounding.segmenter import Segmenter
        from curation.annotators.grounding.word_detector import WordDetector

        detector = WordDetector(
            describe=partial(_describe, self.detector, GROUNDING_DINO),
            load=partial(GroundingDino, self.detector, self.device),
            device=self.device,
            max_words=self.max_words,
        )
        segmenter = Segmenter(
            describe=partial(_describe, self.segmenter, SEGMENT_ANYTHING),
            load=partial(load_segment_anything, self.segmenter, self.device),
            device=self.device,
        )
        return GroundedMasks(self.choice, detector, segmenter, self.device)


class GroundedMasks:
    """An `EntityLocator` of a box detector and a segmenter. Background words are not looked for."""

    reads_words: ClassVar[bool] = True

    def __init__(self, choice: ChoiceConfig, detector: BoxDetector, segmenter: BoxSegmenter, device: Device) -> None:
        self._choice = choice
        self._detector = detector
        self._segmenter = segmenter
        self._device = device

    def describe(self) -> Annotator:
        """Both networks as one: their names, and one hash over the hashes of their files.

        Raises:
            FileNotFoundError: weights are missing.
        """
        parts = self._detector.describe(), self._segmenter.describe()
        return Annotator(
            job="locate",
            name=" + ".join(part.name for part in parts),
            revision=" + ".join(part.revision for part in parts),
            weights_sha256=sha256(repr([part.weights_sha256 for part in parts]).encode()).hexdigest(),
        )

    @property
    def resources(self) -> Resources:
        """Those of the device."""
        return self._device.resources(timeout_s=_TIMEOUT_S)

    def load(self) -> None:
        """Load both networks; idempotent."""
        self._detector.load()
        self._segmenter.load()

    def locate(self, scenes: Sequence[Scene]) -> list[list[LocatedEntity]]:
        """For every scene the masks of its words' entities, by frame and word.

        Raises:
            ClipError: a network did not answer with numbers, or a frame is too long and thin.
        """
        asked = _places(scenes)
        located: list[list[LocatedEntity]] = [[] for _ in scenes]
        for (scene, frame, words), found in zip(asked, self._find([a.question(scenes) for a in asked]), strict=True):
            located[scene] += [
                LocatedEntity(
                    word_index=words[box.word],
                    reference_index=frame,
                    mask=mask,
                    detection_score=box.score,
                    mask_score=mask_score,
                    is_ambiguous=is_ambiguous(box, self._choice),
                )
                for box, mask, mask_score in found
            ]
        return located

    def _find(self, questions: Sequence[Question]) -> list[list[tuple[ChosenBox, Mask, float]]]:
        """For every question the words that were found: box, mask, mask score."""
        proposals = self._detector.find_boxes(questions)
        boxes = [self._choose(question, found) for question, found in zip(questions, proposals, strict=True)]
        to_outline = [index for index, chosen in enumerate(boxes) if chosen]
        pictures = [
            BoxedImage(questions[index].image, np.stack([chosen.box for chosen in boxes[index]]))
            for index in to_outline
        ]
        outlined = dict(zip(to_outline, self._segmenter.segment(pictures), strict=True))
        return [self._keep(chosen, outlined.get(index, [])) for index, chosen in enumerate(boxes)]

    def _choose(self, question: Question, found: WordBoxes) -> list[ChosenBox]:
        height, width = question.image.shape[:2]
        return choose_boxes(found, self._choice, height=height, width=width)

    def _keep(self, boxes: Sequence[ChosenBox], masks: Sequence[ScoredMask]) -> list[tuple[ChosenBox, Mask, float]]:
        trimmed = [
            (box, trim_mask(found, box.box, self._choice), found.score) for box, found in zip(boxes, masks, strict=True)
        ]
        return [(box, mask, score) for box, mask, score in trimmed if mask is not None]


class _Asked(NamedTuple):
    """One frame, and the words to look for in it, as indices."""

    scene: int
    frame: int
    words: Sequence[int]

    def question(self, scenes: Sequence[Scene]) -> Question:
        scene = scenes[self.scene]
        return Question(scene.frames[self.frame].image, [scene.words[word].word for word in self.words])


def _places(scenes: Sequence[Scene]) -> list[_Asked]:
    return [
        _Asked(index, frame, words)
        for index, scene in enumerate(scenes)
        if (words := [at for at, word in enumerate(scene.words) if word.kind is not EntityKind.BACKGROUND])
        for frame in range(len(scene.frames))
    ]


def _describe(checkpoint: str, model_types: Sequence[str]) -> Annotator:
    folder = checkpoint_folder(checkpoint)
    check_model_type(folder, *model_types)
    return describe_checkpoint("locate", checkpoint, [folder])
