"""The instruction of Figure 7, ready to send to a language model."""

import json
from functools import lru_cache
from importlib import resources

_PROMPTS = "curation.prompts"


def entity_word_instruction(caption: str) -> str:
    """Figure 7's instruction for one caption, which is put in as text on one line, whatever it says.

    Our choice: Figure 7 prints one example and "(More examples)"; ours show a plural subject, a caption without a
    subject, scenery as background, and body parts left out.
    """
    template = _read("entity_words.txt")
    return template.replace("{examples}", _examples()).replace("{caption}", " ".join(caption.split())).rstrip()


@lru_cache(maxsize=1)
def _examples() -> str:
    lines = []
    for example in json.loads(_read("entity_words_examples.json")):
        caption = example.pop("caption")
        lines.append(f"Caption: {caption} ### Output: {example}")
    return "\n".join(lines)


@lru_cache(maxsize=2)
def _read(name: str) -> str:
    return (resources.files(_PROMPTS) / name).read_text(encoding="utf-8")
