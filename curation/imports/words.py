"""Where the words of an annotation stand in its caption, by the rules that curation has for the words of any answer."""

from collections.abc import Mapping, Sequence

from curation.entity_words import check_answer
from curation.entity_words.locate import locate_words
from curation.imports.unmapped import Unmapped, UnmappedCounts
from curation.records import EntityWord
from dataset_schema import EntityKind
from dataset_schema.words import FoldedText


def best_caption(captions: Sequence[str], words: Mapping[str, EntityKind]) -> str:
    """The caption that has most of the words; of equal ones the first."""
    return max(captions, key=lambda caption: sum(bool(FoldedText(caption).find_word(word)) for word in words))


def is_place(word: str, kind: EntityKind) -> bool:
    """Whether a word that no caption has names a place: by its noun, else by what its dataset says."""
    alone = (EntityWord(word=word, kind=kind, start=0, end=len(word)),)
    checked = check_answer(word, alone).words
    return (checked[0].kind if checked else kind) is EntityKind.BACKGROUND


def find_words(
    caption: str, words: Mapping[str, EntityKind], *, where: str, unmapped: UnmappedCounts
) -> dict[str, EntityWord]:
    """The words that are entity words of the caption, each at its first place.

    Longer words choose first. What of them makes the clip unfit, such as a plural subject, the words' own stage finds.
    """
    located = locate_words(caption, words)
    found: dict[str, EntityWord] = {}
    for word, kind in words.items():
        if not located[word].own:
            is_there = bool(located[word].occurrences)
            reason = Unmapped.WORD_IN_LONGER_WORD if is_there else Unmapped.WORD_NOT_IN_CAPTION
            unmapped.add(reason, where, repr(word))
            continue
        start, end = located[word].own[0]
        found[word] = EntityWord(word=caption[start:end], kind=kind, start=start, end=end)
    checked = {word.start: word for word in check_answer(caption, tuple(found.values()), tells_places_apart=True).words}
    for word in [word for word, placed in found.items() if placed.start not in checked]:
        unmapped.add(Unmapped.NO_ENTITY, where, repr(word))
        del found[word]
    return {word: checked[placed.start] for word, placed in found.items()}
