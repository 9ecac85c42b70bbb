"""Published checkpoints: where their files are, and what they are.

The libraries that read them are imported only when a checkpoint is loaded; `diffusers` and `openai` come with the extra
`paper-annotators`.
"""

import importlib
import json
from collections.abc import Sequence
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Final

from dataset_schema import Annotator

# Weights in any other format would have to be unpickled.
_WEIGHTS: Final = "*.safetensors"
# What decides the outputs of a checkpoint: its weights, its configs, and the vocabulary among them.
_FILES: Final = ("*.json", "*.txt", "*.model", _WEIGHTS)
_SHA256_DIGITS: Final = 64


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
