"""The instruction of Figure 7, ready to send to a language model."""

import json
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any, Final

from dataset_schema import EntityKind
from storage.text_files import read_text

_PROMPTS: Final = "curation.prompts"
_KINDS: Final = (EntityKind.BACKGROUND, EntityKind.SUBJECT, EntityKind.OBJECT)  # Figure 7's order

# Figure 7's dictionary as a JSON schema, for what can be made to answer in one.
ANSWER_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {kind.value: {"type": "array", "items": {"type": "string"}} for kind in _KINDS},
    "required": [kind.value for kind in _KINDS],
    "additionalProperties": False,
}


def entity_word_instruction(caption: str, *, examples: Path | None = None) -> str:
    """Figure 7's instruction for one caption, which is put in as text on one line, whatever it says.

    Args:
        caption: the caption.
        examples: a JSON file of captions and their words, shown after Figure 7's own example. Our choice where None:
            Figure 7 prints one example and "(More examples)"; ours show a plural subject, a caption without a subject,
            scenery as background, and body parts left out.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds something else.
    """
    before, after = _around_caption(examples)
    return f"{before}{' '.join(caption.split())}{after}"


def instruction_version(examples: Path | None = None) -> str:
    """Twelve hexadecimal digits that change whenever the instruction does."""
    return sha256(repr(_around_caption(examples)).encode()).hexdigest()[:12]


@lru_cache(maxsize=4)
def _around_caption(examples: Path | None) -> tuple[str, str]:
    before, _, after = _read("entity_words.txt").rstrip().partition("{caption}")
    return before.replace("{examples}", _shown(examples)), after


def _shown(examples: Path | None) -> str:
    if examples is None:
        name, text = "entity_words_examples.json", _read("entity_words_examples.json")
    elif examples.is_file():
        name, text = str(examples), read_text(examples)
    else:
        raise FileNotFoundError(f"examples {examples} do not exist; expected a JSON file of captions and their words")
    try:
        return "\n".join(map(_line, json.loads(text)))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        keys = ", ".join(kind.value for kind in _KINDS)
        raise ValueError(
            f"examples {name} cannot be read ({error!r}), expected a JSON list of objects with a caption, and lists of "
            f"words named {keys}"
        ) from error


def _line(example: dict[str, Any]) -> str:
    words = {kind.value: example[kind.value] for kind in _KINDS}
    if not all(isinstance(listed, list) for listed in words.values()):
        raise TypeError(f"words are {words}, expected lists")
    return f"Caption: {' '.join(example['caption'].split())} ### Output: {words}"


def _read(name: str) -> str:
    return (resources.files(_PROMPTS) / name).read_text(encoding="utf-8")
