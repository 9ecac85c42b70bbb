"""The `.pth` files of the two packages: named by their hash, and read without running what a pickle says."""

from collections.abc import Mapping
from functools import partial
from hashlib import file_digest
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from dataset_schema import Annotator
from storage.checkpoints import expect_whole
from storage.libraries import library

# A module of the two packages.
legacy_library = partial(library, extra="legacy-annotators", constraints="constraints-legacy.txt")


def describe_weights(path: str) -> Annotator:
    """The file's name and hash.

    Raises:
        FileNotFoundError: there is no such file.
    """
    with _existing(path).open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    return Annotator(job="locate", name=Path(path).name, revision="unknown", weights_sha256=digest)


def read_weights(path: str) -> Mapping[str, Any]:
    """Names and tensors of a saved state dictionary, also of one that stands under `model`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds anything but tensors and plain containers.
    """
    try:
        saved = torch.load(_existing(path), map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError) as error:
        raise ValueError(f"{path} does not hold weights alone, expected a saved state dictionary ({error})") from error
    weights: Mapping[str, Any] = saved.get("model", saved) if isinstance(saved, Mapping) else {}
    if not weights:
        raise ValueError(f"{path} holds a {type(saved).__name__} without weights, expected a saved state dictionary")
    return weights


def put_weights(network: torch.nn.Module, weights: Mapping[str, Any], path: str) -> None:
    """Fill a network; what it does not know of is left out.

    Raises:
        ValueError: the weights are not those of such a network.
    """
    try:
        absent = network.load_state_dict(weights, strict=False).missing_keys
    except RuntimeError as error:
        raise ValueError(f"weights in {path} do not fit a {type(network).__name__}: {error}") from error
    expect_whole(path, network, absent)


def _existing(path: str) -> Path:
    given = Path(path).expanduser()
    if not given.is_file():
        raise FileNotFoundError(f"{given} does not exist, expected the weights that the package's authors publish")
    return given
