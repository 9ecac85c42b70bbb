"""The locator of `groundingdino-py` and `segment-anything`, which need an environment of their own."""

from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, Literal

from curation.annotators.device import Device
from curation.annotators.grounding.choice import ChoiceConfig
from curation.annotators.grounding.locator import GroundedMasks, half_a_gpu
from curation.annotators.protocols import EntityLocator
from storage.configs import PRESET_ONLY, strict


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyGroundedMasksConfig:
    """Which networks look, and what counts; as `GroundedMasksConfig`, but with the files that the two packages read.

    Attributes:
        detector: weights for groundingdino-py. The authors' evaluator: groundingdino_swint_ogc.pth.
        detector_architecture: a config of the package by name, or a `.json` file.
        text_encoder: the BERT of the detector, by folder or hub name.
        segmenter: weights for segment-anything. The authors' evaluator: sam_vit_b_01ec64.pth.
        segmenter_architecture: its name in the package.
    """

    profile: Literal["legacy_grounded_masks"] = "legacy_grounded_masks"
    detector: str = "groundingdino_swint_ogc.pth"
    detector_architecture: str = "GroundingDINO_SwinT_OGC"
    text_encoder: str = "google-bert/bert-base-uncased"
    segmenter: str = "sam_vit_b_01ec64.pth"
    segmenter_architecture: str = "vit_b"
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
        """The locator; nothing is loaded yet."""
        from curation.annotators.grounding.segmenter import Segmenter
        from curation.annotators.grounding.word_detector import WordDetector
        from curation.annotators.grounding_legacy.groundingdino_py import GroundingDinoPy
        from curation.annotators.grounding_legacy.segment_anything_package import SegmentAnythingPackage
        from curation.annotators.grounding_legacy.weights import describe_weights

        detector = WordDetector(
            describe=partial(describe_weights, self.detector),
            load=partial(
                GroundingDinoPy,
                self.detector,
                architecture=self.detector_architecture,
                text_encoder=self.text_encoder,
                device=self.device,
            ),
            device=self.device,
            max_words=self.max_words,
        )
        segmenter = Segmenter(
            describe=partial(describe_weights, self.segmenter),
            load=partial(
                SegmentAnythingPackage,
                self.segmenter,
                architecture=self.segmenter_architecture,
                device=self.device,
            ),
            device=self.device,
        )
        return GroundedMasks(self.choice, detector, segmenter, self.device)
