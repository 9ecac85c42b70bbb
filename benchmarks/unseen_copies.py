"""Whole files copied into a dataset unseen: what `benchmarks.executors` runs for `payloads`, and no more."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from curation.execution.executor import Executor
from curation.execution.local import LocalExecutor
from curation.execution.processes import ProcessExecutor
from curation.execution.run import CurationRun, run_curation
from curation.records import Clip
from curation.sources import SourcesConfig, read_sources
from curation.stage import Stage
from curation.stages.publish import PayloadMode, Publish, PublishConfig
from dataset_schema import Bucket
from tests.made_media import media_facts


class Unseen(Stage):
    """Stands where clips would be looked at."""

    name: ClassVar[str] = "unseen"
    adds: ClassVar[frozenset[str]] = frozenset({"media", "entities", "background"})

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        """The clips, with made up facts and no entities."""
        media = media_facts(width=144, height=80, frames=25)
        return [replace(clip, media=media, entities=()) for clip in clips]


def copy_unseen(manifest: str, output: str, bucket: str, executor: str) -> None:
    """Copy the files of a manifest into a dataset, with the names of `--executors`."""
    publish = Publish(PublishConfig(mode=PayloadMode.COPY), [Bucket.parse(bucket)])
    run = CurationRun(stages=[Unseen(), publish], output=Path(output), profile="none")
    counts = run_curation(read_sources(Path(manifest), SourcesConfig()), run, executor=_executor(executor)).counts
    if counts.kept != counts.read:
        raise RuntimeError(f"of {counts.read} clips {counts.kept} were kept, expected all")


def _executor(name: str) -> Executor:
    if name == "local":
        return LocalExecutor()
    if name == "processes":
        return ProcessExecutor()
    from curation.execution.ray_executor import RayExecutor

    return RayExecutor()
