"""Which characters of a prompt, or of a caption, a reference word means."""

import re
from difflib import get_close_matches
from typing import Final

from dataset_schema.words import FoldedText, Span, fold

# Which of several equal words of a prompt is meant.
_NUMBERED: Final = re.compile(r"(?P<word>.+)#(?P<number>[1-9][0-9]?)", re.DOTALL)


def span_in_prompt(word: str, prompt: str, *, called: str = "prompt") -> Span:
    """Where a word stands in the prompt: the first place or, of `word#n`, the n-th.

    Capitals and the forms of accented letters make no difference, unless the prompt also has the word exactly as given:
    then that is meant. A part of a word ("man" of "woman") is none.

    Args:
        word: as given.
        prompt: the text.
        called: what the message calls the text.

    Raises:
        ValueError: the prompt does not have the word, or not so often; the message names similar words that it has.
    """
    folded = FoldedText(prompt)
    places = _places(word, prompt, folded)
    numbered = None if places else _NUMBERED.fullmatch(word)
    name, number = (numbered["word"], int(numbered["number"])) if numbered else (word, 1)
    places = _places(name, prompt, folded) if numbered else places
    if number <= len(places):
        return places[number - 1]
    if places:
        found = "only once" if len(places) == 1 else f"only {len(places)} times"
        similar: list[str] = []
    else:
        found, similar = "not", _similar(name, prompt, folded)
    instead = f", which has {', '.join(map(repr, similar))}" if similar else ""
    raise ValueError(
        f"reference word {word!r} is {found} in the {called} {prompt!r}{instead}; copy the word from the {called}"
    )


def _places(word: str, prompt: str, folded: FoldedText) -> list[Span]:
    places = folded.find_word(word)
    return [place for place in places if prompt[place.start : place.end] == word] or places


def _similar(word: str, prompt: str, folded: FoldedText) -> list[str]:
    """Words of the prompt that hold this one, or are spelled like it."""
    longer = [prompt[place.start : place.end] for place in folded.words_around(word)]
    if longer:
        return list(dict.fromkeys(longer))
    own = {fold(each): each for each in re.findall(r'[^\s.,;:!?()"\u2013\u2014]+', prompt)}
    return [own[each] for each in get_close_matches(fold(word), own)]
