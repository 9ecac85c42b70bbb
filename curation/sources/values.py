"""What the fields of a row say, whichever kind of manifest they come from; an empty field, null and NaN are missing."""

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import PurePath
from typing import Any, Final

# How programs write that there is nothing, where they write text.
_NOTHING: Final = frozenset({"", "nan", "null", "none", "na", "n/a", "<na>", "nat"})

# Hours, minutes and seconds as players and FFmpeg write them; hours may be left out.
_CLOCK: Final = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d*)?)")


def read_text_field(value: Any, what: str) -> str:
    """The text, without outer blanks; empty where it is missing.

    Raises:
        TypeError: it is something else than text or a number.
        ValueError: it is not UTF-8.
    """
    if _is_missing(value):
        return ""
    if isinstance(value, PurePath):  # of a folder: its blanks are part of the name
        return _checked(str(value), what)
    if isinstance(value, bytes):
        value = value.decode(errors="surrogateescape")
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise TypeError(f"{what} holds a {type(value).__name__}, expected text")
    return _checked(str(value).strip().strip("\ufeff").strip(), what)


def read_caption(value: Any, what: str) -> str:
    """As `read_text_field`; a word such as "nan" alone is no caption but what programs write for a missing one."""
    text = read_text_field(value, what)
    return "" if text.casefold() in _NOTHING else text


def read_terms(value: Any, what: str) -> str | None:
    """As `read_text_field`, also of yes or no and of nested values, which become JSON; None where it is missing.

    Consent of "none" is an answer, and no missing one.
    """
    if isinstance(value, bool | dict | list):
        return _checked(json.dumps(_json_value(value), ensure_ascii=False, default=str), what)
    return read_text_field(value, what) or None


def read_seconds(value: Any, what: str) -> float | None:
    """Seconds from a number, its text, or hours, minutes and seconds with colons; None where it is missing.

    Raises:
        TypeError: it is something else.
        ValueError: it is no such text, or a number below 0.
    """
    text = read_text_field(value, what)
    if text.casefold() in _NOTHING:
        return None
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds = (float(part or 0) for part in clock.groups())
        if minutes >= 60 or seconds >= 60:
            raise ValueError(f"{what} holds {text!r}, expected less than 60 minutes and 60 seconds")
        return 3600 * hours + 60 * minutes + seconds
    try:
        seconds = float(text)
    except ValueError:
        comma = " with a point, not a comma" if "," in text else ""
        raise ValueError(f"{what} holds {text!r}, expected seconds as a number{comma}, or hh:mm:ss") from None
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{what} holds {text}, expected a number of seconds from 0")
    return seconds


def read_extra(fields: Mapping[str, Any]) -> str:
    """What is there of the fields, as a JSON object."""
    extra = {name: _json_value(value) for name, value in fields.items() if not _is_missing(value) and value != ""}
    return _checked(json.dumps(extra, ensure_ascii=False, allow_nan=False, default=str), "the other columns")


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float | Decimal) and math.isnan(value))


def _json_value(value: Any) -> Any:
    """The value in numbers, texts, lists and objects; JSON has no NaN, and no infinity."""
    if isinstance(value, dict):
        return {str(name): _json_value(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(part) for part in value]
    if _is_missing(value):
        return None
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else str(value)
    return value


def _checked(text: str, what: str) -> str:
    """The text, unless bytes that are not UTF-8 came through as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{what}: not UTF-8 at character {error.start}; save the text, or rename the file, in UTF-8"
        ) from error
    return text
