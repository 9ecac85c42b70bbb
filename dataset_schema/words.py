"""Where a word stands in a text: one way for captions and prompts, whatever forms their letters have.

Two texts are compared as a reader sees them: HTML entities as the signs they mean, composed and decomposed letters,
full-width letters, capitals, typographic quotes and hyphens as equal, tags, addresses and invisible signs as blanks or
nothing. Spans always index the text as it was given.
"""

import html
import re
import unicodedata
from collections.abc import Iterator
from typing import Final, NamedTuple

_HYPHENS: Final = "\u2010\u2011\u2012\u2212\ufe63\uff0d"
_DASHES: Final = "\u2013\u2014\u2015\u2e3a\u2e3b\u301c"
_STRAIGHT: Final = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u02bc\u0060\u00b4", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f", '"'),
        **dict.fromkeys(_HYPHENS, "-"),
        **dict.fromkeys(_DASHES, "\u2014"),
        **dict.fromkeys("\ufe0e\ufe0f", ""),
    }
)
# Our choice: the dotted and the dotless i are one letter, because a text does not say whether it is Turkish.
_LETTER_I: Final = {"i\u0307": "i", "\u0131": "i"}

# What is written for a browser and is no word: tags, addresses of pages and mail, names of files.
_TAGS: Final = "a|b|i|u|s|p|em|strong|br|hr|span|div|font|li|ul|ol|h[1-6]|img|sub|sup|small|big|center|blockquote|code"
_ADDRESS_END: Final = r"[^\s<>.,;:!?()\[\]{}\"']"
_BLANK: Final = (
    rf"(?:<|&lt;)/?(?:{_TAGS})(?:\s[^<>]*?)?\s*/?(?:>|&gt;)"
    rf"|(?:https?://|www\.)\S*{_ADDRESS_END}"
    r"|[\w.+-]+@[\w-]+\.\w[\w.-]*\w"
    rf"|\b[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|io|tv)\b(?:/\S*{_ADDRESS_END})?|\byoutu\.be/\S*{_ADDRESS_END}"
    r"|\b[\w-]+\.(?:mp4|mov|avi|mkv|webm|jpe?g|png|gif)\b"
)
_ENTITY: Final = r"&(?:amp;)*(?:\#\d+|\#x[0-9a-f]+|[a-z][a-z0-9]*);|&(?:amp|quot|nbsp|lt|gt)\b"
_MARKUP: Final = re.compile(rf"(?P<blank>{_BLANK})|(?P<entity>{_ENTITY})", re.IGNORECASE)
_MAY_BE_MARKUP: Final = re.compile(r"[&<@]|\.\w|://")

# Scripts that put no space between words: a word may stand next to any letter of theirs.
_UNSPACED: Final = re.compile(
    r"[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uf900-\ufaff\U00020000-\U0003ffff]"
)
# Korean has spaces, but nouns carry these after them: "고양이가" is the word "고양이", "개구리" is not the word "개".
_PARTICLES: Final = re.compile(
    r"(?:들)?(?:이|가|은|는|을|를|의|에|에서|에게|한테|와|과|도|만|로|으로|랑|이랑|하고|처럼|보다|부터|까지)?(?!\w)"
)
_HANGUL: Final = re.compile(r"[\uac00-\ud7a3]")


class Span(NamedTuple):
    """Characters `[start, end)` of a text."""

    start: int
    end: int


def fold(text: str) -> str:
    """The text as it is compared: lower case, NFKC, straight quotes and hyphens, single spaces, no markup."""
    return _fold_plain(text) if _is_plain(text) else FoldedText(text).text


class FoldedText:
    """A text folded for comparison, with the way back to the original characters."""

    def __init__(self, original: str) -> None:
        # Per folded character the piece that it comes from; None where each comes from the one at its own place.
        self._origins: list[Span] | None = None
        if _is_plain(original):
            self.text = _fold_plain(original)
            return
        folded: list[str] = []
        origins: list[Span] = []
        for piece, shown in _pieces(original):
            if shown == " " and folded[-1:] == [" "]:
                continue
            folded.extend(shown)
            origins += [piece] * len(shown)
        self.text = "".join(folded)
        self._origins = origins

    def find_word(self, word: str) -> list[Span]:
        """Every place of `word` where it is no part of another word, in order, as spans of the original text.

        "man" is found in "man's", "man/woman" and "man (a chef)", but not in "woman", "man-made" or "#man". In scripts
        that put no space between words, it may stand between any letters.
        """
        return [self.span(start, end) for start, end in self._places(word) if self._is_whole(start, end)]

    def words_around(self, word: str) -> list[Span]:
        """The longer words that `word` is only a part of, in order: "woman" for "man"."""
        return [
            self.span(*self._widened(start, end)) for start, end in self._places(word) if not self._is_whole(start, end)
        ]

    @property
    def is_aligned(self) -> bool:
        """Whether each folded character comes from the one at its own place."""
        return self._origins is None

    def span(self, start: int, end: int) -> Span:
        """The original characters behind the folded ones in `[start, end)`, at least one."""
        if self._origins is None:
            return Span(start, end)
        return Span(self._origins[start].start, self._origins[end - 1].end)

    def _places(self, word: str) -> Iterator[tuple[int, int]]:
        """Where the folded text has the folded word; a dash counts as a hyphen, as language models write one for it."""
        wanted = fold(word).strip().replace("\u2014", "-")
        text = self.text.replace("\u2014", "-")
        at = text.find(wanted) if wanted else -1
        while at >= 0:
            yield at, at + len(wanted)
            at = text.find(wanted, at + 1)

    def _is_whole(self, start: int, end: int) -> bool:
        if self._splits_piece(start) or self._splits_piece(end):
            return False
        text = self.text
        if _HANGUL.match(text, end - 1) and _PARTICLES.match(text, end):
            return not _continues(text[start], text[max(0, start - 2) : start][::-1])
        before, after = text[max(0, start - 2) : start][::-1], text[end : end + 2]
        is_tag = before[:1] in {"#", "@"} and not _is_letter(before[1:])
        return not (is_tag or _continues(text[start], before) or _continues(text[end - 1], after))

    def _widened(self, start: int, end: int) -> tuple[int, int]:
        """The whole word around a part of it, with its hyphens and its sign."""
        while start and (_is_letter(self.text[start - 1]) or self.text[start - 1] in "-#@"):
            start -= 1
        while end < len(self.text) and (_is_letter(self.text[end]) or self.text[end] == "-"):
            end += 1
        return start, end

    def _splits_piece(self, at: int) -> bool:
        """Whether the characters at both sides come from one: "\ufb01" folds to two letters."""
        if self._origins is None or not 0 < at < len(self._origins):
            return False
        return self._origins[at] == self._origins[at - 1]


def _fold_plain(text: str) -> str:
    return text.lower().replace("`", "'")


def _is_plain(text: str) -> bool:
    """Whether every character folds to one: nearly all captions, at a fraction of the time that others take."""
    is_simple = text.isascii() and text.isprintable() and "  " not in text
    return is_simple and (_MAY_BE_MARKUP.search(text) is None or _MARKUP.search(text) is None)


def _pieces(text: str) -> Iterator[tuple[Span, str]]:
    """The parts that are read as one, with what a reader sees: markup, or a character with its marks."""
    at = 0
    while at < len(text):
        markup = _MARKUP.match(text, at) if _may_open_markup(text, at) else None
        end = at + 1 if markup is None else markup.end()
        if markup is not None and markup["blank"]:
            yield Span(at, end), " "
        else:
            while markup is None and end < len(text) and _extends(text[end]):
                end += 1
            yield Span(at, end), _fold_piece(text[at:end] if markup is None else _unescape(markup["entity"]))
        at = end


def _may_open_markup(text: str, at: int) -> bool:
    return text[at] in "<&" or (text[at].isalnum() and (at == 0 or not text[at - 1].isalnum()))


def _unescape(entity: str) -> str:
    """What an entity means, however often it was escaped: "&amp;amp;" is "&"."""
    shown = html.unescape(entity)
    return shown if shown == entity else _unescape(shown)


def _extends(character: str) -> bool:
    """Whether a character belongs to the one before it: a combining mark, or the vowel or end of a Korean syllable."""
    is_jamo = "\u1160" <= character <= "\u11ff" or character in "\uff9e\uff9f"
    return is_jamo or unicodedata.category(character).startswith("M")


def _fold_piece(piece: str) -> str:
    if piece.isspace() or piece == "\u200b":
        return " "
    category = unicodedata.category(piece[0])
    if category == "Cf":  # joiners, soft hyphens, marks of direction
        return ""
    straight = piece.translate(_STRAIGHT)
    if category.startswith("S") and straight == piece:
        return piece  # a trade mark is no letter
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", straight).casefold())
    return _LETTER_I.get(folded, folded)


def _is_letter(character: str) -> bool:
    """Whether a character, none for "", is part of a word: a letter, a digit, or a mark on one."""
    return character.isalnum() or (bool(character) and unicodedata.category(character).startswith("M"))


def _continues(inner: str, beyond: str) -> bool:
    """Whether a word goes on from its letter to the two beyond: with another letter, or a hyphen and another letter."""
    if not _is_letter(inner) or _UNSPACED.match(inner) or _UNSPACED.match(beyond):
        return False
    return _is_letter(beyond[:1]) or (beyond.startswith("-") and _is_letter(beyond[1:]))
