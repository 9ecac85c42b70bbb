"""Fields of rows that others wrote, each as what it should be or a sentence."""

from collections.abc import Mapping, Sequence
from typing import Any

from dataset_schema import Box


def a_mapping(content: Any, name: str) -> Mapping[str, Any]:
    """The value of a field that holds further ones.

    Raises:
        ValueError: it is missing, or something else.
    """
    found: Mapping[str, Any] = _of_type(content, name, Mapping, "an object")
    return found


def a_list(content: Any, name: str) -> Sequence[Any]:
    """The value of a field that holds a list.

    Raises:
        ValueError: it is missing, or something else.
    """
    found: Sequence[Any] = _of_type(content, name, list, "a list")
    return found


def a_text(content: Any, name: str) -> str:
    """The value of a field that holds text.

    Raises:
        ValueError: it is missing, empty, or something else.
    """
    text: str = _of_type(content, name, str, "text")
    if not text.strip():
        raise ValueError(f"{name!r} is empty, expected text")
    return text


def a_number(content: Any, name: str) -> float:
    """The value of a field that holds a number.

    Raises:
        ValueError: it is missing, or something else.
    """
    return float(_of_type(content, name, int | float, "a number"))


def whole_numbers(content: Any, name: str, count: int) -> tuple[int, ...]:
    """So many whole numbers.

    Raises:
        ValueError: there are none, or others.
    """
    values = a_list(content, name)
    if len(values) != count or any(isinstance(v, bool) or not isinstance(v, int | float) or v % 1 for v in values):
        raise ValueError(f"{name!r} is {values!r}, expected {count} whole numbers")
    return tuple(int(value) for value in values)


def a_box(content: Any, name: str) -> Box:
    """A box as x0, y0, x1, y1; what lies left of the frame or above it is cut off.

    Raises:
        ValueError: it is none.
    """
    values = a_list(content, name)
    if len(values) != 4:
        raise ValueError(f"{name!r} is {values!r}, expected x0, y0, x1, y1")
    x0, y0, x1, y1 = (a_number({name: value}, name) for value in values)
    return Box(x0=max(0.0, x0), y0=max(0.0, y0), x1=x1, y1=y1)


def _of_type(content: Any, name: str, kind: Any, expected: str) -> Any:
    if not isinstance(content, Mapping) or name not in content:
        found = ", ".join(map(str, content)) if isinstance(content, Mapping) else f"a {type(content).__name__}"
        raise ValueError(
            f"has no {name!r}, only {found or 'nothing'}; this is another layout than the one that is read"
        )
    value = content[name]
    if isinstance(value, kind) and not isinstance(value, bool):
        return value
    raise ValueError(f"{name!r} holds a {type(value).__name__}, expected {expected}")
