"""Which pictures go with a clip, in which order, and a caption that names them by that order.

No trainer binds a word to a picture by data: they number pictures as they come, and read the numbers in the text. So
the spans of our words are rendered into the caption, and only words that have a picture are.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dataset_schema import Entity, EntityKind, ReferenceImage, ReferenceScores, Sample
from exports.captions import NamedEntity, render_caption, tag_in
from exports.naming import described
from exports.refusal import Reason, Refused
from exports.target import CaptionForm, Target
from storage.configs import strict
from storage.numbers import expect_at_least

# What is left out first where a reader takes less.
_RANK: Final = {EntityKind.SUBJECT: 0, EntityKind.OBJECT: 1, EntityKind.BACKGROUND: 2}


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class WordsConfig:
    """Which pictures are written, and how captions name them.

    Attributes:
        captions: None takes the trainer's usual form.
        references_per_entity: at most; None takes as many as are usual for the format, mostly one.
        references: of a clip at most; None takes as many as the trainer.
        background: whether the painted-out background is a picture too.
    """

    captions: CaptionForm | None = None
    references_per_entity: int | None = None
    references: int | None = None
    background: bool = False

    def __post_init__(self) -> None:
        expect_at_least(1, "words", self, "references_per_entity", "references")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundPicture:
    """A picture of a clip, in its place of the order.

    Attributes:
        entity: of the sample's, whose picture it is; None where no word says the background.
        reference: None is the background.
    """

    entity: Entity | None
    reference: ReferenceImage | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The pictures of a clip in order, and the caption that names them."""

    caption: str
    pictures: tuple[BoundPicture, ...]


def bind(sample: Sample, target: Target, config: WordsConfig) -> Bound:
    """Choose the pictures of a clip, order them, and name them in its caption.

    Raises:
        Refused: there are too few, two would be called alike, or the caption cannot carry the names.
    """
    if not sample.caption.strip():
        raise Refused(Reason.NO_CAPTION, "its caption is empty, expected what the clip shows")
    form = config.captions or target.forms[0]
    if form not in target.forms:
        allowed = ", ".join(target.forms)
        raise ValueError(f"captions {form} are none that the trainer reads, expected one of {allowed}")
    chosen = _within(_pictured(sample, target, config), min(target.most_references, config.references or 1 << 30))
    if sum(len(pictures) for _, pictures in chosen) < target.least_references:
        raise Refused(
            Reason.NO_PICTURES, f"it has no picture of an entity, expected at least {target.least_references}"
        )
    pictures = tuple(picture for _, own in chosen for picture in own)
    return Bound(caption=_caption(sample, chosen, form), pictures=pictures)


def ranked(references: Sequence[ReferenceImage], sample: Sample) -> list[ReferenceImage]:
    """An entity's pictures, the best first.

    Our choice: those from outside the clip, so that nothing can be learned by copying; then whole ones before faces,
    which most readers do not tell from them; then the largest.
    """
    return sorted(
        references, key=lambda each: (not is_outside(each, sample), each.is_face, -(each.area or 0.0), each.place)
    )


def is_outside(reference: ReferenceScores, sample: Sample) -> bool:
    """Whether a picture was cut at another time than the clip shows; of given pictures nobody knows."""
    source = sample.source
    if reference.time_s is None:
        return False
    return (source.start_s is not None and reference.time_s < source.start_s) or (
        source.end_s is not None and reference.time_s >= source.end_s
    )


_Chosen = tuple[Entity | None, tuple[BoundPicture, ...]]


def _pictured(sample: Sample, target: Target, config: WordsConfig) -> list[_Chosen]:
    """Every entity that has pictures, in the order of the caption, with those that are to be used."""
    each_has = config.references_per_entity or target.references_per_entity
    chosen: list[_Chosen] = []
    for entity in sorted(sample.entities, key=lambda each: each.start):
        best = ranked(entity.references, sample)[:each_has]
        if best:
            chosen.append((entity, tuple(BoundPicture(entity=entity, reference=each) for each in best)))
    if config.background and sample.background is not None:
        words = [entity for entity in sample.entities if entity.kind is EntityKind.BACKGROUND]
        word = words[0] if len(words) == 1 else None  # of several nobody knows which one the picture shows best
        chosen.append((word, (BoundPicture(entity=word, reference=None),)))
    return chosen


def _within(chosen: list[_Chosen], most: int) -> list[_Chosen]:
    """As many pictures as are taken, subjects first; the order stays."""
    ranks = [_RANK[entity.kind if entity else EntityKind.BACKGROUND] for entity, _ in chosen]
    kept: dict[int, tuple[BoundPicture, ...]] = {}
    for place in sorted(range(len(chosen)), key=lambda each: (ranks[each], each)):
        if room := most - sum(map(len, kept.values())):
            kept[place] = chosen[place][1][:room]
    return [(chosen[place][0], kept[place]) for place in sorted(kept)]


def _caption(sample: Sample, chosen: Sequence[_Chosen], form: CaptionForm) -> str:
    if form is CaptionForm.AS_WRITTEN:
        return sample.caption
    if tag := tag_in(sample.caption):
        raise Refused(Reason.TAG_IN_CAPTION, f"its caption has {tag!r} already, which names a picture; reword it")
    named, number = [], 1
    for entity, pictures in chosen:
        spans = () if entity is None else _spans(sample, entity)
        name = "background" if entity is None else described(sample.caption, entity.start, entity.end)
        numbers = tuple(range(number, number + len(pictures)))
        named.append(NamedEntity(name=name, spans=spans, numbers=numbers))
        number += len(pictures)
    if form is not CaptionForm.PICTURES:  # there the place in the sentence tells them apart
        _expect_distinct(named)
    return render_caption(sample.caption, named, form)


def _spans(sample: Sample, entity: Entity) -> tuple[tuple[int, int], ...]:
    """Where the caption says the entity: at its word, and at those that are the same as it."""
    same = [each for each in sample.entities if each is entity or each.same_as == entity.word]
    return tuple(sorted((each.start, each.end) for each in same))


def _expect_distinct(named: Sequence[NamedEntity]) -> None:
    again = [name for name, count in Counter(each.name.lower() for each in named).items() if count > 1]
    if again:
        raise Refused(
            Reason.SAME_DESCRIPTION,
            f"{again[0]!r} would be the name of two pictured things, expected names that tell them apart",
        )
