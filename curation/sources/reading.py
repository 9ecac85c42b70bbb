"""The input as clips and failures, counted before the first is made."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from curation.records import Clip
from curation.sources.config import SourcesConfig
from curation.sources.opening import look_through
from curation.sources.records import make_records
from curation.sources.rows import Listing
from dataset_schema import FailedClip
from storage.address import Place

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sources:
    """An input that was looked through: `len` says how many rows it has, and each iteration reads them all."""

    _listing: Listing
    _folder: Place
    _config: SourcesConfig

    @property
    def left_out(self) -> tuple[Place, ...]:
        """Folders inside the input that earlier commands wrote, and that were passed over."""
        return self._listing.left_out

    def __len__(self) -> int:
        return self._listing.count

    def __iter__(self) -> Iterator[Clip | FailedClip]:
        return make_records(self._listing.read(), self._folder, self._config)


def read_sources(location: Place, config: SourcesConfig, *, output: Place | None = None) -> Sources:
    """Every row of `location` as a clip to be curated, or as a failure.

    Args:
        location: a folder or a manifest.
        config: how to read it.
        output: of the run; left out where it lies inside of the folder.

    Raises:
        FileNotFoundError: there is nothing at `location`.
        OSError: the store that it lies in does not give it.
        ValueError: `location` holds no manifest that can be read, or no videos at all.
    """
    is_folder = location.is_dir()
    listing = look_through(location, config, is_folder=is_folder, output=output)
    if not listing.count:
        raise ValueError(f"input {location} is empty; expected at least one video")
    if listing.left_out:
        logger.warning(
            "input %s: %d of its folders left out, which earlier commands wrote: %s",
            location,
            len(listing.left_out),
            ", ".join(map(str, listing.left_out)),
        )
    folder = location if is_folder else location.parent
    return Sources(listing, folder.resolve() if isinstance(folder, Path) else folder, config)
