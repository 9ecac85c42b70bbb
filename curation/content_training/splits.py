"""Who trains, who chooses the threshold, who judges: labelled clips split by the video that they come from."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from curation.annotators.protocols import CONTENT_CLASSES
from dataset_schema import Source

_SPLITS: Final = 3


class Split(NamedTuple):
    """Clips of the three splits; no video has clips in two of them."""

    training: Sequence[Source]
    validation: Sequence[Source]
    test: Sequence[Source]


def split_by_video(labels: Mapping[Source, int], *, validation_share: float, test_share: float, seed: int) -> Split:
    """Shares of the videos of every class; a video counts to the class that most of its clips have.

    By video, because two clips of one video look so alike that a network which learnt the one by heart knows the other.

    Raises:
        ValueError: a class has too few videos for one in every split.
    """
    clips: defaultdict[str, list[Source]] = defaultdict(list)
    for source in labels:
        clips[source.uri].append(source)
    videos: defaultdict[int, list[str]] = defaultdict(list)
    for uri, sources in sorted(clips.items()):
        videos[Counter(labels[source] for source in sources).most_common(1)[0][0]].append(uri)
    _check_enough(videos)
    split: tuple[list[Source], list[Source], list[Source]] = ([], [], [])
    for label, uris in sorted(videos.items()):
        validation = min(max(1, round(validation_share * len(uris))), len(uris) - 2)
        test = min(max(1, round(test_share * len(uris))), len(uris) - validation - 1)
        for place, index in enumerate(np.random.default_rng([seed, label]).permutation(len(uris))):
            part = 1 if place < validation else 2 if place < validation + test else 0
            split[part].extend(clips[uris[index]])
    return Split(*split)


def _check_enough(videos: Mapping[int, Sequence[str]]) -> None:
    counts = {name: len(videos.get(label, ())) for label, name in enumerate(CONTENT_CLASSES)}
    few = [f"{name} {count}" for name, count in counts.items() if count < _SPLITS]
    if few:
        raise ValueError(
            f"too few labelled videos: {', '.join(few)}; expected at least {_SPLITS} of every class, one to train on, "
            "one to choose the threshold by, one to judge by"
        )
