"""`dataset.json`: what made a dataset, and what became of every clip."""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final
from uuid import uuid4

from dataset_schema.place import expect_directory
from dataset_schema.replacement import MANIFEST_NAME, Replacement
from dataset_schema.version import SCHEMA_VERSION, check_version
from storage.address import Place
from storage.whole_files import write_whole_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotator:
    """A network or a rule set that ran, well enough named to find it again.

    Attributes:
        weights_sha256: hash of the weights file; None for an annotator without weights.
    """

    job: str
    name: str
    revision: str
    weights_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelRow:
    """What one stage did: `entered` = `passed` + the sum of `rejected` + the sum of `failed`."""

    stage: str
    entered: int
    passed: int
    rejected: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        left = self.passed + sum(self.rejected.values()) + sum(self.failed.values())
        if self.entered != left:
            raise ValueError(
                f"stage {self.stage}: {self.entered} clips entered and {left} left, expected the same number"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """That a dataset was selected from another.

    Attributes:
        dataset: where the other lay.
        where: the SQL condition; of the samples it was put to, it `kept` some and `dropped` the others.
    """

    dataset: str
    where: str
    kept: int
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedDataset:
    """One of several datasets that were merged into this one.

    Attributes:
        dataset: where it lay.
        config: its own, as `DatasetManifest` has it; so is `profile`.
        clips: how many of them came from it, over all three tables; those that an earlier one had too count there.
    """

    dataset: str
    profile: str
    config: dict[str, Any]
    clips: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """How long a run took that came to its end; of one that was stopped nothing is known.

    Attributes:
        started: when, in UTC, as ISO 8601 writes it.
        seconds: by the clock, from the first clip that was read to the last shard.
        clips: that it wrote, at least one.
    """

    started: str
    seconds: float
    clips: int

    @property
    def clips_per_s(self) -> float:
        """How many clips it wrote in a second."""
        return self.clips / max(self.seconds, 0.001)


# The profile of clips that were given with their words and pictures.
UNCURATED: Final = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetManifest:
    """The head of a dataset.

    Attributes:
        profile: the annotator profile that ran (`embedded`, `paper`), or `UNCURATED`; several names where several
            datasets were merged.
        config: the resolved configuration, as the command would read it again; empty where the datasets that were
            merged have several.
        complete: False while the run has sources left.
        selections: what was selected since, the first one first; none in what a curation run wrote.
        merged_from: what was merged into it, in that order.
        replacement: which shards take the place of which, while they do.
        id: of this dataset alone, from its beginning on, as `new_dataset_id` gives it; empty in datasets of before. Two
            datasets that say the same are equal.
        runs: how long the runs took that wrote it, which says nothing of what it is either.
    """

    profile: str
    config: dict[str, Any]
    annotators: tuple[Annotator, ...]
    funnel: tuple[FunnelRow, ...]
    complete: bool
    selections: tuple[Selection, ...] = ()
    merged_from: tuple[MergedDataset, ...] = ()
    replacement: Replacement | None = None
    schema_version: str = str(SCHEMA_VERSION)
    id: str = field(default="", compare=False)
    runs: tuple[RunRecord, ...] = field(default=(), compare=False)


def new_dataset_id() -> str:
    """An id that no other dataset has."""
    return uuid4().hex


def write_manifest(dataset: Place, manifest: DatasetManifest) -> None:
    """Write `dataset.json`, replacing an older one in one step."""
    content = asdict(manifest)
    if manifest.replacement is None:
        del content["replacement"]  # as in nearly every dataset
    write_whole_text(dataset / MANIFEST_NAME, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def is_dataset(folder: Place) -> bool:
    """Whether a curation run wrote this folder, in whichever version: other programs too call a file `dataset.json`."""
    return dataset_id(folder) is not None


def dataset_id(folder: Place) -> str | None:
    """The id of the dataset in this folder, which may be empty; None where `is_dataset` is false."""
    try:
        content = json.loads((folder / MANIFEST_NAME).read_bytes())
    except (OSError, ValueError):
        return None
    is_ours = isinstance(content, dict) and {"schema_version", "funnel"} <= content.keys()
    return str(content.get("id", "")) if is_ours else None


def read_manifest(dataset: Place) -> DatasetManifest:
    """Read `dataset.json`.

    Raises:
        FileNotFoundError: `dataset` is not a dataset directory.
        NotADirectoryError: it is a part of one, or a file.
        ValueError: the dataset has another major schema version, or the file is damaged.
    """
    path = dataset / MANIFEST_NAME
    try:
        written = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        expect_directory(dataset)
        raise FileNotFoundError(
            f"{dataset} has no {MANIFEST_NAME}; expected what `curate` or `select` wrote"
        ) from error
    try:
        content = json.loads(written)
        version = str(content.get("schema_version"))
    except (ValueError, AttributeError) as error:
        raise ValueError(_damaged(path, error)) from error
    check_version(version, where=f"dataset {dataset}")
    try:
        return _manifest(content)
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(_damaged(path, error)) from error


def _manifest(content: dict[str, Any]) -> DatasetManifest:
    replacement = content.get("replacement")
    known = {each.name for each in fields(DatasetManifest)}
    return DatasetManifest(
        **{
            **{name: value for name, value in content.items() if name in known},
            "schema_version": str(content["schema_version"]),
            "annotators": tuple(Annotator(**annotator) for annotator in content["annotators"]),
            "funnel": tuple(FunnelRow(**row) for row in content["funnel"]),
            "selections": tuple(Selection(**selection) for selection in content.get("selections", ())),
            "merged_from": tuple(MergedDataset(**merged) for merged in content.get("merged_from", ())),
            "runs": tuple(RunRecord(**run) for run in content.get("runs", ())),
            "replacement": replacement and Replacement.from_json(replacement),
        }
    )


def _damaged(path: Place, error: Exception) -> str:
    return f"{path} is not what a curation run writes ({error}); delete it and curate again: the shards stay"
