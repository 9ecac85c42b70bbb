"""Reads a network and its image processor from a checkpoint's folder, or says what is wrong with the folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch

from curation.annotators.checkpoints import library
from curation.annotators.device import Device
from curation.annotators.tensors import dtype_of
from storage.checkpoints import load_whole

_VOCABULARIES: Final = ("tokenizer.json", "vocab.txt")


def load_network(kind: str, folder: Path, device: Device) -> Any:
    """A network of `transformers`, by the name of its class.

    Raises:
        ValueError: the weights are not those of such a network.
    """
    transformers = library("transformers")
    transformers.utils.logging.disable_progress_bar()  # a library draws none
    return load_whole(getattr(transformers, kind), folder, dtype=torch.float32).to(device.name)


def load_image_processor(kind: str, folder: Path) -> Any:
    """How `transformers` prepares frames for a network, from the network's folder.

    Raises:
        FileNotFoundError: the folder does not say.
    """
    try:
        return getattr(library("transformers"), kind).from_pretrained(folder, local_files_only=True)
    except OSError as error:
        raise FileNotFoundError(
            f"{folder} has no files for a {kind} ({error}); expected the folder of a complete checkpoint"
        ) from error


def load_tokenizer(folder: Path) -> Any:
    """A network's tokenizer.

    Raises:
        FileNotFoundError: the folder has no vocabulary; the library would take one of five tokens without a word.
    """
    if not any((folder / name).is_file() for name in _VOCABULARIES):
        raise FileNotFoundError(
            f"{folder} has none of {', '.join(_VOCABULARIES)}; expected the folder of a complete checkpoint"
        )
    return library("transformers").AutoTokenizer.from_pretrained(folder, local_files_only=True)


@contextmanager
def running(device: Device) -> Iterator[None]:
    """Inference, with matrix products in the device's precision."""
    kind, is_lower = torch.device(device.name).type, device.precision != "float32"
    with torch.inference_mode(), torch.autocast(kind, dtype=dtype_of(device), enabled=is_lower):
        yield
