"""Takes curated clips in one by one, and decides at the end which of them, and which pictures, show the subject."""

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from curation.annotators.protocols import FaceDetector
from curation.masks import png
from curation.one_subject.choice import choose, frame_difference, judge
from curation.one_subject.coverage import Coverage, coverage_of
from curation.one_subject.cutouts import cutout_of
from curation.one_subject.finding import (
    Finding,
    Looks,
    SubjectPicture,
    find_subject,
    pictures_of,
    small_frame,
)
from curation.one_subject.rules import STAGE, SubjectConfig, clip_rules, picture_rules
from curation.records import Image
from curation.rules import Facts, Flaw, broken
from dataset_schema import FailedClip, FailureKind, Reason, Sample

_NEAREST: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShownSubject:
    """A clip that shows the subject.

    Attributes:
        frame: the middle one, small.
        pixels: of a frame.
    """

    finding: Finding
    pictures: tuple[SubjectPicture, ...]
    frame: Image
    pixels: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stranger:
    """A clip that was left out for its likeness, and a picture of what was taken for nobody."""

    finding: Finding
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """What became of all clips.

    Attributes:
        kept: by id, the most like the subject first.
        reasons: why each of the others is left out.
        failed: those that could not be looked at.
        likeness: of every clip that has one.
        strangers: those that are most like the subject, of those that are not.
        good: its pictures that passed, over all clips kept, the best first.
        flaws: a clip's id and the place of a picture -> what the picture breaks.
        chosen: of the good ones, those that tell most.
        coverage: what the good ones show.
    """

    kept: Mapping[str, ShownSubject]
    reasons: Mapping[str, tuple[Reason, ...]]
    failed: Mapping[str, FailedClip]
    likeness: Mapping[str, float]
    strangers: Sequence[Stranger]
    good: Sequence[SubjectPicture]
    flaws: Mapping[tuple[str, int], Sequence[Flaw]]
    chosen: Sequence[SubjectPicture]
    coverage: Coverage


@dataclass
class Search:
    """Takes samples in, in any order; what it remembers of each is small but for the clips that match."""

    looks: Looks
    config: SubjectConfig
    limit: float
    faces: FaceDetector
    shown: list[ShownSubject] = field(default_factory=list)
    reasons: dict[str, tuple[Reason, ...]] = field(default_factory=dict)
    failed: dict[str, FailedClip] = field(default_factory=dict)
    likeness: dict[str, float] = field(default_factory=dict)
    _strangers: list[tuple[float, str, Stranger]] = field(default_factory=list)

    def find(self, sample: Sample) -> Finding | None:
        """What a clip has of the subject; None where that is somebody else, which is remembered with the reasons."""
        finding = find_subject(sample, self.looks)
        if finding.likeness is not None:
            self.likeness[sample.clip_id] = finding.likeness
        reasons = self._reasons(finding.facts(self.looks))
        if not reasons:
            return finding
        self.reasons[sample.clip_id] = reasons
        if finding.entity is not None and finding.likeness is not None:
            self._remember(sample, finding, finding.likeness)
        return None

    def add(self, sample: Sample, finding: Finding, frame: Image | None) -> None:
        """A clip that shows the subject, and its middle frame; None where its video gives none."""
        if frame is None:
            self.failed[sample.clip_id] = _unreadable(sample)
            return
        if finding.entity is None:
            raise ValueError(f"clip {sample.clip_id} has no entity that may be the subject, expected one")
        pictures = pictures_of(sample, sample.entities[finding.entity], frame, self.faces)
        self.shown.append(
            ShownSubject(
                finding=finding,
                pictures=tuple(pictures),
                frame=small_frame(frame),
                pixels=sample.height * sample.width,
            )
        )

    def decide(self) -> Found:
        """Hold the clips that show the subject against one another, then their pictures."""
        kept, reasons = self._apart()
        pictures = [picture for each in kept for picture in each.pictures]
        judged = judge(pictures, picture_rules(self.config))
        return Found(
            kept={each.finding.clip_id: each for each in kept},
            reasons={**self.reasons, **reasons},
            failed=self.failed,
            likeness=self.likeness,
            strangers=[stranger for *_, stranger in sorted(self._strangers, reverse=True, key=lambda each: each[:2])],
            good=judged.good,
            flaws=judged.flaws,
            chosen=choose(judged.good, self.config.references),
            coverage=coverage_of(judged.good, self.looks.word or _usual_word(kept)),
        )

    def _apart(self) -> tuple[list[ShownSubject], dict[str, tuple[Reason, ...]]]:
        """The clips whose subject is well seen and that are no doubles, the most like it first; and why not the others.

        Of two doubles the larger stays, then the sharper.
        """
        kept, reasons = list[ShownSubject](), dict[str, tuple[Reason, ...]]()
        for each in sorted(self.shown, key=_best_first):
            facts = {**each.finding.facts(self.looks), **_seen(each.pictures, self.config)}
            others = ((frame_difference(each.frame, other.frame), other.finding.clip_id) for other in kept)
            if (nearest := min(others, default=None)) is not None:
                facts["frame_difference"], facts["nearest_clip"] = nearest
            if found := self._reasons(facts):
                reasons[each.finding.clip_id] = found
            else:
                kept.append(each)
        return sorted(kept, key=lambda each: (-(each.finding.likeness or 0.0), each.finding.clip_id)), reasons

    def _reasons(self, facts: Facts) -> tuple[Reason, ...]:
        found = broken(clip_rules(self.config, self.limit), facts)
        return tuple(Reason(stage=STAGE, reason=flaw.rule.code, detail=flaw.detail) for flaw in found)

    def _remember(self, sample: Sample, finding: Finding, likeness: float) -> None:
        """Keep a picture of those that are most like the subject; of no more than anybody looks at."""
        if finding.entity is None or (len(self._strangers) == _NEAREST and likeness <= self._strangers[0][0]):
            return
        references = sample.entities[finding.entity].references
        shown = next(each for each in references if each.is_face == self.looks.by_faces)
        entry = (likeness, sample.clip_id, Stranger(finding=finding, content=png(cutout_of(shown))))
        (heapq.heappush if len(self._strangers) < _NEAREST else heapq.heapreplace)(self._strangers, entry)


def _best_first(shown: ShownSubject) -> tuple[float, float, str]:
    sharpest = max((picture.sharpness for picture in shown.pictures), default=0.0)
    return -shown.pixels, -sharpest, shown.finding.clip_id


def _seen(pictures: Sequence[SubjectPicture], config: SubjectConfig) -> dict[str, Any]:
    """How large, and of those that are large enough how sharp, the subject is at its best."""
    large = [picture for picture in pictures if picture.short_side >= config.min_short_side]
    return {
        "subject_short_side": max((picture.short_side for picture in pictures), default=0),
        "subject_sharpness": max((picture.sharpness for picture in large), default=None),
    }


def _usual_word(kept: Sequence[ShownSubject]) -> str:
    """What the captions mostly call it."""
    words = Counter(each.finding.word.lower() for each in kept).most_common(1)
    return words[0][0] if words else ""


def _unreadable(sample: Sample) -> FailedClip:
    return FailedClip(
        clip_id=sample.clip_id,
        source=sample.source,
        stage=STAGE,
        kind=FailureKind.CORRUPT,
        error_type="ClipError",
        message=f"the video of {sample.source.uri} gives no frame, expected one from its middle; is it still there?",
    )
