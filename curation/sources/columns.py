"""Which column of a manifest is which.

Our choice: names count without outer blanks and case, and nothing else is guessed. Where a column is missing and
another looks like it, the run stops before it starts and names both: to read `text` as the caption would be right
mostly, and to pass over it leaves every clip without one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from curation.sources.column_names import is_called, is_in_other_unit, is_length, is_whole_span, looks_like
from curation.sources.config import SourcesConfig
from curation.sources.rows import Row

# Under which terms a video may be used: passed on as they stand there.
TERMS: Final = ("licence", "consent", "rights_holder")

_ROLES: Final = ("video", "caption", "start", "end", "id", *TERMS)


@dataclass(frozen=True, slots=True)
class Columns:
    """What each column that curation reads is to it, such as `video` or `rights_holder`, by its own name."""

    roles: Mapping[str, str]

    def name_of(self, role: str) -> str | None:
        """What the manifest calls the column; None where it has none."""
        return next((name for name, its_role in self.roles.items() if its_role == role), None)

    def row(self, place: str, number: int, fields: Mapping[str, Any], problem: str | None = None) -> Row:
        """The row that these fields are."""
        own, extra = {}, {}
        for name, value in fields.items():
            if role := self.roles.get(name):
                own[role] = value
            else:
                extra[name] = value
        return Row(place=place, number=number, problem=problem, extra=extra, **own)


def find_columns(names: Sequence[str], config: SourcesConfig, *, where: str) -> Columns:
    """Which of the names is which.

    Raises:
        ValueError: a column that is needed, or was named in the config, is not there; or another one looks like one
            that is not there; or two have the same name. The message has all of it.
    """
    found: dict[str, str] = {}  # role -> name
    problems = [f"{name!r} stands there twice: rename one" for name in sorted({n for n in names if names.count(n) > 1})]
    for role in _ROLES:
        wanted = _wanted(role, config)
        alike = [name for name in dict.fromkeys(names) if wanted and is_called(name, wanted)]
        if len(alike) > 1:
            problems.append(f"{' and '.join(map(repr, alike))} are both {wanted!r} but for blanks and case: rename one")
        if alike:
            found[role] = alike[0]
    free = [name for name in names if name not in found.values()]
    for role in _ROLES:
        if role not in found and _wanted(role, config):
            problem = _alike(role, config, free, has_start="start" in found) or _missing(role, config)
            problems += [problem] if problem else []
    if problems:
        raise ValueError(f"{where} has the columns {', '.join(names) or '(none)'}; {'; '.join(problems)}")
    return Columns({name: role for role, name in found.items()})


def _wanted(role: str, config: SourcesConfig) -> str:
    return str(getattr(config, f"{role}_column"))


def _alike(role: str, config: SourcesConfig, free: Sequence[str], *, has_start: bool) -> str | None:
    """What to do about a column that looks like the one that is not there."""
    wanted, flag = _wanted(role, config), f"--sources.{role}-column"
    leave = f"give {flag} '' to leave it out"
    for name in free:
        if looks_like(role, name):
            seconds = " in seconds" if role in ("start", "end") else ""
            advice = f"give {flag} {name!r} to read it{seconds}" + (
                "" if role == "video" else ", or '' to leave it out"
            )
            return f"{name!r} looks like {wanted!r}, which is not there: {advice}"
    for name in free:
        if is_in_other_unit(role, name):
            return f"{name!r} looks like {wanted!r} in another unit: write seconds to a column {wanted!r}, or {leave}"
        if role == "start" and is_whole_span(name):
            return f"{name!r} looks like spans: write {wanted!r} and {config.end_column!r} in seconds, or {leave}"
        if role == "end" and has_start and is_length(name):
            return f"{name!r} looks like the length of the spans: write their end to a column {wanted!r}, or {leave}"
    return None


def _missing(role: str, config: SourcesConfig) -> str | None:
    """What to do about a column that is not there, and has to be."""
    wanted, flag = _wanted(role, config), f"--sources.{role}-column"
    if role == "video":
        return f"expected one named {wanted!r}: rename it, or name yours with {flag}"
    if wanted != _wanted(role, SourcesConfig()):
        return f"none is {wanted!r}, which {flag} names"
    return None
