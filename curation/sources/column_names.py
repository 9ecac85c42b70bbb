"""What other tools and public datasets call the columns that curation reads: to name the column meant, not to read it.

Patterns are for names in lower case without anything but letters and digits.
"""

import re
from collections.abc import Mapping
from typing import Final

_PART: Final = "(clip|shot|scene|segment|event|time|t)?"
_UNIT: Final = "(s|at|times?|secs?|seconds?|timestamps?|timecodes?|pts)*"

_ALIKE: Final[Mapping[str, re.Pattern[str]]] = {
    "video": re.compile(
        "videos?|clips?|media|mp4|source|src|location"
        "|(video|clip|media|mp4|content|local|full|rel|relative|abs|absolute)*(path|file|filename|fname|filepath|uri|url)s?"
        "|(video|clip)(name|id)"
    ),
    "caption": re.compile(
        ".*caption.*|.*(prompt|description|sentence)s?|(text|title|summary|annotation|narration|alttext|name)s?|desc"
    ),
    "start": re.compile(f"{_PART}(start|begin){_UNIT}|onset"),
    "end": re.compile(f"{_PART}(end|stop){_UNIT}|offset"),
    # A name of one's own has any name, and whoever says nothing of terms may mean anything by a word.
    **dict.fromkeys(("id", "licence", "consent", "rights_holder"), re.compile("(?!)")),
}

_SPELLINGS: Final = frozenset({"licence", "license"})

# Spans in another form; a run that passed over them would curate whole files.
_OTHER_UNIT: Final[Mapping[str, re.Pattern[str]]] = {
    "start": re.compile("(start|begin|first)(time)?(frame|ms|milli).*|frame(start|begin)"),
    "end": re.compile("(end|stop|last)(time)?(frame|ms|milli).*|frame(end|stop)"),
}
_WHOLE_SPAN: Final = re.compile("(timestamp|span|timerange|timespan|clipspan)s?")
_LENGTH: Final = re.compile("(clip)?(duration|length)s?(sec|seconds)?")


def plain(name: str) -> str:
    """The name as it is compared: without outer blanks and marks that nobody sees, in lower case."""
    return name.strip().strip("\ufeff\u200b").strip().casefold()


def is_called(name: str, wanted: str) -> bool:
    """Whether a column has the wanted name; `license` is a spelling of `licence`."""
    return plain(name) == plain(wanted) or {plain(name), plain(wanted)} == _SPELLINGS


def looks_like(role: str, name: str) -> bool:
    """Whether others call the column of this role so: `video`, `caption`, `start`, `end` or `id`."""
    return _ALIKE[role].fullmatch(_letters(name)) is not None


def is_in_other_unit(role: str, name: str) -> bool:
    """Whether it is a start or an end in frames or milliseconds."""
    return role in _OTHER_UNIT and _OTHER_UNIT[role].fullmatch(_letters(name)) is not None


def is_whole_span(name: str) -> bool:
    """Whether it is a start and an end in one."""
    return _WHOLE_SPAN.fullmatch(_letters(name)) is not None


def is_length(name: str) -> bool:
    """Whether it may be the length of a span: of the whole video, where there is no start."""
    return _LENGTH.fullmatch(_letters(name)) is not None


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", plain(name))
