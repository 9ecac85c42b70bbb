"""`ablate`: what each part of the method is worth, by leaving it out: one line of the proof's config each."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from rich.console import Console

from pipelines.config import ConfigError, parse, with_changes
from pipelines.proof.ablation_table import markdown_table
from pipelines.proof.prove import (
    PRESET,
    Ablation,
    Material,
    Prove,
    expect_provable,
    expect_same_settings,
    judge,
    personalize,
    prepare,
    prepare_training,
)
from pipelines.proof.scores import Condition, Figure
from pipelines.proof.scoring import figures
from pipelines.terminal import terminal
from storage.devices import torch_device
from storage.whole_files import write_whole_text

_WHOLE: Final = "the whole method"
_PARTS: Final = ("world", "curation", "run", "sampling", "pictures")
_CONDITIONS: Final = (Condition.WITH, Condition.SWAPPED, Condition.CONTRARY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablate(Prove):
    """Repeat a proof without one of its parts at a time: the `ablations` of its config.

    Run it after `prove`, with the same options; it goes on where it stopped. Example:
    python -m pipelines ablate --only "no word binding" "with augmentation" --output out/proof

    Attributes:
        only: names of those to run; empty runs all. Several processes may share them, but not those of one new
            training set before it is curated.
    """

    only: tuple[str, ...] = ()


def main(arguments: Sequence[str]) -> int:
    """Run the ablations, and write down what they come to beside the proof itself."""
    command = parse(Ablate, arguments, verb="ablate", preset=PRESET)
    unknown = set(command.only) - {ablation.name for ablation in command.ablations}
    if unknown:
        raise ConfigError(f"--only names {', '.join(sorted(unknown))}, expected some of the config's ablations")
    chosen = [ablation for ablation in command.ablations if not command.only or ablation.name in command.only]
    changes = {ablation.name: with_change(command, ablation) for ablation in chosen}
    console = terminal()
    torch_device(command.device)
    for started in (command, *changes.values()):
        expect_provable(started)
        expect_same_settings(started)
    material = prepare(command, console)
    base = personalize(command, material, command.output / "personalized")
    _measured(command, material, base, _WHOLE)
    for name, changed in changes.items():
        own = _material(command, changed, material, console)
        trains = changed.run != command.run or own is not material
        pipeline = personalize(changed, own, changed.output / "personalized") if trains else base
        _measured(changed, own, pipeline, name)
    written = command.output / "ablations.md"
    write_whole_text(written, markdown_table(_finished(command)) + "\n")
    console.print(f"{written}", soft_wrap=True)
    return 0


def with_change(command: Ablate, ablation: Ablation) -> Ablate:
    """The command with the ablation's values changed, and with its own folder as output.

    Raises:
        ConfigError: the change is no TOML, names no value of a proof, or changes another part than `_PARTS`.
    """
    try:
        changed = with_changes(command, ablation.change)
    except ConfigError as error:
        raise ConfigError(f"ablation {ablation.name!r} has the change {error}") from error
    if changed == command or replace(changed, **{part: getattr(command, part) for part in _PARTS}) != command:
        raise ConfigError(
            f"ablation {ablation.name!r} has the change {ablation.change!r}, expected one of {', '.join(_PARTS)}, and "
            "of nothing else"
        )
    return replace(
        changed,
        output=_folder(command, ablation),
        dataset=command.dataset if _has_same_clips(command, changed) else None,
    )


def _has_same_clips(one: Ablate, other: Ablate) -> bool:
    return (one.world, one.curation) == (other.world, other.curation)


def _material(command: Ablate, changed: Ablate, material: Material, console: Console) -> Material:
    """The proof's own; or that of the first of the ablations with these clips, which are drawn and curated once."""
    if _has_same_clips(command, changed):
        return material
    others = (with_change(command, ablation) for ablation in command.ablations)
    first = next((other for other in others if _has_same_clips(other, changed)), changed)
    return prepare_training(first, material.clips, console)


def _measured(command: Ablate, material: Material, pipeline: Path, name: str) -> None:
    kept = command.output / "ablation.json"
    if kept.is_file():
        return
    _, scores = judge(command, material, pipeline, command.output / "videos", _CONDITIONS)
    found = [
        asdict(figure)
        for figure in figures(scores, retrieval_goal=command.retrieval_goal, following_goal=command.following_goal)
    ]
    write_whole_text(kept, json.dumps({"name": name, "figures": found}, indent=1) + "\n")


def _folder(command: Ablate, ablation: Ablation) -> Path:
    return command.output / "ablations" / ablation.name.replace(" ", "-")


def _finished(command: Ablate) -> dict[str, list[Figure]]:
    """The figures of the proof and of all ablations that are done, by any process."""
    found = {}
    for folder in (command.output, *(_folder(command, ablation) for ablation in command.ablations)):
        kept = folder / "ablation.json"
        if kept.is_file():
            content = json.loads(kept.read_text(encoding="utf-8"))
            found[content["name"]] = [Figure(**row) for row in content["figures"]]
    return found
