"""What rules read: everything known of a clip, on its way through the stages or from a row of the dataset, by name.

Beside the scores, the media facts and what is named here there is nothing that a clip is rejected for.
"""

from dataclasses import fields
from typing import Any, Final, TypeAlias

from curation.records import Clip
from dataset_schema import EntityKind, MediaFacts, RejectedClip, Sample

Row: TypeAlias = Clip | Sample | RejectedClip

_MEDIA_FACTS: Final = tuple(each.name for each in fields(MediaFacts))

# The facts that are neither scores nor media facts; the last two are there once pictures were judged.
DERIVED_FACTS: Final = frozenset(
    {"caption_chars", "problems", "subject_words", "where_cut", "usable_references", "flaws_of_subjects"}
)


def facts_of(row: Row) -> dict[str, Any]:
    """The scores, the media facts, and what follows from the clip otherwise.

    - `caption_chars`: characters of the caption, without spaces around it.
    - `problems`: code -> sentence, of each rule of A.2 that its words broke.
    - `subject_words`: the subjects that the caption names, in quotes; empty without any.
    - `where_cut`: when a shot ends, as the end of a sentence; empty where that is not known.
    """
    return {
        **({} if row.media is None else {name: getattr(row.media, name) for name in _MEDIA_FACTS}),
        **row.scores.known(),
        "caption_chars": len(row.caption.strip()),
        "problems": _problems(row),
        "subject_words": ", ".join(map(repr, _subject_words(row))),
        "where_cut": _where_cut(row),
    }


def _problems(row: Row) -> dict[str, str]:
    if isinstance(row, Sample):
        return {}
    found = row.word_problems if isinstance(row, Clip) else row.reasons
    details: dict[str, list[str]] = {}
    for problem in found:
        details.setdefault(problem.reason, []).append(problem.detail)
    return {code: "; ".join(some) for code, some in details.items()}


def _subject_words(row: Row) -> list[str]:
    words = (row.entity_words if isinstance(row, Clip) else row.entities) or ()
    return [word.word for word in words if word.kind is EntityKind.SUBJECT]


def _where_cut(row: Row) -> str:
    times_s = row.cut_times_s if isinstance(row, Clip) else None
    return f", at {', '.join(f'{time_s:.2f} s' for time_s in times_s)}" if times_s else ""
