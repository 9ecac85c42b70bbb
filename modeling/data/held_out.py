"""Which clips training never sees, so that the loss on them tells what the model has learnt beside those it sees."""

from typing import NamedTuple

import numpy as np

from modeling.data.store import SampleStore
from modeling.randomness import unit_interval


class Division(NamedTuple):
    """A dataset in two parts.

    Attributes:
        trained_on: what training sees: clips, windows, references and backgrounds.
        held_out: the rest; None where nothing is held out.
    """

    trained_on: SampleStore
    held_out: SampleStore | None


def divide(store: SampleStore, *, share: float, seed: int) -> Division:
    """Hold out a share of the videos, each with all its clips.

    A video, or a clip whose video the dataset does not name, is held out or not by (seed, its name) alone: neither
    other clips nor the order of shards matter, nor how training goes on.

    Raises:
        ValueError: the dataset is too small for the share: it holds out nothing, or everything.
    """
    if share == 0:
        return Division(store, None)
    names = store.source_videos()
    drawn = names.dictionary.to_pylist()
    is_drawn = np.array([unit_interval("held out", seed, name) < share for name in drawn], np.bool_)
    is_held_out = is_drawn[names.indices.to_numpy()]
    if is_held_out.all() or not is_held_out.any():
        count = f"all {len(store)} clips" if is_held_out.all() else f"none of the {len(store)} clips"
        raise ValueError(
            f"training.held_out.share {share:g} holds out {count} of dataset {store.dataset}, which come from "
            f"{len(drawn)} videos, expected some of them; set another share, or 0 to hold out nothing"
        )
    return Division(store.only(~is_held_out), store.only(is_held_out))
