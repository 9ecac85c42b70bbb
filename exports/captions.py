"""Captions that name pictures by their numbers, in the forms that trainers read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from exports.target import CaptionForm

_TAG: Final = re.compile(r"<\s*(?:Picture|Image|Subject|Video|Audio)\s*\d+\s*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedEntity:
    """An entity with pictures, as a caption speaks of it.

    Attributes:
        name: what it is called in a sentence about it.
        spans: where the caption says it, rising; none where it does not.
        numbers: of its pictures, from 1 on.
    """

    name: str
    spans: tuple[tuple[int, int], ...]
    numbers: tuple[int, ...]


def tag_in(caption: str) -> str | None:
    """What in a caption a reader would take for the name of a picture."""
    found = _TAG.search(caption)
    return found[0] if found else None


def render_caption(caption: str, named: Sequence[NamedEntity], form: CaptionForm) -> str:
    """The caption in a form; `AS_WRITTEN` leaves it as it is."""
    match form:
        case CaptionForm.PICTURES:
            return _with_pictures(caption, named)
        case CaptionForm.SECTIONS:
            return _sections(caption, named)
        case CaptionForm.IMAGES:
            return _declared(caption, named)
    return caption


def _with_pictures(caption: str, named: Sequence[NamedEntity]) -> str:
    """`A woman (<Picture 1>) walks her dog (<Picture 2>).`; what the caption does not say is said behind it."""
    labels = [(each, _joined(_tags("Picture", each.numbers))) for each in named]
    unsaid = [f" The {each.name} is in {label}." for each, label in labels if not each.spans]
    return _labelled(caption, labels) + "".join(unsaid)


def _sections(caption: str, named: Sequence[NamedEntity]) -> str:
    """The six sections of the official prompt guide of MiniMax-H3, of which a caption fills the first four.

    Source: the guide's form as public tools check it, `skills/h3-prompt-writing` of MiniMaxAI/MiniMax-H3. Our choice:
    the caption stands as it was written, each word followed by its label, because whoever rewords it invents.
    """
    labels = [(each, f"<Subject {number}>") for number, each in enumerate(named, start=1)]
    pictures = [_joined(_tags("Picture", each.numbers)) for each in named]
    unsaid = [f" The {each.name} ({label}) is seen." for each, label in labels if not each.spans]
    sections = {
        "subject_definitions": [
            f"{label} is the {each.name} in {picture}." for (each, label), picture in zip(labels, pictures, strict=True)
        ],
        "summary": [f"[reference generation] The target video shows {_joined([label for _, label in labels])}."],
        "retention_analysis": [
            f"{label} (appears in [Shot 1]): fully_preserved - the {each.name} looks as in {picture}."
            for (each, label), picture in zip(labels, pictures, strict=True)
        ],
        "detailed_description": [f"[Shot 1] {_labelled(caption, labels)}{''.join(unsaid)}"],
        "overall_soundscape": ["N/A"],
        "non_diegetic_music": ["N/A"],
    }
    return "\n\n".join("\n".join([f"{name}:", *lines]) for name, lines in sections.items())


def _declared(caption: str, named: Sequence[NamedEntity]) -> str:
    """`<Image 1> is the woman. A woman (<Image 1>) walks.`; one picture needs no name.

    Source: the convention of LTX-2's PR 289, declare then use.
    """
    if sum(len(each.numbers) for each in named) == 1:
        return caption
    labels = [(each, _joined(_tags("Image", each.numbers))) for each in named]
    declared = [f"{label} {'is' if len(each.numbers) == 1 else 'are'} the {each.name}." for each, label in labels]
    return " ".join([*declared, _labelled(caption, labels)])


def _labelled(caption: str, labels: Sequence[tuple[NamedEntity, str]]) -> str:
    """The caption with each label in parentheses behind the words that it stands for."""
    ends = sorted(((end, label) for each, label in labels for _, end in each.spans), reverse=True)
    for end, label in ends:
        caption = f"{caption[:end]} ({label}){caption[end:]}"
    return caption


def _tags(kind: str, numbers: Sequence[int]) -> list[str]:
    return [f"<{kind} {number}>" for number in numbers]


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
