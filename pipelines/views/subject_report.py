"""What was found of a subject, what its pictures show and what is missing: as text, and as JSON for programs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.funnel import Counts
from curation.one_subject.pictures import GivenPicture
from curation.one_subject.search import Found
from dataset_schema import Annotator


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectReport:
    """A search that is done.

    Attributes:
        word: what the subject is called; empty where any subject might be it.
        annotator: what told that it is the subject, and `limit` from where on.
        agreement: of each picture that was given to the most similar other one; empty of a single one.
        counts: of the dataset; `rejected` are those of the search, by reason.
        files: of the chosen pictures, in their order.
    """

    given: Sequence[GivenPicture]
    word: str
    annotator: Annotator
    limit: float
    agreement: Sequence[float]
    found: Found
    counts: Counts
    rejected: Mapping[str, int]
    files: Sequence[str]

    @property
    def doubt(self) -> str:
        """What is wrong with the pictures themselves, as a sentence; empty if nothing is."""
        apart = sum(value < self.limit for value in self.agreement)
        if not apart:
            return ""
        return (
            f"{apart} of the {len(self.agreement)} pictures are less like every other one than {self.limit:g} (the "
            f"least {min(self.agreement):.3f}): {self.annotator.name} takes them for another subject, so it misses "
            "clips; give more pictures between these views, or let another network compare (docs/subject.md)"
        )

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain values."""
        coverage = self.found.coverage
        return {
            "pictures": [_given(each) for each in self.given],
            "word": self.word,
            "likeness_by": self.annotator.name,
            "min_likeness": self.limit,
            "agreement_of_pictures": [round(value, 4) for value in self.agreement],
            "doubt": self.doubt,
            "clips": {
                "read": self.counts.read,
                "kept": self.counts.kept,
                "rejected": self.counts.rejected,
                "failed": self.counts.failed,
                "rejected_by_the_search": dict(self.rejected),
            },
            "references": list(self._references()),
            "pictures_left_out": self._left_out(),
            "seen": {name: dict(counts) for name, counts in coverage.clips.items()},
            "missing": list(coverage.missing),
            "seldom": list(coverage.seldom),
            "not_told": list(coverage.untold),
            "kept": [self._clip(clip_id) for clip_id in self.found.kept],
            "nearest_rejected": [
                {**_of(each.finding.likeness), "clip_id": each.finding.clip_id, "video": each.finding.uri}
                for each in self.found.strangers
            ],
        }

    def as_text(self) -> str:
        """The same for people, without what only programs read."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield from self._about_given()
        counts = self.counts
        yield f"read {counts.read} = kept {counts.kept} + rejected {counts.rejected} + failed {counts.failed}"
        yield f"likeness by {self.annotator.name}, at least {self.limit:g}"
        yield from _counted("rejected here", self.rejected)
        yield f"pictures: {len(self.found.good)} good, {len(self.files)} chosen"
        yield from _counted("left out", self._left_out())
        yield from self._about_coverage()
        yield from self._about_limit()

    def _about_given(self) -> Iterator[str]:
        used = [each for each in self.given if each.crop]
        yield f"subject: {self.word or 'of any kind'}, by {len(used)} of {len(self.given)} pictures"
        yield from (f"  not used: {each.problem}" for each in self.given if each.problem)
        yield from (f"  {doubt}" for doubt in [self.doubt] if doubt)

    def _about_coverage(self) -> Iterator[str]:
        coverage = self.found.coverage
        for name, found in coverage.clips.items():
            yield f"{name}, clips: {', '.join(f'{kind} {count}' for kind, count in found.items())}"
        yield from (f"{name}: the pictures do not tell" for name in coverage.untold)
        for name, told in (("missing", coverage.missing), ("seldom", coverage.seldom)):
            if told:
                yield f"{name}: {'; '.join(told)}"

    def _about_limit(self) -> Iterator[str]:
        """The clips on both sides of it, which tell whether it is right."""
        for finding in [self.found.kept[clip_id].finding for clip_id in self.found.kept][-1:]:
            yield f"least like it of the kept: {finding.likeness:.3f} {finding.uri}"
        for stranger in self.found.strangers[:1]:
            yield f"most like it of the rejected: {stranger.finding.likeness:.3f} {stranger.finding.uri}"

    def _references(self) -> Iterator[dict[str, Any]]:
        for file, picture in zip(self.files, self.found.chosen, strict=True):
            yield {
                "file": file,
                "clip_id": picture.clip_id,
                "time_s": picture.time_s,
                "view": str(picture.view),
                "distance": str(picture.distance),
                "light": str(picture.light),
                "short_side": picture.short_side,
                "sharpness": round(picture.sharpness, 2),
            }

    def _left_out(self) -> dict[str, int]:
        reasons = [flaw.rule.code for flaws in self.found.flaws.values() for flaw in flaws[:1]]
        return {reason: reasons.count(reason) for reason in dict.fromkeys(reasons)}

    def _clip(self, clip_id: str) -> dict[str, Any]:
        finding = self.found.kept[clip_id].finding
        return {**_of(finding.likeness), "clip_id": clip_id, "video": finding.uri, "word": finding.word}


def agreement_of(vectors: npt.NDArray[np.float64]) -> list[float]:
    """Of each vector to the most similar other one."""
    if len(vectors) < 2:
        return []
    cosines = vectors @ vectors.T - 2 * np.eye(len(vectors))
    return [float(value) for value in cosines.max(axis=1)]


def _counted(what: str, counts: Mapping[str, int]) -> Iterator[str]:
    return (f"  {what}: {reason.replace('_', ' ')} {count}" for reason, count in counts.items())


def _given(each: GivenPicture) -> dict[str, Any]:
    found = (
        {}
        if each.crop is None
        else {"short_side": each.crop.short_side, "sharpness": round(each.crop.quality.sharpness, 2)}
    )
    return {"file": Path(each.file).name, "problem": each.problem, **found}


def _of(likeness: float | None) -> dict[str, float]:
    return {} if likeness is None else {"likeness": round(likeness, 4)}
