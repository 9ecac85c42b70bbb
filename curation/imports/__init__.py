"""Annotated datasets of others as clips with their words and masks: one core, and one file for each layout.

`reading.py` is the door. A file in `layouts/` translates one layout into a `ForeignClip` (`foreign.py`) and nothing
else. The core finds the words in the caption (`words.py`), the videos in the user's folder (`videos.py`), drops masks
that say a thing twice (`doubles.py`), counts what has no place in a dataset of ours (`unmapped.py`), and gives records
to the stages of curation, which decide about the clip like about any other.
"""

from curation.imports.config import ImportConfig
from curation.imports.layouts.every_layout import LAYOUTS, LayoutName
from curation.imports.reading import ForeignDataset, open_foreign
from curation.imports.unmapped import Unmapped, UnmappedCounts

__all__ = [
    "LAYOUTS",
    "ForeignDataset",
    "ImportConfig",
    "LayoutName",
    "Unmapped",
    "UnmappedCounts",
    "open_foreign",
]
