"""Published checkpoints: where their files are, what they are, on what they run, and whether their answers are numbers.

The libraries that read them are imported only when a checkpoint is loaded; `diffusers` and `openai` come with the extra
`paper-annotators`.
"""

import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Final, Literal

import torch

from curation.stage import ClipError, Resources
from dataset_schema import Annotator, FailureKind

# Weights in any other format would have to be unpickled.
_WEIGHTS: Final = "*.safetensors"
# What decides the outputs of a checkpoint: its weights, its configs, and the vocabulary among them.
_FILES: Final = ("*.json", "*.txt", "*.model", _WEIGHTS)
_SHA256_DIGITS: Final = 64
_GIB: Final = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Where a network runs, and what it takes there.

    Attributes:
        name: as torch calls it: `cuda`, `cpu`.
        gpus: share of one GPU, which is how many workers may have it together; not asked for on a CPU.
        gpu_memory_gib: weights and one batch; shown by a plan, so that shares are not chosen too small.
        memory_gib: of the machine.
        batch_size: clips at once.
        precision: of the network's matrix products; `float32` on processors without the others.
    """

    name: str = "cuda"
    gpus: float = 0.25
    gpu_memory_gib: float = 8.0
    memory_gib: float = 4.0
    batch_size: int = 8
    precision: Literal["float32", "bfloat16", "float16"] = "bfloat16"

    def __post_init__(self) -> None:
        if not 0 < self.gpus <= 1:
            raise ValueError(f"gpus is {self.gpus}, expected a share of one GPU above 0 and at most 1")
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}, expected at least 1")
        if min(self.memory_gib, self.gpu_memory_gib) <= 0:
            raise ValueError(
                f"memory_gib is {self.memory_gib} and gpu_memory_gib {self.gpu_memory_gib}, expected positive numbers"
            )

    @property
    def dtype(self) -> torch.dtype:
        """The precision as torch names it."""
        dtype: torch.dtype = getattr(torch, self.precision)
        return dtype

    def resources(self, *, timeout_s: float) -> Resources:
        """As a stage asks for them."""
        is_cpu = torch.device(self.name).type == "cpu"
        return Resources(
            gpus=0.0 if is_cpu else self.gpus,
            gpu_memory_bytes=0 if is_cpu else round(self.gpu_memory_gib * _GIB),
            memory_bytes=round(self.memory_gib * _GIB),
            batch_size=self.batch_size,
            timeout_s=timeout_s,
        )


def library(name: str) -> Any:
    """The module of this name.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"the paper's annotators need {name}, which is not installed: pip install 'openalchemist[paper-annotators]'"
        ) from error


def checkpoint_folder(name: str, *, subfolder: str | None = None) -> Path:
    """The folder of a checkpoint, downloaded if `name` is no folder and the hub's cache does not have it yet.

    Args:
        name: a folder, or a name on the Hugging Face hub, with `@` and a revision if not the newest is meant.
        subfolder: the part of the checkpoint that is wanted.

    Raises:
        FileNotFoundError: there is no such folder and the hub did not give it, or it holds no safetensors.
    """
    given = Path(name).expanduser()
    whole = given if given.is_dir() else _download(name)
    part = whole / subfolder if subfolder else whole
    if not any(part.glob(_WEIGHTS)):
        found = ", ".join(sorted(path.name for path in part.iterdir())) if part.is_dir() else "nothing"
        raise FileNotFoundError(
            f"{part} holds {found}, expected weights as {_WEIGHTS}; load it where you trust it and save it again with "
            "save_pretrained"
        )
    return part


def check_model_type(folder: Path, *expected: str) -> None:
    """Refuse a checkpoint of another architecture before its weights are read into the wrong one.

    Raises:
        FileNotFoundError: there is no config.json.
        ValueError: it names another model_type.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; expected the folder of a complete checkpoint")
    found = json.loads(path.read_text(encoding="utf-8")).get("model_type")
    if found not in expected:
        raise ValueError(f"{path} has model_type {found!r}, expected {' or '.join(map(repr, expected))}")


def describe_checkpoint(job: str, name: str, parts: Sequence[Path]) -> Annotator:
    """For `dataset.json`: the checkpoint's name, and one hash over all its files."""
    files = sorted({path for folder in parts for pattern in _FILES for path in folder.glob(pattern)})
    contents = [(path.name, _content_hash(path)) for path in files]
    repository, _, revision = name.partition("@")
    digest = sha256(repr(contents).encode()).hexdigest()
    return Annotator(job=job, name=repository, revision=revision or "unknown", weights_sha256=digest)


def check_finite(values: torch.Tensor, what: str) -> None:
    """Refuse NaN and infinity: they would pass through every comparison and end as a score.

    Raises:
        ClipError: a value is not finite.
    """
    if not bool(torch.isfinite(values).all()):
        bad = int((~torch.isfinite(values)).sum())
        raise ClipError(
            FailureKind.ANNOTATOR,
            f"{what}: {bad} of {values.numel()} values are NaN or infinite, expected numbers; try precision float32, "
            "and check that the checkpoint is whole",
        )


def _content_hash(path: Path) -> str:
    stored = path.resolve()
    if stored.parent.name == "blobs" and len(stored.name) == _SHA256_DIGITS:
        return stored.name  # the hub's cache names large files by this very hash
    with stored.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _download(name: str) -> Path:
    """The hub's snapshot of a checkpoint, without weights in other formats."""
    repository, _, revision = name.partition("@")
    patterns = [prefix + pattern for prefix in ("", "*/") for pattern in _FILES]
    try:
        snapshot = library("huggingface_hub").snapshot_download(
            repository, revision=revision or None, allow_patterns=patterns
        )
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f"checkpoint {name!r} is neither a folder nor to be had from the hub ({error}); download it where there is "
            "a network, and give its folder instead of its name"
        ) from error
    return Path(snapshot)
