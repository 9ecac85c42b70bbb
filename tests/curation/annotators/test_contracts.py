"""What every implementation of a job does alike: those without weights and the paper's networks, here tiny and random.

Extractors of entity words have theirs in `test_language_contract`.
"""

import copy
import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from curation.annotators.content.classifier import VideoMaeConfig, VideoMaeContentClassifier
from curation.annotators.detected_object.locator import DetectedObjectConfig
from curation.annotators.device import Device
from curation.annotators.faces import BlazeFaceConfig, BlazeFaceDetector
from curation.annotators.grounding.choice import ChoiceConfig
from curation.annotators.grounding.locator import GroundedMasksConfig
from curation.annotators.inpainting.exemplar import ExemplarConfig, ExemplarInpainter
from curation.annotators.inpainting.stable_diffusion import StableDiffusionConfig, StableDiffusionInpainter
from curation.annotators.leaks.checks import ColorLeak, ColorLeakConfig, DetectorLeak
from curation.annotators.likeness.dinov2 import Dinov2Config, Dinov2Encoder
from curation.annotators.likeness.histogram import HistogramEncoder
from curation.annotators.moving_object.locator import MovingObjectConfig, MovingObjectLocator
from curation.annotators.objects.nanodet import NanoDetDetector
from curation.annotators.protocols import (
    AnnotatorLike,
    CutoutEncoder,
    EntityLocator,
    Hole,
    Inpainter,
    Painted,
    Scene,
)
from curation.annotators.shots.detectors import SceneDetectShots, TransNetV2Shots
from curation.records import EntityWord, LocatedEntity
from curation.stage import ClipError
from dataset_schema import EntityKind
from tests.curation.annotators.grounding.tiny_networks import save_grounding_dino, save_sam
from tests.curation.annotators.tiny_reference_checkpoints import save_tiny_dinov2, save_tiny_inpainting
from tests.curation.moving_scenes import Sprite, reference_frames, scene, texture
from tests.pipelines.verbs.paper_networks import save_content_filter

CPU = Device(name="cpu", precision="float32", batch_size=2, memory_gib=0.5)

AT = scene([Sprite((50, 36), (190, 70, 60), lambda t: (120 + 60 * t, 120))])
WORDS = (
    EntityWord(word="dog", kind=EntityKind.SUBJECT, start=2, end=5),
    EntityWord(word="lawn", kind=EntityKind.BACKGROUND, start=15, end=19),
)
SCENES = [Scene(reference_frames(AT, times), WORDS) for times in ((0.4, 1.5, 2.6), (0.6, 1.2, 1.8))]


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("networks")
    save_grounding_dino(folder / "grounding_dino")
    save_sam(folder / "sam")
    save_tiny_dinov2(folder / "dinov2")
    save_tiny_inpainting(folder / "inpainting")
    save_content_filter(folder / "content_filter")
    return folder


def grounded(folder: Path) -> EntityLocator:
    """Everything that a random network proposes passes."""
    choice = ChoiceConfig(min_box_score=0, max_box_area=1, max_rival=1, min_mask_score=0, min_mask_extent=0)
    return GroundedMasksConfig(
        detector=str(folder / "grounding_dino"), segmenter=str(folder / "sam"), choice=choice, device=CPU
    ).build()


def diffusing(folder: Path) -> Inpainter:
    config = StableDiffusionConfig(checkpoint=str(folder / "inpainting"), steps=2, side=64, device=CPU)
    return StableDiffusionInpainter(config)


Make = Callable[[Path], Any]
LOCATORS: list[Make] = [lambda _: MovingObjectLocator(MovingObjectConfig()), grounded]
CLASSIFIERS: list[Make] = [
    lambda _: VideoMaeContentClassifier(),
    lambda folder: VideoMaeContentClassifier(VideoMaeConfig(checkpoint=str(folder / "content_filter"), device=CPU)),
]
ENCODERS: list[Make] = [
    lambda _: HistogramEncoder(),
    lambda folder: Dinov2Encoder(Dinov2Config(checkpoint=str(folder / "dinov2"), device=CPU)),
]
INPAINTERS: list[Make] = [lambda _: ExemplarInpainter(ExemplarConfig()), diffusing]
LEAK_CHECKS: list[Make] = [lambda _: ColorLeak(ColorLeakConfig()), lambda folder: DetectorLeak(grounded(folder))]
OTHERS: list[Make] = [
    lambda _: TransNetV2Shots(),
    lambda _: SceneDetectShots(),
    lambda _: BlazeFaceDetector(BlazeFaceConfig()),
    lambda _: DetectedObjectConfig().build(),
    lambda _: NanoDetDetector(),
]


@pytest.mark.parametrize("make", [*LOCATORS, *CLASSIFIERS, *ENCODERS, *INPAINTERS, *LEAK_CHECKS, *OTHERS])
def test_an_annotator_names_itself_and_travels_before_it_is_loaded(make: Make, networks: Path) -> None:
    annotator: AnnotatorLike = make(networks)

    described, needs = annotator.describe(), annotator.resources
    twin = pickle.loads(pickle.dumps(copy.deepcopy(annotator)))

    assert described.job
    assert described.name
    assert described.weights_sha256 is None or len(described.weights_sha256) == 64
    assert needs.batch_size >= 1
    assert min(needs.memory_bytes, needs.timeout_s) > 0
    assert twin.describe() == described
    annotator.load()
    annotator.load()
    assert annotator.describe() == described


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: GroundedMasksConfig(
            detector=str(folder / "sam"), segmenter=str(folder / "sam"), device=CPU
        ).build(),
        lambda folder: GroundedMasksConfig(
            detector=str(folder / "grounding_dino"), segmenter=str(folder / "dinov2"), device=CPU
        ).build(),
        lambda folder: Dinov2Encoder(Dinov2Config(checkpoint=str(folder / "sam"), device=CPU)),
        lambda folder: VideoMaeContentClassifier(VideoMaeConfig(checkpoint=str(folder / "dinov2"), device=CPU)),
    ],
)
def test_a_plan_hears_of_another_architecture_before_anything_is_loaded(make: Make, networks: Path) -> None:
    with pytest.raises(ValueError, match=r"config\.json has model_type '\w+', expected '"):
        make(networks).describe()


@pytest.mark.parametrize("make", CLASSIFIERS)
def test_a_classifier_gives_five_probabilities_whatever_its_batch(make: Make, networks: Path) -> None:
    classifier = make(networks)
    classifier.load()
    videos = np.random.default_rng(0).integers(0, 256, (3, 16, 224, 224, 3), np.uint8)

    together = classifier.classify(videos)

    assert together.shape == (3, 5)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(
        together, np.concatenate([classifier.classify(videos[i : i + 1]) for i in range(3)]), atol=1e-5
    )


@pytest.mark.parametrize("make", LOCATORS)
def test_a_locator_outlines_words_but_no_backgrounds_whatever_its_batch(make: Make, networks: Path) -> None:
    locator = make(networks)
    locator.load()

    together = locator.locate(SCENES)

    assert [summary(found) for found in together] == [summary(locator.locate([one])[0]) for one in SCENES]
    assert locator.locate([]) == []
    located = [entity for found in together for entity in found]
    assert located
    for entity in located:
        assert entity.word_index == 0
        assert entity.mask.shape == SCENES[0].frames[entity.reference_index].image.shape[:2]
        assert entity.mask.dtype == np.bool_
        assert entity.mask.any()
        assert 0 <= entity.detection_score <= 1
        assert 0 <= entity.mask_score <= 1


def summary(located: Sequence[LocatedEntity]) -> list[tuple[int, int, bytes, float, float]]:
    return [
        (e.word_index, e.reference_index, e.mask.tobytes(), round(e.detection_score, 4), round(e.mask_score, 4))
        for e in located
    ]


@pytest.mark.parametrize("make", ENCODERS)
def test_an_encoder_gives_unit_vectors_in_which_a_picture_is_most_like_itself(make: Make, networks: Path) -> None:
    encoder: CutoutEncoder = make(networks)
    encoder.load()
    colors = [(200, 60, 50), (60, 190, 80), (70, 80, 200)]
    cutouts = [
        np.dstack([texture(60 + 20 * n, 90, color, seed=n), np.full((60 + 20 * n, 90), 255)]).astype(np.uint8)
        for n, color in enumerate(colors)
    ]

    vectors = encoder.encode(cutouts)

    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.concatenate([encoder.encode([one]) for one in cutouts]), vectors, atol=1e-5)
    cosines = vectors @ vectors.T
    assert list(cosines.argmax(axis=1)) == [0, 1, 2]


@pytest.mark.parametrize("make", INPAINTERS)
def test_an_inpainter_changes_the_hole_and_nothing_else_whatever_its_batch(make: Make, networks: Path) -> None:
    inpainter: Inpainter = make(networks)
    inpainter.load()
    holes = []
    for frame in SCENES[0].frames[:2]:
        mask = np.zeros(frame.image.shape[:2], bool)
        mask[80:160, 100:200] = True
        holes.append(Hole(frame.image, mask, "lawn"))

    painted = inpainter.inpaint(holes)

    for hole, image in zip(holes, painted, strict=True):
        assert np.array_equal(image[~hole.mask], hole.image[~hole.mask])
        assert not np.array_equal(image[hole.mask], hole.image[hole.mask])
        np.testing.assert_allclose(inpainter.inpaint([hole])[0].astype(int), image.astype(int), atol=2)
    assert list(inpainter.inpaint([])) == []


@pytest.mark.parametrize("make", LEAK_CHECKS)
def test_a_leak_is_a_share_and_a_clean_background_leaks_less_than_the_frame_itself(make: Make, networks: Path) -> None:
    check = make(networks)
    check.load()
    frame = SCENES[0].frames[1]
    picture, background, (mask,) = AT(frame.time_s)
    same = Painted(replace(frame, image=picture), picture, mask, mask, WORDS[:1])

    leaks = check.leaks([same, same._replace(image=background)])

    assert all(0 <= leak <= 1 for leak in leaks)
    assert leaks[0] > 0
    if isinstance(check, ColorLeak):  # what random networks find means nothing
        assert leaks[1] < leaks[0] / 2


def test_a_network_with_a_broken_weight_answers_with_an_error_and_no_score(networks: Path) -> None:
    locator: Any = grounded(networks)
    locator.load()
    weight = next(iter(locator._detector._network._model.parameters()))
    with torch.no_grad():
        weight.fill_(float("nan"))

    with pytest.raises(ClipError, match="NaN"):
        locator.locate(SCENES[:1])
