"""The images that a clip is conditioned on in training: drawn (A.3), augmented (Table 4), some pasted (D)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

from dataset_schema import Payload
from modeling.data.augmentation import augment, draw_augmentation
from modeling.data.pasting import draw_background_crop, paste
from modeling.data.reference_choice import all_reference_images, select_reference_images
from modeling.data.store import NumberedClip, SampleStore
from modeling.data.training_sample import TrainingSample
from modeling.randomness import numpy_generator
from picture_reading.opening import open_picture
from storage.address import Address


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReferenceImage:
    """A picture, and the characters `[start, end)` of the caption that name what it shows; equal if none do."""

    start: int
    end: int
    image: Image.Image


class ReferenceImages:
    """Makes the reference images of any visit to any clip: a function of (seed, clip, visit).

    Args:
        store: the dataset.
        seed: of the run.
        max_images: of a clip.
        draws_references: whether A.3 draws some of a clip's images; otherwise it is always all of them.
        augments_references: whether they are changed (Table 4); otherwise they stay as curation cut them.
        random_background_probability: how often a segmented image is pasted onto the background of another clip.

    Raises:
        ValueError: images are to be pasted, and fewer than two clips have a background.
    """

    def __init__(
        self,
        store: SampleStore,
        *,
        seed: int,
        max_images: int,
        draws_references: bool,
        augments_references: bool,
        random_background_probability: float,
    ) -> None:
        self._store = store
        self._seed = seed
        self._max_images = max_images
        self._select = select_reference_images if draws_references else all_reference_images
        self._augments = augments_references
        self._pasting_probability = random_background_probability
        self._grounds: Sequence[NumberedClip] = (
            store.clips_with_background() if random_background_probability > 0 else []
        )
        if random_background_probability > 0 and not _has_several(self._grounds):
            raise ValueError(
                f"data.random_background_probability is {random_background_probability}, but dataset {store.dataset} "
                f"has {min(len(self._grounds), 1)} clips with a background, expected at least 2; set it to 0, or "
                "curate with backgrounds"
            )

    def of(
        self, sample: TrainingSample, visit: int, *, prepare: Callable[[Image.Image], Image.Image] = lambda image: image
    ) -> tuple[ReferenceImage, ...]:
        """The images of a clip, the background last, each prepared for its encoder.

        Raises:
            ValueError: an image cannot be read; the message names its clip.
        """
        generator = numpy_generator("references", self._seed, sample.clip_id, visit)
        pasting = numpy_generator("pasting", self._seed, sample.clip_id, visit)
        open_image = cache(self._open)  # the same picture may be drawn several times
        images = []
        for selected in self._select(sample, generator, max_images=self._max_images):
            image = open_image(selected.image, f"clip {sample.clip_id}: reference image")
            if self._augments:
                image = augment(image, draw_augmentation(image.width, image.height, generator))
            if not selected.is_background and pasting.random() < self._pasting_probability:
                image = self._pasted(image, sample.clip_id, pasting)
            images.append(ReferenceImage(start=selected.start, end=selected.end, image=prepare(image)))
        return tuple(images)

    def _pasted(self, image: Image.Image, clip_id: str, generator: np.random.Generator) -> Image.Image:
        """The image on a part of another clip's background; its own would show where the clip takes place."""
        ground = self._grounds[int(generator.integers(len(self._grounds)))]
        while ground.clip_id == clip_id:
            ground = self._grounds[int(generator.integers(len(self._grounds)))]
        payload = self._store.read_background(ground.number)
        background = self._open(payload, f"clip {ground.clip_id}: background image")
        return paste(image, background, draw_background_crop(generator))

    def _open(self, payload: Payload, name: str) -> Image.Image:
        try:
            content = self._store.content(payload)
            return open_picture(content.read_bytes() if isinstance(content, Address) else content)
        except (ValueError, OSError) as error:
            raise ValueError(f"{name} cannot be read ({error}); curate the clip again") from error


def _has_several(grounds: Sequence[NumberedClip]) -> bool:
    """Whether there are two different clips; one may stand there many times."""
    return any(ground.clip_id != grounds[0].clip_id for ground in grounds)
