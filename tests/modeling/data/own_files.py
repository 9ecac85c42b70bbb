"""What one has at home: drawn pictures and videos with captions, in a folder."""

from pathlib import Path

import numpy as np
from PIL import Image

from modeling.data.video import write_video


def draw(path: Path, *, seed: int, size: tuple[int, int] = (48, 32), alpha: bool = False) -> Path:
    """A noisy picture of (width, height)."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 4 if alpha else 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def film(path: Path, *, frames: int = 12, size: tuple[int, int] = (48, 32)) -> Path:
    """A gradient that moves; (width, height)."""
    y, x = np.mgrid[: size[1], : size[0]]
    images = [np.stack([4 * x + 3 * t, 6 * y, 0 * x], axis=-1) for t in range(frames)]
    write_video(path, np.asarray(images).clip(0, 255).astype(np.uint8))
    return path


def furnish(folder: Path) -> Path:
    """A picture and a video of a dog and a cat, with words and pictures of the dog."""
    draw(folder / "a.png", seed=1)
    film(folder / "b.mp4")
    (folder / "a.txt").write_text("A dog and a cat on a sofa.\n")
    (folder / "b.txt").write_text("A cat jumps.")
    draw(folder / "dog" / "1.png", seed=2, size=(20, 30), alpha=True)
    draw(folder / "dog" / "2.png", seed=3, size=(10, 10))
    return folder
