"""A dataset in every format: clips with two subjects and with one, a longer one, one whose sound ends, a short one."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from dataset_schema import Sample
from exports.config import ExportConfig
from exports.export import Finished, export
from exports.formats.every_format import FORMATS, FormatName
from exports.published import open_dataset
from tests.exports.made_clips import BLUE, clip_id, cutout, entity, make_sample, reference, write_dataset

TWO, ONE, LONGER, BROKEN_SOUND, SHORT = map(clip_id, range(5))


@dataclass(frozen=True, slots=True)
class Exported:
    """An export, and what its rows came from."""

    folder: Path
    finished: Finished
    samples: dict[str, Sample]

    def clips(self) -> dict[str, dict[str, object]]:
        """The lines of the manifest by clip."""
        lines = (self.folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
        return {row["clip_id"]: row for row in map(json.loads, lines)}


@cache
def samples() -> tuple[Sample, ...]:
    """Made once: it is their videos that take the time of these tests."""
    alone = "A dog sleeps."
    single = replace(
        make_sample(1, sound_s=130 / 24),
        caption=alone,
        entities=(entity(alone, "dog", reference(cutout(BLUE, size=(20, 60)))),),
    )
    return (
        make_sample(0, sound_s=130 / 24),
        single,
        make_sample(2, frames=190, fps=30.0, sound_s=190 / 30),
        make_sample(3, sound_s=2.0),
        make_sample(4, frames=20),
    )


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("published") / "dataset", samples())


@pytest.fixture(scope="session")
def exported(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Exported]:
    """The dataset in a format, by its name; exported once."""
    folder = tmp_path_factory.mktemp("exported")

    @cache
    def make(name: str, config: ExportConfig | None = None) -> Exported:
        form = FORMATS[FormatName(name)]
        finished = export(open_dataset(published), form, folder / name, config or ExportConfig())
        return Exported(folder / name, finished, {sample.clip_id: sample for sample in samples()})

    return make
