"""Weights on disk: safetensors, whole or not at all."""

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor


def write_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write safetensors to `path`; after a crash the file is there whole, or not at all.

    safetensors lets nobody but the owner read what it writes; this file is as readable as the umask makes any other.
    """
    partial = path.with_name(f"{path.name}.partial")
    partial.touch()
    mode = partial.stat().st_mode
    save_file({name: weight.contiguous() for name, weight in weights.items()}, partial, metadata={"format": "pt"})
    partial.chmod(mode)
    partial.replace(path)
