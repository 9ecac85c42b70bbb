"""`ablate`: what each part of the method is worth, by leaving it out: one line of the proof's config each."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import pydantic
from rich.console import Console

from pipelines.config import ConfigError, parse, to_plain
from pipelines.proof.ablation_table import markdown_table
from pipelines.proof.prove import PRESET, Ablation, Material, Prove, judge, personalize, prepare, same_settings
from pipelines.proof.scores import Condition, Figure
from pipelines.proof.scoring import figures

_WHOLE: Final = "the whole method"
_CONDITIONS: Final = (Condition.WITH, Condition.SWAPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablate(Prove):
    """Repeat a proof without one of its parts at a time: the `ablations` of its config.

    Run it after `prove`, with the same options; it goes on where it stopped. Example:
    python -m pipelines ablate --only "no word binding" "no augmentation" --output out/proof

    Attributes:
        only: names of those to run; empty runs all. Several processes may share them.
    """

    only: tuple[str, ...] = ()


def main(arguments: Sequence[str]) -> int:
    """Run the ablations, and write down what they come to beside the proof itself."""
    command = parse(Ablate, arguments, verb="ablate", preset=PRESET)
    unknown = set(command.only) - {ablation.name for ablation in command.ablations}
    if unknown:
        raise ConfigError(f"--only names {', '.join(sorted(unknown))}, expected some of the config's ablations")
    console = Console()
    with same_settings(command):
        material = prepare(command, console)
        base = personalize(command, material, command.output / "personalized")
    _measured(command, material, base, command.output, _WHOLE)
    for ablation in command.ablations:
        if not command.only or ablation.name in command.only:
            changed = with_line(command, ablation.line)
            folder = _folder(command, ablation)
            pipeline = base if changed.run == command.run else personalize(changed, material, folder)
            _measured(changed, material, pipeline, folder, ablation.name)
    written = command.output / "ablations.md"
    written.write_text(markdown_table(_finished(command)) + "\n", encoding="utf-8")
    console.print(f"{written}", soft_wrap=True)
    return 0


def with_line(command: Ablate, line: str) -> Ablate:
    """The command with one value changed.

    Raises:
        ConfigError: the line is no TOML, or names no value of a proof.
    """
    try:
        changed = _merged(to_plain(command), tomllib.loads(line))
        kind = pydantic.TypeAdapter(Ablate)
        return kind.validate_json(json.dumps(changed), strict=True, extra="forbid")
    except (tomllib.TOMLDecodeError, pydantic.ValidationError) as error:
        raise ConfigError(f"ablation {line!r} changes nothing of a proof: {error}") from error


def _merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **values,
        **{
            name: _merged(values.get(name, {}), change) if isinstance(change, dict) else change
            for name, change in changes.items()
        },
    }


def _measured(command: Ablate, material: Material, pipeline: Path, folder: Path, name: str) -> None:
    kept = folder / "ablation.json"
    if kept.is_file():
        return
    _, scores = judge(command, material, pipeline, folder / "videos", _CONDITIONS)
    found = [asdict(figure) for figure in figures(scores)]
    kept.write_text(json.dumps({"name": name, "figures": found}, indent=1) + "\n", encoding="utf-8")


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
