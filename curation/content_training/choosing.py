"""Which clips people should label: drawn at random from what is to be curated, or spread over a filter's classes."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from curation.annotators.protocols import CONTENT_CLASSES
from curation.content_training.real_clips import Lost, RealClip
from curation.records import Clip, Video
from curation.sources import SourcesConfig, read_sources
from dataset_schema import FailedClip
from storage.address import Place


def sample_sources(location: Place, config: SourcesConfig, *, count: int, seed: int) -> list[Clip | FailedClip]:
    """Rows of the input drawn at random, in random order; all of them if there are no more than `count`."""
    sources = read_sources(location, config)
    drawn = np.random.default_rng(seed).choice(len(sources), min(count, len(sources)), replace=False)
    places = {int(row): place for place, row in enumerate(drawn)}
    found = [(places[row], record) for row, record in enumerate(sources) if row in places]
    return [record for _, record in sorted(found, key=lambda item: item[0])]


def spread_over_classes(
    footage: Iterable[RealClip], *, candidates: int, count: int, predict: Callable[[Video], int]
) -> Iterator[RealClip]:
    """Of so many candidates, `count` clips with equal shares of the predicted classes, as far as there are any.

    A clip is taken while its class has less than its share, or when no more candidates are left than places. So every
    candidate is decoded once, none is kept waiting in memory, and with as many candidates as places all are taken and
    nothing is predicted. Our choice: no other weighting; the share of each class in the data is then unknown to who
    trains on them, but neither the balanced sampling of training nor the threshold needs it.

    Yields:
        Clips that were taken, and those that could not be decoded.
    """
    share = -(-count // len(CONTENT_CLASSES))
    taken: Counter[int] = Counter()
    left = count
    for index, item in enumerate(footage):
        if isinstance(item, Lost):
            yield item
            continue
        if candidates - index > left:
            label = predict(item.frames)
            if taken[label] >= share:
                continue
            taken[label] += 1
        yield item
        left -= 1
        if not left:
            return
