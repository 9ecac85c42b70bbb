"""Published checkpoints: where their files are, what they say of themselves, and whether they are whole.

The libraries that read them are handed over or imported when a checkpoint is loaded; this module needs none.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Final

from storage.hub_names import HubName, folder_or_hub_name

# Weights in any other format would have to be unpickled.
_WEIGHTS: Final = "*.safetensors"
# What decides the outputs of a checkpoint: its weights, its configs, and the vocabulary among them.
_FILES: Final = ("*.json", "*.txt", "*.model", _WEIGHTS)
_SHA256_DIGITS: Final = 64
_NAMED: Final = 3


def checkpoint_folder(name: str, *, subfolder: str | None = None) -> Path:
    """The folder of a checkpoint, downloaded if `name` is no folder and the hub's cache does not have it yet.

    Args:
        name: a folder, or a name on the Hugging Face hub, with `@` and a revision if not the newest is meant.
        subfolder: the part of the checkpoint that is wanted; a folder may also hold that part alone.

    Raises:
        FileNotFoundError: there is no such folder and the hub did not give it, or it holds no safetensors.
        ValueError: as `folder_or_hub_name`.
    """
    whole = checkpoint_parts(name, [subfolder or "."])
    part = whole / subfolder if subfolder and (whole / subfolder).is_dir() else whole
    expect_weights(part)
    return part


def checkpoint_parts(name: str, subfolders: Sequence[str]) -> Path:
    """The folder of which these are parts of a checkpoint, found as by `checkpoint_folder`; `.` is what lies in itself.

    Raises:
        FileNotFoundError: there is no such folder and the hub did not give it, or not all of the parts.
        ValueError: as `folder_or_hub_name`.
    """
    found = folder_or_hub_name(name)
    if isinstance(found, Path):
        return found
    prefixes = ["" if subfolder == "." else f"{subfolder}/" for subfolder in subfolders]
    snapshot = _download(found, [prefix + pattern for prefix in prefixes for pattern in _FILES])
    for subfolder in subfolders:  # without a network the hub's cache gives what it has
        if not (snapshot / subfolder).is_dir():
            raise _not_to_be_had(found, f"{snapshot} has no folder {subfolder}")
    return snapshot


def checkpoint_file(name: str, file: str) -> Path | None:
    """A file at the top of a whole checkpoint; None where the checkpoint is a folder that does not hold it.

    A folder may hold a part alone. The hub has it whole, so there the file must be.

    Raises:
        FileNotFoundError: the hub did not give it.
        ValueError: as `folder_or_hub_name`.
    """
    found = folder_or_hub_name(name)
    path = (found if isinstance(found, Path) else _download(found, [file])) / file
    if path.is_file():
        return path
    if isinstance(found, Path):
        return None
    raise _not_to_be_had(found, f"{path.parent} has no {file}")


def expect_weights(folder: Path) -> None:
    """Refuse a folder without safetensors, or without some of those that its index names, as a broken copy leaves it.

    Raises:
        FileNotFoundError: it is one.
    """
    if not any(folder.glob(_WEIGHTS)):
        found = ", ".join(sorted(path.name for path in folder.iterdir())) if folder.is_dir() else ""
        raise FileNotFoundError(
            f"{folder} holds {found or 'nothing'}, expected weights as {_WEIGHTS}; load it where you trust it and save "
            "it again with save_pretrained"
        )
    for index in sorted(folder.glob(f"{_WEIGHTS}.index.json")):
        named = set(read_json(folder, index.name).get("weight_map", {}).values())
        if absent := sorted(name for name in named if not (folder / name).is_file()):
            raise FileNotFoundError(
                f"{folder} lacks {len(absent)} of the {len(named)} files that {index.name} names, {absent[0]} first; "
                "copy or download it again"
            )


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


def check_model_type(folder: Path, *expected: str) -> None:
    """Refuse a checkpoint of another architecture before its weights are read into the wrong one.

    Raises:
        FileNotFoundError: there is no config.json.
        ValueError: it names another model_type.
    """
    found = read_json(folder, "config.json").get("model_type")
    if found not in expected:
        raise ValueError(
            f"{folder / 'config.json'} has model_type {found!r}, expected {' or '.join(map(repr, expected))}"
        )


def load_whole(network_class: Any, folder: Path, **options: Any) -> Any:
    """The network in `folder`, complete, in evaluation mode.

    Args:
        network_class: of diffusers or transformers.
        folder: of the checkpoint.
        options: for the library's `from_pretrained`.

    Raises:
        ValueError: weights are missing or of another size, which both libraries would fill with random numbers.
    """
    network, report = network_class.from_pretrained(
        folder,
        use_safetensors=True,
        local_files_only=True,
        ignore_mismatched_sizes=True,  # and refused below, with the names of the tensors
        output_loading_info=True,
        **options,
    )
    expect_whole(folder, network, absent_weights(report))
    return network.eval()


def absent_weights(report: Mapping[str, Any]) -> set[str]:
    """The tensors that a checkpoint lacks, or has in another size, by the `loading_info` of either library."""
    return {*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])}


def expect_whole(source: Path | str, network: object, absent: Collection[str]) -> None:
    """Refuse a network of which tensors are absent from `source`.

    Raises:
        ValueError: there are some; the message names the first.
    """
    if absent:
        more = f" and {len(absent) - _NAMED} more" if len(absent) > _NAMED else ""
        raise ValueError(
            f"weights in {source} lack {', '.join(sorted(absent)[:_NAMED])}{more}, or have other sizes there than the "
            f"config says; expected those of a whole {type(network).__name__}"
        )


def files_hash(*folders: Path) -> str:
    """Hexadecimal digits that follow from the names and contents of a checkpoint's files, wherever they lie."""
    found = sorted({path for folder in folders for pattern in _FILES for path in folder.glob(pattern)})
    contents = [(path.name, _content_hash(path)) for path in found]
    return sha256(repr(contents).encode()).hexdigest()


def _content_hash(path: Path) -> str:
    stored = path.resolve()
    if stored.parent.name == "blobs" and len(stored.name) == _SHA256_DIGITS:
        return stored.name  # the hub's cache names large files by this very hash
    with stored.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _download(name: HubName, patterns: Sequence[str]) -> Path:
    """The hub's snapshot of a repository, with at least the files of these patterns that it has."""
    from huggingface_hub import snapshot_download  # which diffusers and transformers bring

    try:
        return Path(snapshot_download(name.repository, revision=name.revision, allow_patterns=list(patterns)))
    except (OSError, ValueError) as error:
        raise _not_to_be_had(name, str(error)) from error


def _not_to_be_had(name: HubName, reason: str) -> FileNotFoundError:
    revision = f"@{name.revision}" if name.revision else ""
    return FileNotFoundError(
        f"checkpoint '{name.repository}{revision}' is neither a folder nor to be had from the hub ({reason}); download "
        "it where there is a network, and give its folder instead of its name"
    )
