"""The locator with scripted networks and ground truth: what they say comes out, to the pixel."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from curation.annotators.device import Device
from curation.annotators.grounding.choice import ChoiceConfig
from curation.annotators.grounding.locator import GroundedMasks, GroundedMasksConfig
from curation.annotators.grounding.networks import BoxedImage, Question, ScoredMask, WordBoxes
from curation.annotators.protocols import Scene
from curation.masks import mask_box
from curation.records import EntityWord, Image, LocatedEntity, Mask
from dataset_schema import Annotator, EntityKind
from tests.curation.annotators.grounding.tiny_networks import save_grounding_dino, save_sam, save_sam_2
from tests.curation.moving_scenes import Sprite, reference_frames, scene, still_frames

CPU = Device(name="cpu", precision="float32", batch_size=4)


class Thing(NamedTuple):
    """What a scripted network knows to be in a frame."""

    word: str
    mask: Mask
    score: float = 0.7
    mask_score: float = 0.95


class Knows:
    """Both networks at once: they know what is in a frame by the bytes of its picture."""

    def __init__(self) -> None:
        self.things: dict[bytes, list[Thing]] = {}
        self.asked: list[Sequence[str]] = []
        self.outlined = 0

    def describe(self) -> Annotator:
        return Annotator(job="boxes", name="scripted", revision="1", weights_sha256="0" * 64)

    def load(self) -> None:
        pass

    def find_boxes(self, questions: Sequence[Question]) -> list[WordBoxes]:
        self.asked += [question.words for question in questions]
        return [self._boxes(question) for question in questions]

    def _boxes(self, question: Question) -> WordBoxes:
        things = self.things[question.image.tobytes()]
        boxes = np.array([mask_box(thing.mask) for thing in things], np.float64).reshape(-1, 4)
        scores = [[thing.score if thing.word == word else 0.05 for word in question.words] for thing in things]
        return WordBoxes(boxes, np.array(scores, np.float64).reshape(len(things), len(question.words)))

    def segment(self, pictures: Sequence[BoxedImage]) -> list[list[ScoredMask]]:
        self.outlined += len(pictures)
        return [[self._mask(picture.image, box) for box in picture.boxes] for picture in pictures]

    def _mask(self, image: Image, box: np.ndarray[tuple[int], np.dtype[np.float64]]) -> ScoredMask:
        (thing,) = [thing for thing in self.things[image.tobytes()] if mask_box(thing.mask) == tuple(box.tolist())]
        return ScoredMask(thing.mask, thing.mask_score)


def words(*subjects: str, background: str | None = None) -> list[EntityWord]:
    kinds = [(word, EntityKind.SUBJECT) for word in subjects]
    if background is not None:
        kinds.insert(1, (background, EntityKind.BACKGROUND))
    return [EntityWord(word=word, kind=kind, start=0, end=len(word)) for word, kind in kinds]


def locator(networks: Knows, choice: ChoiceConfig | None = None) -> GroundedMasks:
    return GroundedMasks(choice or ChoiceConfig(), networks, networks, CPU)


def rectangle(height: int, width: int, box: tuple[int, int, int, int]) -> Mask:
    mask = np.zeros((height, width), np.bool_)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return mask


def picture(height: int, width: int, seed: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def summary(located: Sequence[LocatedEntity]) -> list[tuple[int, int, tuple[int, int, int, int]]]:
    return [(entity.word_index, entity.reference_index, mask_box(entity.mask)) for entity in located]


def test_known_boxes_and_masks_come_out_to_the_pixel() -> None:
    """Two ellipses that cross a panned scene, in three frames of two clips at once."""
    networks, scenes, truth = Knows(), [], []
    for speed in (60.0, -40.0):
        at = scene(
            [
                Sprite((40, 30), (200, 60, 50), lambda t, v=speed: (250 + v * t, 90)),  # type: ignore[misc]
                Sprite((25, 45), (50, 60, 200), lambda t: (330, 150 + 10 * t)),
            ],
            pan_px_per_s=15,
        )
        frames = reference_frames(at)
        masks = [at(frame.time_s)[2] for frame in frames]
        for frame, (red, blue) in zip(frames, masks, strict=True):
            networks.things[frame.image.tobytes()] = [Thing("blue ball", blue), Thing("red ball", red)]
        scenes.append(Scene(frames, words("red ball", "blue ball", background="meadow")))
        truth.append(masks)

    located = locator(networks).locate(scenes)

    for masks, entities in zip(truth, located, strict=True):
        assert len(entities) == 6
        for entity in entities:
            expected = masks[entity.reference_index][{0: 0, 2: 1}[entity.word_index]]
            assert (entity.mask == expected).all()
            assert (entity.detection_score, entity.mask_score) == (0.7, 0.95)
    assert networks.asked == [["red ball", "blue ball"]] * 6


@pytest.mark.parametrize(("height", "width"), [(31, 47), (64, 33), (101, 101)])
def test_things_at_the_edges_of_odd_frames_come_out_to_the_pixel(height: int, width: int) -> None:
    networks = Knows()
    boxes = [(0, 0, 9, 7), (width - 5, height - 11, width, height), (13, 12, 14, 13)]
    (frame,) = still_frames(picture(height, width, 1))
    names = ["cat", "dog", "fly"]
    networks.things[frame.image.tobytes()] = [
        Thing(name, rectangle(height, width, box)) for name, box in zip(names, boxes, strict=True)
    ]

    (located,) = locator(networks).locate([Scene([frame], words(*names))])

    assert summary(located) == [(index, 0, box) for index, box in enumerate(boxes)]


def test_clips_asked_together_are_answered_as_if_alone() -> None:
    networks = Knows()
    scenes = []
    for clip in range(3):
        frames = still_frames(*(picture(40 + clip, 60, 10 * clip + at) for at in range(3)))
        for at, frame in enumerate(frames):
            box = (5 * at, clip, 5 * at + 20, 30)
            networks.things[frame.image.tobytes()] = [Thing("dog", rectangle(40 + clip, 60, box))] * (at != clip)
        scenes.append(Scene(frames, words("dog")))
    alone = [summary(locator(networks).locate([one])[0]) for one in scenes]

    together = [summary(located) for located in locator(networks).locate(scenes)]

    assert together == alone
    assert [[frame for _, frame, _ in found] for found in together] == [[1, 2], [0, 2], [0, 1]]


def test_nothing_is_asked_without_frames_or_words_to_locate() -> None:
    networks = Knows()
    frames = still_frames(picture(9, 9, 0))

    located = locator(networks).locate(
        [Scene(frames, []), Scene([], words("dog")), Scene(frames, words("dog", background="sea")[1:])]
    )

    assert located == [[], [], []]
    assert networks.asked == []
    assert locator(networks).locate([]) == []


def test_a_word_that_fits_two_places_is_ambiguous_in_that_frame() -> None:
    networks = Knows()
    frames = still_frames(picture(40, 80, 0), picture(40, 80, 1))
    left, right = rectangle(40, 80, (0, 0, 20, 40)), rectangle(40, 80, (50, 0, 70, 40))
    networks.things[frames[0].image.tobytes()] = [Thing("man", left, 0.7), Thing("man", right, 0.65)]
    networks.things[frames[1].image.tobytes()] = [Thing("man", left, 0.7), Thing("man", right, 0.5)]
    scenes = [Scene(frames, words("man"))]

    (located,) = locator(networks).locate(scenes)

    assert summary(located) == [(0, 0, (0, 0, 20, 40)), (0, 1, (0, 0, 20, 40))]
    assert [entity.is_ambiguous for entity in located] == [True, False]
    best_always = locator(networks, ChoiceConfig(max_rival=1.0)).locate(scenes)[0]
    assert not any(entity.is_ambiguous for entity in best_always)


def test_a_mask_that_is_dropped_leaves_the_others_at_their_words() -> None:
    networks = Knows()
    (frame,) = still_frames(picture(40, 80, 0))
    networks.things[frame.image.tobytes()] = [
        Thing("cat", rectangle(40, 80, (0, 0, 20, 40)), mask_score=0.3),
        Thing("dog", rectangle(40, 80, (50, 0, 70, 40))),
    ]

    (located,) = locator(networks).locate([Scene([frame], words("cat", "dog"))])

    assert summary(located) == [(1, 0, (50, 0, 70, 40))]


@pytest.mark.parametrize("save_segmenter", [save_sam, save_sam_2])
def test_it_is_built_from_checkpoints_and_named_by_their_files(tmp_path: Path, save_segmenter: object) -> None:
    assert callable(save_segmenter)
    config = GroundedMasksConfig(
        detector=str(save_grounding_dino(tmp_path / "dino")),
        segmenter=str(save_segmenter(tmp_path / "segmenter")),
        choice=ChoiceConfig(min_box_score=0, min_mask_score=0, min_mask_extent=0, max_rival=1),
        device=CPU,
    )
    built = pickle.loads(pickle.dumps(config.build()))  # as it travels to a worker
    frames = still_frames(picture(48, 80, 0), picture(48, 80, 1))

    described = built.describe()
    built.load()
    built.load()
    (located,) = built.locate([Scene(frames, words("old man", "dog"))])

    assert described.job == "locate"
    assert described.name == f"{tmp_path}/dino + {tmp_path}/segmenter"
    assert len(described.weights_sha256 or "") == 64
    assert located
    for entity in located:
        assert entity.mask.shape == (48, 80)
        assert entity.mask.any()
        assert 0 <= entity.detection_score <= 1
        assert 0 <= entity.mask_score <= 1
    assert len({(entity.word_index, entity.reference_index) for entity in located}) == len(located)


def test_other_weights_are_described_by_another_hash(tmp_path: Path) -> None:
    dino, sam, other = (
        save_grounding_dino(tmp_path / "dino"),
        save_sam(tmp_path / "sam"),
        save_sam(tmp_path / "sam_2", seed=7),
    )

    configs = [GroundedMasksConfig(detector=str(dino), segmenter=str(segmenter)) for segmenter in (sam, other)]
    hashes = {config.build().describe().weights_sha256 for config in configs}

    assert len(hashes) == 2


def test_missing_weights_are_found_before_anything_is_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    config = GroundedMasksConfig(detector=str(folder), segmenter=str(folder), device=CPU)

    with pytest.raises(FileNotFoundError, match="expected weights as"):
        config.build().describe()


def test_it_takes_what_its_device_takes() -> None:
    resources = locator(Knows()).resources

    assert (resources.gpus, resources.batch_size) == (0.0, 4)


def test_a_prompt_without_room_for_a_word_is_refused() -> None:
    with pytest.raises(ValueError, match="max_words is 0"):
        GroundedMasksConfig(max_words=0)
