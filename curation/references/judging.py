"""Which pictures of one entity are good: each by itself, then beside the others. Pure, from their scores alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from curation.rules import About, Facts, Flaw, Rule, broken
from dataset_schema import Entity, EntityKind, ReferenceImage, ReferenceScores

# Facts about a picture that depend on which of the entity's other pictures are good.
_BESIDE_OTHERS: Final = frozenset({"seen_in_clip", "faces", "likeness_to_clip", "agreement", "whole_is_good"})

_OWN: Final = tuple(each.name for each in fields(ReferenceScores))


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedEntity:
    """An entity whose pictures were judged.

    Attributes:
        entity: its good pictures as its references, the scores of the others as its rejected ones.
        good: every picture that passes, also those of which only the scores are left.
        flaws: place of a picture -> the rules that it breaks.
    """

    entity: Entity
    good: tuple[ReferenceScores, ...]
    flaws: Mapping[int, Sequence[Flaw]]

    @property
    def is_subject(self) -> bool:
        """Whether a clip needs a picture of it."""
        return self.entity.kind is EntityKind.SUBJECT


def judge_pictures(entity: Entity, rules: Sequence[Rule], clip: Facts) -> JudgedEntity:
    """Hold all pictures of an entity against the rules about reference images and about faces.

    Faces come last: a face is good only if the whole picture that it is a part of is.
    """
    pictures: list[ReferenceScores] = sorted(
        (*entity.references, *entity.rejected_references), key=lambda picture: picture.place
    )
    if len({picture.place for picture in pictures}) < len(pictures):  # as in datasets of version 2, which had no places
        pictures = [replace(picture, place=place) for place, picture in enumerate(pictures)]
    judging = _Judging(entity, pictures, rules, clip)
    judging.judge_wholes()
    judging.judge_faces()
    return judging.result()


def scores_alone(picture: ReferenceScores) -> ReferenceScores:
    """What was measured on a picture, without its pixels."""
    return ReferenceScores(**_own_facts(picture))


def _own_facts(picture: ReferenceScores) -> dict[str, Any]:
    return {name: getattr(picture, name) for name in _OWN}


@dataclass
class _Judging:
    """The pictures that are left, and what the others broke."""

    entity: Entity
    pictures: Sequence[ReferenceScores]
    rules: Sequence[Rule]
    clip: Facts
    flaws: dict[int, list[Flaw]] = field(default_factory=dict)
    beside: dict[int, dict[str, Any]] = field(default_factory=dict)  # place -> facts that depend on the others

    def judge_wholes(self) -> None:
        wholes = [picture for picture in self.pictures if not picture.is_face]
        self._judge(wholes, About.REFERENCE_IMAGE, None)
        self._judge([face for face in self.pictures if face.is_face], About.FACE, None)
        if self.clip.get("comparison_frames"):
            seen = any(picture.is_for_comparison for picture in self._good(wholes))
            self._judge(wholes, About.REFERENCE_IMAGE, "seen_in_clip", lambda _: int(seen))
        self._judge(self._good(wholes), About.REFERENCE_IMAGE, "faces", self._count_faces)
        self._judge_beside_each_other(wholes, About.REFERENCE_IMAGE)

    def judge_faces(self) -> None:
        faces = [picture for picture in self.pictures if picture.is_face]
        good = {_frame(picture) for picture in self._good(self.pictures) if not picture.is_face}
        self._judge(faces, About.FACE, "whole_is_good", lambda face: int(_frame(face) in good))
        self._judge_beside_each_other(faces, About.FACE)

    def result(self) -> JudgedEntity:
        good = [picture for picture in self._good(self.pictures) if not picture.is_for_comparison]
        kept = [picture for picture in good if isinstance(picture, ReferenceImage)]
        places = {picture.place for picture in kept}
        left_out = [picture for picture in self.pictures if picture.place not in places]
        entity = replace(
            self.entity,
            references=tuple(self._with_likeness(picture) for picture in kept),
            rejected_references=tuple(self._with_likeness(scores_alone(picture)) for picture in left_out),
        )
        return JudgedEntity(entity=entity, good=tuple(good), flaws=self.flaws)

    def _judge_beside_each_other(self, pictures: Sequence[ReferenceScores], about: About) -> None:
        """Whether they look like those inside the clip, then like one another.

        Where none looks like another, nobody knows which is wrong, and the one that was located most surely stays.
        """
        inside = [picture for picture in self._good(pictures) if picture.is_for_comparison]
        cut = [picture for picture in self._good(pictures) if not picture.is_for_comparison]
        self._judge(cut, about, "likeness_to_clip", lambda p: _mean_likeness(p, inside))
        near = self._good(cut)
        self._judge(near, about, "agreement", lambda p: _greatest_likeness(p, near))
        if near and not self._good(near):
            surest = max(near, key=lambda picture: (picture.detection_score or 0.0) * (picture.mask_score or 0.0))
            del self.flaws[surest.place]

    def _judge(
        self,
        pictures: Sequence[ReferenceScores],
        about: About,
        fact: str | None,
        value_of: Callable[[ReferenceScores], Any] = lambda _: None,
    ) -> None:
        """Apply the rules that read one fact beside others; with None, those about each picture by itself."""
        rules = [r for r in self.rules if r.about is about and (r.reads if r.reads in _BESIDE_OTHERS else None) == fact]
        for picture in pictures:
            if fact is not None:
                self.beside.setdefault(picture.place, {})[fact] = value_of(picture)
            found = broken(rules, self._facts(picture)) if rules else []
            if found:
                self.flaws.setdefault(picture.place, []).extend(found)

    def _facts(self, picture: ReferenceScores) -> dict[str, Any]:
        frames = {_frame(p) for p in self.pictures if not p.is_face and not p.is_for_comparison}
        return {
            **_own_facts(picture),
            **self.beside.get(picture.place, {}),
            "kind": self.entity.kind,
            "found_frames": None if picture.is_for_comparison else len(frames),
            "reference_frames": self.clip.get("reference_frames"),
        }

    def _good(self, pictures: Sequence[ReferenceScores]) -> list[ReferenceScores]:
        return [picture for picture in pictures if picture.place not in self.flaws]

    def _count_faces(self, whole: ReferenceScores) -> int:
        return sum(picture.is_face and _frame(picture) == _frame(whole) for picture in self._good(self.pictures))

    def _with_likeness(self, picture: ReferenceScores) -> Any:
        beside = self.beside.get(picture.place, {})
        return replace(picture, agreement=beside.get("agreement"), likeness_to_clip=beside.get("likeness_to_clip"))


def _frame(picture: ReferenceScores) -> tuple[int, bool]:
    """What pictures of one frame have in common; one from elsewhere has a frame of its own."""
    frame = -1 - picture.place if picture.frame_index is None else picture.frame_index
    return frame, picture.is_for_comparison


def _mean_likeness(picture: ReferenceScores, others: Sequence[ReferenceScores]) -> float | None:
    if not picture.likeness:
        return picture.likeness_to_clip
    known = _likeness(picture, others)
    return min(1.0, max(0.0, sum(known) / len(known))) if known else None


def _greatest_likeness(picture: ReferenceScores, others: Sequence[ReferenceScores]) -> float | None:
    """To another picture.

    Our choice: the greatest and not the mean, because of three pictures one wrong one lowers the mean of the two right
    ones too, and by as much as they agree less than perfectly they would fall with it.
    """
    if not picture.likeness:
        return picture.agreement
    known = _likeness(picture, [other for other in others if other.place != picture.place])
    return min(1.0, max(0.0, *known)) if known else None


def _likeness(picture: ReferenceScores, others: Sequence[ReferenceScores]) -> list[float]:
    found = (picture.likeness[other.place] for other in others)
    return [value for value in found if value is not None]
