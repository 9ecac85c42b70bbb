"""From a language model's raw answer to the dictionary of Figure 7, as far as it can be read without guessing (A.2).

A ladder: every rung reads what the one before could not. What no rung reads is not a dictionary.
"""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from dataset_schema import EntityKind

# Our choice: Figure 7's answers have about 200 characters; forty times that is no answer, whatever it holds.
MAX_ANSWER_CHARS: Final = 8_000
_MAX_CANDIDATES: Final = 8
_MAX_DEPTH: Final = 4

_FENCE: Final = re.compile(r"```[a-zA-Z0-9]*")
_STRAY_BACKSLASH: Final = re.compile(r"\\(?![\\'\"nrtu/])")
_MISSING_COMMA: Final = re.compile(r"['\"]\s+['\"]")
_CURLY: Final = str.maketrans({"\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'"})
# A quoted string whose closing quote is followed by what may follow a string, so that "man's" does not end one.
_STRING: Final = re.compile(r"(['\"])(.*?)\1(?=\s*(?:[,:\]}]|['\"]|\Z))", re.DOTALL)
_LISTS: Final = (list, tuple)
_KEYS: Final = frozenset(EntityKind)
_EMPTY: Final = frozenset({"", "none", "n/a", "na", "null", "[]"})


class UnparsableAnswerError(ValueError):
    """The answer is not a dictionary of entity words; the message says what it is instead."""


class ParsedAnswer(NamedTuple):
    """The words of an answer, per kind, in its order, without empty ones."""

    subject: tuple[str, ...]
    object: tuple[str, ...]
    background: tuple[str, ...]

    def words(self) -> list[tuple[str, EntityKind]]:
        """Every word with its kind; subjects first, then objects, then backgrounds."""
        kinds = (
            (self.subject, EntityKind.SUBJECT),
            (self.object, EntityKind.OBJECT),
            (self.background, EntityKind.BACKGROUND),
        )
        return [(word, kind) for words, kind in kinds for word in words]


def parse_answer(answer: str) -> ParsedAnswer:
    """Read an answer in the format of Figure 7.

    Raises:
        UnparsableAnswerError: no rung of the ladder finds a dictionary of lists of strings in it.
    """
    text = _strip(answer)
    if len(text) > MAX_ANSWER_CHARS:
        raise UnparsableAnswerError(f"answer has {len(text)} characters, expected at most {MAX_ANSWER_CHARS}")
    problem = "answer has no dictionary"
    for content in _dictionaries(text):
        try:
            return _words_by_kind(content)
        except UnparsableAnswerError as error:
            problem = str(error)
    raise UnparsableAnswerError(f"{problem}: {text[:200]!r}")


def _strip(answer: str) -> str:
    """The answer without the model's thinking (closed, or cut off), byte order mark and code fences."""
    after = answer.rpartition("</think>")[2]
    return _FENCE.sub("", after.partition("<think>")[0]).replace("\ufeff", "").strip()


def _dictionaries(text: str) -> Iterator[Any]:
    """What the rungs read from the text, whole if it is plain JSON, then from its parts, likeliest first."""
    whole = _read_json(text) if text.startswith("{") else None
    if whole is not None:
        yield whole
    for candidate in _candidates(text):
        for read in (_read_json, _read_literal, _read_keys):
            content = read(candidate)
            if content is not None:
                yield content
    content = _read_keys(text)
    if content is not None:
        yield content


def _candidates(text: str) -> list[str]:
    """Balanced `{...}` parts outside strings, longest first."""
    found: list[str] = []
    depth = start = 0
    quote = ""
    is_escaped = False
    for at, character in enumerate(text):
        if is_escaped or (quote and character == "\\"):
            is_escaped = not is_escaped
        elif quote:
            quote = "" if character == quote and _ends_string(text, at) else quote
        elif character in "'\"" and depth and _starts_string(text, at):
            quote = character
        elif character == "{":
            start = at if depth == 0 else start
            depth += 1
        elif character == "}" and depth:
            depth -= 1
            if depth == 0:
                found.append(text[start : at + 1])
    found.sort(key=len, reverse=True)
    return found[:_MAX_CANDIDATES]


def _starts_string(text: str, at: int) -> bool:
    return text[at - 1] in "{[,:( \n\t\r'\""


def _ends_string(text: str, at: int) -> bool:
    return at + 1 == len(text) or text[at + 1] in ",:]}) \n\t\r'\""


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in text:
        depth += (character in "{[(") - (character in "}])")
        deepest = max(deepest, depth)
    return deepest


def _read_json(candidate: str) -> Any:
    try:
        return json.loads(candidate)
    except (ValueError, RecursionError):
        return None


def _read_literal(candidate: str) -> Any:
    # Python would glue 'man' 'dog' together, and run out of stack on deep nesting.
    if _MISSING_COMMA.search(candidate) or _depth(candidate) > _MAX_DEPTH:
        return None
    try:
        return ast.literal_eval(_STRAY_BACKSLASH.sub(r"\\\\", candidate))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _read_keys(candidate: str) -> Any:
    """Curly quotes, missing commas, unescaped apostrophes, no braces: read key by key, string by string.

    All three keys must be there with a closed list: an answer cut off in the middle is not read.
    """
    text = candidate.translate(_CURLY)
    content: dict[str, list[str]] = {}
    for kind in EntityKind:
        match = re.search(
            rf"\b{kind.value}s?['\"]?\s*:\s*\[(.*?)\]\s*(?:[,}}'\"a-z]|\Z)", text, re.DOTALL | re.IGNORECASE
        )
        if match is None:
            return None
        content[kind.value] = [found.group(2) for found in _STRING.finditer(match.group(1))]
    return content


def _words_by_kind(content: Any) -> ParsedAnswer:
    if not isinstance(content, Mapping):
        raise UnparsableAnswerError(f"answer is a {type(content).__name__}, expected a dictionary")
    by_key = {str(key).strip().lower().removesuffix("s"): value for key, value in content.items()}
    if _KEYS.isdisjoint(by_key):
        raise UnparsableAnswerError(f"answer has keys {sorted(by_key)}, expected background, subject and object")
    return ParsedAnswer(
        subject=_strings(by_key, "subject"),
        object=_strings(by_key, "object"),
        background=_strings(by_key, "background"),
    )


def _strings(by_key: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = by_key.get(key)
    entries = [value] if isinstance(value, str) else ([] if value is None else value)
    try:
        if isinstance(entries, _LISTS):
            return tuple([word for word in map(str.strip, entries) if word.lower() not in _EMPTY])
    except TypeError:
        pass  # one of them is no string
    raise UnparsableAnswerError(f"answer has {key} {value!r}, expected a list of strings")
