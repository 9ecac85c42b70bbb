"""What other limits would change: the decisions of `repolicy`, over stored scores, with some of the clips."""

import dataclasses
import math
import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from curation.execution.redecision import LookAgain, Redecision, Row
from curation.execution.repolicy import Changes, find_changes, what_happens
from curation.profiles import CurationConfig, build_stages
from curation.thresholds import expect_only_thresholds
from dataset_schema import SHARE_SCORES
from pipelines.browser.opened import Opened
from pipelines.views.clip_view import limits_of
from storage.configs import PRESET_ONLY, from_plain

# Our choice: a million rows of numbers are looked through in half a minute, which nobody waits for at a slider; so many
# in one or two seconds. `make repolicy DRY_RUN=1` has no such limit.
MOST_CLIPS: Final = 20_000
_EXAMPLES: Final = 6

_OF_CLIPS: Final = (
    ("content_filter", "min_desirable"),
    ("single_shot", "threshold"),
    ("entity_masks", "min_confidence"),
    ("background", "max_leak"),
    ("decode", "max_frame_s"),
)
# Which score tells the limit where the config leaves it to the weights.
_OF_WEIGHTS: Final = {"content_filter.min_desirable": "desirable"}
# The numbers that lie in [0, 1], and are moved with a slider; `sharpness` and pixels are typed.
_SHARES: Final = frozenset({"threshold", "min_confidence", "max_leak", *(f"min_{name}" for name in SHARE_SCORES)}) | {
    *("min_area", "max_area", "min_object_area", "min_largest_fragment", "min_fill", "max_border_contact"),
    *("max_overlap", "min_agreement", "min_likeness", "max_likeness", "min_face_score", "min_face_inside"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A limit that can be moved.

    Attributes:
        name: `content_filter.min_desirable` and the like.
        value: what the dataset was decided with.
    """

    name: str
    value: float
    is_share: bool
    is_whole: bool

    def flag(self, value: float) -> str:
        """As the command line takes it."""
        return f"--curation.{self.name.replace('_', '-')} {value:g}"


@dataclass(kw_only=True)
class WhatIf:
    """What would change.

    Attributes:
        changes: counted as `repolicy` counts them.
        examples: what happens -> ids of some of its clips.
        command: applies it.
    """

    changes: Changes
    command: str
    examples: Mapping[str, Sequence[str]] = field(default_factory=dict)


def thresholds(opened: Opened) -> list[Threshold]:
    """The limits of a dataset that stored scores can be held against.

    Raises:
        ValueError: there are none, because nobody curated it.
    """
    config = _former(opened)
    names = [(part, name) for part, name in _OF_CLIPS if part != "single_shot" or config.several_shots == "reject"]
    pictures = [
        ("reference_images", each.name)
        for each in dataclasses.fields(config.reference_images)
        if not PRESET_ONLY.items() <= each.metadata.items()
    ]
    return [_threshold(opened, config, part, name) for part, name in (*names, *pictures)]


def what_if(opened: Opened, values: Mapping[str, float]) -> WhatIf:
    """Decide a dataset again with other limits, and write nothing.

    Args:
        opened: the dataset.
        values: name of a threshold -> its other value.

    Raises:
        ValueError: a value is none that the threshold can have, or the dataset is too large to be waited for.
    """
    known = {each.name: each for each in thresholds(opened)}
    command = " ".join(known[name].flag(value) for name, value in values.items())
    command = f'make repolicy DATASET={shlex.quote(str(opened.folder))} ARGS="{command}"'
    if opened.clips.num_rows > MOST_CLIPS:
        raise ValueError(
            f"the dataset has {opened.clips.num_rows:,} clips, of which a page looks through {MOST_CLIPS:,} at most; "
            f"{command} DRY_RUN=1 says the same"
        )
    former = _former(opened)
    present = _moved(former, known, values)
    expect_only_thresholds(former, present)
    score_all = bool(opened.manifest.config.get("score_all"))
    redecision = Redecision(build_stages(former), build_stages(present), score_all=score_all)
    examples: defaultdict[str, list[str]] = defaultdict(list)

    def remember(old: Row, new: Row | LookAgain) -> None:
        what = new.why if isinstance(new, LookAgain) else what_happens(old, new)
        if len(examples[what]) < _EXAMPLES:
            examples[what].append(old.clip_id)

    changes = find_changes(opened.folder, redecision, watch=remember)
    return WhatIf(changes=changes, command=command, examples=examples)


def _former(opened: Opened) -> CurationConfig:
    curation = opened.manifest.config.get("curation")
    if curation is None or opened.manifest.selections:
        raise ValueError("the dataset was not written by one curation, so there are no limits to move")
    return from_plain(CurationConfig, curation)


def _threshold(opened: Opened, config: CurationConfig, part: str, name: str) -> Threshold:
    path = f"{part}.{name}"
    value: Any = getattr(getattr(config, part), name)
    if value is None:
        value = limits_of(opened.policy, _OF_WEIGHTS[path])[0].limit
    return Threshold(name=path, value=value, is_share=name in _SHARES, is_whole=isinstance(value, int))


def _moved(config: CurationConfig, known: Mapping[str, Threshold], values: Mapping[str, float]) -> CurationConfig:
    for path, value in values.items():
        if not math.isfinite(value) or (known[path].is_whole and value != int(value)):
            raise ValueError(f"{path} is {value:g}, expected a {'whole ' * known[path].is_whole}number")
        part, _, name = path.partition(".")
        moved: Any = replace(getattr(config, part), **{name: int(value) if known[path].is_whole else value})
        changed: dict[str, Any] = {part: moved}
        config = replace(config, **changed)
    return config
