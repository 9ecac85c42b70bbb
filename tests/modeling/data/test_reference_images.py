"""What becomes of the reference images of a clip. Pasting changes what lies behind one, and nothing else."""

import io
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import binomtest, chisquare

from dataset_schema import Bucket, Payload, Sample, write_shard
from modeling.data.augmentation import augment, draw_augmentation
from modeling.data.batches import BatchLoader, DataConfig
from modeling.data.reference_choice import select_reference_images
from modeling.data.reference_images import ReferenceImage, ReferenceImages
from modeling.data.store import SampleStore
from modeling.data.training_sample import TrainingSample
from modeling.encoders.geometry import LatentGeometry
from modeling.randomness import numpy_generator
from picture_reading.showing import on_white

BUCKET, LONGER = Bucket(5, 32, 48), Bucket(9, 32, 48)
# One for each clip, so that a background tells whose it is; none is a color of the world's shapes.
GROUNDS = [(10, 200, 200), (250, 120, 0), (120, 120, 120), (0, 90, 60), (255, 0, 255)]
VISITS = 100


@pytest.fixture
def samples(make_sample: Callable[..., Sample], tmp_path: Path) -> list[Sample]:
    """Five clips of two buckets, each with a background of its own color."""
    found = []
    for number, color in enumerate(GROUNDS):
        sample = make_sample(number, LONGER if number > 2 else BUCKET, tmp_path)
        assert sample.background is not None
        file = io.BytesIO()
        Image.new("RGB", (48, 32), color).save(file, "PNG")
        found.append(replace(sample, background=replace(sample.background, image=Payload(bytes=file.getvalue()))))
    return found


def maker(
    samples: list[Sample],
    folder: Path,
    *,
    probability: float = 0.0,
    seed: int = 0,
    draws: bool = True,
    augments: bool = True,
) -> ReferenceImages:
    dataset = folder / "dataset"
    write_shard(dataset / "samples" / "part-0.parquet", samples)
    return ReferenceImages(
        SampleStore(dataset),
        seed=seed,
        max_images=6,
        draws_references=draws,
        augments_references=augments,
        random_background_probability=probability,
    )


def bits(images: tuple[ReferenceImage, ...]) -> list[tuple[object, ...]]:
    return [(image.start, image.end, image.image.mode, image.image.tobytes()) for image in images]


@pytest.mark.parametrize("number", [0, 1])
def test_a_pasted_image_is_the_augmented_one_on_the_background_of_another_clip(
    samples: list[Sample], tmp_path: Path, number: int
) -> None:
    plain, pasted = (maker(samples, tmp_path, probability=probability) for probability in (0.0, 1.0))
    own = next(entity for entity in samples[number].entities if entity.references)

    grounds: Counter[tuple[int, ...]] = Counter()
    for visit in range(VISITS):
        before, after = (
            plain.of(TrainingSample.of(samples[number]), visit),
            pasted.of(TrainingSample.of(samples[number]), visit),
        )
        assert [(image.start, image.end) for image in before] == [(image.start, image.end) for image in after]
        for old, new in zip(before, after, strict=True):
            if (old.start, old.end) != (own.start, own.end):  # the background itself
                assert new.image.tobytes() == old.image.tobytes()
                continue
            assert (new.image.mode, new.image.size) == ("RGB", old.image.size)
            old_pixels, new_pixels = np.asarray(old.image), np.asarray(new.image)
            alpha = old_pixels[..., 3]
            assert np.array_equal(new_pixels[alpha == 255], old_pixels[alpha == 255][:, :3])
            outside = np.unique(new_pixels[alpha == 0], axis=0)
            assert len(outside) < 2
            grounds.update(map(tuple, outside.tolist()))
    assert set(grounds) == {*GROUNDS} - {GROUNDS[number]}
    assert chisquare(list(grounds.values())).pvalue > 1e-3


@pytest.mark.parametrize("probability", [0.0, 1e-9])
def test_images_that_are_not_pasted_are_those_of_a_world_without_pasting(
    samples: list[Sample], tmp_path: Path, probability: float
) -> None:
    images = maker(samples, tmp_path, probability=probability)

    for visit in range(20):
        generator = numpy_generator("references", 0, samples[0].clip_id, visit)
        expected = []
        for selected in select_reference_images(TrainingSample.of(samples[0]), generator, max_images=6):
            picture = Image.open(io.BytesIO(selected.image.bytes or b""))
            changed = augment(picture, draw_augmentation(picture.width, picture.height, generator))
            expected.append((selected.start, selected.end, "RGBA", changed.tobytes()))
        assert bits(images.of(TrainingSample.of(samples[0]), visit)) == expected


def test_images_are_pasted_as_often_as_the_config_says_each_for_itself(samples: list[Sample], tmp_path: Path) -> None:
    pasted = maker(samples, tmp_path, probability=0.3)

    own = next(entity for entity in samples[1].entities if entity.references)

    found = []
    for visit in range(VISITS):
        images = pasted.of(TrainingSample.of(samples[1]), visit)
        found.append([image.image.mode == "RGB" for image in images if image.start == own.start])

    every = [is_pasted for visit in found for is_pasted in visit]
    assert binomtest(sum(every), len(every), 0.3).pvalue > 1e-3
    assert any(len(set(visit)) == 2 for visit in found)


def test_the_images_of_a_visit_are_a_function_of_seed_clip_and_visit(samples: list[Sample], tmp_path: Path) -> None:
    first, again, other = (maker(samples, tmp_path, probability=1.0, seed=seed) for seed in (0, 0, 1))

    for visit in range(5):
        first.of(TrainingSample.of(samples[2]), visit)

    assert bits(first.of(TrainingSample.of(samples[0]), 7)) == bits(again.of(TrainingSample.of(samples[0]), 7))
    assert bits(first.of(TrainingSample.of(samples[0]), 7)) != bits(first.of(TrainingSample.of(samples[0]), 8))
    assert bits(first.of(TrainingSample.of(samples[0]), 7)) != bits(other.of(TrainingSample.of(samples[0]), 7))


def test_other_images_are_pasted_in_other_visits_and_for_another_seed(samples: list[Sample], tmp_path: Path) -> None:
    makers = [maker(samples, tmp_path, probability=0.5, seed=seed) for seed in (0, 1)]

    # The first image is always of the subject, so whether it is pasted does not hang on which images were drawn.
    firsts = [
        [images.of(TrainingSample.of(samples[0]), visit)[0].image.mode for visit in range(30)] for images in makers
    ]

    assert set(firsts[0]) == {"RGB", "RGBA"}
    assert firsts[0] != firsts[1]


def test_a_clip_without_a_background_gets_those_of_others(samples: list[Sample], tmp_path: Path) -> None:
    samples[0] = replace(samples[0], background=None)
    pasted = maker(samples, tmp_path, probability=1.0)

    assert all(
        image.image.mode == "RGB" for visit in range(9) for image in pasted.of(TrainingSample.of(samples[0]), visit)
    )


@pytest.mark.parametrize("left", [0, 1])
def test_pasting_without_backgrounds_is_an_error_before_training_starts(
    samples: list[Sample], tmp_path: Path, left: int
) -> None:
    bare = [replace(sample, background=None) for sample in samples[left:]]
    write_shard(tmp_path / "dataset" / "samples" / "part-0.parquet", [*samples[:left], *bare])
    config = DataConfig(random_background_probability=0.1)

    with pytest.raises(
        ValueError,
        match=f"random_background_probability is 0.1, but .* has {left} clips with a background, .* at least 2",
    ):
        BatchLoader(SampleStore(tmp_path / "dataset"), config, seed=0, max_images=6, latents=LatentGeometry())


@pytest.mark.parametrize("broken", [Payload(bytes=b"broken"), Payload(path="nowhere.png")])
def test_a_background_that_cannot_be_read_is_named(samples: list[Sample], tmp_path: Path, broken: Payload) -> None:
    assert samples[1].background is not None
    samples[1] = replace(samples[1], background=replace(samples[1].background, image=broken))
    pasted = maker(samples[:2], tmp_path, probability=1.0)

    with pytest.raises(ValueError, match=f"clip {samples[1].clip_id}: background image cannot be read .*; curate"):
        pasted.of(TrainingSample.of(samples[0]), 0)


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
def test_a_probability_that_is_none_is_an_error(probability: float) -> None:
    with pytest.raises(ValueError, match=r"random_background_probability .*, expected (0 to 1|a number)"):
        DataConfig(random_background_probability=probability)


def cut_pictures(sample: Sample) -> list[tuple[object, ...]]:
    """What curation cut for a clip, in the form of `bits`."""
    assert sample.background is not None
    named = [(entity, reference.image) for entity in sample.entities for reference in entity.references]
    place = next(entity for entity in sample.entities if not entity.references)
    found: list[tuple[object, ...]] = []
    for entity, payload in [*named, (place, sample.background.image)]:
        picture = Image.open(io.BytesIO(payload.bytes or b"")).convert("RGBA")
        found.append((entity.start, entity.end, picture.mode, picture.tobytes()))
    return found


def test_without_augmentation_the_pictures_are_those_that_curation_cut_and_the_same_are_drawn(
    samples: list[Sample], tmp_path: Path
) -> None:
    plain, augmented = (maker(samples, tmp_path, augments=augments) for augments in (False, True))
    cut = cut_pictures(samples[0])

    for visit in range(20):
        images = plain.of(TrainingSample.of(samples[0]), visit)

        changed = augmented.of(TrainingSample.of(samples[0]), visit)
        assert set(bits(images)) <= set(cut)
        assert [(image.start, image.end) for image in images] == [(image.start, image.end) for image in changed]
        assert not set(bits(changed)) & set(cut)


def test_without_drawing_every_visit_shows_every_picture_once(
    samples: list[Sample], make_two_subjects: Callable[[Sample], Sample], tmp_path: Path
) -> None:
    samples = [_with_pictures_of_their_own(make_two_subjects(sample)) for sample in samples]
    images = maker(samples, tmp_path, draws=False, augments=False)
    every = sorted(cut_pictures(samples[0]), key=repr)
    assert len(set(every)) == 6

    orders = set()
    for visit in range(20):
        shown = bits(images.of(TrainingSample.of(samples[0]), visit))
        assert sorted(shown, key=repr) == every
        assert shown == bits(images.of(TrainingSample.of(samples[0]), visit))
        orders.add(tuple(shown))
    assert len(orders) > 1


def test_a_picture_in_another_form_trains_the_same(samples: list[Sample], tmp_path: Path) -> None:
    plain = maker(samples, tmp_path / "plain", draws=False).of(TrainingSample.of(samples[0]), 3)
    exif = Image.Exif()
    exif[0x0112] = 8  # to be turned back by a quarter

    def turned_and_in_few_colors(payload: Payload) -> Payload:
        file, picture = io.BytesIO(), Image.open(io.BytesIO(payload.bytes or b""))
        picture.transpose(Image.Transpose.ROTATE_270).quantize(16).save(file, "PNG", exif=exif)
        return Payload(bytes=file.getvalue())

    entities = tuple(
        replace(
            entity,
            references=tuple(
                replace(reference, image=turned_and_in_few_colors(reference.image)) for reference in entity.references
            ),
        )
        for entity in samples[0].entities
    )
    samples[0] = replace(samples[0], entities=entities)

    changed = maker(samples, tmp_path / "changed", draws=False).of(TrainingSample.of(samples[0]), 3)

    for before, after in zip(plain, changed, strict=True):
        seen = [np.asarray(on_white(each.image)).astype(int) for each in (before, after)]
        assert np.abs(seen[0] - seen[1]).max() <= 2


def _with_pictures_of_their_own(sample: Sample) -> Sample:
    """Three references of the first entity and two of the second, of which no two look alike."""
    entities, shade = [], 0
    for entity, count in zip(sample.entities, (3, 2, 0), strict=True):
        references = []
        for reference in entity.references[:count]:
            file, shade = io.BytesIO(), shade + 40
            Image.new("RGBA", (20, 12), (shade, 0, 0, 255)).save(file, "PNG")
            references.append(replace(reference, image=Payload(bytes=file.getvalue())))
        entities.append(replace(entity, references=tuple(references)))
    return replace(sample, entities=tuple(entities))
