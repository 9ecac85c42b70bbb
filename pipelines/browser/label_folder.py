"""A folder of clips to label: what each person said, and where two disagree.

`label-clips` writes `labels.csv`, which lists the clips, and a contact sheet of each. Every person has a file beside
it, `labels-NAME.csv`, which `train-filter` reads.
"""

import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

from curation.annotators.protocols import CONTENT_CLASSES
from curation.content_training.labels import label_file, listed_clips, read_labels
from dataset_schema import Source

LABELS_FILE: Final = "labels.csv"
_NAME: Final = re.compile(r"[\w-]{1,64}")


def sheet_name(place: int) -> str:
    """The contact sheet of a clip, by its place in `labels.csv`, from 0."""
    return f"sheets/{place + 1:05d}.png"


def personal_file(name: str) -> str:
    """The label file of a person.

    Raises:
        ValueError: the name would be none of a file.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"annotator is {name!r}, expected a name of letters, digits, - and _, 64 at most")
    return f"labels-{name}.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far two people agree on the clips that both labelled.

    Attributes:
        kappa: Cohen's (1960): agreement beyond what their habits alone would give, 1 at most; None where both gave
            all clips one label.
        apart: places of clips that they call differently, with what each says.
    """

    names: tuple[str, str]
    clips: int
    share: float
    kappa: float | None
    apart: Sequence[tuple[int, str, str]]


class LabelFolder:
    """The clips, and the labels of one person, which change; those of others are read as they are now.

    Args:
        folder: what `label-clips` wrote.
        annotator: who labels.

    Raises:
        OSError: it is no such folder.
        ValueError: a label file is wrong.
    """

    def __init__(self, folder: Path, annotator: str) -> None:
        self.folder = folder
        self.annotator = annotator
        self._file = folder / personal_file(annotator)
        self.clips: Sequence[Source] = listed_clips(folder / LABELS_FILE)
        self._places = {source: place for place, source in enumerate(self.clips)}
        self._lock = threading.Lock()
        self._former: list[tuple[int, str]] = []
        self._own = dict(self._labels_of(self._file)) if self._file.exists() else {}

    @property
    def own(self) -> Mapping[int, str]:
        """Place of a clip -> its label by this person."""
        return self._own

    def give(self, place: int, label: str) -> None:
        """Label a clip; an empty label takes it back.

        Raises:
            IndexError: there is no such clip.
            ValueError: there is no such label.
            OSError: the file cannot be written; the label is then not given.
        """
        if not 0 <= place < len(self.clips):
            raise IndexError(f"there is no clip {place + 1}, the last one is {len(self.clips)}")
        if label and label not in CONTENT_CLASSES:
            raise ValueError(f"label is {label[:80]!r}, expected one of {', '.join(CONTENT_CLASSES)}, or nothing")
        with self._lock:
            former = self._own.get(place, "")
            self._put(place, label)
            self._former.append((place, former))

    def undo(self) -> int | None:
        """Take back what was said last; the place of its clip, or None where nothing was said since the start.

        Raises:
            OSError: the file cannot be written.
        """
        with self._lock:
            if not self._former:
                return None
            place, former = self._former[-1]
            self._put(place, former)
            self._former.pop()
            return place

    def next_open(self, place: int) -> int | None:
        """The next clip that this person has not labelled, after `place` and around to the first; None if all are."""
        following = (*range(place + 1, len(self.clips)), *range(min(place + 1, len(self.clips))))
        return next((each for each in following if each not in self._own), None)

    def agreements(self) -> Iterator[Agreement]:
        """Of every two people who labelled a clip in common.

        Raises:
            ValueError: the file of another person is wrong.
        """
        people = {self.annotator: self._own}
        for file in sorted(self.folder.glob("labels-*.csv")):
            if file != self._file:
                people[file.stem.removeprefix("labels-")] = dict(self._labels_of(file))
        for one, other in combinations(people, 2):
            common = sorted(people[one].keys() & people[other].keys())
            if common:
                yield _agreement((one, other), {place: (people[one][place], people[other][place]) for place in common})

    def _put(self, place: int, label: str) -> None:
        labels = {**self._own, place: label}
        if not label:
            del labels[place]
        rows = ((self.clips[each], labels[each], self.annotator) for each in sorted(labels))
        written = self._file.with_name(f".{self._file.name}.written")
        written.write_text(label_file(rows), encoding="utf-8")
        written.replace(self._file)  # whoever reads the file sees all of it
        self._own = labels

    def _labels_of(self, file: Path) -> Iterator[tuple[int, str]]:
        for label in read_labels([file]).given:
            place = self._places.get(label.source)
            if place is None:
                raise ValueError(f"{file} labels {label.source.uri}, which {self.folder / LABELS_FILE} does not list")
            yield place, CONTENT_CLASSES[label.label]


def _agreement(names: tuple[str, str], both: Mapping[int, tuple[str, str]]) -> Agreement:
    share = sum(one == other for one, other in both.values()) / len(both)
    habits = [Counter(labels) for labels in zip(*both.values(), strict=True)]
    by_chance = sum(habits[0][label] * habits[1][label] for label in CONTENT_CLASSES) / len(both) ** 2
    kappa = None if by_chance == 1 else (share - by_chance) / (1 - by_chance)
    apart = [(place, one, other) for place, (one, other) in both.items() if one != other]
    return Agreement(names=names, clips=len(both), share=share, kappa=kappa, apart=apart)
