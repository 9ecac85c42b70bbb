"""The contact sheet of a clip's 16 frames: what people look at to label it."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np

from curation.content_training.real_clips import Seen
from curation.records import Image

# A sheet has so many tiles in a row, and as many rows.
SHEET_COLUMNS: Final = 4
_TILE_SIDE: Final = 240


def write_sheet(seen: Seen, file: Path) -> None:
    """Write the contact sheet of a clip as PNG."""
    _, data = cv2.imencode(".png", cv2.cvtColor(contact_sheet(seen), cv2.COLOR_RGB2BGR))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data.tobytes())


def contact_sheet(seen: Seen) -> Image:
    """The 16 frames, row by row, no longer squeezed."""
    scale = _TILE_SIDE / max(seen.height, seen.width)
    size = (max(1, round(seen.width * scale)), max(1, round(seen.height * scale)))
    tiles = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in seen.frames]
    rows = [
        np.concatenate(tiles[first : first + SHEET_COLUMNS], axis=1) for first in range(0, len(tiles), SHEET_COLUMNS)
    ]
    return np.concatenate(rows).astype(np.uint8)
