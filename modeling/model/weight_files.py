"""Weights as files (safetensors): one, or several with an index where one would be too large.

Names and index are those that the hub's libraries write and read (huggingface_hub, `serialization`): `weight_map` says
which file holds a weight, `metadata.total_size` how many bytes all of them take. Nothing here holds all weights at
once: reading takes one of them, writing those of one file.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from storage.whole_files import publish, unfinished, whole_file, write_whole_text

_STEM: Final = "model"
WEIGHTS_NAME: Final = f"{_STEM}.safetensors"
INDEX_NAME: Final = f"{_STEM}.safetensors.index.json"

# Our choice: 5 GB, as huggingface_hub: what breaks off while it is copied costs minutes, not the whole model.
MAX_FILE_BYTES: Final = 5_000_000_000

_UNNAMED: Final = ".weights-{}.safetensors"

NamedWeights = Iterable[tuple[str, Tensor]]


def has_weights(folder: Path) -> bool:
    """Whether weights were written there; files that their index names may still be missing."""
    return (folder / WEIGHTS_NAME).is_file() or (folder / INDEX_NAME).is_file()


def read_weights(folder: Path) -> Iterator[tuple[str, Tensor]]:
    """The weights that `write_weights` or another library wrote, one by one.

    Raises:
        FileNotFoundError: there are none, or a file of several is missing.
        ValueError: a file is damaged, or not the one that the index tells of.
    """
    files = _weight_files(folder)
    return (weight for path, names in files.items() for weight in read_file(path, expected=names))


def weights_sha256(folder: Path) -> str:
    """The hash of a folder's weights, as `cat model*.safetensors | sha256sum` prints it.

    Raises:
        FileNotFoundError, ValueError: as `read_weights`.
    """
    found = hashlib.sha256()
    for path in sorted(_weight_files(folder)):
        with path.open("rb") as file:
            while part := file.read(2**20):
                found.update(part)
    return found.hexdigest()


def write_weights(
    folder: Path, weights: NamedWeights, *, max_file_bytes: int = MAX_FILE_BYTES, stem: str = _STEM
) -> None:
    """Write weights one by one, in files of at most this size; a weight that is larger has one of its own.

    They take the place of older ones when all are on disk, and after an error nothing has changed.

    Args:
        folder: that gets them.
        weights: by name.
        max_file_bytes: of a file.
        stem: of the files' names; diffusers has its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for abandoned in folder.glob(_UNNAMED.format("*")):
        abandoned.unlink()
    written: list[tuple[Path, dict[str, int]]] = []

    def write(some: Mapping[str, Tensor]) -> None:
        path = folder / _UNNAMED.format(len(written))
        written.append((path, {name: weight.nbytes for name, weight in some.items()}))
        write_file(path, some)

    gathered: dict[str, Tensor] = {}
    try:
        for name, weight in weights:
            if weight.nbytes > max_file_bytes:
                write({name: weight})
                continue
            if sum(each.nbytes for each in gathered.values()) + weight.nbytes > max_file_bytes:
                write(gathered)
                gathered.clear()
            gathered[name] = weight
        if gathered or not written:
            write(gathered)
        _put(folder, written, stem)
    finally:
        for path, _ in written:
            path.unlink(missing_ok=True)


def read_file(path: Path, *, expected: frozenset[str] | None = None) -> Iterator[tuple[str, Tensor]]:
    """The weights of one file, which must be exactly those of these names, if they are given.

    Raises:
        ValueError: it is damaged, or holds others.
    """
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys()
            if expected is not None and expected != set(names):
                odd = sorted(expected.symmetric_difference(names))
                raise ValueError(
                    f"{path} is not the file that {INDEX_NAME} tells of: of {odd[0]} and {len(odd) - 1} more weights, "
                    "one of the two has none; copy files and index again, all from one place"
                )
            for name in names:
                # Into fresh memory: where the file is mapped, weights may lie unaligned, and then round differently.
                yield name, file.get_tensor(name).clone()
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({error}); copy it again, or train or save it again") from error


def write_file(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write one file, whole or not at all."""
    with whole_file(path) as unfinished:
        save_file(
            {name: weight.contiguous() for name, weight in weights.items()}, unfinished, metadata={"format": "pt"}
        )


def _put(folder: Path, written: list[tuple[Path, dict[str, int]]], stem: str) -> None:
    """Give the files their names. In between there is no index, so none ever stands beside files of another write."""
    index, single = folder / f"{stem}.safetensors.index.json", folder / f"{stem}.safetensors"
    if len(written) == 1:
        _rename(written[0][0], single)
    index.unlink(missing_ok=True)
    for old in folder.glob(f"{stem}-?????-of-?????.safetensors"):
        old.unlink()
    if len(written) == 1:
        return
    files = {}
    for number, (path, sizes) in enumerate(written, start=1):
        name = f"{stem}-{number:05d}-of-{len(written):05d}.safetensors"
        _rename(path, folder / name)
        files[name] = sizes
    content = {
        "metadata": {"total_size": sum(size for sizes in files.values() for size in sizes.values())},
        "weight_map": {weight: name for name, sizes in files.items() for weight in sizes},
    }
    write_whole_text(index, json.dumps(content, indent=2, sort_keys=True) + "\n")
    single.unlink(missing_ok=True)


def _rename(path: Path, place: Path) -> None:
    path.replace(unfinished(place))
    publish(place)


def _weight_files(folder: Path) -> dict[Path, frozenset[str] | None]:
    """The files of a folder's weights, and the names in each; None where there is but one, and all are in it."""
    if (folder / WEIGHTS_NAME).is_file():
        return {folder / WEIGHTS_NAME: None}
    index = folder / INDEX_NAME
    if not index.is_file():
        raise FileNotFoundError(
            f"{folder / WEIGHTS_NAME} does not exist, nor does {INDEX_NAME}; copy the weights there too"
        )
    files: dict[Path, set[str]] = {}
    for weight, name in _weight_map(index).items():
        files.setdefault(folder / name, set()).add(weight)
    if missing := sorted(path.name for path in files if not path.is_file()):
        raise FileNotFoundError(
            f"{folder} lacks {', '.join(missing)}, {len(missing)} of the {len(files)} files of weights that its "
            f"{INDEX_NAME} names; copy them there too"
        )
    return {path: frozenset(names) for path, names in sorted(files.items())}


def _weight_map(index: Path) -> dict[str, str]:
    try:
        found = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{index} is damaged ({type(error).__name__}: {error}); copy it again") from error
    is_map = isinstance(found, dict) and all(isinstance(name, str) for name in found.values())
    if not is_map or any(Path(name).name != name for name in found.values()):
        raise ValueError(
            f"{index} is damaged: its weight_map names for some weight no file beside it, expected one for each; copy "
            "it again"
        )
    return found
