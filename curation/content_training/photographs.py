"""Photographs that installed packages carry under free licences: texture that nobody can draw.

They are for training only (`pip install openalchemist[filter-training]`). Where a package is missing, a drawn surface
takes the photograph's place and all else of a clip stays the same.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np

from curation.content_training.textures import Rng, between, chance, log_between, soften, surface
from curation.records import Image


class Photograph(NamedTuple):
    """A file of a package, and what its documentation there says of whose it is."""

    package: str
    file: str
    licence: str


PHOTOGRAPHS: Final = (
    Photograph("skimage", "data/astronaut.png", "NASA, public domain"),
    Photograph("skimage", "data/brick.png", "CC0Textures, CC0"),
    Photograph("skimage", "data/camera.png", "Lav Varshney, CC0"),
    Photograph("skimage", "data/chelsea.png", "Stefan van der Walt, CC0"),
    Photograph("skimage", "data/clock_motion.png", "Stefan van der Walt, public domain"),
    Photograph("skimage", "data/coffee.png", "Rachel Michetti, CC0"),
    Photograph("skimage", "data/coins.png", "Brooklyn Museum, no known copyright restrictions"),
    Photograph("skimage", "data/grass.png", "linolafett, CC0"),
    Photograph("skimage", "data/gravel.png", "CC0Textures, CC0"),
    Photograph("skimage", "data/hubble_deep_field.jpg", "NASA, public domain"),
    Photograph("skimage", "data/rocket.jpg", "SpaceX, public domain"),
    Photograph("sklearn", "datasets/images/china.jpg", "danielbuechele, CC BY 2.0"),
    Photograph("sklearn", "datasets/images/flower.jpg", "vultilion, CC BY 2.0"),
)


def photograph(rng: Rng, height: int, width: int) -> Image:
    """A part of a random photograph, mirrored and toned at random; a drawn surface where its package is missing."""
    own = np.random.default_rng(rng.integers(1 << 62))  # so that what comes after is the same with and without packages
    path = photograph_path(PHOTOGRAPHS[int(own.integers(len(PHOTOGRAPHS)))])
    if path is None:
        return surface(own, height, width)
    picture = _read(path)
    whole_height, whole_width = picture.shape[:2]
    scale = log_between(own, 0.35, 1) * min(whole_height / height, whole_width / width)
    part_height, part_width = max(8, int(height * scale)), max(8, int(width * scale))
    top = int(own.integers(0, whole_height - part_height + 1))
    left = int(own.integers(0, whole_width - part_width + 1))
    part = cv2.resize(picture[top : top + part_height, left : left + part_width], (width, height))
    if chance(own, 0.5):
        part = part[:, ::-1]
    tint = np.exp(own.normal(0, 0.12, 3)) * log_between(own, 0.6, 1.3)
    toned = np.clip(255 * (part / 255) ** log_between(own, 0.6, 1.6) * tint, 0, 255).astype(np.uint8)
    return soften(toned, between(own, 0.5, 3)) if chance(own, 0.25) else toned


def photograph_path(wanted: Photograph) -> Path | None:
    """Where the file lies; None if the package is not installed. Does not import it."""
    found = find_spec(wanted.package)
    if found is None or not found.submodule_search_locations:
        return None
    path = Path(found.submodule_search_locations[0]) / wanted.file
    return path if path.is_file() else None


@cache
def _read(path: Path) -> Image:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"{path} cannot be read as a picture, expected a photograph; install its package again")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
