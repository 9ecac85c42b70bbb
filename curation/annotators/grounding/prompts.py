"""Entity words as GroundingDINO reads them, and where each word's tokens are.

The words of a caption stand in one prompt, between dots: the network lets a token attend to its own phrase only. A word
is found again by the place of its tokens in the prompt that is built here, never by its spelling: "man" and "old man"
are two places, whatever they share.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

# Both end a phrase for the network, also in the middle of a word.
_SEPARATORS: Final = str.maketrans(".?", "  ")
# Tokens of a prompt that are no phrase: [CLS] and [SEP].
_FRAME_TOKENS: Final = 2


class Prompt(NamedTuple):
    """A text to send.

    Attributes:
        tokens: index of a word among those asked for -> the places of its tokens, of which there is at least one.
    """

    text: str
    tokens: Mapping[int, tuple[int, ...]]


def build_prompts(words: Sequence[str], tokenizer: Any, *, max_tokens: int, max_words: int) -> list[Prompt]:
    """As many prompts as the words need, so that none is cut.

    A word is asked for in no prompt, and so is never found, if it is longer than a whole prompt, has no token that the
    vocabulary knows (another script, symbols), or is spelled like an earlier one: two places cannot be told apart by
    one word.

    Args:
        words: as the caption spells them.
        tokenizer: a fast BERT tokenizer, which knows the characters behind each token.
        max_tokens: most tokens of one prompt; the network cuts the rest off without a word.
        max_words: most words of one prompt.
    """
    groups: list[dict[int, str]] = []
    room = 0
    for index, (phrase, length) in _phrases(words, tokenizer).items():
        needed = length + 1  # its dot
        if needed > max_tokens - _FRAME_TOKENS:
            continue
        if not groups or needed > room or len(groups[-1]) == max_words:
            groups.append({})
            room = max_tokens - _FRAME_TOKENS
        groups[-1][index] = phrase
        room -= needed
    return [_prompt(group, tokenizer) for group in groups]


def _phrases(words: Sequence[str], tokenizer: Any) -> dict[int, tuple[str, int]]:
    """For every word to ask for: how it stands in a prompt, and its number of tokens."""
    phrases: dict[int, tuple[str, int]] = {}
    seen = set()
    for index, word in enumerate(words):
        phrase = " ".join(word.lower().translate(_SEPARATORS).split())
        tokens = tokenizer(phrase, add_special_tokens=False)["input_ids"]
        if phrase not in seen and set(tokens) - {tokenizer.unk_token_id}:
            phrases[index] = phrase, len(tokens)
            seen.add(phrase)
    return phrases


def _prompt(group: Mapping[int, str], tokenizer: Any) -> Prompt:
    text, spans = "", {}
    for index, phrase in group.items():
        spans[index] = len(text), len(text) + len(phrase)
        text += phrase + " . "
    text = text.rstrip()
    offsets = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    tokens = {
        index: tuple(place for place, (first, last) in enumerate(offsets) if start <= first < last <= end)
        for index, (start, end) in spans.items()
    }
    return Prompt(text, tokens)
