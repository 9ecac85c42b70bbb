"""What decides about the clips of a dataset, and in what two datasets differ there."""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from dataset_schema import DatasetManifest

_ABSENT: Final = "absent"


@dataclass(frozen=True, slots=True)
class ChangedSetting:
    """A setting of profile, config or annotators that differs: its values as JSON, or `absent`.

    Of all of `config`, where one dataset was merged from several: `one`, or `several`.
    """

    name: str
    was: str
    is_now: str

    def __str__(self) -> str:
        return f"{self.name} was {self.was}, is {self.is_now}"


def changed_settings(
    former: DatasetManifest, present: DatasetManifest, *, undecisive: frozenset[str] = frozenset()
) -> list[ChangedSetting]:
    """Each setting that differs, by name.

    Args:
        former: the head of a dataset.
        present: the head of another one, or of what is to be written.
        undecisive: the full names of what in `config` decides nothing about a clip: it may differ.
    """
    if _has_several(former) is not _has_several(present):  # each field of the one would be absent from the other
        was_all, is_all = ("several" if _has_several(manifest) else "one" for manifest in (former, present))
        rest = (replace(manifest, config={}, merged_from=()) for manifest in (former, present))
        return [ChangedSetting("config", was_all, is_all), *changed_settings(*rest, undecisive=undecisive)]
    was, is_now = _decisive(former, undecisive), _decisive(present, undecisive)
    names = sorted(was.keys() | is_now.keys())
    found = [ChangedSetting(name, was.get(name, _ABSENT), is_now.get(name, _ABSENT)) for name in names]
    return [each for each in found if each.was != each.is_now]


def _has_several(manifest: DatasetManifest) -> bool:
    """Whether datasets of several configs were merged into it."""
    return bool(manifest.merged_from) and not manifest.config


def _decisive(manifest: DatasetManifest, undecisive: frozenset[str]) -> dict[str, str]:
    """What decides about clips, by flat name."""
    annotators = {annotator.job: asdict(annotator) for annotator in manifest.annotators}
    flat = _flat({"profile": manifest.profile, "config": manifest.config, "annotators": annotators})
    passed_over = {f"config.{name}" for name in undecisive}
    return {name: value for name, value in flat.items() if not any(_is_at_or_below(name, top) for top in passed_over)}


def _is_at_or_below(name: str, top: str) -> bool:
    return name == top or name.startswith(f"{top}.")


def _flat(value: Any, name: str = "") -> dict[str, str]:
    """`{"a": {"b": 1}}` as `{"a.b": "1"}`."""
    if not isinstance(value, dict) or not value:
        return {name: json.dumps(value)}
    return {
        flat_name: text
        for key, inner in value.items()
        for flat_name, text in _flat(inner, f"{name}.{key}" if name else str(key)).items()
    }
