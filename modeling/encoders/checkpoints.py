"""Published checkpoints: where their files are, what they say of themselves, and a hash of it all.

The libraries that read them belong to the extra `paper-encoders` and are imported only when a checkpoint is loaded.
"""

import importlib
import json
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Final

# Weights in any other format would have to be unpickled.
_WEIGHTS: Final = "*.safetensors"
# What decides the outputs of a checkpoint: its weights, its configs, and the vocabulary among them.
_FILES: Final = ("*.json", _WEIGHTS)
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
            f"the paper's encoders need {name}, which is not installed: pip install 'openalchemist[paper-encoders]'"
        ) from error


def checkpoint_folder(name: str, *, subfolder: str | None = None) -> Path:
    """The folder of a checkpoint, downloaded if `name` is no folder and the hub's cache does not have it yet.

    Args:
        name: a folder, or a name on the Hugging Face hub, with `@` and a revision if not the newest is meant.
        subfolder: the part of the checkpoint that is wanted; a folder may also hold that part alone.

    Raises:
        FileNotFoundError: there is no such folder and the hub did not give it, or it holds no safetensors.
    """
    given = Path(name).expanduser()
    whole = given if given.is_dir() else _download(name, subfolder)
    part = whole / subfolder if subfolder and (whole / subfolder).is_dir() else whole
    if not any(part.glob(_WEIGHTS)):
        found = ", ".join(sorted(path.name for path in part.iterdir())) or "nothing"
        raise FileNotFoundError(
            f"{part} holds {found}, expected weights as {_WEIGHTS}; load it where you trust it and save it again with "
            "save_pretrained"
        )
    return part


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """One of the checkpoint's JSON files.

    Raises:
        FileNotFoundError: the checkpoint does not have it.
    """
    path = folder / name
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; expected the folder of a complete checkpoint")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def files_hash(folder: Path) -> str:
    """Twelve hexadecimal digits that follow from the names and contents of the checkpoint's files."""
    files = sorted(path for pattern in _FILES for path in folder.glob(pattern))
    contents = [(path.name, _content_hash(path)) for path in files]
    return sha256(repr(contents).encode()).hexdigest()[:12]


def _content_hash(path: Path) -> str:
    stored = path.resolve()
    if stored.parent.name == "blobs" and len(stored.name) == _SHA256_DIGITS:
        return stored.name  # the hub's cache names large files by this very hash
    with stored.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _download(name: str, subfolder: str | None) -> Path:
    """The hub's snapshot of a checkpoint, without weights in other formats."""
    repository, _, revision = name.partition("@")
    prefix = f"{subfolder}/" if subfolder else ""
    try:
        snapshot = library("huggingface_hub").snapshot_download(
            repository, revision=revision or None, allow_patterns=[prefix + pattern for pattern in _FILES]
        )
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f"checkpoint {name!r} is neither a folder nor to be had from the hub ({error}); download it where there is "
            "a network, and give its folder instead of its name"
        ) from error
    return Path(snapshot)
