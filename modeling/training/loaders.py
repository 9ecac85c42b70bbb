"""What a run reads: the clips that it trains on, and those that it holds out."""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

from modeling.data.batches import BatchLoader, DataConfig, Share
from modeling.data.cache import ClipCache
from modeling.data.held_out import divide
from modeling.data.store import SampleStore
from modeling.encoders import Encoders, TextEncoder, TextTokens
from modeling.training.config import RunConfig
from modeling.training.parallel import Team


class Loaders(NamedTuple):
    """One of each part of the dataset.

    Attributes:
        held_out: None where nothing is held out.
        null_text: what the model reads where a text is dropped; None is zeros. A run with a cache finds it there, and
            does not load the text encoder.
    """

    trained_on: BatchLoader
    held_out: BatchLoader | None
    null_text: TextTokens | None


def open_loaders(
    config: RunConfig, store: SampleStore, encoders: Encoders, team: Team, *, held_out_share: float
) -> Loaders:
    """Divide the dataset, and open a loader of each part.

    Raises:
        ValueError: the dataset is too small to divide, has no cache that the run wants, or does not suit the batches.
    """
    training = config.training
    parts = divide(store, share=held_out_share, seed=training.held_out.seed)
    cache = ClipCache.of(store, encoders, windows=training.data.cached_windows) if training.data.uses_cache else None
    loader_of = partial(
        BatchLoader,
        max_images=config.pipeline.model.max_images,
        latents=config.pipeline.encoders.latents,
        share=Share(team.data_rank, team.data_ranks),
    )

    def of(part: SampleStore) -> SampleStore | ClipCache:
        return part if cache is None else cache.of_part(part)

    return Loaders(
        trained_on=loader_of(of(parts.trained_on), training.data, seed=training.seed),
        held_out=None
        if parts.held_out is None
        else loader_of(of(parts.held_out), _plain(training.data), seed=training.held_out.seed),
        null_text=_null_text(config.pipeline.model.null_text, cache, encoders.text),
    )


def _null_text(text: str | None, cache: ClipCache | None, encoder: TextEncoder) -> TextTokens | None:
    if text is None:
        return None
    return encoder.encode([text])[0] if cache is None else cache.null_text(text)


def _plain(data: DataConfig) -> DataConfig:
    """Held-out clips are read as the others, but for what depends on their number; and nothing is kept of them."""
    batching = replace(data.batching, multi_subject_share=0.0)
    return replace(data, batching=batching, random_background_probability=0.0, memory_mb=0)
