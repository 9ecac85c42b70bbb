"""This project's side of `splitting.py`, which imports what the command imports and nothing of other sides."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final

from benchmarks.table.timed import Work
from curation.execution.processes import ProcessExecutor
from curation.execution.run import CurationRun, run_curation
from curation.profiles import CurationConfig, build_stages
from curation.records import Clip
from curation.sources import SourcesConfig, read_sources
from curation.stage import Stage
from curation.stages.publish import PayloadMode, PublishConfig

_STAGES: Final = ("decode", "split_shots", "shot_frames", "publish")


class NoEntities(Stage):
    """Stands where words, masks and pictures would be found."""

    name: ClassVar[str] = "no_entities"
    adds: ClassVar[frozenset[str]] = frozenset({"entities", "background"})

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        """The clips, with none."""
        return [replace(clip, entities=()) for clip in clips]


def split(folder: str, output: str, mode: str) -> Work:
    """The command's own run, on all cores, without the stages that look at entities."""
    config = CurationConfig(several_shots="split", publish=PublishConfig(mode=PayloadMode(mode)))

    def work() -> str:
        *looking, publish = (stage for stage in build_stages(config) if stage.name in _STAGES)
        run = CurationRun(stages=[*looking, NoEntities(), publish], output=Path(output), profile="embedded")
        records = read_sources(Path(folder), SourcesConfig(caption="A shot."))
        counts = run_curation(records, run, executor=ProcessExecutor()).counts
        if counts.failed or not counts.kept:
            raise RuntimeError(
                f"{counts.failed} clips failed and {counts.kept} were kept, expected some and no failure"
            )
        return f"{counts.kept} clips"

    return work
